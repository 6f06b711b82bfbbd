//! The end of a log.

use crate::render::text;

/// The last lines of a log: [`LogTail::LINES`] unless it is made for more, of at most [`LogTail::BYTES`] together.
#[derive(Debug, Clone)]
pub struct LogTail {
    bytes: Vec<u8>,
    /// The lines that have ended so far.
    ended: usize,
    /// The lines kept at the most.
    most: usize,
}

impl Default for LogTail {
    fn default() -> Self {
        Self::of(Self::LINES)
    }
}

impl LogTail {
    /// Lines kept of a step.
    pub const LINES: usize = 10;
    /// Lines kept of a service: what matters may stand before what it says of its end.
    pub const LINES_OF_SERVICES: usize = 20;
    /// Bytes kept.
    pub const BYTES: usize = 8 << 10;

    /// Returns an empty one that keeps so many lines.
    pub fn of(lines: usize) -> Self {
        Self { bytes: Vec::new(), ended: 0, most: lines }
    }

    /// Takes in a piece of the log. Costs little more than the lines that it keeps, however long the piece
    /// is.
    pub fn push(&mut self, piece: &[u8]) {
        // The next drawing of a progress bar takes the place of the last.
        if self.bytes.ends_with(b"\r") && !piece.starts_with(b"\n") {
            let line = memchr::memrchr(b'\n', &self.bytes).map_or(0, |newline| newline + 1);
            self.bytes.truncate(line);
        }
        self.ended += memchr::memchr_iter(b'\n', piece).count();
        self.bytes.extend_from_slice(last_lines(piece, self.most));
        let surplus = self.bytes.len() - last_lines(&self.bytes, self.most).len();
        self.bytes.drain(..surplus);
    }

    /// Counts lines that came before all others and are not here.
    pub fn came_after(&mut self, lines: usize) {
        self.ended += lines;
    }

    /// Returns how many lines came before those that are kept.
    pub fn earlier(&self) -> usize {
        let kept = memchr::memchr_iter(b'\n', &self.bytes).count();
        self.ended.saturating_sub(kept)
    }

    /// Returns the lines, without control characters.
    pub fn lines(&self) -> Vec<String> {
        let mut clean = Vec::with_capacity(self.bytes.len());
        text::prefix_lines(b"", &self.bytes, &mut clean);
        String::from_utf8_lossy(&clean).lines().map(str::to_owned).collect()
    }
}

fn last_lines(bytes: &[u8], most: usize) -> &[u8] {
    let bytes = bytes.get(bytes.len().saturating_sub(LogTail::BYTES)..).unwrap_or(bytes);
    let inner = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let newlines = inner.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    let start = newlines.map(|(at, _)| at + 1).nth(most.saturating_sub(1)).unwrap_or(0);
    bytes.get(start..).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_a_log_is_short_and_whole() {
        let mut log = LogTail::default();
        for n in 0..100 {
            log.push(format!("line {n}\n").as_bytes());
        }
        assert_eq!(log.lines().len(), 10);
        assert_eq!(log.lines().last().unwrap(), "line 99");
        assert_eq!(log.earlier(), 90);
        log.came_after(1_000);
        assert_eq!(log.earlier(), 1_090);
        log.push(b"half ");
        log.push(b"a line");
        assert_eq!(log.lines().last().unwrap(), "half a line");
        assert_eq!(log.lines().len(), 10);
        log.push(&[b'x'; 1 << 20]);
        assert_eq!(log.bytes.len(), LogTail::BYTES);
    }

    #[test]
    fn a_progress_bar_is_one_line_of_it() {
        let mut log = LogTail::default();
        log.push(b"first\n");
        (0..10_000).for_each(|percent| log.push(format!("[==>     ] {percent}\r").as_bytes()));
        assert_eq!(log.lines(), ["first", "[==>     ] 9999"]);
        log.push(b"\nlast\n");
        assert_eq!(log.lines(), ["first", "[==>     ] 9999", "last"]);
    }
}
