mod backends;

use std::fs::File;
use std::io::{Read, Write};
use std::thread::{self, JoinHandle};

use futures::executor::block_on;
use proptest::prelude::*;

use super::*;
use crate::stream::{pipe, set_nonblocking};

/// The backends of this system.
const BACKENDS: &[BackendChoice] = if cfg!(target_os = "linux") {
    &[BackendChoice::Splice, BackendChoice::Copy]
} else {
    &[BackendChoice::Copy]
};

/// Pipes keep the sizes that the tests give them.
fn start(sinks: Vec<OwnedFd>, backend: BackendChoice) -> (Fanout, UnboundedReceiver<FanoutEvent>) {
    Fanout::start("test", sinks, backend, &PipeBudget::with_limit(0)).unwrap()
}

fn pipes(count: usize) -> (Vec<File>, Vec<OwnedFd>) {
    (0..count).map(|_| pipe().unwrap()).map(|(reader, writer)| (File::from(reader), writer)).unzip()
}

fn pipe_of(size: usize) -> (File, OwnedFd) {
    let (reader, writer) = pipe().unwrap();
    // Sizes are for variety; some system may refuse one.
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(&writer, size);
    let _ = size;
    (reader.into(), writer)
}

fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
}

/// Writes in pieces of these sizes until all is written or no reader is left. Returns how much was written.
fn write_in_pieces(mut to: File, bytes: Vec<u8>, sizes: Vec<usize>) -> JoinHandle<usize> {
    thread::spawn(move || {
        let mut done = 0;
        for size in sizes.iter().cycle() {
            let end = bytes.len().min(done + size);
            if done == bytes.len() || to.write_all(&bytes[done..end]).is_err() {
                break;
            }
            done = end;
        }
        done
    })
}

/// Reads in pieces of these sizes until the end, or until it has `leave` bytes.
fn read_in_pieces(mut from: File, sizes: Vec<usize>, leave: Option<usize>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut all = Vec::new();
        for size in sizes.iter().cycle() {
            let most = leave.map_or(*size, |leave| (leave - all.len()).min(*size));
            let mut piece = vec![0; most];
            match from.read(&mut piece).unwrap() {
                0 => break,
                got => all.extend_from_slice(&piece[..got]),
            }
        }
        all
    })
}

/// Writes as long as any_reader reads.
fn write_for_ever(mut to: File) -> JoinHandle<std::io::ErrorKind> {
    thread::spawn(move || {
        loop {
            if let Err(error) = to.write_all(&[b'y'; 1000]) {
                return error.kind();
            }
        }
    })
}

/// Whatever a pipe holds now, and whether its end can be seen after that.
fn contents(reader: &mut File) -> (Vec<u8>, bool) {
    set_nonblocking(&*reader).unwrap();
    let mut all = Vec::new();
    let ended = reader.read_to_end(&mut all).is_ok();
    (all, ended)
}

#[derive(Debug, Clone)]
struct ReaderPlan {
    pipe: usize,
    reads: Vec<usize>,
    leave: Option<usize>,
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![1..20usize, 1..5000usize, 1..100_000usize], 1..5)
}

fn pipe_size() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![4096, 8192, 16384, 65536, 262_144, 1 << 20])
}

fn reader_plan() -> impl Strategy<Value = ReaderPlan> {
    (pipe_size(), sizes(), prop::option::weighted(0.3, 0..300_000usize))
        .prop_map(|(pipe, reads, leave)| ReaderPlan { pipe, reads, leave })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Every reader gets all the bytes in order, or just as many as it asked for, and the counters agree.
    #[test]
    fn every_reader_gets_every_byte(
        plans in prop::collection::vec(reader_plan(), 1..=8),
        count in 0..300_000usize,
        writes in sizes(),
        source in pipe_size(),
        backend in prop::sample::select(BACKENDS),
    ) {
        let bytes = pattern(count);
        let (readers, sinks): (Vec<_>, Vec<_>) = plans.iter().map(|plan| pipe_of(plan.pipe)).unzip();
        let (fanout, mut events) = start(sinks, backend);
        let readers: Vec<_> = readers
            .into_iter()
            .zip(&plans)
            .map(|(reader, plan)| read_in_pieces(reader, plan.reads.clone(), plan.leave))
            .collect();
        let (source, producer) = pipe_of(source);
        let writer = write_in_pieces(producer.into(), bytes.clone(), writes);
        fanout.feed(source.into());

        let mut left = Vec::new();
        let all_left = loop {
            match events.blocking_recv().unwrap() {
                FanoutEvent::SinkLeft { sink } => left.push(sink),
                FanoutEvent::AllLeft => break true,
                FanoutEvent::SourceEnded { bytes } => {
                    prop_assert_eq!(bytes, count as u64);
                    break false;
                }
                FanoutEvent::Failed(error) => panic!("{error}"),
            }
        };
        fanout.close();
        let written = writer.join().unwrap();
        prop_assert!(all_left || written == count);
        let read: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        let snapshot = block_on(fanout.finish());
        for (index, (read, plan)) in read.iter().zip(&plans).enumerate() {
            let expected = plan.leave.unwrap_or(count).min(count);
            prop_assert!(read[..] == bytes[..expected], "reader {} got {} of {}", index, read.len(), expected);
            prop_assert_eq!(snapshot.sinks[index].taken, expected as u64);
            if expected < count {
                prop_assert!(snapshot.sinks[index].left);
            }
        }
        for sink in left {
            prop_assert!(snapshot.sinks[sink].left && plans[sink].leave.is_some());
        }
        if !all_left {
            prop_assert_eq!(snapshot.taken, count as u64);
        }
    }
}

