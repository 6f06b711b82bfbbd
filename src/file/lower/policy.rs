//! `timeout`, `on_error` and `retry` → a step's policy.

use std::time::Duration;

use crate::file::Code;
use crate::file::raw::{
    RawBackoff, RawDefaults, RawOnError, RawOnErrorOfAll, RawPipeline, RawRetry, RawRetryKeys, RawStep,
    RawThen,
};
use crate::file::words;
use crate::file::yaml::{Early, Field, OneOrMany};
use crate::pipeline::{Backoff, EarlySetting, OnError, Policy, PolicyKey, Retry, Template};

use super::Lowering;
use super::early::Setting;

/// What holds for steps that say nothing.
#[derive(Debug, Default)]
pub(super) struct PolicyDefaults {
    timeout: Option<Setting<Duration>>,
    on_error: Option<RawOnError>,
    retry: Option<RetryPlan>,
}

/// A `retry:` key.
#[derive(Debug, Clone)]
struct RetryPlan {
    /// `None` for `count: 0`.
    retry: Option<Retry>,
    then: Option<OnError>,
    early: Vec<EarlySetting>,
}

/// What is retried when nothing says how: three times, after 1 s, 2 s and 4 s, varied by chance.
fn automatic(count: u32) -> Retry {
    Retry {
        count,
        delay: Duration::from_secs(1),
        backoff: Backoff::Exponential,
        max_delay: None,
        jitter: true,
        on_exit: Vec::new(),
        timeout: None,
    }
}

const RETRIES: u32 = 3;

