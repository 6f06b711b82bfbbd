//! Decides conditions, and says why one is false.

use std::collections::BTreeSet;

use minijinja::value::Value;

use super::references::{Path, Reference, references};
use super::scan::{Segment, scan};
use super::token::Token;
use super::{Scope, TemplateError, TemplateRenderer, condition, escape};
use crate::pipeline::{Condition, Text, Verdict};

/// The most columns of a condition, or of a value, that the words for a false one repeat.
const LONGEST_CONDITION: usize = 80;
const LONGEST_VALUE: usize = 40;
/// The most values that they repeat.
const MOST_VALUES: usize = 4;

/// What a condition says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// The step runs.
    Holds,
    /// The step is passed over: words that say why, such as `branch == 'main' is false (branch is dev)`.
    Not(String),
}

impl TemplateRenderer {
    /// Decides a condition. No secret is in the words for a false one.
    ///
    /// # Errors
    /// If a value is missing, or is neither true nor false where the condition asks for its truth. The range is in
    /// the condition's source.
    pub fn decide(&self, condition: &Condition, scope: Scope<'_>) -> Result<Decided, TemplateError> {
        let text = &condition.text;
        match self.render(text, scope)?.as_str() {
            "true" => Ok(Decided::Holds),
            _ => Ok(Decided::Not(self.words(text, scope))),
        }
    }

    /// Returns the values that a condition reads, such as `branch is dev`, without secrets.
    pub fn values_read(&self, condition: &Condition, scope: Scope<'_>) -> Vec<String> {
        let text = &condition.text;
        with_tokens(text, |source, tokens| self.values_of(text, source, tokens, scope)).unwrap_or_default()
    }

    fn words(&self, text: &Text, scope: Scope<'_>) -> String {
        // No expression: words for a step that never runs, such as one of an empty matrix.
        if text.compiled.is_none() {
            return text.source.clone();
        }
        let shown = one_line(&text.source);
        let words = with_tokens(text, |source, tokens| match tokens {
            [constant] if constant.is_name(source, "false") => Some("switched off by `if: false`".to_owned()),
            [not, name @ ..] if not.is_name(source, "not") && super::references::is_name(source, name) => {
                Some(format!("{} is true", cut(shown.strip_prefix("not")?.trim(), LONGEST_CONDITION)))
            }
            tokens if super::references::is_name(source, tokens) => None,
            tokens => {
                let values = self.values_of(text, source, tokens, scope);
                let condition = cut(&shown, LONGEST_CONDITION);
                (!values.is_empty()).then(|| format!("{condition} is false ({})", values.join(", ")))
            }
        });
        words.flatten().unwrap_or_else(|| format!("{} is false", cut(&shown, LONGEST_CONDITION)))
    }

    fn values_of(&self, text: &Text, source: &str, tokens: &[Token], scope: Scope<'_>) -> Vec<String> {
        let Ok(seen) = self.seen(text, scope) else { return Vec::new() };
        let Ok(bindings) = self.bindings(text, scope, seen.mode(scope.outputs)) else { return Vec::new() };
        let bindings = Value::from_object(bindings);
        let mut told = BTreeSet::new();
        let mut values = Vec::new();
        for reference in references(source, tokens) {
            let Reference::Value(path) = reference else { continue };
            let name = source.get(path.range.clone()).unwrap_or_default();
            let value = if path.is_call { None } else { value(&bindings, &path) };
            if let Some(value) = value.filter(|_| told.insert(name.to_owned())) {
                values.push(format!("{name} is {value}"));
            }
        }
        for ask in &text.asks {
            let verdict = ask.step.as_ref().and_then(|step| Some((step, scope.verdicts?.get(step)?)));
            if let Some((step, verdict)) = verdict.filter(|(step, _)| told.insert((*step).clone())) {
                values.push(format!("{step} {}", ended(*verdict)));
            }
        }
        if values.len() > MOST_VALUES {
            values.truncate(MOST_VALUES);
            values.push("…".to_owned());
        }
        values
    }
}

/// Returns what a path stands for, as text; nothing for what has none, such as a secret or a list.
fn value(bindings: &Value, path: &Path<'_>) -> Option<String> {
    let mut value = bindings.get_attr(path.root).ok()?;
    for attribute in &path.attributes {
        value = value.get_attr(attribute).ok()?;
    }
    let text = escape::text(&value).ok()?;
    Some(if text.is_empty() { "empty".to_owned() } else { cut(&one_line(&text), LONGEST_VALUE) })
}

fn ended(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Success => "succeeded",
        Verdict::Failure => "failed",
        Verdict::Cancelled => "was cancelled",
        Verdict::Skipped => "was skipped",
    }
}

/// Calls `read` with the condition as the template engine has it, and its tokens.
fn with_tokens<T>(text: &Text, read: impl FnOnce(&str, &[Token]) -> T) -> Option<T> {
    let whole = condition::whole(text)?;
    let segments = scan(&whole).ok()?;
    let tag = segments.first().and_then(Segment::tag)?;
    Some(read(&whole, tag.tokens.get(1..)?))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some(_) => text.chars().take(longest.saturating_sub(1)).chain(['…']).collect(),
    }
}