#[test]
fn no_reader_sees_the_end_before_it_is_declared() {
    for backend in BACKENDS {
        let (mut readers, sinks) = pipes(3);
        let (fanout, mut events) = start(sinks, *backend);
        let (source, producer) = pipe().unwrap();
        fanout.feed(source);
        File::from(producer).write_all(b"all of it").unwrap();
        assert_eq!(events.blocking_recv(), Some(FanoutEvent::SourceEnded { bytes: 9 }));
        for reader in &mut readers {
            assert_eq!(contents(reader), (b"all of it".to_vec(), false));
        }
        block_on(fanout.finish());
        for reader in &mut readers {
            assert_eq!(contents(reader), (Vec::new(), true));
        }
    }
}

#[test]
fn the_consumer_may_leave_while_others_are_ahead() {
    for backend in BACKENDS {
        let bytes = pattern(2_000_000);
        let (mut readers, sinks) = pipes(3);
        let (fanout, mut events) = start(sinks, *backend);
        let (source, producer) = pipe().unwrap();
        fanout.feed(source);
        let writer = write_in_pieces(producer.into(), bytes.clone(), vec![10_000]);
        // The consumer's pipe fills up and the others wait for it, each at another place.
        let mut consumer = readers.remove(0);
        consumer.read_exact(&mut [0; 5]).unwrap();
        let mut second = readers.remove(0);
        let mut head = vec![0; 30_000];
        second.read_exact(&mut head).unwrap();
        drop(consumer);
        let second = read_in_pieces(second, vec![4096], None);
        let third = read_in_pieces(readers.remove(0), vec![100_000], None);
        assert_eq!(events.blocking_recv(), Some(FanoutEvent::SinkLeft { sink: 0 }));
        assert_eq!(events.blocking_recv(), Some(FanoutEvent::SourceEnded { bytes: 2_000_000 }));
        block_on(fanout.finish());
        writer.join().unwrap();
        head.extend(second.join().unwrap());
        assert!(head == bytes, "the second reader");
        assert!(third.join().unwrap() == bytes, "the third reader");
    }
}

#[test]
fn when_all_have_left_the_producer_is_told_by_a_broken_pipe() {
    for backend in BACKENDS {
        let (readers, sinks) = pipes(2);
        let (fanout, mut events) = start(sinks, *backend);
        let (source, producer) = pipe().unwrap();
        let writer = write_for_ever(producer.into());
        fanout.feed(source);
        for (reader, count) in readers.into_iter().zip([10, 200_000]) {
            assert_eq!(read_in_pieces(reader, vec![1000], Some(count)).join().unwrap().len(), count);
        }
        assert_eq!(events.blocking_recv(), Some(FanoutEvent::SinkLeft { sink: 0 }));
        assert_eq!(events.blocking_recv(), Some(FanoutEvent::SinkLeft { sink: 1 }));
        assert_eq!(events.blocking_recv(), Some(FanoutEvent::AllLeft));
        assert_eq!(writer.join().unwrap(), std::io::ErrorKind::BrokenPipe);
        let snapshot = block_on(fanout.finish());
        let counts: Vec<_> = snapshot.sinks.iter().map(|sink| sink.taken).collect();
        assert_eq!(counts, if cfg!(target_os = "linux") { [10, 200_000] } else { [counts[0], counts[1]] });
        assert!(snapshot.sinks.iter().all(|sink| sink.left));
    }
}

