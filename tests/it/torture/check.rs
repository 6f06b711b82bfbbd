//! Compares what was seen of a case with what may come of it.

use std::fs;

use serde_json::Value;

use super::case::{Case, Demise, How, Step};
use super::left;
use super::model::streams;
use super::outcomes;
use super::run::{SECRET, Seen};
use crate::support::containers::Lane;
use crate::support::sha256;

/// What is wrong; the first of it.
pub fn check(case: &Case, seen: &Seen) -> Result<(), String> {
    let streams = streams(case);
    is(!seen.hung, || "it hangs".into())?;
    is(seen.left.is_empty(), || format!("there is still {:#?}", seen.left))?;
    no_end_is_false(case, seen, &streams)?;
    files_are_whole(case, seen, &streams)?;
    the_journal_is_readable(case, seen)?;
    the_secret_is_nowhere(seen)?;
    values_arrive(case, seen)?;
    if seen.code.is_none() {
        return is(seen.sent == Some(How::Kill), || "a signal ended it".into());
    }
    the_exit_code_fits(case, seen)?;
    outcomes::check(case, seen)?;
    promises_are_kept(case, seen)
}

pub fn is(so: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if so { Ok(()) } else { Err(otherwise()) }
}

/// A reader that has seen an end has seen all before it, and the maker was not bound to fail.
fn no_end_is_false(case: &Case, seen: &Seen, streams: &[Vec<u8>]) -> Result<(), String> {
    // What goes through the engine ends with the process that holds its connection, and its reader cannot
    // tell.
    let cut_off = seen.code.is_none() || seen.struck == Some(Demise::Killed);
    let is_exempt = |it: &Step| cut_off && it.in_container && case.lane == Lane::Attach;
    for (step, it) in case.steps.iter().enumerate().filter(|(_, it)| !is_exempt(it)) {
        for (position, read) in it.reads.iter().enumerate().filter(|(_, read)| read.take.is_none()) {
            let expected = sha256(&streams[read.from]);
            for (attempt, sum) in ends(seen, step, position) {
                is(sum == expected, || {
                    format!("s{step} has seen a false end of o{} in attempt {attempt}", read.from)
                })?;
            }
            let can_succeed = !case.must_fail(read.from, attempts(seen, read.from));
            let ended = ends(seen, step, position).next().is_some();
            is(!ended || can_succeed, || {
                format!("s{step} has seen an end of o{}, whose maker failed", read.from)
            })?;
        }
    }
    Ok(())
}

/// The attempts in which a step has seen the end of an input, and the checksum of what came before it.
pub fn ends(seen: &Seen, step: usize, position: usize) -> impl Iterator<Item = (u64, String)> {
    let text = fs::read_to_string(seen.place.join(&format!("eof.{step}.{position}"))).unwrap_or_default();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.into_iter().map(|line| {
        let mut words = line.split(' ');
        let attempt = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        (attempt, words.next().unwrap_or_default().to_owned())
    })
}

/// Attempts of a step that were started, as far as was told.
pub fn attempts(seen: &Seen, step: usize) -> u64 {
    let started = of_step(seen, step, "step-started");
    started.filter_map(|record| record["attempt"].as_u64()).max().unwrap_or(1)
}

/// The step of a name in a record.
pub fn number(name: &Value) -> Option<usize> {
    Case::number(name.as_str()?)
}

/// The records of one kind about a step.
pub fn of_step<'a>(seen: &'a Seen, step: usize, event: &'a str) -> impl Iterator<Item = &'a Value> {
    seen.records
        .iter()
        .filter(move |record| record["event"] == event && number(&record["step"]) == Some(step))
}

/// Files that streams go to are whole or not there.
fn files_are_whole(case: &Case, seen: &Seen, streams: &[Vec<u8>]) -> Result<(), String> {
    for (step, bytes) in streams.iter().enumerate() {
        if let Ok(out) = fs::read(seen.place.join(&format!("out.{step}"))) {
            is(out == *bytes, || format!("out.{step} is not whole"))?;
        }
    }
    for run in left::runs(&seen.place) {
        for kept in fs::read_dir(run.join("streams")).into_iter().flatten().flatten() {
            let name = kept.file_name().to_string_lossy().into_owned();
            let step =
                Case::maker(&name).filter(|&step| case.keeps(step) || was_never_read(case, seen, step));
            let step = step.ok_or_else(|| format!("streams/{name} is left"))?;
            let is_needless =
                seen.code.is_some() && !case.keeps(step) && has_only_passed_over(case, seen, step);
            is(!is_needless, || format!("streams/{name} is kept, and all its readers were passed over"))?;
            is(fs::read(kept.path()).unwrap() == streams[step], || format!("streams/{name} is not whole"))?;
        }
    }
    Ok(())
}

/// Whether a stream was kept because none of its readers has begun, and that was told.
fn was_never_read(case: &Case, seen: &Seen, step: usize) -> bool {
    let unread = case.readers(step).all(|(reader, _)| of_step(seen, reader, "step-started").next().is_none());
    let is_told = |record: &Value| record["stream"] == case.stream(step) && record["kept"].is_object();
    unread && (seen.code.is_none() || seen.records.iter().any(is_told))
}

