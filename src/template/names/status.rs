//! What only conditions ask: how steps have ended, and whether there is a secret.

use super::{Checker, Path, Token};
use crate::pipeline::{Role, StatusRef, Verdict};
use crate::template::token::TokenKind;
use crate::template::{TemplateErrorKind, TextContext};

impl Checker<'_> {
    /// `success('x')`, with the tokens behind the function's name.
    pub(super) fn status(&mut self, verdict: Verdict, path: &Path<'_>, after: &[Token]) {
        let name = verdict.function();
        if self.place != TextContext::Condition {
            let help = format!("ask it in the condition of a step: `if: {name}('build')`");
            let message = format!("`{name}` can be asked only in a condition");
            return self.error(TemplateErrorKind::Function, path.range.clone(), message, Some(help));
        }
        let (step, range) = match after {
            [_, close, ..] if close.is_symbol(self.source, ")") => {
                if self.names.role == Role::Ordinary {
                    let help = format!(
                        "that is known only when the run is over: write `finally: true`; or name a step: `{name}('build')`"
                    );
                    let message = format!("`{name}()` without a name asks about the whole run");
                    return self.error(
                        TemplateErrorKind::Undefined,
                        path.range.start..close.range.end,
                        message,
                        Some(help),
                    );
                }
                (None, path.range.start..close.range.end)
            }
            [_, step, close, ..] if step.kind == TokenKind::Text && close.is_symbol(self.source, ")") => {
                let quoted = step.text(self.source);
                let step_name = quoted.get(1..quoted.len() - 1).unwrap_or_default();
                (Some(step_name.to_owned()), step.range.clone())
            }
            rest => {
                let end = rest.iter().find(|token| token.is_symbol(self.source, ")"));
                let end = end.map_or(path.range.end, |close| close.range.end);
                let message = format!("`{name}` asks about one step, whose name stands there as it is");
                let help = format!("write `{name}('build')`; for two steps `{name}('a') and {name}('b')`");
                let range = path.range.start..end;
                return self.error(TemplateErrorKind::Function, range, message, Some(help));
            }
        };
        self.usage.asks.push(StatusRef { verdict, step, range });
    }

    /// A secret in a condition, with the tokens behind it: `token is empty` and `token is not empty` are all that
    /// can be asked.
    pub(super) fn asked_secret(&mut self, path: &Path<'_>, name: &str, after: &[Token]) {
        let is = |at: usize, word: &str| after.get(at).is_some_and(|token| token.is_name(self.source, word));
        let minus = self.source.get(..path.range.start).unwrap_or_default().trim_end().ends_with('-');
        if !minus && is(0, "is") && (is(1, "empty") || is(1, "not") && is(2, "empty")) {
            return;
        }
        let message = format!("`{name}` is a secret: a condition may ask only whether it is empty");
        let help = format!("write `{name} is not empty`, or `{name} is empty`");
        self.error(TemplateErrorKind::ConditionSecret, path.range.clone(), message, Some(help));
    }

    /// Returns whether `| default` stands right behind a value.
    pub(super) fn has_default(&self, after: &[Token]) -> bool {
        match after {
            [pipe, filter, ..] => {
                let is_default = |name| filter.is_name(self.source, name);
                pipe.is_symbol(self.source, "|") && (is_default("default") || is_default("d"))
            }
            _ => false,
        }
    }
}