#[test]
fn a_reader_that_leaves_is_noticed_while_nothing_moves() {
    for backend in BACKENDS {
        let (mut readers, sinks) = pipes(3);
        let (fanout, mut events) = start(sinks, *backend);
        drop(readers.remove(1));
        assert_eq!(
            events.blocking_recv(),
            Some(FanoutEvent::SinkLeft { sink: 1 }),
            "before there was a source"
        );
        let (source, producer) = pipe().unwrap();
        fanout.feed(source);
        drop(readers.remove(0));
        assert_eq!(
            events.blocking_recv(),
            Some(FanoutEvent::SinkLeft { sink: 0 }),
            "while the source was quiet"
        );
        drop(readers);
        assert_eq!(events.blocking_recv(), Some(FanoutEvent::SinkLeft { sink: 2 }));
        assert_eq!(events.blocking_recv(), Some(FanoutEvent::AllLeft));
        assert!(File::from(producer).write_all(b"x").is_err());
    }
}

#[test]
fn a_producer_that_failed_before_its_first_byte_may_try_again() {
    for backend in BACKENDS {
        let (mut readers, sinks) = pipes(2);
        let (fanout, mut events) = start(sinks, *backend);
        let (source, producer) = pipe().unwrap();
        fanout.feed(source);
        drop(producer);
        assert_eq!(events.blocking_recv(), Some(FanoutEvent::SourceEnded { bytes: 0 }));
        assert_eq!(fanout.snapshot().taken, 0);
        let (source, producer) = pipe().unwrap();
        fanout.feed(source);
        File::from(producer).write_all(b"second try").unwrap();
        assert_eq!(events.blocking_recv(), Some(FanoutEvent::SourceEnded { bytes: 10 }));
        let snapshot = block_on(fanout.finish());
        assert_eq!(snapshot.taken, 10);
        for reader in &mut readers {
            assert_eq!(contents(reader), (b"second try".to_vec(), true));
        }
    }
}

#[test]
fn sources_follow_one_another() {
    for backend in BACKENDS {
        let (mut readers, sinks) = pipes(2);
        let (fanout, mut events) = start(sinks, *backend);
        for word in [b"one", b"two"] {
            let (source, producer) = pipe().unwrap();
            fanout.feed(source);
            File::from(producer).write_all(word).unwrap();
        }
        for _ in 0..2 {
            assert_eq!(events.blocking_recv(), Some(FanoutEvent::SourceEnded { bytes: 3 }));
        }
        block_on(fanout.finish());
        assert_eq!(contents(&mut readers[1]), (b"onetwo".to_vec(), true));
    }
}

#[test]
fn a_halt_shows_no_end_to_anybody() {
    for backend in BACKENDS {
        let (mut readers, sinks) = pipes(2);
        let (fanout, mut events) = start(sinks, *backend);
        let (source, producer) = pipe().unwrap();
        fanout.feed(source);
        let mut producer = File::from(producer);
        producer.write_all(b"some").unwrap();
        readers[0].read_exact(&mut [0; 4]).unwrap();
        fanout.halt();
        fanout.halt();
        // Even the end of the producer changes nothing now.
        drop(producer);
        fanout.cut();
        assert!(!contents(&mut readers[0]).1);
        assert!(!contents(&mut readers[1]).1);
        drop(fanout);
        // The channel ends with the thread: the sinks are closed by then.
        while events.blocking_recv().is_some() {}
        assert!(contents(&mut readers[0]).1);
    }
}

#[test]
fn a_cut_delivers_what_is_in_the_pipe_and_no_more() {
    for backend in BACKENDS {
        let (mut readers, sinks) = pipes(2);
        let (fanout, mut events) = start(sinks, *backend);
        let (source, producer) = pipe().unwrap();
        let mut producer = File::from(producer);
        producer.write_all(b"before").unwrap();
        fanout.feed(source);
        fanout.cut();
        assert_eq!(events.blocking_recv(), Some(FanoutEvent::SourceEnded { bytes: 6 }));
        assert!(producer.write_all(b"after").is_err());
        block_on(fanout.finish());
        for reader in &mut readers {
            assert_eq!(contents(reader), (b"before".to_vec(), true));
        }
    }
}

#[test]
fn a_cut_ends_a_source_that_never_falls_silent() {
    for backend in BACKENDS {
        let (readers, sinks) = pipes(3);
        let (fanout, mut events) = start(sinks, *backend);
        let (source, producer) = pipe().unwrap();
        let writer = write_for_ever(producer.into());
        fanout.feed(source);
        let mut readers: Vec<_> =
            readers.into_iter().map(|reader| read_in_pieces(reader, vec![3000], None)).collect();
        while fanout.snapshot().taken < 100_000 {
            thread::yield_now();
        }
        fanout.cut();
        let Some(FanoutEvent::SourceEnded { bytes }) = events.blocking_recv() else { panic!("no end") };
        assert_eq!(writer.join().unwrap(), std::io::ErrorKind::BrokenPipe);
        block_on(fanout.finish());
        for reader in readers.drain(..) {
            assert_eq!(reader.join().unwrap().len() as u64, bytes);
        }
    }
}
