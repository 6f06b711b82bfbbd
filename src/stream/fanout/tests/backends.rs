//! Counters, and the change from one backend to the other.

use super::*;

#[test]
#[cfg(target_os = "linux")]
fn what_a_reader_leaves_unread_is_counted_even_after_the_end() {
    for backend in BACKENDS {
        let (mut readers, sinks) = pipes(2);
        let (fanout, mut events) = start(sinks, *backend);
        let (source, producer) = pipe().unwrap();
        fanout.feed(source);
        File::from(producer).write_all(&pattern(1000)).unwrap();
        assert_eq!(events.blocking_recv(), Some(FanoutEvent::SourceEnded { bytes: 1000 }));
        let taken =
            |fanout: &Fanout| fanout.snapshot().sinks.iter().map(|sink| sink.taken).collect::<Vec<_>>();
        assert_eq!(taken(&fanout), [0, 0]);
        readers[0].read_exact(&mut [0; 300]).unwrap();
        assert_eq!(taken(&fanout), [300, 0]);
        fanout.close();
        // The end of the channel is the end of the thread.
        assert_eq!(events.blocking_recv(), None);
        readers[0].read_exact(&mut [0; 200]).unwrap();
        assert_eq!(readers[1].read_to_end(&mut Vec::new()).unwrap(), 1000);
        assert_eq!(taken(&fanout), [500, 1000]);
        drop(readers);
        let snapshot = block_on(fanout.finish());
        let books: Vec<_> = snapshot.sinks.iter().map(|sink| (sink.taken, sink.left)).collect();
        assert_eq!(books, [(500, true), (1000, false)]);
    }
}

#[test]
fn finish_alone_trusts_the_readers_with_the_rest() {
    let (_readers, sinks) = pipes(1);
    let (fanout, mut events) = start(sinks, BackendChoice::Auto);
    let (source, producer) = pipe().unwrap();
    fanout.feed(source);
    File::from(producer).write_all(&pattern(1000)).unwrap();
    assert_eq!(events.blocking_recv(), Some(FanoutEvent::SourceEnded { bytes: 1000 }));
    let snapshot = block_on(fanout.finish());
    assert_eq!((snapshot.sinks[0].taken, snapshot.sinks[0].left), (1000, false));
}

#[test]
fn a_stream_without_readers_breaks_the_pipe_at_once() {
    for backend in BACKENDS {
        let (fanout, mut events) = start(Vec::new(), *backend);
        let (source, producer) = pipe().unwrap();
        fanout.feed(source);
        assert_eq!(events.blocking_recv(), Some(FanoutEvent::AllLeft));
        assert!(File::from(producer).write_all(b"x").is_err());
        assert_eq!(block_on(fanout.finish()), Snapshot::default());
    }
}

#[test]
fn the_time_that_nothing_moves_is_charged_to_the_end_that_holds_it_up() {
    for backend in BACKENDS {
        let (mut readers, sinks) = pipes(2);
        let (fanout, _events) = start(sinks, *backend);
        let (source, producer) = pipe().unwrap();
        fanout.feed(source);
        while fanout.snapshot().starved.is_zero() {
            thread::yield_now();
        }
        let fast = read_in_pieces(readers.remove(0), vec![1 << 20], None);
        let writer = write_for_ever(producer.into());
        while fanout.snapshot().sinks[1].blocked.is_zero() {
            thread::yield_now();
        }
        drop(readers);
        fanout.halt();
        drop(fanout);
        fast.join().unwrap();
        writer.join().unwrap();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn where_splicing_is_refused_bytes_are_copied_and_none_twice() {
    use std::os::unix::net::UnixStream;
    let bytes = pattern(1_000_000);
    let (readers, sinks) = pipes(2);
    let (fanout, mut events) = start(sinks, BackendChoice::Auto);
    assert_eq!(fanout.backend_name(), "splice");
    let readers: Vec<_> =
        readers.into_iter().map(|reader| read_in_pieces(reader, vec![5000], None)).collect();
    // One source of each kind: the backend must change over between them.
    let (source, producer) = pipe().unwrap();
    fanout.feed(source);
    write_in_pieces(producer.into(), bytes.clone(), vec![7777]).join().unwrap();
    assert_eq!(events.blocking_recv(), Some(FanoutEvent::SourceEnded { bytes: 1_000_000 }));
    let (source, producer) = UnixStream::pair().unwrap();
    fanout.feed(source.into());
    write_in_pieces(OwnedFd::from(producer).into(), bytes.clone(), vec![7777]).join().unwrap();
    assert_eq!(events.blocking_recv(), Some(FanoutEvent::SourceEnded { bytes: 1_000_000 }));
    assert_eq!(fanout.backend_name(), "copy");
    block_on(fanout.finish());
    for reader in readers {
        assert!(reader.join().unwrap() == bytes.repeat(2));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn copying_takes_over_where_tee_stopped() {
    use std::os::unix::net::UnixStream;
    // A socket among the sinks is refused by tee, after the first has already got its share. `Auto` would not
    // begin so; the change-over must be right all the same.
    let bytes = pattern(500_000);
    let (mut readers, mut sinks) = pipes(3);
    let (near, far) = UnixStream::pair().unwrap();
    (readers[2], sinks[2]) = (File::from(OwnedFd::from(near)), far.into());
    let sinks: Vec<_> = sinks.into_iter().map(Arc::new).collect();
    let backend = Backend::Splice(splice::Splice::new().unwrap());
    let (fanout, mut events) =
        Fanout::launch("test", sinks, backend, true, &PipeBudget::with_limit(0)).unwrap();
    let readers: Vec<_> =
        readers.into_iter().map(|reader| read_in_pieces(reader, vec![5000], None)).collect();
    let (source, producer) = pipe().unwrap();
    let writer = write_in_pieces(producer.into(), bytes.clone(), vec![7777]);
    fanout.feed(source);
    assert_eq!(events.blocking_recv(), Some(FanoutEvent::SourceEnded { bytes: 500_000 }));
    assert_eq!(fanout.backend_name(), "copy");
    block_on(fanout.finish());
    writer.join().unwrap();
    for reader in readers {
        assert!(reader.join().unwrap() == bytes);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_failure_of_the_backend_shows_no_end_to_any_reader() {
    let (mut readers, sinks) = pipes(2);
    let (fanout, mut events) = start(sinks, BackendChoice::Splice);
    fanout.feed(tempfile::tempfile().unwrap().into());
    let Some(FanoutEvent::Failed(error)) = events.blocking_recv() else { panic!("no failure") };
    insta::assert_snapshot!(error, @"cannot move the bytes of stream `test`: Invalid argument (os error 22)");
    assert_eq!(contents(&mut readers[0]), (Vec::new(), false));
    block_on(fanout.finish());
    assert_eq!(contents(&mut readers[0]), (Vec::new(), true));
}
