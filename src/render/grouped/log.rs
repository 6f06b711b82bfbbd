//! The log of a CI job, which can be written to in well-formed ways only: never more than one group is open,
//! every group is closed, and a mark always begins a line.

use std::io::{self, BufWriter, Write};
use std::time::SystemTime;

use super::dialect::Dialect;
use super::held::Held;
use crate::pipeline::StepId;
use crate::render::human::size;

/// The log.
pub struct Log {
    out: BufWriter<Box<dyn Write + Send>>,
    dialect: Box<dyn Dialect>,
    group: Option<StepId>,
    shielded: bool,
    /// The next byte begins a line.
    fresh: bool,
}

impl Log {
    /// Writes to `out`, which need not be buffered.
    pub fn new(out: Box<dyn Write + Send>, dialect: Box<dyn Dialect>) -> Self {
        Self { out: BufWriter::new(out), dialect, group: None, shielded: false, fresh: true }
    }

    /// Returns the service's way.
    pub fn dialect(&self) -> &dyn Dialect {
        &*self.dialect
    }

    /// Returns the step whose group is open.
    pub fn group(&self) -> Option<StepId> {
        self.group
    }

    /// Opens a step's group, after closing any other.
    pub fn open(&mut self, step: StepId, title: &str, folded: bool, at: Times) -> io::Result<()> {
        self.close(at.now)?;
        let mark = self.dialect.open(title, folded, at.since);
        self.marks(&mark)?;
        self.group = Some(step);
        Ok(())
    }

    /// Closes the group, if one is open.
    pub fn close(&mut self, now: SystemTime) -> io::Result<()> {
        self.unshield()?;
        if self.group.take().is_some() {
            let mark = self.dialect.close(now);
            self.marks(&mark)?;
        }
        Ok(())
    }

    /// Writes lines that have been cleaned.
    pub fn lines(&mut self, lines: &[u8], risky: bool) -> io::Result<()> {
        self.shield(risky)?;
        self.out.write_all(lines)?;
        self.fresh = lines.last().map_or(self.fresh, |last| *last == b'\n');
        Ok(())
    }

    /// Writes what was held back. `rest` says where to find what is missing in it.
    pub fn held(&mut self, held: Held, rest: &str) -> io::Result<()> {
        self.shield(held.risky())?;
        self.end_line()?;
        match held.pour(&mut self.out)? {
            0 => Ok(()),
            lost => writeln!(self.out, "* {} more could not be stored: {rest}", size(lost)),
        }
    }

    /// Writes text that belongs to no group, and so closes the one that is open.
    pub fn aside(&mut self, text: &str, now: SystemTime) -> io::Result<()> {
        self.close(now)?;
        let mut lines = Vec::new();
        let cleaned = self.dialect.clean(text.as_bytes(), &mut lines);
        self.lines(&lines, cleaned.risky)?;
        self.unshield()
    }

    /// Writes marks of the service, as the dialect gives them, outside of any group.
    pub fn say(&mut self, marks: &str, now: SystemTime) -> io::Result<()> {
        self.close(now)?;
        self.marks(marks)
    }

    /// Hands everything on.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn shield(&mut self, risky: bool) -> io::Result<()> {
        if risky && !self.shielded {
            let mark = self.dialect.shield()?;
            self.marks(&mark)?;
            self.shielded = true;
        }
        Ok(())
    }

    fn unshield(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.shielded) {
            let mark = self.dialect.unshield();
            self.marks(&mark)?;
        }
        Ok(())
    }

    fn marks(&mut self, marks: &str) -> io::Result<()> {
        self.end_line()?;
        self.out.write_all(marks.as_bytes())
    }

    fn end_line(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.fresh, true) {
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }
}

/// When what a group shows began, and when it is shown.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct Times {
    pub since: SystemTime,
    pub now: SystemTime,
}
