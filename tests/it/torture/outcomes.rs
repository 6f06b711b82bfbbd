//! Whether the outcomes of a run's steps go together, with the plan for the case and with each other.

use serde_json::Value;

use super::case::{Case, Demise, How, Kind, OnError};
use super::check::{ends, is, number, of_step};
use super::run::Seen;

/// The outcomes of a run that has come to its end.
pub struct Outcomes<'a> {
    pub case: &'a Case,
    pub seen: &'a Seen,
    /// By step, its last record.
    pub ends: Vec<&'a Value>,
    /// Whether the run was stopped before all had run.
    stopped: bool,
}

/// What is wrong; the first of it.
pub fn check(case: &Case, seen: &Seen) -> Result<(), String> {
    let mut last = Vec::new();
    for step in 0..case.steps.len() {
        let records: Vec<&Value> = of_step(seen, step, "step-finished").collect();
        if records.is_empty() && case.disk.is_some() && seen.code == Some(3) {
            return Ok(());
        }
        let [end] = records.as_slice() else { return Err(format!("s{step} has {} ends", records.len())) };
        last.push(*end);
    }
    let stopped = seen.records.iter().any(|record| record["event"] == "cancelling");
    let outcomes = Outcomes { case, seen, ends: last, stopped };
    // What the end of an engine does to its containers is not foreseen; only that no success is false.
    let unforeseen = match seen.struck {
        Some(Demise::Killed) => seen.code == Some(3),
        Some(Demise::Stopped) => true,
        None => false,
    };
    for step in (0..case.steps.len()).filter(|&step| !unforeseen || outcomes.outcome(step) == "succeeded") {
        outcomes.one(step).map_err(|why| format!("s{step}: {why}: {}", outcomes.ends[step]))?;
    }
    if unforeseen {
        return Ok(());
    }
    outcomes.the_services()?;
    outcomes.the_end_was_told()?;
    outcomes.the_run()
}

