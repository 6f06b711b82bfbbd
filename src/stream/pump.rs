//! Pumps, for `--in`: they copy a file, a terminal, a socket or another program's pipe into a pipe of this
//! process.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, read, write};

use super::task::Task;
use super::wake::Wake;
use super::{StreamError, set_nonblocking};

/// How many bytes a read asks for where the kernel refuses to splice.
const CHUNK: usize = 128 * 1024;
/// More than any pipe holds.
#[cfg(target_os = "linux")]
const ALL: usize = 1 << 30;

/// A thread that copies one descriptor into a pipe.
///
/// The pipe is closed, and its reader sees end-of-file, when `from` has ended. After an error or
/// [`Pump::stop`] it stays open until the pump is dropped, so that its reader does not take a broken stream
/// for a finished one: drop it then only when the reader is dead. Dropping a pump that still runs stops it
/// and closes the pipe.
pub struct Pump {
    stop: Arc<StopFlag>,
    task: Task<Pumped>,
}

struct StopFlag {
    asked: AtomicBool,
    wake: Wake,
}

struct Pumped {
    result: Result<u64, StreamError>,
    /// The pipe, kept open where its reader must not see an end.
    _held: Option<OwnedFd>,
}

/// Starts to copy `from`, a descriptor of any kind that other processes may share, into `to`, the writing end
/// of a pipe that no child shares.
pub fn pump(from: OwnedFd, to: OwnedFd) -> Result<Pump, StreamError> {
    let failed = |error| StreamError::new("cannot set up the input from outside", error);
    set_nonblocking(&to).map_err(failed)?;
    let wake = Wake::new().map_err(failed)?;
    let stop = Arc::new(StopFlag { asked: AtomicBool::new(false), wake });
    let work = Work { from, to, stop: Arc::clone(&stop), bytes: 0, splices: true };
    let task = Task::spawn("the input from outside".into(), move || work.run())?;
    Ok(Pump { stop, task })
}

impl Pump {
    /// Waits for the end, and returns how many bytes were copied. A reader that left early is a proper end,
    /// and so is [`Pump::stop`]. May be cancelled and called again.
    pub async fn done(&mut self) -> Result<u64, StreamError> {
        self.task.answer().await?.result.clone()
    }

    /// Stops the copying, also while it waits for a quiet source or a full pipe.
    pub fn stop(&self) {
        self.stop.ask();
    }

    /// Returns a handle that can [`stop`](Self::stop) it.
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.stop))
    }
}

/// Stops a pump.
pub struct Stopper(Arc<StopFlag>);

impl Stopper {
    /// As [`Pump::stop`].
    pub fn stop(&self) {
        self.0.ask();
    }
}

