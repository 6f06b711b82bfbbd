//! Taps: a step's log output, cut into pieces of whole lines.

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

/// The buffer's first size. Most steps write little or nothing, and many run at once.
const FIRST: usize = 4 * 1024;

/// The next item of an output.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Whole lines.
    Lines(Arc<[u8]>),
    /// A line has begun or grown: [`Tap::begun`] returns it as far as it is there.
    Begun,
}

/// The output of a step, read from its pipe as it comes: a stream of pieces.
///
/// A piece holds whole lines, at most 64 KiB of them. A line ends with `\n`, or with the `\r` of a progress
/// bar. A line that is longer than a piece is handed out in parts, and the last one of an output may lack its
/// end. All pieces together are exactly the bytes of the pipe.
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
    /// Taps the reading end of a pipe that no child shares. Has to be called within a runtime.
    ///
    /// # Errors
    /// If it is not a pipe.
    pub fn new(pipe: OwnedFd) -> io::Result<Self> {
        let pipe = Receiver::from_owned_fd(pipe)?;
        Ok(Self { pipe, buffer: vec![0; FIRST], filled: 0, left: None, ended: false })
    }

    /// Ends the output after the bytes that are in the pipe now, for a step that has ended while another
    /// process still has its output open. Only bytes written later are lost. Returns whether a process does
    /// have it open.
    pub fn cut(&mut self) -> bool {
        let held = is_held(&self.pipe);
        self.left = Some(bytes_in(&self.pipe).unwrap_or(0));
        held
    }

    /// Returns the line that has begun and has no end yet.
    pub fn begun(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }

    /// Reads once, and returns how many bytes came; 0 at the end.
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

    /// Removes the first bytes from the buffer.
    fn take(&mut self, bytes: usize) -> Arc<[u8]> {
        let piece = Arc::from(self.buffer.get(..bytes).unwrap_or_default());
        self.buffer.copy_within(bytes..self.filled, 0);
        self.filled -= bytes;
        piece
    }
}

impl Stream for Tap {
    type Item = io::Result<Piece>;

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
                return Poll::Ready(Some(Ok(Piece::Lines(self.take(end)))));
            }
            if self.filled == PIECE || self.ended && self.filled > 0 {
                let all = self.filled;
                return Poll::Ready(Some(Ok(Piece::Lines(self.take(all)))));
            }
            if self.filled > old {
                return Poll::Ready(Some(Ok(Piece::Begun)));
            }
        }
        Poll::Ready(None)
    }
}

/// Returns where the last whole line ends. The first `old` bytes hold no line end, except perhaps a `\r` as
/// the last byte, which may have been the beginning of a `\r\n`.
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
        loop {
            match tap.next().await?.unwrap() {
                Piece::Lines(lines) => return Some(String::from_utf8_lossy(&lines).into_owned()),
                Piece::Begun => {}
            }
        }
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
    async fn a_line_that_has_begun_can_be_seen() {
        let (mut tap, mut writer) = tapped();
        for (write, begun) in
            [("one\nGo on", "Go on"), ("? [y/N] ", "Go on? [y/N] "), ("\r10%", "10%"), ("\r", "10%\r")]
        {
            writer.write_all(write.as_bytes()).unwrap();
            while tap.begun() != begun.as_bytes() {
                tap.next().await.unwrap().unwrap();
            }
        }
        writer.write_all(b"\n").unwrap();
        assert_eq!(next(&mut tap).await.unwrap(), "10%\r\n");
        assert_eq!(tap.begun(), b"");
    }

    #[tokio::test]
    async fn a_line_without_end_comes_in_parts() {
        let (mut tap, mut writer) = tapped();
        let writer = std::thread::spawn(move || writer.write_all(&vec![b'x'; 3 * PIECE + 5]).unwrap());
        let mut lengths = Vec::new();
        while let Some(piece) = next(&mut tap).await {
            lengths.push(piece.len());
        }
        writer.join().unwrap();
        assert_eq!(lengths, [PIECE, PIECE, PIECE, 5]);
    }

    /// Each piece is written to the journal and shown by every renderer, which costs time.
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
