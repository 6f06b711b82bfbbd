//! What earlier runs have done of a pipeline's steps: one account, told by all of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::pipeline::{Artifact, Fingerprint, Outputs};
use crate::stream::sha256;

/// What earlier runs have done.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// The run that this one goes on from (`--resume`). Without one, only values of steps that are left out
    /// are taken from here.
    pub resumed: Option<String>,
    /// By step: what came of its last start.
    pub steps: BTreeMap<String, PastStep>,
    /// By step: its values, from the newest run that has them.
    pub values: BTreeMap<String, PastValues>,
    /// The steps that have not started since they were passed over, each with the newest run that did so.
    pub passed_over: BTreeMap<String, String>,
    /// The streams that were kept when their producers ran last.
    pub streams: BTreeMap<String, PastStream>,
    /// How many runs this was told by.
    runs: usize,
}

/// What came of a step when it was started last.
#[derive(Debug, Clone)]
pub struct PastStep {
    /// The run that says so.
    pub run: String,
    /// How many of the runs are newer than the one in which it was started.
    pub age: usize,
    /// What it did; nothing if it did not succeed.
    pub done: Option<StepResult>,
    /// Whether no older run can say more.
    is_settled: bool,
}

/// What a step that succeeded did.
#[derive(Debug, Clone, Default)]
pub struct StepResult {
    /// The values that it gave.
    pub outputs: Arc<Outputs>,
    /// The files that it left behind.
    pub products: Vec<Artifact>,
    /// What its result depends on.
    pub fingerprint: Fingerprint,
}

/// Values of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastValues {
    /// The run that has them.
    pub run: String,
    /// The values.
    pub outputs: Arc<Outputs>,
}

/// A stream in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastStream {
    /// The file.
    pub path: PathBuf,
    /// Its checksum, in lower-case hexadecimal digits.
    pub sha256: String,
}

/// One earlier run.
#[derive(Debug, Clone, Default)]
pub struct PastRun {
    /// Its id.
    pub run: String,
    /// What became of its steps, by name.
    pub steps: Vec<(String, Trace)>,
    /// The streams that it has kept: the producer, the stream, and where it is.
    pub streams: Vec<(String, String, PastStream)>,
}

/// What a run has of a step.
#[derive(Debug, Clone)]
pub enum Trace {
    /// It succeeded.
    Succeeded(StepResult),
    /// It was not repeated, since a run before that has done it.
    Reused(StepResult),
    /// It was started, and did not succeed.
    Spoiled,
    /// It was not asked for; these are the values that stood for its own.
    LeftOut(Arc<Outputs>),
    /// Its condition was false, or it needed what such a step would have made.
    PassedOver,
    /// It did not start.
    Nothing,
}

impl Past {
    /// Takes in a run that is older than all that were taken in before.
    pub fn add(&mut self, run: PastRun) {
        let age = self.runs;
        self.runs += 1;
        for (name, trace) in run.steps {
            if let Trace::Succeeded(StepResult { outputs, .. })
            | Trace::Reused(StepResult { outputs, .. })
            | Trace::LeftOut(outputs) = &trace
                && (!outputs.is_empty() || !matches!(trace, Trace::LeftOut(_)))
            {
                let values = || PastValues { run: run.run.clone(), outputs: Arc::clone(outputs) };
                self.values.entry(name.clone()).or_insert_with(values);
            }
            let (done, executed) = match trace {
                Trace::Succeeded(done) => (Some(done), true),
                Trace::Reused(done) => (Some(done), false),
                Trace::Spoiled => (None, true),
                Trace::PassedOver => {
                    if !self.steps.contains_key(&name) {
                        self.passed_over.entry(name).or_insert_with(|| run.run.clone());
                    }
                    continue;
                }
                Trace::LeftOut(_) | Trace::Nothing => continue,
            };
            let is_first = !self.steps.contains_key(&name);
            let step = self.steps.entry(name.clone()).or_insert_with(|| PastStep {
                run: run.run.clone(),
                age,
                done: done.clone(),
                is_settled: false,
            });
            if step.is_settled {
                continue;
            }
            let fingerprint = |done: &Option<StepResult>| done.as_ref().map(|done| done.fingerprint.clone());
            // A run that reused it names no run; the one that did it is the next with the same fingerprint.
            let is_same = is_first || fingerprint(&step.done) == fingerprint(&done);
            if is_same {
                step.age = age;
            }
            step.is_settled = executed || !is_same;
            if is_same && executed {
                let of_step = run.streams.iter().filter(|(producer, ..)| *producer == name);
                self.streams.extend(of_step.map(|(_, stream, kept)| (stream.clone(), kept.clone())));
            }
        }
    }

