//! `concurrency` and `confirm`: what is asked before a run or a step begins.

use super::Lowering;
use crate::file::Code;
use crate::file::raw::{RawConcurrency, RawPipeline, RawStep};
use crate::file::yaml::{Literal, ScalarKind};
use crate::pipeline::{Admission, Concurrency, Span, Text};
use crate::template::TextContext;

impl Lowering<'_> {
    pub(super) fn concurrency(&mut self, raw: &RawPipeline) -> Option<Box<Concurrency>> {
        let concurrency = match raw.concurrency.get()? {
            (RawConcurrency::Group(group), at) => self.group(group, at)?,
            (RawConcurrency::Full(keys), at) => {
                let Some((group, group_at)) = keys.group.get() else {
                    if keys.group.is_missing() {
                        let problem = self.at(Code::MissingKey, at, "this `concurrency` has no `group`");
                        self.report(problem.help("add the name, such as `group: deploy`"));
                    }
                    return None;
                };
                let cancel_in_progress = keys.cancel_in_progress.value().copied().unwrap_or_default();
                Concurrency { cancel_in_progress, ..self.group(group, group_at)? }
            }
        };
        Some(Box::new(concurrency))
    }

    pub(super) fn admission(&mut self, raw: &RawStep) -> Option<Box<Admission>> {
        let confirm = raw.confirm.get().and_then(|(text, at)| {
            if text.trim().is_empty() {
                let problem = self.at(Code::BadConfirm, at, "`confirm` asks nothing");
                self.report(problem.help("write the question, such as `confirm: Deploy to production?`"));
                return None;
            }
            let services = std::mem::replace(&mut self.names.services, false);
            let question = self.template(text, at, TextContext::Argument);
            self.names.services = services;
            Some(question)
        });
        if let (Some(_), Some((true, at))) =
            (&confirm, raw.terminal.get().map(|(terminal, at)| (*terminal, at)))
        {
            let problem =
                self.at(Code::BadConfirm, at, "a step with `confirm` cannot have the terminal as well");
            self.report(problem.help("let its script ask, and leave out `confirm`"));
        }
        let concurrency = raw.concurrency.get().and_then(|(group, at)| self.group(group, at));
        (confirm.is_some() || concurrency.is_some()).then(|| Box::new(Admission { confirm, concurrency }))
    }

    fn group(&mut self, group: &Literal, at: Span) -> Option<Concurrency> {
        if matches!(group.kind(), ScalarKind::Int | ScalarKind::Float) {
            let message = "`concurrency` is a name, not a number";
            let help = format!("how many steps run at once is `max_parallel: {}` at the top", group.text);
            let problem = self.at(Code::BadConcurrency, at, message);
            self.report(problem.help(help));
            return None;
        }
        if group.text.trim().is_empty() {
            let problem = self.at(Code::BadConcurrency, at, "the name of `concurrency` is empty");
            self.report(problem.help("name what only one may use, such as `concurrency: deploy`"));
            return None;
        }
        let early = self.early(&group.text, at);
        let name = if early.is_none() { group.text.trim().to_owned() } else { String::new() };
        let group = early.unwrap_or_else(|| Text::literal(&group.text, at).into());
        Some(Concurrency { group, name, at, cancel_in_progress: false })
    }
}
