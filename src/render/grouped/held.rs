//! What a step has written while others ran, until it is its turn to be shown.

use std::io::{self, Read as _, Seek as _, Write};
use std::path::Path;

use tempfile::{SpooledTempFile, spooled_tempfile_in};

/// Bytes of one step in memory; past them its lines wait in a file without a name.
const IN_MEMORY: usize = 256 << 10;

/// Lines held back, ready to be shown.
#[derive(Debug)]
pub struct Held {
    lines: SpooledTempFile,
    /// Bytes that could not be held because the disk was full.
    lost: u64,
    /// Whether the service could take any of the lines for more than text.
    risky: bool,
}

impl Held {
    /// Holds nothing yet, and keeps in `dir` what is too much for memory.
    pub fn new(dir: &Path) -> Self {
        Self { lines: spooled_tempfile_in(IN_MEMORY, dir), lost: 0, risky: false }
    }

    /// Takes in more lines. Once some are lost, so are all later ones: what is shown has no holes.
    pub fn push(&mut self, lines: &[u8], risky: bool) {
        self.risky |= risky;
        if self.lost > 0 || self.lines.write_all(lines).is_err() {
            self.lost += lines.len() as u64;
        }
    }

    /// Returns whether the service could take any of the lines for more than text.
    pub fn risky(&self) -> bool {
        self.risky
    }

    /// Writes the lines, the last one ended whatever happens; returns how many bytes are missing after them.
    pub fn pour(mut self, out: &mut dyn Write) -> io::Result<u64> {
        let mut piece = vec![0; 64 << 10];
        let mut last = b'\n';
        let mut read = self.lines.rewind().map(|()| 1);
        while read.as_ref().is_ok_and(|read| *read > 0) {
            read = self.lines.read(&mut piece);
            let lines = piece.get(..*read.as_ref().unwrap_or(&0)).unwrap_or_default();
            last = lines.last().copied().unwrap_or(last);
            out.write_all(lines)?;
        }
        if last != b'\n' {
            out.write_all(b"\n")?;
        }
        // What cannot be read back is as lost as what could not be written.
        Ok(if read.is_err() { self.lost.max(1) } else { self.lost })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poured(held: Held) -> (Vec<u8>, u64) {
        let mut out = Vec::new();
        let lost = held.pour(&mut out).unwrap();
        (out, lost)
    }

    #[test]
    fn what_is_too_much_for_memory_lies_on_disk_and_comes_back_whole() {
        let dir = tempfile::tempdir().unwrap();
        let mut held = Held::new(dir.path());
        for n in 0..40_000 {
            held.push(format!("line {n}\n").as_bytes(), n == 7);
        }
        assert!(held.lines.is_rolled() && held.risky());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "the file has no name");
        let (out, lost) = poured(held);
        let expected: String = (0..40_000).map(|n| format!("line {n}\n")).collect();
        assert_eq!((String::from_utf8(out).unwrap(), lost), (expected, 0));
    }

    #[test]
    fn without_a_disk_the_beginning_is_held_and_the_rest_counted() {
        let dir = tempfile::tempdir().unwrap();
        let mut held = Held::new(&dir.path().join("nowhere"));
        held.push(b"short\n", false);
        held.push(&vec![b'x'; IN_MEMORY], false);
        held.push(b"later\n", false);
        let (out, lost) = poured(held);
        assert!(out.starts_with(b"short\n") && out.ends_with(b"\n") && !out.ends_with(b"later\n"));
        assert_eq!(lost, IN_MEMORY as u64 + 6);
    }

    #[test]
    fn the_last_line_is_ended() {
        let mut held = Held::new(Path::new("."));
        assert_eq!(poured(Held::new(Path::new("."))).0, b"");
        held.push(b"no newline", false);
        assert_eq!(poured(held).0, b"no newline\n");
    }
}
