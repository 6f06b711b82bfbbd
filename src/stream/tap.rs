//! A step's output for people: pieces of whole lines.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::unix::pipe::Receiver;
use tokio_stream::Stream;

use super::{bytes_in, is_held};

/// A piece is at most this long, whatever its lines are.
const PIECE: usize = 64 * 1024;

/// What a step gets to begin with. Most write little or nothing, and many run at once.
const FIRST: usize = 4 * 1024;

/// The output of a step, read from its pipe as it comes: a stream of pieces.
///
/// A piece holds whole lines, at most 64 KiB of them. A line ends with `\n`, or with the `\r` of a progress bar. A line
/// that is longer than a piece is handed out in parts, and the last one of an output may lack its end. All pieces
/// together are exactly the bytes of the pipe.
pub struct Tap {
    pipe: Receiver,
    /// As long as was needed so far, and at most a piece.
    buffer: Vec<u8>,
    /// How much of the buffer is waiting for the end of its line.
    filled: usize,
    /// How many bytes are still to be read, once it was cut.
    left: Option<u64>,
    ended: bool,
}

impl Tap {
    /// Taps the reading end of a pipe that no child shares. Fails if it is no pipe; to be called within a runtime.
    pub fn new(pipe: OwnedFd) -> io::Result<Self> {
        let pipe = Receiver::from_owned_fd(pipe)?;
        Ok(Self { pipe, buffer: vec![0; FIRST], filled: 0, left: None, ended: false })
    }

    /// The step has ended, but something else still holds its output: what is in the pipe now is handed out, and then
    /// the stream ends. Only bytes written later are lost. Tells whether something does hold it.
    pub fn cut(&mut self) -> bool {
        let held = is_held(&self.pipe);
        self.left = Some(bytes_in(&self.pipe).unwrap_or(0));
        held
    }

    /// Reads once: how many bytes came, 0 at the end.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let most =
            self.left.map_or(room.len(), |left| room.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
        if most == 0 {
            return Poll::Ready(Ok(0));
        }
        let mut room = ReadBuf::new(room.get_mut(..most).unwrap_or_default());
        ready!(Pin::new(&mut self.pipe).poll_read(context, &mut room))?;
        let read = room.filled().len();
        self.filled += read;
        if self.filled == self.buffer.len() {
            self.buffer.resize(PIECE, 0);
        }
        self.left = self.left.map(|left| left.saturating_sub(read as u64));
        Poll::Ready(Ok(read))
    }

    /// Takes the first bytes out of the buffer.
    fn take(&mut self, bytes: usize) -> Arc<[u8]> {
        let piece = Arc::from(self.buffer.get(..bytes).unwrap_or_default());
        self.buffer.copy_within(bytes..self.filled, 0);
        self.filled -= bytes;
        piece
    }
}

impl Stream for Tap {
    type Item = io::Result<Arc<[u8]>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while !self.ended {
            let old = self.filled;
            match ready!(self.poll_fill(context)) {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(error) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
            let filled = self.buffer.get(..self.filled).unwrap_or_default();
            if let Some(end) = end_of_lines(filled, old) {
                return Poll::Ready(Some(Ok(self.take(end))));
            }
            if self.filled == PIECE || self.ended && self.filled > 0 {
                let all = self.filled;
                return Poll::Ready(Some(Ok(self.take(all))));
            }
        }
        Poll::Ready(None)
    }
}

