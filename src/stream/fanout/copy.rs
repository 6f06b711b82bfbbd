//! The portable backend: a chunk is read once and written to every sink before the next is read.

use rustix::io::{Errno, read, write};

use super::sink::{Pass, Sink};
use super::source::Source;

/// Larger chunks fall out of the processor's cache between two sinks.
const CHUNK: usize = 256 * 1024;

pub(super) struct Copy {
    buffer: Box<[u8]>,
    /// How much of the buffer is the current chunk. Its first byte is the source's head.
    filled: usize,
}

impl Copy {
    pub(super) fn new() -> Self {
        Self { buffer: vec![0; CHUNK].into_boxed_slice(), filled: 0 }
    }

    /// Writes to every sink what it can take of the chunk, or reads the next chunk.
    pub(super) fn pass(&mut self, source: &mut Source, sinks: &mut [Sink]) -> Result<Pass, Errno> {
        if self.filled == 0 && !self.refill(source)? {
            return Ok(if source.is_drained() { Pass::Ended } else { Pass::NeedsSource });
        }
        let chunk = self.buffer.get(..self.filled).unwrap_or_default();
        let mut moved = false;
        for sink in sinks.iter_mut() {
            // After a change from `splice` a sink may already have more than this chunk.
            let start = usize::try_from(sink.ahead).unwrap_or(usize::MAX);
            let Some(rest) = chunk.get(start..).filter(|rest| !rest.is_empty()) else {
                continue;
            };
            let taken = sink.accept(write(&sink.fd, rest))?;
            sink.ahead += taken;
            sink.full = taken < rest.len() as u64;
            moved |= taken > 0 || sink.left;
        }
        source.note_progress(sinks);
        let chunk = self.filled as u64;
        if sinks.iter().filter(|sink| !sink.left).all(|sink| sink.ahead >= chunk) {
            for sink in sinks.iter_mut() {
                sink.ahead = sink.ahead.saturating_sub(chunk);
            }
            source.head += chunk;
            self.filled = 0;
            moved = true;
        }
        Ok(if moved { Pass::Moved } else { Pass::NeedsRoom })
    }

    /// Reads a chunk, and returns whether there was one. Records the end of the source.
    fn refill(&mut self, source: &mut Source) -> Result<bool, Errno> {
        let most = source.most(CHUNK);
        let room = self.buffer.get_mut(..most).unwrap_or_default();
        if room.is_empty() {
            return Ok(false);
        }
        match read(&source.fd, room) {
            Ok(0) => {
                source.left = Some(0);
                Ok(false)
            }
            Ok(bytes) => {
                source.drain(bytes as u64);
                self.filled = bytes;
                Ok(true)
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
