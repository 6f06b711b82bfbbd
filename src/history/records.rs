//! Reads a journal, while it grows or later.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::HistoryError;
use super::own::{self, LONGEST};
use crate::event::wire::{Body, Record, VERSION};

/// The records of a journal, as they are appended. A last line without its end is not a record yet.
#[derive(Debug)]
pub struct Records {
    path: PathBuf,
    file: Option<File>,
    /// The beginning of a line whose end is not there yet.
    rest: Vec<u8>,
    skipped: Skipped,
}

/// The parts of a journal that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Skipped {
    /// Lines that are not records.
    pub broken: usize,
    /// The highest format version of records from a newer `pipe` that this one cannot read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newer: Option<u32>,
}

/// What every record has, in any version.
#[derive(Deserialize)]
struct Outline {
    v: u32,
}

impl Records {
    /// Returns the records of the journal at `path`, which need not be there yet.
    pub fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, rest: Vec::new(), skipped: Skipped::default() }
    }

    /// Returns the records that have come since the last call.
    pub fn read_new(&mut self) -> Result<Vec<Record>, HistoryError> {
        self.fill().map_err(HistoryError::read(&self.path))?;
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let cut = self.rest.split_off(whole);
        let lines = std::mem::replace(&mut self.rest, cut);
        Ok(lines.split(|byte| *byte == b'\n').filter_map(|line| self.skipped.record(line)).collect())
    }

    /// Returns what could not be read so far.
    pub fn skipped(&self) -> Skipped {
        self.skipped
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            match own::open(&self.path) {
                Ok(file) => self.file = Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.file.iter_mut().try_for_each(|file| own::read(file, LONGEST, &mut self.rest))
    }
}

impl Skipped {
    /// Returns whether everything could be read.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the record on a line; counts it where it is none. Empty lines mean nothing, and a kind of
    /// event that is not known is one of a later `pipe` that is to be skipped.
    pub(super) fn record(&mut self, line: &[u8]) -> Option<Record> {
        if line.is_empty() {
            return None;
        }
        match serde_json::from_slice::<Record>(line) {
            Ok(record) if record.v <= VERSION => return Some(record).filter(|it| it.body != Body::Unknown),
            _ => {}
        }
        match serde_json::from_slice::<Outline>(line) {
            Ok(outline) if outline.v > VERSION => self.newer = self.newer.max(Some(outline.v)),
            _ => self.broken += 1,
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;
    use crate::event::sample::*;
    use crate::event::wire::Encoder;
    use crate::event::{EventKind, RunEnd};
    use crate::pipeline::{Failure, Outcome};

    fn journal() -> (Vec<Record>, Vec<u8>) {
        let mut encoder = Encoder::new();
        let kinds: [EventKind; 6] = [
            run_started(backup()),
            started(TAR, 1),
            retrying(TAR, 1, 2),
            started(TAR, 2),
            finished(TAR, Outcome::Failed(Failure::Start("\u{fc}\n\"x\"".into())), 2, 10),
            run_finished(RunEnd::Failed { cause: None }, 10),
        ];
        let records = kinds.map(|kind| encoder.encode(&at(10, kind)).unwrap()).to_vec();
        let mut text = Vec::new();
        records.iter().for_each(|record| record.write_line(&mut text).unwrap());
        (records, text)
    }

    fn read(bytes: &[u8]) -> (Vec<Record>, Skipped) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        fs::write(&path, bytes).unwrap();
        let mut records = Records::of(&path);
        (records.read_new().unwrap(), records.skipped())
    }

    #[test]
    fn a_journal_cut_at_any_byte_has_all_records_before_the_cut() {
        let (records, text) = journal();
        for cut in 0..=text.len() {
            let whole = text[..cut].iter().filter(|byte| **byte == b'\n').count();
            let (found, skipped) = read(&text[..cut]);
            assert_eq!(found, records[..whole], "cut at {cut}");
            assert!(skipped.is_nothing());
        }
    }

    #[test]
    fn what_is_read_while_it_grows_is_the_same() {
        let (records, text) = journal();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let mut reader = Records::of(&path);
        assert_eq!(reader.read_new().unwrap(), [], "it is not there yet");
        let mut file = File::create(&path).unwrap();
        let mut found = Vec::new();
        for piece in text.chunks(97) {
            file.write_all(piece).unwrap();
            found.extend(reader.read_new().unwrap());
        }
        assert_eq!(found, records);
    }

    #[test]
    fn what_is_not_known_is_skipped_and_what_is_broken_is_counted() {
        let (records, text) = journal();
        let mut lines: Vec<Vec<u8>> = text.split_inclusive(|byte| *byte == b'\n').map(Vec::from).collect();
        let more = String::from_utf8(lines[1].clone()).unwrap().replacen('{', "{\"more\":{\"a\":[1]},", 1);
        lines[1] = more.into_bytes();
        lines.insert(
            1,
            b"{\"v\":1,\"at\":\"x\",\"elapsed_ms\":1,\"event\":\"step-dreams\",\"of\":1}\n".to_vec(),
        );
        lines.insert(3, b"{\"v\":1,\"at\n".to_vec());
        lines.insert(3, b"{\"v\":1,\"at\":\"x\",\"elapsed_ms\":1,\"event\":\"step-started\"}\n".to_vec());
        lines.insert(3, b"\xff\n\n".to_vec());
        lines.insert(5, b"{\"v\":7,\"event\":\"step-started\",\"step\":4}\n".to_vec());
        let (found, skipped) = read(&lines.concat());
        assert_eq!(found, records);
        assert_eq!(skipped, Skipped { broken: 3, newer: Some(7) });
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much(bytes: Vec<u8>) {
            read(&bytes);
        }
    }
}
