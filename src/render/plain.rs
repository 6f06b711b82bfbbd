//! Prefixed lines, for pipes, files and CI.

use std::io::{self, Write};

use super::narrate::{Narrator, Telling};
use super::style::Sheet;
use super::{Renderer, Report, summary};
use crate::event::{Event, EventKind};

/// Shows a run in prefixed lines, then its summary. One write for each event, which for output is many lines.
pub struct Plain {
    out: Box<dyn Write + Send>,
    sheet: Sheet,
    times: bool,
    run: Option<(Report, Narrator)>,
    lines: Vec<u8>,
}

impl Plain {
    /// Returns a renderer that writes to `out`, which need not be buffered.
    pub fn new(out: Box<dyn Write + Send>, sheet: impl Into<Sheet>) -> Self {
        Self { out, sheet: sheet.into(), times: false, run: None, lines: Vec::new() }
    }
}

impl Plain {
    /// Begins each line with its time, if that is asked for.
    pub fn with_times(self, times: bool) -> Self {
        Self { times, ..self }
    }
}

impl Renderer for Plain {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        if let EventKind::RunStarted(started) = &event.kind {
            let narrator = Narrator::new(&started.pipeline, self.sheet.palette);
            let narrator = if self.times { narrator.with_times() } else { narrator };
            self.run = Some((Report::new(started), narrator));
        }
        let Some((report, narrator)) = &mut self.run else {
            return Ok(());
        };
        report.event(event);
        self.lines.clear();
        narrator.event(&report.pipeline, event, Telling::Everything, &mut self.lines);
        if let EventKind::RunFinished(_) = event.kind {
            self.lines.push(b'\n');
            self.lines.extend_from_slice(summary::text(report, self.sheet).as_bytes());
        }
        if self.lines.is_empty() {
            return Ok(());
        }
        self.out.write_all(&self.lines)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
