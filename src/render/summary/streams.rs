//! The table of streams.

use std::cmp::Reverse;

use super::table::{self, Row};
use crate::event::{StreamFinished, StreamStats};
use crate::pipeline::{Destination, Outcome, StepId, Stream};
use crate::render::human::{self, list, rate, size};
use crate::render::pace::{Pace, pace};
use crate::render::style::{Sheet, Tone};
use crate::render::{Report, words};

/// Rows at most; past them, the streams that moved most.
const ROWS: usize = 40;

/// Rows at most of a run that did not go well.
const FEW: usize = 10;

/// Appends the table, in the order of the file, and a line for what it leaves out.
pub fn write(report: &Report, sheet: Sheet, out: &mut String) {
    let finished: Vec<(&Stream, &StreamFinished)> = report
        .pipeline
        .streams
        .iter()
        .zip(&report.streams)
        .filter_map(|(stream, known)| Some((stream, known.finished.as_ref()?)))
        .collect();
    let most = if report.went_wrong() { FEW } else { ROWS };
    let mut ranked: Vec<usize> = (0..finished.len()).collect();
    ranked.sort_by_key(|n| Reverse(finished.get(*n).map(|(_, finished)| finished.stats.bytes)));
    ranked.truncate(most);
    ranked.sort_unstable();
    let shown = ranked.iter().filter_map(|n| finished.get(*n));
    let rows: Vec<Row> = shown.map(|(stream, finished)| row(report, stream, finished)).collect();
    table::write(&rows, sheet, out);
    if rows.len() < finished.len() {
        let rest = human::count(finished.len() - rows.len(), "smaller stream");
        *out += &format!("  {}\n", sheet.palette.paint(Tone::Faint, format!("… {rest}")));
    }
}

fn row(report: &Report, stream: &Stream, finished: &StreamFinished) -> Row {
    let (mark, tone) = mark(finished);
    let stats = &finished.stats;
    Row::default()
        .left(tone, mark)
        .left(Tone::Normal, stream.name.as_str())
        .right(Tone::Normal, size(stats.bytes))
        .right(Tone::Normal, rate(stats.rate))
        .left(Tone::Faint, finished.backend)
        .left(Tone::Normal, way(report, stream, finished))
        .notes(notes(report, finished))
}

/// Returns the mark of a stream, one column wide, and its tone.
pub fn mark(finished: &StreamFinished) -> (&'static str, Tone) {
    if finished.complete || cut_short(finished) { ("≡", Tone::Busy) } else { ("~", Tone::Doubtful) }
}

/// Returns the way of a stream: `tar → compress, checksum`.
fn way(report: &Report, stream: &Stream, finished: &StreamFinished) -> String {
    format!("{} → {}", words::label(&report.pipeline, stream.producer), readers(report, stream, finished))
}

/// Returns the readers of the stream and its file, which of them read from disk, and which did not run.
pub fn readers(report: &Report, stream: &Stream, finished: &StreamFinished) -> String {
    if stream.out.is_none() && is_skipped_by_all(report, stream) {
        let names: Vec<_> = stream.readers.iter().map(|id| words::label(&report.pipeline, *id)).collect();
        let verb = if names.len() == 1 { "was" } else { "were" };
        return match is_discarded(report, stream, finished) {
            true => "no reader".to_owned(),
            false => format!("no reader ({} {verb} skipped)", list(names.iter().map(AsRef::as_ref))),
        };
    }
    let stats = &finished.stats;
    let reader = |id: &StepId| {
        // A step that never started has no live edge either.
        let ran = report.steps.get(id.index()).is_some_and(|step| step.ran);
        let live = !ran || stats.edges.iter().any(|edge| edge.reader == *id);
        let name = words::label(&report.pipeline, *id);
        match report.steps.get(id.index()).and_then(|step| unrun(step.outcome()?)) {
            Some(why) => format!("{name} ({why})"),
            None if live => name.into_owned(),
            None => format!("{name} (from disk)"),
        }
    };
    let mut readers: Vec<String> = stream.readers.iter().map(reader).collect();
    match &stream.out {
        Some(Destination::Stdout) => readers.push("standard output".into()),
        Some(Destination::File(path)) => readers.push(path.display().to_string()),
        None => {}
    }
    if readers.is_empty() {
        readers.push("(no reader)".into());
    }
    list(readers.iter().map(String::as_str))
}