/// Whether conditions have taken all readers of a stream away.
fn has_only_passed_over(case: &Case, seen: &Seen, step: usize) -> bool {
    let is_passed_over = |end: &Value| end["condition"].is_string() || end["without"].is_string();
    case.readers(step).all(|(reader, _)| of_step(seen, reader, "step-finished").any(is_passed_over))
}

fn the_journal_is_readable(case: &Case, seen: &Seen) -> Result<(), String> {
    let runs = left::runs(&seen.place);
    let Some(run) = runs.first() else { return Ok(()) };
    let text = fs::read(run.join("events.jsonl")).unwrap_or_default();
    let (whole, cut) = text.split_at(text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1));
    let may_be_cut = seen.code.is_none() || case.disk.is_some();
    is(cut.is_empty() || may_be_cut, || "the journal's last line is cut".into())?;
    let mut journal = Vec::new();
    for line in whole.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let record: Value = serde_json::from_slice(line)
            .map_err(|_| format!("the journal has `{}`", String::from_utf8_lossy(line)))?;
        journal.push(record);
    }
    is(seen.show.code == Some(0) || case.disk.is_some() || whole.is_empty(), || {
        format!("`pipe show last`: {:?}: {}", seen.show.code, seen.show.stderr)
    })?;
    if case.disk.is_some() || seen.code.is_none() {
        return Ok(());
    }
    let told = |records: &[Value], event: &str| -> Vec<String> {
        records
            .iter()
            .filter(|record| record["event"] == event)
            .map(|record| format!("{} {}", record["step"], record["outcome"]))
            .collect()
    };
    for event in ["run-started", "step-finished", "run-finished", "stream-finished", "step-retrying"] {
        is(told(&journal, event) == told(&seen.records, event), || {
            format!("the journal tells `{event}` otherwise")
        })?;
    }
    Ok(())
}

fn the_exit_code_fits(case: &Case, seen: &Seen) -> Result<(), String> {
    let ends: Vec<&Value> = seen.records.iter().filter(|record| record["event"] == "run-finished").collect();
    let [end] = ends.as_slice() else {
        let engine = ends.is_empty() && case.disk.is_some() && seen.code == Some(3);
        return is(engine, || {
            format!(
                "{} ends of the run, exit code {:?}: {}",
                ends.len(),
                seen.code,
                seen.place.read("stderr")
            )
        });
    };
    let signal = if seen.sent == Some(How::Term) { 15 } else { 2 };
    let (code, possible) = match end["end"].as_str().unwrap_or_default() {
        "succeeded" => (0, true),
        "failed" => (1, true),
        "engine" => (3, case.disk.is_some() || seen.struck.is_some()),
        "signalled" => (128 + signal, seen.sent.is_some()),
        _ => (-1, false),
    };
    is(possible && seen.code == Some(code), || format!("exit code {:?} for {end}", seen.code))
}

fn the_secret_is_nowhere(seen: &Seen) -> Result<(), String> {
    let files = left::files(seen.place.path());
    let told = seen.records.iter().map(Value::to_string).chain([seen.show.stdout.clone()]);
    let texts =
        files.iter().map(|file| String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned());
    is(!told.chain(texts).any(|text| text.contains(SECRET)), || "the secret shows".into())
}

/// Who reads a value gets that of the attempt that counts.
fn values_arrive(case: &Case, seen: &Seen) -> Result<(), String> {
    for (step, it) in case.steps.iter().enumerate() {
        let succeeded = of_step(seen, step, "step-finished").find(|end| end["outcome"] == "succeeded");
        if let Some(end) = succeeded.filter(|_| it.gives) {
            let due = Case::value(step, &end["attempts"]);
            is(end["outputs"]["value"] == due, || format!("s{step} has not given `{due}`"))?;
        }
        for &giver in &it.takes {
            let got = fs::read_to_string(seen.place.join(&format!("got.{step}.{giver}"))).unwrap_or_default();
            let due = Case::value(giver, attempts(seen, giver)) + "\n";
            is(got == due || (got.is_empty() && succeeded.is_none()), || {
                format!("s{step} has got {got:?} from s{giver}, which gave {due:?}")
            })?;
        }
    }
    Ok(())
}

/// Promised files are there if their step succeeded, as the journal says, and only then.
fn promises_are_kept(case: &Case, seen: &Seen) -> Result<(), String> {
    for (step, _) in case.steps.iter().enumerate().filter(|(_, it)| it.produces) {
        let file = fs::read(seen.place.join(&format!("made.{step}"))).ok();
        let Some(end) = of_step(seen, step, "step-finished").next() else { continue };
        let promised =
            (end["outcome"] == "succeeded").then(|| end["products"][0]["sha256"].as_str().unwrap_or("none"));
        let found = file.as_deref().map(sha256);
        is(found.as_deref() == promised, || format!("made.{step} is {found:?}, promised {promised:?}"))?;
    }
    Ok(())
}
