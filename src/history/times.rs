//! When the lines of logs were written: a file beside the logs, which are byte for byte what steps wrote.
//!
//! Each line of the file is `STEP OFFSET MILLISECONDS`: the number of the step, where in its log a piece begins, and
//! when that was by the wall clock. Pieces that come close together share a line, so that chatty steps cost little.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::run_dir::append_private;
use super::{HistoryError, LogReader};
use crate::pipeline::StepId;

/// Pieces of one log that come within this are taken to be written at one time.
const CLOSE: Duration = Duration::from_millis(10);

/// Notes when pieces are written.
#[derive(Debug, Default)]
pub(super) struct TimesWriter {
    file: Option<File>,
    /// By step, when its latest line was noted.
    latest: HashMap<StepId, SystemTime>,
    /// It could not be written: times are missing from here on, and no log is.
    is_broken: bool,
}

impl TimesWriter {
    /// Notes that a piece of a log begins here.
    pub(super) fn note(&mut self, path: &Path, step: StepId, offset: u64, at: SystemTime) {
        let is_close =
            |latest: &SystemTime| at.duration_since(*latest).is_ok_and(|since| since < CLOSE) && offset > 0;
        if self.is_broken || self.latest.get(&step).is_some_and(is_close) {
            return;
        }
        self.latest.insert(step, at);
        self.is_broken = self.append(path, step, offset, at).is_err();
    }

    fn append(&mut self, path: &Path, step: StepId, offset: u64, at: SystemTime) -> io::Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => append_private(path)?,
        };
        let file = self.file.insert(file);
        let millis = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        file.write_all(format!("{} {offset} {millis}\n", step.index()).as_bytes())
    }
}

/// Tells when lines were written, as far as that is known.
#[derive(Debug)]
pub(super) struct TimesReader {
    file: LogReader,
    /// By step: where pieces begin, and when.
    known: HashMap<usize, Vec<(u64, u64)>>,
}

impl TimesReader {
    /// Reads the times at `path`, which need not be there.
    pub(super) fn of(path: &Path) -> Self {
        Self { file: LogReader::of(path), known: HashMap::new() }
    }

    /// Reads what has come since the last call.
    pub(super) fn read_new(&mut self) -> Result<(), HistoryError> {
        let known = &mut self.known;
        self.file.read_new(false, |bytes| {
            for line in String::from_utf8_lossy(bytes).lines() {
                let mut numbers = line.split(' ').map(str::parse::<u64>);
                if let (Some(Ok(step)), Some(Ok(offset)), Some(Ok(millis))) =
                    (numbers.next(), numbers.next(), numbers.next())
                {
                    let step = usize::try_from(step).unwrap_or(usize::MAX);
                    known.entry(step).or_default().push((offset, millis));
                }
            }
            Ok(())
        })
    }

    /// Returns when the byte at `offset` of a log was written.
    pub(super) fn at(&self, step: StepId, offset: u64) -> Option<SystemTime> {
        let known = self.known.get(&step.index())?;
        let next = known.partition_point(|(begin, _)| *begin <= offset);
        let (_, millis) = known.get(next.checked_sub(1)?)?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(*millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_has_the_time_of_its_piece() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("times");
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        let (mut writer, mut reader) = (TimesWriter::default(), TimesReader::of(&path));
        reader.read_new().unwrap();
        let (one, other) = (StepId::new(3), StepId::new(4));
        for (step, offset, millis) in [(one, 0, 1_000), (other, 0, 1_001), (one, 10, 1_005), (one, 20, 1_500)]
        {
            writer.note(&path, step, offset, at(millis));
        }
        reader.read_new().unwrap();
        let times = [0, 9, 10, 19, 20, 99].map(|offset| reader.at(one, offset).unwrap());
        assert_eq!(times, [1_000, 1_000, 1_000, 1_000, 1_500, 1_500].map(at));
        assert_eq!(reader.at(other, 5), Some(at(1_001)));
        assert_eq!(reader.at(StepId::new(5), 0), None);
    }
}