/// Returns whether a stream has readers, and all of them were skipped.
fn is_skipped_by_all(report: &Report, stream: &Stream) -> bool {
    let is_skipped = |id: &StepId| {
        let outcome = report.steps.get(id.index()).and_then(|step| step.outcome());
        outcome.is_some_and(|outcome| unrun(outcome) == Some("skipped"))
    };
    !stream.readers.is_empty() && stream.readers.iter().all(is_skipped)
}

/// Returns whether the bytes of a stream are nowhere, because all of its readers were passed over: before it
/// began, or since then.
fn is_discarded(report: &Report, stream: &Stream, finished: &StreamFinished) -> bool {
    let is_passed = |id: &StepId| {
        report.steps.get(id.index()).and_then(|step| step.outcome()).is_some_and(Outcome::is_passed_over)
    };
    let passed = !stream.readers.is_empty() && stream.readers.iter().all(is_passed);
    finished.discarded || (passed && finished.kept.is_none() && stream.out.is_none())
}

/// Returns what is said of a reader that did not run.
fn unrun(outcome: &Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::LeftOut => Some("left out"),
        Outcome::Skipped(_) => Some("skipped"),
        Outcome::Reused => Some("done before"),
        Outcome::Succeeded
        | Outcome::Failed(_)
        | Outcome::TimedOut
        | Outcome::Tainted { .. }
        | Outcome::Cancelled
        | Outcome::Ignored(_) => None,
    }
}

/// Returns notes about a stream, a sentence each.
pub fn notes(report: &Report, finished: &StreamFinished) -> Vec<String> {
    let mut notes = Vec::new();
    if !finished.complete && !cut_short(finished) {
        notes.push("incomplete; no reader saw end-of-file".into());
    }
    if cut_short(finished) {
        notes.push("all readers closed early; the rest was not produced".into());
    }
    for (reader, unread) in &finished.unread {
        let reader = words::label(&report.pipeline, *reader);
        notes.push(match unread {
            Some(0) | None => continue,
            Some(bytes) => format!("`{reader}` left {} unread", size(*bytes)),
        });
    }
    for edge in finished.stats.edges.iter().filter(|edge| edge.spilled > 0) {
        let reader = words::label(&report.pipeline, edge.reader);
        notes.push(format!("`{reader}` lagged by up to {} on disk", size(edge.spilled)));
    }
    notes.extend(waited_for(report, &finished.stats));
    let stream = report.pipeline.streams.get(finished.stats.stream.index());
    if stream.is_some_and(|stream| is_discarded(report, stream, finished)) {
        notes.push("discarded: its readers were skipped".into());
    }
    if let (Some(sha256), None) = (&finished.sha256, &finished.kept) {
        notes.push(format!("sha256 {sha256}"));
    }
    if let Some(kept) = &finished.kept {
        notes.push(format!("kept in {}, {}, sha256 {}", kept.path.display(), size(kept.bytes), kept.sha256));
    }
    notes
}

/// Returns whether the stream ended because its last reader left early.
fn cut_short(finished: &StreamFinished) -> bool {
    finished.unread.iter().any(|(_, unread)| unread.is_none())
}

/// Returns a note that names what the stream has waited for, if that was one step.
fn waited_for(report: &Report, stats: &StreamStats) -> Option<String> {
    let producer = report.pipeline.streams.get(stats.stream.index())?.producer;
    Some(match pace(stats, None)? {
        Pace::Reader(reader, share) => {
            let name = words::label(&report.pipeline, reader);
            format!("`{name}` held the pace: the stream waited for it {share} % of the time")
        }
        Pace::Producer(share) => {
            let name = words::label(&report.pipeline, producer);
            format!("`{name}` was waited for, {share} % of the time")
        }
    })
}
