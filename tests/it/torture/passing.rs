//! Steps that are passed over, and finally steps: whether a run did with them what the file says.

use std::fs;

use pipe_runner::pipeline::Verdict;

use super::case::{Case, Condition};
use super::check::{is, number, of_step};
use super::outcomes::Outcomes;

impl Outcomes<'_> {
    /// Whether a step did not run because of a condition, its own or another's.
    pub fn is_passed_over(&self, step: usize) -> bool {
        let end = self.ends[step];
        self.outcome(step) == "skipped" && (end["condition"].is_string() || end["without"].is_string())
    }

    /// Whether the run has failed because of a step.
    pub fn spoils(&self, step: usize) -> bool {
        !self.is_success(step) && !self.is_passed_over(step)
    }

    /// Whether no step of the body has started, so that finally steps had nothing to do.
    pub fn has_no_body(&self, step: usize) -> bool {
        let mut body = (0..self.ends.len()).filter(|&other| !self.case.steps[other].is_finally);
        self.case.steps[step].is_finally
            && body.all(|other| of_step(self.seen, other, "step-started").next().is_none())
    }

    /// A step has run: it had to.
    pub fn may_run(&self, step: usize) -> Result<(), String> {
        let it = &self.case.steps[step];
        for &dependency in &it.depends_on {
            let ended_well = it.is_finally || self.has_ended_well(dependency);
            is(ended_well, || format!("but s{dependency} did not succeed"))?;
        }
        let needed = it.reads.iter().map(|read| read.from).chain(it.takes.iter().copied());
        for needed in needed {
            is(!self.is_passed_over(needed), || format!("but s{needed} was passed over"))?;
        }
        is(self.holds(step) != Some(false), || "although its condition is false".into())
    }

    /// Whether a step has succeeded, or was passed over and all that it would have waited for has ended well.
    fn has_ended_well(&self, step: usize) -> bool {
        let it = &self.case.steps[step];
        let before = || it.depends_on.iter().copied().chain(it.reads.iter().map(|read| read.from));
        self.is_success(step)
            || (self.is_passed_over(step) && before().all(|before| self.has_ended_well(before)))
    }

    /// A step was passed over: for a reason.
    pub fn pass(&self, step: usize) -> Result<(), String> {
        let (it, end) = (&self.case.steps[step], self.ends[step]);
        if self.has_no_body(step) {
            return Ok(());
        }
        if end["condition"].is_string() {
            return is(self.holds(step) != Some(true) && it.condition.is_some(), || {
                "its condition holds".into()
            });
        }
        if let Some(service) = Case::service(&end["without"]) {
            return self.undone(step, service);
        }
        let without = number(&end["without"]).ok_or("without no step")?;
        let needs = it.reads.iter().any(|read| read.from == without)
            || it.takes.contains(&without)
            || matches!(it.condition, Some(Condition::Value { giver, .. }) if giver == without);
        is(needs, || format!("it needs nothing of s{without}"))?;
        let is_lost = self.is_passed_over(without) || (it.is_finally && self.outcome(without) != "succeeded");
        is(is_lost, || format!("s{without} was there"))
    }

    /// Whether the condition of a step holds, as far as that can be said afterwards.
    fn holds(&self, step: usize) -> Option<bool> {
        match self.case.steps[step].condition? {
            Condition::Early(holds) => Some(holds),
            Condition::Value { giver, holds } => (self.outcome(giver) == "succeeded").then_some(holds),
            Condition::Asks { verdict, of } => Some(self.verdict(of) == verdict),
            Condition::AsksGroup { verdict, of } => Some(self.verdict_of_group(of) == verdict),
            Condition::AsksBody(verdict) => {
                // When a signal came to be known is another question.
                let undisturbed = self.seen.sent.is_none() && self.seen.struck.is_none();
                (undisturbed && self.case.disk.is_none()).then(|| self.verdict_of_body() == verdict)
            }
        }
    }

    fn verdict(&self, step: usize) -> Verdict {
        match self.outcome(step) {
            "succeeded" => Verdict::Success,
            "failed" | "timed-out" | "ignored" => Verdict::Failure,
            "tainted" | "cancelled" => Verdict::Cancelled,
            _ => Verdict::Skipped,
        }
    }

    fn verdict_of_group(&self, first: usize) -> Verdict {
        let order = [Verdict::Failure, Verdict::Cancelled, Verdict::Success];
        let has = |verdict: &Verdict| self.case.members(first).any(|member| self.verdict(member) == *verdict);
        order.into_iter().find(has).unwrap_or(Verdict::Skipped)
    }

    fn verdict_of_body(&self) -> Verdict {
        let mut body = (0..self.ends.len()).filter(|&step| !self.case.steps[step].is_finally);
        if body.any(|step| self.spoils(step)) || self.has_lost_service_in_body() {
            Verdict::Failure
        } else {
            Verdict::Success
        }
    }

    /// Finally steps were told how the body has ended.
    pub fn the_end_was_told(&self) -> Result<(), String> {
        let is_told = |step: &usize| self.case.steps[*step].is_finally && !self.case.steps[*step].is_fed;
        for step in (0..self.ends.len()).filter(is_told) {
            let Ok(text) = fs::read_to_string(self.seen.place.join(&format!("told.{step}"))) else {
                is(self.outcome(step) != "succeeded", || format!("s{step} was told nothing"))?;
                continue;
            };
            let (outcome, cause) = text.trim_end_matches('\n').split_once(' ').unwrap_or((&text, ""));
            let by_service = Case::service(&cause.into()).is_some() && self.has_lost_service_in_body();
            let cause = number(&cause.into());
            let fits = match outcome {
                "succeeded" => self.verdict_of_body() == Verdict::Success && cause.is_none(),
                "failed" => by_service || cause.is_some_and(|cause| !self.case.steps[cause].is_finally),
                "cancelled" => self.seen.sent.is_some(),
                "error" => self.case.disk.is_some() || self.seen.struck.is_some(),
                _ => false,
            };
            is(fits, || format!("s{step} was told {text:?}"))?;
        }
        Ok(())
    }
}