    /// Returns whether older runs can say no more of a step.
    pub fn is_settled(&self, step: &str) -> bool {
        self.steps.get(step).is_some_and(|step| step.is_settled)
    }

    /// Returns whether a stream is kept whole for a run that goes on from earlier ones.
    pub fn has_kept(&self, stream: &str) -> bool {
        let is_whole = |kept: &PastStream| sha256(&kept.path).is_ok_and(|sum| sum == kept.sha256);
        self.resumed.is_some() && self.streams.get(stream).is_some_and(is_whole)
    }

    /// Returns what a step did when it was started last, if it succeeded then.
    pub fn done(&self, step: &str) -> Option<&StepResult> {
        self.steps.get(step)?.done.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(fingerprint: &str) -> StepResult {
        let fingerprint = [("command".to_owned(), fingerprint.to_owned())].into();
        StepResult { fingerprint, ..StepResult::default() }
    }

    /// Runs from the newest to the oldest; a step's trace is a letter and its fingerprint.
    fn past(runs: &[&[(&str, &str)]]) -> Past {
        let mut past = Past::default();
        for (number, run) in runs.iter().enumerate() {
            let trace = |text: &str| match text.split_at(1) {
                ("s", fingerprint) => Trace::Succeeded(result(fingerprint)),
                ("r", fingerprint) => Trace::Reused(result(fingerprint)),
                ("x", _) => Trace::Spoiled,
                ("l", _) => Trace::LeftOut(Arc::default()),
                ("p", _) => Trace::PassedOver,
                _ => Trace::Nothing,
            };
            let kept = PastStream { path: format!("{number}").into(), sha256: String::new() };
            past.add(PastRun {
                run: format!("run {number}"),
                steps: run.iter().map(|(name, text)| ((*name).to_owned(), trace(text))).collect(),
                streams: run
                    .iter()
                    .map(|(name, _)| ((*name).to_owned(), (*name).to_owned(), kept.clone()))
                    .collect(),
            });
        }
        past
    }

    #[test]
    fn the_last_start_of_a_step_counts() {
        let past = past(&[&[("a", "l"), ("b", "x"), ("c", "-")], &[("a", "s1"), ("b", "s1"), ("c", "-")]]);
        assert_eq!((past.steps["a"].age, past.done("a").is_some()), (1, true));
        assert_eq!((past.steps["b"].age, past.done("b").is_some()), (0, false));
        assert!(past.done("c").is_none() && !past.is_settled("c"));
        assert_eq!(past.streams["a"].path.to_str(), Some("1"));
    }

    #[test]
    fn what_was_passed_over_has_not_succeeded_until_it_has_started_again() {
        let past = past(&[&[("a", "p"), ("b", "s1"), ("c", "-")], &[("a", "s1"), ("b", "p"), ("c", "p")]]);
        let expected = [("a", "run 0"), ("c", "run 1")];
        let expected: Vec<_> = expected.map(|(step, run)| (step.to_owned(), run.to_owned())).into();
        assert_eq!(past.passed_over.into_iter().collect::<Vec<_>>(), expected);
        assert_eq!(past.steps["a"].age, 1, "who comes after it may have been done since");
    }

    #[test]
    fn what_was_reused_was_done_by_the_next_run_with_the_same_fingerprint() {
        let past = past(&[
            &[("a", "r1"), ("b", "r1"), ("c", "r1")],
            &[("a", "r1"), ("b", "s2"), ("c", "l")],
            &[("a", "s1"), ("b", "s1"), ("c", "r1")],
        ]);
        assert_eq!(past.steps["a"].age, 2);
        assert_eq!(past.streams["a"].path.to_str(), Some("2"));
        assert_eq!(past.steps["b"].age, 0, "the run that did it is gone");
        assert!(!past.streams.contains_key("b"));
        assert_eq!(past.steps["c"].age, 2);
        assert!(!past.is_settled("c"));
    }
}