/// Where the last whole line ends. The first `old` bytes are known to hold no end, but perhaps a `\r` at their very
/// end, which could not be told from the beginning of a `\r\n` then.
fn end_of_lines(bytes: &[u8], old: usize) -> Option<usize> {
    let start = old.saturating_sub(1);
    let fresh = bytes.get(start..)?;
    let is_end = |at: usize, byte: u8| byte == b'\n' || byte == b'\r' && at + 1 < fresh.len();
    let last = fresh.iter().enumerate().rev().find(|(at, byte)| is_end(*at, **byte))?.0;
    Some(start + last + 1)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use proptest::prelude::*;
    use tokio_stream::StreamExt;

    use super::*;
    use crate::stream::pipe;

    fn tapped() -> (Tap, File) {
        let (reader, writer) = pipe().unwrap();
        (Tap::new(reader).unwrap(), writer.into())
    }

    async fn next(tap: &mut Tap) -> Option<String> {
        Some(String::from_utf8_lossy(&tap.next().await?.unwrap()).into_owned())
    }

    #[tokio::test]
    async fn pieces_are_whole_lines_and_the_end_may_lack_one() {
        let (mut tap, mut writer) = tapped();
        writer.write_all(b"one\ntwo\nthr").unwrap();
        assert_eq!(next(&mut tap).await.unwrap(), "one\ntwo\n");
        writer.write_all(b"ee\nfour").unwrap();
        assert_eq!(next(&mut tap).await.unwrap(), "three\n");
        drop(writer);
        assert_eq!(next(&mut tap).await.unwrap(), "four");
        assert_eq!(next(&mut tap).await, None);
        assert_eq!(next(&mut tap).await, None);
    }

    #[tokio::test]
    async fn a_progress_bar_shows_before_its_line_ends() {
        let (mut tap, mut writer) = tapped();
        writer.write_all(b"10%\r20%\r30").unwrap();
        assert_eq!(next(&mut tap).await.unwrap(), "10%\r20%\r");
        writer.write_all(b"%\r").unwrap();
        writer.write_all(b"\nnext\r\n").unwrap();
        let mut rest = next(&mut tap).await.unwrap();
        while !rest.ends_with("next\r\n") {
            rest += &next(&mut tap).await.unwrap();
        }
        assert_eq!(rest, "30%\r\nnext\r\n");
    }

    #[tokio::test]
    async fn a_line_without_end_comes_in_parts() {
        let (mut tap, mut writer) = tapped();
        let writer = std::thread::spawn(move || writer.write_all(&vec![b'x'; 3 * PIECE + 5]).unwrap());
        let mut lengths = Vec::new();
        while let Some(piece) = tap.next().await {
            lengths.push(piece.unwrap().len());
        }
        writer.join().unwrap();
        assert_eq!(lengths, [PIECE, PIECE, PIECE, 5]);
    }

    /// Each piece costs its way to the journal and to everybody who shows it.
    #[tokio::test]
    async fn who_writes_much_is_read_in_large_pieces() {
        let (mut tap, mut writer) = tapped();
        let lines = "a line\n".repeat(8000);
        writer.write_all(lines.as_bytes()).unwrap();
        drop(writer);
        let mut pieces = Vec::new();
        while let Some(piece) = next(&mut tap).await {
            pieces.push(piece);
        }
        assert_eq!(pieces.concat(), lines);
        assert!(pieces.len() <= 3, "{} pieces", pieces.len());
    }

    #[tokio::test]
    async fn a_cut_loses_nothing_that_was_written_before() {
        let (mut tap, mut writer) = tapped();
        writer.write_all(b"one\ntw").unwrap();
        assert_eq!(next(&mut tap).await.unwrap(), "one\n");
        writer.write_all(b"o\nthree\nfour").unwrap();
        tap.cut();
        writer.write_all(b" is lost\n").unwrap();
        assert_eq!(next(&mut tap).await.unwrap(), "two\nthree\n");
        assert_eq!(next(&mut tap).await.unwrap(), "four");
        assert_eq!(next(&mut tap).await, None);
    }

    #[tokio::test]
    async fn a_cut_of_an_empty_pipe_ends_it() {
        let (mut tap, _writer) = tapped();
        tap.cut();
        assert_eq!(next(&mut tap).await, None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_byte_is_lost_and_no_line_is_split(writes in prop::collection::vec("[ab\r\n]{1,6}", 0..20)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
            runtime.block_on(async {
                let (mut tap, mut writer) = tapped();
                let mut pieces = Vec::new();
                for write in &writes {
                    writer.write_all(write.as_bytes()).unwrap();
                    if write.contains('\n') {
                        pieces.push(next(&mut tap).await.unwrap());
                    }
                }
                drop(writer);
                while let Some(piece) = next(&mut tap).await {
                    pieces.push(piece);
                }
                prop_assert_eq!(pieces.concat(), writes.concat());
                for (piece, follower) in pieces.iter().zip(pieces.iter().skip(1)) {
                    prop_assert!(piece.ends_with('\n') || piece.ends_with('\r') && !follower.starts_with('\n'));
                }
                Ok(())
            })?;
        }
    }
}