impl Outcomes<'_> {
    pub fn outcome(&self, step: usize) -> &str {
        self.ends[step]["outcome"].as_str().unwrap_or_default()
    }

    pub fn is_success(&self, step: usize) -> bool {
        ["succeeded", "ignored"].contains(&self.outcome(step))
    }

    /// Whether the run was stopped before a step had run. What stops the body leaves the finally steps alone.
    fn was_stopped(&self, step: usize) -> bool {
        let it = &self.case.steps[step];
        let climbs = self.seen.sent == Some(How::IntFourTimes);
        // Nor does a full disk, but for the gangs whose streams it has no room for.
        let joined = it.output.is_some() || !it.reads.is_empty();
        let lacks_room = self.case.disk.is_some() && self.seen.code == Some(3) && joined;
        (self.stopped && (climbs || !it.is_finally)) || (lacks_room && it.is_finally)
    }

    fn attempts(&self, step: usize) -> u64 {
        self.ends[step]["attempts"].as_u64().unwrap_or_default()
    }

    fn one(&self, step: usize) -> Result<(), String> {
        let started = of_step(self.seen, step, "step-started").count() as u64;
        // One that was called off before it had started is an attempt, too; a time limit may do that to each.
        let called_off = self.attempts(step).checked_sub(started);
        let limited = self.case.steps[step].attempt_timeout.is_some();
        is(called_off.is_some_and(|attempts| attempts <= 1 || limited), || {
            format!("{started} attempts have started")
        })?;
        let quiet =
            !self.was_stopped(step) && self.case.kin(step).into_iter().all(|kin| !self.case.is_frail(kin));
        let well = self.outcome(step) == "succeeded" || self.is_passed_over(step) || self.has_no_body(step);
        is(!quiet || well, || "nothing could go wrong".into())?;
        match self.outcome(step) {
            "succeeded" => self.success(step),
            "failed" | "ignored" => self.failure(step),
            "timed-out" => self.limit(step),
            "tainted" => self.taint(step),
            "cancelled" => {
                let abandoned = self.case.may_be_abandoned(step);
                is(self.was_stopped(step) || abandoned, || "nothing was cancelled".into())
            }
            "skipped" => self.skip(step),
            other => Err(format!("`{other}` is no outcome")),
        }
    }

    fn success(&self, step: usize) -> Result<(), String> {
        let it = &self.case.steps[step];
        self.may_run(step)?;
        is(!self.case.must_fail(step, self.attempts(step)), || "it had to fail".into())?;
        if self.case.may_be_abandoned(step) {
            return Ok(());
        }
        for (position, read) in it.reads.iter().enumerate().filter(|(_, read)| read.take.is_none()) {
            let end = ends(self.seen, step, position).find(|(attempt, _)| *attempt == self.attempts(step));
            is(end.is_some(), || format!("without the end of o{}", read.from))?;
            let maker = self.outcome(read.from);
            let may_be = maker == "succeeded" || (self.was_stopped(read.from) && maker == "cancelled");
            is(may_be, || format!("on a stream whose maker is {maker}"))?;
        }
        Ok(())
    }

    fn failure(&self, step: usize) -> Result<(), String> {
        let it = &self.case.steps[step];
        is((self.outcome(step) == "ignored") == (it.on_error == OnError::Ignore), || {
            "by another policy".into()
        })?;
        self.had_its_retries(step)?;
        let failure = &self.ends[step]["failure"];
        let planned = self.case.strikes(step, self.attempts(step));
        let fits = match failure["kind"].as_str().unwrap_or_default() {
            "exit" => match planned {
                Some(Kind::Exit(code)) => failure["code"] == code,
                // A shell in a container is the child of another process there, which tells its signal as a
                // code.
                Some(Kind::Kill) => (it.in_container || it.moves.is_some()) && failure["code"] == 137,
                _ => false,
            },
            "signal" => planned == Some(Kind::Kill) && failure["signal"] == 9,
            "timeout" => return self.limit(step),
            "left-early" => it.reads.iter().any(|read| read.must_stay && read.take.is_some()),
            _ => false,
        };
        let lacks_room = failure["kind"] == "exit" && self.case.may_lack_room(step);
        is(fits || lacks_room, || format!("not as planned: {planned:?}"))
    }

    fn limit(&self, step: usize) -> Result<(), String> {
        let it = &self.case.steps[step];
        is(it.timeout.or(it.attempt_timeout).is_some(), || "it has no limit".into())
    }

    /// A failure counts when no retry is left.
    fn had_its_retries(&self, step: usize) -> Result<(), String> {
        let had = of_step(self.seen, step, "step-retrying").count() as u64;
        let may = u64::from(self.case.steps[step].retries);
        let limited = self.case.steps[step].timeout.is_some_and(|limit| limit < 60_000);
        // No producer comes back to make what it reads.
        let is_lost = |from: usize| {
            ["failed", "timed-out", "tainted"].contains(&self.outcome(from)) && self.reads_from(step, from)
        };
        let lost = (0..self.ends.len()).any(is_lost);
        is(had == may || self.was_stopped(step) || limited || lost, || format!("{had} retries of {may}"))
    }

    fn taint(&self, step: usize) -> Result<(), String> {
        if let Some(service) = Case::service(&self.ends[step]["producer"]) {
            return self.undone(step, service);
        }
        let producer = number(&self.ends[step]["producer"]).ok_or("by no step")?;
        is(self.outcome(producer) != "succeeded", || format!("but s{producer} succeeded"))?;
        is(self.reads_from(step, producer), || format!("but it has nothing from s{producer}"))
    }

    /// Whether bytes come to a step from another, perhaps through others.
    fn reads_from(&self, step: usize, producer: usize) -> bool {
        self.case.steps[step]
            .reads
            .iter()
            .any(|read| read.from == producer || self.reads_from(read.from, producer))
    }

    fn skip(&self, step: usize) -> Result<(), String> {
        is(self.attempts(step) == 0, || "after attempts".into())?;
        if self.is_passed_over(step) {
            return self.pass(step);
        }
        if let Some(service) = Case::service(&self.ends[step]["dependency"]) {
            return self.undone(step, service);
        }
        match number(&self.ends[step]["dependency"]) {
            Some(dependency) => {
                // One that is ignored has a stream that is not whole.
                let is_broken =
                    self.outcome(dependency) == "ignored" && self.case.readers(dependency).next().is_some();
                is(self.spoils(dependency) || is_broken, || format!("but s{dependency} succeeded"))
            }
            None => {
                let any = (0..self.ends.len()).any(|step| self.outcome(step) == "cancelled");
                is(self.was_stopped(step) || any || self.has_no_body(step), || "nothing was stopped".into())
            }
        }
    }

    fn the_run(&self) -> Result<(), String> {
        let steps = || 0..self.ends.len();
        let all = steps().all(|step| !self.spoils(step)) && !self.has_lost_service();
        let code = self.seen.code;
        is(code != Some(0) || all, || "success without that of all steps".into())?;
        is(code != Some(1) || !all, || "failure without that of a step".into())?;
        let stops = |step: usize| {
            ["failed", "timed-out"].contains(&self.outcome(step))
                && self.case.steps[step].on_error == OnError::Stop
                && !self.case.steps[step].is_finally
        };
        is(!steps().any(stops) || self.stopped, || "a failure that stops has stopped nothing".into())?;
        let reason = self.seen.records.iter().find(|record| record["event"] == "cancelling");
        let Some(step) = reason.and_then(|record| number(&record["step"])) else { return Ok(()) };
        // A tainted reader stops it in the name of the step that broke the stream.
        let policy = |step: usize| self.case.steps[step].on_error;
        let has_tainted = |reader: usize| number(&self.ends[reader]["producer"]) == Some(step);
        let due = match policy(step) {
            OnError::Stop => !self.is_success(step),
            OnError::Continue => false,
            OnError::Ignore => steps().any(|reader| has_tainted(reader) && policy(reader) == OnError::Stop),
        };
        is(due, || format!("s{step} has stopped the run"))
    }
}
