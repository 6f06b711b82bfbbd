//! Nothing, unless the run fails or warns: for cron, which sends a mail of whatever a program prints.

use std::io::{self, Write};

use super::style::{Sheet, Tone};
use super::{Renderer, Report, summary, text};
use crate::event::{Event, EventKind, RunEnd};

/// Shows warnings as they come, and the summary of a run that has not succeeded.
pub struct Quiet {
    out: Box<dyn Write + Send>,
    sheet: Sheet,
    report: Option<Report>,
}

impl Quiet {
    /// Returns a renderer that writes to `out`, which need not be buffered.
    pub fn new(out: Box<dyn Write + Send>, sheet: impl Into<Sheet>) -> Self {
        Self { out, sheet: sheet.into(), report: None }
    }

    fn say(&mut self, what: &str) -> io::Result<()> {
        self.out.write_all(what.as_bytes())?;
        self.out.flush()
    }
}

impl Renderer for Quiet {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        if let EventKind::RunStarted(started) = &event.kind {
            self.report = Some(Report::new(started));
        }
        if let Some(report) = &mut self.report {
            report.event(event);
        }
        match &event.kind {
            EventKind::Warning(message) => {
                let line = format!("warning: {}", text::one_line(message));
                self.say(&format!("{}\n", self.sheet.palette.paint(Tone::Doubtful, line)))
            }
            EventKind::RunFinished(finished) if finished.end != RunEnd::Succeeded => {
                let summary = self.report.as_ref().map(|report| summary::text(report, self.sheet));
                self.say(&summary.unwrap_or_default())
            }
            EventKind::RunStarted(_)
            | EventKind::StepStarted { .. }
            | EventKind::ServiceReady { .. }
            | EventKind::StepOutput { .. }
            | EventKind::StepLine { .. }
            | EventKind::StepRetrying { .. }
            | EventKind::StepFinished(_)
            | EventKind::StreamProgress(_)
            | EventKind::StreamFinished(_)
            | EventKind::Cancelling { .. }
            | EventKind::PhaseStarted(_)
            | EventKind::Note(_)
            | EventKind::RunFinished(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::event::sample::*;
    use crate::pipeline::{Failure, Outcome, StepId};
    use crate::render::Palette;

    /// Keeps what is written.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn told(kinds: impl IntoIterator<Item = EventKind>) -> String {
        let kept = Kept::default();
        let mut quiet = Quiet::new(Box::new(kept.clone()), Palette::NONE);
        let began = [run_started(many(1)), started(0, 1), output(0, "a line\n")];
        began.into_iter().chain(kinds).for_each(|kind| quiet.event(&at(9, kind)).unwrap());
        String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn success_is_silent_and_a_warning_is_not() {
        let good = || [finished(0, Outcome::Succeeded, 1, 5), run_finished(RunEnd::Succeeded, 9)];
        assert_eq!(told(good()), "");
        let warned = told([EventKind::Warning("the clock went back".into())].into_iter().chain(good()));
        assert_eq!(warned, "warning: the clock went back\n");
    }

    #[test]
    fn a_failure_shows_the_summary() {
        let failed = finished(0, Outcome::Failed(Failure::Exit(1)), 1, 5);
        let end = run_finished(RunEnd::Failed { cause: Some(StepId::new(0)) }, 9);
        insta::assert_snapshot!(told([failed, end]), @r"
          ✗  step-0  5 ms  failed: exit code 1

        ✗ `step-0` failed: exit code 1
          at many.yml:1
          | a line

        failed: `step-0` exit code 1, in 9 ms
        ");
    }
}
