//! Appends whole lines to a file: no line ever begins inside another, even if the disk is full for a while.

use std::io::{self, ErrorKind, Write};

use super::reserve::Reserve;

/// Appends lines. A line that only partly fits is completed before the next begins, so that only the last
/// line of the file can be cut.
#[derive(Debug)]
pub(super) struct Lines<W> {
    file: W,
    /// The missing rest of the last line of the file.
    rest: Vec<u8>,
    /// Room that is freed once the disk is full.
    reserve: Option<Reserve>,
}

impl<W: Write> Lines<W> {
    /// Returns an appender for a file that is empty or ends with a newline.
    pub(super) fn new(file: W, reserve: Reserve) -> Self {
        Self { file, rest: Vec::new(), reserve: Some(reserve) }
    }

    /// Returns whether the disk was full, and the reserve is being used up.
    pub(super) fn is_short_of_room(&self) -> bool {
        self.reserve.is_none()
    }

    /// Appends a line, its newline included, in one write if there is room.
    ///
    /// # Errors If the line is not in the file, or only its beginning, which a later call completes.
    pub(super) fn append(&mut self, line: &[u8]) -> io::Result<()> {
        self.finish()?;
        self.rest.extend_from_slice(line);
        self.finish().inspect_err(|_| {
            if self.rest.len() == line.len() {
                self.rest.clear();
            }
        })
    }

    fn finish(&mut self) -> io::Result<()> {
        while !self.rest.is_empty() {
            match self.file.write(&self.rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(taken) => drop(self.rest.drain(..taken)),
                Err(error) if error.kind() == ErrorKind::Interrupted || self.reserve.take().is_some() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A disk, and how much it still takes.
    #[derive(Default)]
    struct Disk {
        written: Vec<u8>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.room);
            if taken == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.room -= taken;
            self.written.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(run: &tempfile::TempDir) -> Lines<Disk> {
        Lines::new(Disk::default(), Reserve::take(run.path()).unwrap())
    }

    #[test]
    fn a_line_that_was_torn_is_finished_before_the_next() {
        let run = tempfile::tempdir().unwrap();
        let mut lines = lines(&run);
        lines.file.room = 2;
        assert_eq!(lines.append(b"one\n").unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(lines.append(b"two\n").unwrap_err().kind(), ErrorKind::StorageFull);
        lines.file.room = 100;
        lines.append(b"three\n").unwrap();
        assert_eq!(lines.file.written, b"one\nthree\n");
    }

    #[test]
    fn the_reserve_is_given_up_before_a_line_is() {
        let run = tempfile::tempdir().unwrap();
        let mut lines = lines(&run);
        lines.file.room = 4;
        lines.append(b"one\n").unwrap();
        assert!(!lines.is_short_of_room());
        lines.append(b"two\n").unwrap_err();
        assert!(lines.is_short_of_room() && !run.path().join("reserve").exists());
    }

    proptest! {
        #[test]
        fn whatever_room_there_is_no_line_is_inside_another(rooms in prop::collection::vec(0_usize..12, 1..40)) {
            let run = tempfile::tempdir().unwrap();
            let mut lines = lines(&run);
            for (number, room) in rooms.into_iter().enumerate() {
                lines.file.room = room;
                let known = lines.file.written.len();
                let line = format!("line {number}\n");
                let appended = lines.append(line.as_bytes()).is_ok();
                let news = &lines.file.written[known..];
                prop_assert_eq!(appended, news.ends_with(line.as_bytes()), "{:?}", String::from_utf8_lossy(news));
            }
            let written = String::from_utf8(lines.file.written).unwrap();
            let (whole, cut) = written.split_at(written.rfind('\n').map_or(0, |end| end + 1));
            let number = |line: &str| line.strip_prefix("line ").and_then(|number| number.parse().ok());
            let numbers: Option<Vec<usize>> = whole.lines().map(number).collect();
            prop_assert!(numbers.is_some_and(|numbers| numbers.is_sorted()), "{}", whole);
            prop_assert!("line ".starts_with(cut) || cut.starts_with("line "), "{}", cut);
        }
    }
}