impl StopFlag {
    fn ask(&self) {
        self.asked.store(true, Ordering::Release);
        self.wake.wake();
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Why the copying has ended.
enum PumpEnd {
    /// The source has ended, or the reader has left.
    Proper,
    Stopped,
    Failed(Errno),
}

impl From<Errno> for PumpEnd {
    fn from(error: Errno) -> Self {
        Self::Failed(error)
    }
}

struct Work {
    from: OwnedFd,
    to: OwnedFd,
    stop: Arc<StopFlag>,
    bytes: u64,
    /// Whether splicing has not been refused yet.
    splices: bool,
}

impl Work {
    fn run(mut self) -> Pumped {
        let end = self.work();
        let held = (!matches!(end, PumpEnd::Proper)).then_some(self.to);
        let result = match end {
            PumpEnd::Proper | PumpEnd::Stopped => Ok(self.bytes),
            PumpEnd::Failed(error) => Err(StreamError::new("cannot move the input from outside", error)),
        };
        Pumped { result, _held: held }
    }

    fn work(&mut self) -> PumpEnd {
        let mut buffer = Vec::new();
        loop {
            let moved = if self.splices { self.splice() } else { self.copy(&mut buffer) };
            if let Err(end) = moved {
                return end;
            }
        }
    }

    /// Waits for bytes and for room, and moves them.
    #[cfg(target_os = "linux")]
    fn splice(&mut self) -> Result<(), PumpEnd> {
        use rustix::pipe::{SpliceFlags, splice};
        self.wait_for_source()?;
        self.wait_for_room()?;
        match splice(&self.from, None, &self.to, None, ALL, SpliceFlags::NONBLOCK) {
            Ok(0) => return Err(PumpEnd::Proper),
            Ok(bytes) => self.bytes += bytes as u64,
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(Errno::PIPE) => return Err(PumpEnd::Proper),
            // A kind of file that cannot be spliced; or a true error, which a read will meet again.
            Err(_) => self.splices = false,
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn splice(&mut self) -> Result<(), PumpEnd> {
        self.splices = false;
        Ok(())
    }

    /// Reads a chunk and writes all of it.
    fn copy(&mut self, buffer: &mut Vec<u8>) -> Result<(), PumpEnd> {
        buffer.resize(CHUNK, 0);
        self.wait_for_source()?;
        let bytes = match read(&self.from, &mut buffer[..]) {
            Ok(0) => return Err(PumpEnd::Proper),
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            bytes => bytes?,
        };
        let mut rest = buffer.get(..bytes).unwrap_or_default();
        while !rest.is_empty() {
            self.wait_for_room()?;
            match write(&self.to, rest) {
                Ok(taken) => {
                    self.bytes += taken as u64;
                    rest = rest.get(taken..).unwrap_or_default();
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::PIPE) => return Err(PumpEnd::Proper),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Waits until the source has bytes or an end. Other processes may share it, so it has to stay blocking
    /// and is read only then.
    fn wait_for_source(&self) -> Result<(), PumpEnd> {
        self.wait(PollFlags::empty(), Some(PollFd::new(&self.from, PollFlags::IN)))
    }

    /// Waits for room in the pipe. The source is not watched meanwhile: once hung up, it would end every
    /// wait.
    fn wait_for_room(&self) -> Result<(), PumpEnd> {
        self.wait(PollFlags::OUT, None)
    }

    fn wait(&self, of_pipe: PollFlags, source: Option<PollFd<'_>>) -> Result<(), PumpEnd> {
        let mut fds = vec![PollFd::new(&self.to, of_pipe), PollFd::new(&self.stop.wake, PollFlags::IN)];
        fds.extend(source);
        rustix::io::retry_on_intr(|| poll(&mut fds, None))?;
        if self.stop.asked.load(Ordering::Acquire) {
            return Err(PumpEnd::Stopped);
        }
        let left = PollFlags::ERR | PollFlags::HUP;
        match fds.first() {
            Some(pipe) if pipe.revents().intersects(left) => Err(PumpEnd::Proper),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::thread;

    use super::*;
    use crate::stream::pipe;

    fn read_all(end: OwnedFd) -> thread::JoinHandle<Vec<u8>> {
        thread::spawn(move || {
            let mut all = Vec::new();
            File::from(end).read_to_end(&mut all).unwrap();
            all
        })
    }

    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|index| (index * 31 % 251) as u8).collect()
    }

    #[tokio::test]
    async fn a_file_is_copied_whole() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes(3_000_001)).unwrap();
        let (reader, writer) = pipe().unwrap();
        let reader = read_all(reader);
        let mut pump = pump(file.reopen().unwrap().into(), writer).unwrap();
        assert_eq!(pump.done().await, Ok(3_000_001));
        assert_eq!(pump.done().await, Ok(3_000_001));
        assert!(reader.join().unwrap() == bytes(3_000_001));
    }

    #[tokio::test]
    async fn a_socket_and_a_pipe_are_copied_whole() {
        let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
        let (reader, writer) = pipe().unwrap();
        let (last_reader, last_writer) = pipe().unwrap();
        let last = read_all(last_reader);
        let mut first_pump = pump(far.into(), writer).unwrap();
        let mut second_pump = pump(reader, last_writer).unwrap();
        let feeder = thread::spawn(move || (&near).write_all(&bytes(700_000)).unwrap());
        assert_eq!(first_pump.done().await, Ok(700_000));
        assert_eq!(second_pump.done().await, Ok(700_000));
        feeder.join().unwrap();
        assert!(last.join().unwrap() == bytes(700_000));
    }

    #[tokio::test]
    async fn an_empty_device_ends_at_once() {
        let (reader, writer) = pipe().unwrap();
        let mut pump = pump(File::open("/dev/null").unwrap().into(), writer).unwrap();
        assert_eq!(pump.done().await, Ok(0));
        assert_eq!(read_all(reader).join().unwrap(), b"");
    }

    #[tokio::test]
    async fn stop_ends_the_wait_for_a_quiet_source_and_hides_the_end() {
        let (quiet, _writer) = pipe().unwrap();
        let (reader, writer) = pipe().unwrap();
        let mut pump = pump(quiet, writer).unwrap();
        pump.stop();
        assert_eq!(pump.done().await, Ok(0));
        set_nonblocking(&reader).unwrap();
        assert_eq!(read(&reader, &mut [0; 1]), Err(Errno::AGAIN), "the reader saw an end that was none");
        drop(pump);
        assert_eq!(read(&reader, &mut [0; 1]), Ok(0));
    }

    #[tokio::test]
    async fn stop_ends_the_wait_for_room() {
        let (reader, writer) = pipe().unwrap();
        let mut pump = pump(File::open("/dev/zero").unwrap().into(), writer).unwrap();
        // Something has arrived; whether the pipe is full by the time of the stop makes no difference.
        assert_eq!(read(&reader, &mut [1; 1]), Ok(1));
        pump.stop();
        assert!(pump.done().await.unwrap() > 0);
    }

    #[tokio::test]
    async fn a_reader_that_leaves_ends_it_even_while_the_source_is_quiet() {
        let (quiet, _writer) = pipe().unwrap();
        let (reader, writer) = pipe().unwrap();
        let mut pump = pump(quiet, writer).unwrap();
        drop(reader);
        assert_eq!(pump.done().await, Ok(0));
    }

    #[tokio::test]
    async fn an_unreadable_source_is_an_error_and_no_end() {
        let (reader, writer) = pipe().unwrap();
        let mut pump = pump(File::open("/").unwrap().into(), writer).unwrap();
        insta::assert_snapshot!(
            pump.done().await.unwrap_err(),
            @"cannot move the input from outside: Is a directory (os error 21)"
        );
        set_nonblocking(&reader).unwrap();
        assert_eq!(read(&reader, &mut [0; 1]), Err(Errno::AGAIN));
    }
}
