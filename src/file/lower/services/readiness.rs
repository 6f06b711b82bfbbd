//! `healthcheck` of a service: what says that it is ready.

use std::time::Duration;

use crate::file::Code;
use crate::file::raw::{RawHealthcheck, RawHealthcheckKeys};
use crate::file::words::{self, shown};
use crate::file::yaml::{Field, OneOrMany};
use crate::pipeline::{Check, CheckTest, Readiness, Span};
use crate::template::{Shells, TextContext};

use super::super::Lowering;

/// What a `test` says.
enum Test {
    Nothing,
    Check(CheckTest),
    /// `[NONE]`, as images have it.
    AtOnce,
}

impl Lowering<'_> {
    pub(super) fn readiness(&mut self, name: &str, field: &Field<RawHealthcheck>) -> Readiness {
        match field.get() {
            None => Readiness::Found,
            Some((RawHealthcheck::Word(word), _)) if word.text == "none" => Readiness::AtOnce,
            Some((RawHealthcheck::Word(word), at)) => {
                let message =
                    format!("`healthcheck` is {}, and must be `none` or a check", shown(&word.text));
                let problem = self.at(Code::BadHealthcheck, at, message);
                self.report(problem.help(format!(
                    "write what tells that `{name}` is ready: `healthcheck: {{test: pg_isready -U postgres}}`"
                )));
                Readiness::Found
            }
            Some((RawHealthcheck::Full(keys), _)) => self.check(keys),
        }
    }

    fn check(&mut self, keys: &RawHealthcheckKeys) -> Readiness {
        let test = match keys.test.get().map_or(Test::Nothing, |(test, at)| self.test(test, at)) {
            Test::AtOnce => return Readiness::AtOnce,
            Test::Check(test) => Some(test),
            Test::Nothing => None,
        };
        let usual = Check::new(test);
        Readiness::Check(Box::new(Check {
            interval: self.time("interval", &keys.interval, false).unwrap_or(usual.interval),
            timeout: self.time("timeout", &keys.timeout, false).unwrap_or(usual.timeout),
            start_period: self.time("start_period", &keys.start_period, true).unwrap_or(usual.start_period),
            retries: self.checks(&keys.retries).unwrap_or(usual.retries),
            test: usual.test,
        }))
    }

    fn checks(&mut self, field: &Field<u32>) -> Option<u32> {
        let (&count, at) = field.get()?;
        if count == 0 {
            let problem = self.at(Code::BadNumber, at, "`retries: 0` would let no check fail");
            self.report(problem.help("write 1 or more, or leave it out"));
        }
        (count > 0).then_some(count)
    }

    fn time(&mut self, key: &str, field: &Field<String>, may_be_nothing: bool) -> Option<Duration> {
        let (text, at) = field.get()?;
        match words::duration(text) {
            Ok(time) if time.is_zero() && !may_be_nothing => {
                let problem =
                    self.at(Code::BadDuration, at, format!("`{key}: {text}` leaves no time for a check"));
                self.report(problem.help("write a longer one, or leave it out"));
                None
            }
            Ok(time) => Some(time),
            Err(error) => {
                let problem = self.at(Code::BadDuration, at, error.message).maybe_help(error.help);
                self.report(problem);
                None
            }
        }
    }

    fn test(&mut self, test: &OneOrMany<String>, at: Span) -> Test {
        let words: Vec<(&String, Span)> = match test {
            OneOrMany::One(text) => return self.shell_test(text, at),
            OneOrMany::Many(words) => words.iter().filter_map(Field::get).collect(),
        };
        match words.as_slice() {
            [(first, _)] if first.as_str() == "NONE" => Test::AtOnce,
            [(first, _), (text, at)] if first.as_str() == "CMD-SHELL" => self.shell_test(text, *at),
            [(first, at), ..] if matches!(first.as_str(), "CMD-SHELL" | "NONE") => {
                let problem = self.at(
                    Code::BadHealthcheck,
                    *at,
                    match first.as_str() {
                        "NONE" => "nothing comes behind `NONE`",
                        _ => "one text comes behind `CMD-SHELL`",
                    },
                );
                self.report(problem.help(
                    "write the check as a text, `test: pg_isready -U postgres`, or as a list of its words",
                ));
                Test::Nothing
            }
            [(first, _), rest @ ..] if first.as_str() == "CMD" && !rest.is_empty() => self.words_test(rest),
            [(first, _), ..] if first.as_str() != "CMD" && !first.trim().is_empty() => {
                self.words_test(&words)
            }
            _ => self.empty_test(at),
        }
    }

    fn shell_test(&mut self, text: &str, at: Span) -> Test {
        if text.trim().is_empty() {
            return self.empty_test(at);
        }
        Test::Check(CheckTest::Shell(self.template(text, at, TextContext::PosixShell(Shells::SH))))
    }

    fn words_test(&mut self, words: &[(&String, Span)]) -> Test {
        let words = words.iter().map(|(word, at)| self.template(word, *at, TextContext::Argument));
        Test::Check(CheckTest::Words(words.collect()))
    }

    fn empty_test(&mut self, at: Span) -> Test {
        let problem = self.at(Code::BadHealthcheck, at, "`test` runs nothing");
        self.report(
            problem.help("write a command that succeeds once the service is ready, or `healthcheck: none`"),
        );
        Test::Nothing
    }
}
