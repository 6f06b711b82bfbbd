//! What events amount to.

use super::*;
use crate::event::sample::*;

fn report(pipeline: Pipeline, kinds: impl IntoIterator<Item = EventKind>) -> Report {
    let EventKind::RunStarted(started) = run_started(pipeline) else { unreachable!() };
    let mut report = Report::new(&started);
    kinds.into_iter().for_each(|kind| report.event(&at(10, kind)));
    report
}

#[test]
fn steps_are_counted_and_feeds_are_not() {
    let report = report(fed(), [started(0, 1), started(1, 1), finished(1, Outcome::Succeeded, 1, 5)]);
    let expected = Tally { total: 1, running: 1, ..Tally::default() };
    assert_eq!(report.tally, expected);
    assert_eq!(report.tally.waiting(), 0);
}

#[test]
fn a_retry_keeps_the_first_start_and_forgets_the_log() {
    let mut report =
        report(backup(), [started(UPLOAD, 1), output(UPLOAD, "first\n"), retrying(UPLOAD, 1, 28)]);
    report.event(&at(5_010, started(UPLOAD, 2)));
    let step = &report.steps[UPLOAD];
    assert!(matches!(step.state, StepState::Running { since } if since.as_millis() == 10));
    assert_eq!((step.attempt, step.log.lines().len(), report.tally.running), (2, 0, 1));
}

#[test]
fn blame_goes_to_the_other_end_of_the_chain() {
    let tainted = Outcome::Tainted { producer: StepId::new(TAR) };
    let skipped = |step| Outcome::Skipped(SkipReason::Dependency(StepId::new(step)));
    let report = report(
        backup(),
        [
            finished(TAR, Outcome::TimedOut, 1, 5),
            finished(COMPRESS, tainted, 1, 5),
            finished(MANIFEST, skipped(COMPRESS), 0, 0),
            finished(UPLOAD, skipped(MANIFEST), 0, 0),
            finished(COUNT, Outcome::Cancelled, 1, 5),
        ],
    );
    let tar = Some(StepId::new(TAR));
    assert_eq!([TAR, COMPRESS, MANIFEST, UPLOAD].map(|step| report.blame(StepId::new(step))), [tar; 4]);
    assert_eq!(report.blame(StepId::new(COUNT)), None);
}

#[test]
fn ids_from_nowhere_harm_nothing() {
    let report = report(backup(), [started(99, 1), output(99, "x"), finished(99, Outcome::Cancelled, 1, 1)]);
    assert_eq!(report.tally.running, 0);
    assert_eq!(report.blame(StepId::new(99)), None);
}