impl Lowering<'_> {
    pub(super) fn policy_defaults(&mut self, raw: &RawPipeline) -> PolicyDefaults {
        let nothing = RawDefaults::default();
        let defaults = raw.defaults.value().unwrap_or(&nothing);
        PolicyDefaults {
            timeout: self.timeout(&defaults.timeout),
            on_error: defaults
                .on_error
                .value()
                .or(raw.on_error.value())
                .map(|of_all| RawOnError::from(*of_all)),
            retry: self.retry(&defaults.retry),
        }
    }

    pub(super) fn policy(&mut self, raw: &RawStep, defaults: &PolicyDefaults) -> (Policy, Vec<EarlySetting>) {
        let timeout = self.timeout(&raw.timeout).or_else(|| defaults.timeout.clone());
        let own = self.retry(&raw.retry);
        self.check_then(raw);
        let on_error = self.on_error(raw);
        let plan = own.or_else(|| defaults.retry.clone());
        let then = plan.as_ref().and_then(|plan| plan.then);
        let mut early = Vec::new();
        let timeout = timeout.map(|timeout| timeout.put(PolicyKey::Timeout, &mut early));
        let retry = match plan {
            Some(plan) => {
                early.extend(plan.early);
                plan.retry
            }
            None => (on_error.or(defaults.on_error) == Some(RawOnError::Retry)).then(|| automatic(RETRIES)),
        };
        let on_error = match (on_error, then, defaults.on_error) {
            // What the step says itself counts, then what its retries end in, then what holds for all.
            (Some(own), _, _) if own != RawOnError::Retry => after_retry(own),
            (_, Some(then), _) => then,
            (Some(_), None, _) => OnError::Stop,
            (None, None, for_all) => for_all.map_or(OnError::Stop, after_retry),
        };
        (Policy { timeout, on_error, retry }, early)
    }

    /// What the step says itself; an expression says it for each combination of a matrix.
    fn on_error(&mut self, raw: &RawStep) -> Option<RawOnError> {
        match raw.on_error.get()? {
            (Early::Value(on_error), _) => Some(*on_error),
            (Early::Text(_), _) if self.names.matrix.is_some() => None,
            (Early::Text(text), at) => {
                let message = format!("`on_error` is {}, which is none of its words", words::shown(text));
                let problem = self.at(Code::UnknownValue, at, message);
                self.report(problem.help(
                    "write `stop`, `continue`, `retry` or `ignore`; an expression stands here in a step with `matrix` only",
                ));
                None
            }
        }
    }

    /// `then` is what `on_error: retry` falls to; beside another `on_error` of the same step it contradicts
    /// it.
    fn check_then(&mut self, raw: &RawStep) {
        let Some(RawRetry::Full(keys)) = raw.retry.value() else {
            return;
        };
        if let (Some((own, at)), Some((_, then_at))) = (raw.on_error.get(), keys.then.get())
            && !matches!(own, Early::Value(RawOnError::Retry))
        {
            let problem = self.at(
                Code::TwoEndings,
                then_at,
                "`then` and `on_error` both say what a last failure means",
            );
            self.report(problem.also(at, "said here").help("remove `then`, or write `on_error: retry`"));
        }
    }

    /// The limit of the run, or the template that makes it.
    pub(super) fn run_timeout(&mut self, raw: &RawPipeline) -> (Option<Duration>, Option<Template>) {
        match self.timeout(&raw.timeout) {
            Some(Setting { value, text: None }) => (Some(value), None),
            Some(Setting { value: _, text }) => (None, text),
            None => (None, None),
        }
    }

    /// A `timeout`, which must be longer than nothing.
    fn timeout(&mut self, field: &Field<String>) -> Option<Setting<Duration>> {
        let timeout = self.duration(field)?;
        if timeout.text.is_none() && timeout.value.is_zero() {
            let at = field.at().unwrap_or_default();
            let problem =
                self.at(Code::BadDuration, at, "a timeout of nothing would stop every step at once");
            self.report(problem.help("write a longer one, or leave it out for no limit"));
            return None;
        }
        Some(timeout)
    }

    fn duration(&mut self, field: &Field<String>) -> Option<Setting<Duration>> {
        let (text, at) = field.get()?;
        if let Some(text) = self.early(text, at) {
            return Some(Setting { value: Duration::ZERO, text: Some(text) });
        }
        words::duration(text)
            .map(Setting::known)
            .map_err(|error| {
                let problem = self.at(Code::BadDuration, at, error.message).maybe_help(error.help);
                self.report(problem);
            })
            .ok()
    }

    fn retry(&mut self, field: &Field<RawRetry>) -> Option<RetryPlan> {
        match field.value()? {
            RawRetry::Count(count) => {
                let mut early = Vec::new();
                let count = self.count(count, field).put(PolicyKey::RetryCount, &mut early);
                Some(RetryPlan { retry: (count > 0).then(|| automatic(count)), then: None, early })
            }
            RawRetry::Full(keys) => Some(self.retry_keys(keys)),
        }
    }

    /// How often; a number that a template makes is taken to be the usual one until then.
    fn count<T>(&mut self, count: &Early<u32>, field: &Field<T>) -> Setting<u32> {
        match count {
            Early::Value(count) => Setting::known(*count),
            Early::Text(text) => {
                Setting { value: RETRIES, text: self.early(text, field.at().unwrap_or_default()) }
            }
        }
    }

    /// The wait is the automatic one as long as no key says anything about it; else it is what the keys say,
    /// and nothing more: `delay: 5s` alone waits five seconds each time.
    fn retry_keys(&mut self, keys: &RawRetryKeys) -> RetryPlan {
        let mut early = Vec::new();
        let count = keys.count.value().map(|count| self.count(count, &keys.count));
        let count = count.map_or(RETRIES, |count| count.put(PolicyKey::RetryCount, &mut early));
        let mut retry = automatic(count);
        let silent = keys.delay.is_missing()
            && keys.backoff.is_missing()
            && keys.max_delay.is_missing()
            && keys.jitter.is_missing();
        if !silent {
            let delay = self.duration(&keys.delay);
            retry.delay = delay.map_or(retry.delay, |delay| delay.put(PolicyKey::RetryDelay, &mut early));
            retry.backoff = match keys.backoff.value() {
                None | Some(RawBackoff::Constant) => Backoff::Constant,
                Some(RawBackoff::Linear) => Backoff::Linear,
                Some(RawBackoff::Exponential) => Backoff::Exponential,
            };
            let longest = self.duration(&keys.max_delay);
            retry.max_delay = longest.map(|longest| longest.put(PolicyKey::RetryMaxDelay, &mut early));
            retry.jitter = keys.jitter.value().copied().unwrap_or(false);
        }
        retry.on_exit = self.exit_codes(&keys.on_exit);
        let timeout = self.timeout(&keys.timeout);
        retry.timeout = timeout.map(|timeout| timeout.put(PolicyKey::RetryTimeout, &mut early));
        let then = keys.then.value().map(|then| match then {
            RawThen::Stop => OnError::Stop,
            RawThen::Continue => OnError::Continue,
        });
        RetryPlan { retry: (count > 0).then_some(retry), then, early }
    }

    /// The exit codes of failures.
    pub(super) fn exit_codes(&mut self, field: &Field<OneOrMany<i32>>) -> Vec<i32> {
        for (code, at) in field.entries() {
            if !(1..=255).contains(code) {
                let problem = self.at(Code::BadNumber, at, format!("no step fails with exit code {code}"));
                self.report(problem.help("exit codes of failures are 1 to 255"));
            }
        }
        field.entries().into_iter().map(|(code, _)| *code).collect()
    }
}

impl From<RawOnErrorOfAll> for RawOnError {
    fn from(of_all: RawOnErrorOfAll) -> Self {
        match of_all {
            RawOnErrorOfAll::Stop => Self::Stop,
            RawOnErrorOfAll::Continue => Self::Continue,
            RawOnErrorOfAll::Retry => Self::Retry,
        }
    }
}

/// What a failure means once no retry is left.
pub(super) fn after_retry(on_error: RawOnError) -> OnError {
    match on_error {
        RawOnError::Stop | RawOnError::Retry => OnError::Stop,
        RawOnError::Continue => OnError::Continue,
        RawOnError::Ignore => OnError::Ignore,
    }
}
