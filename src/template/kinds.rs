//! Types of expressions, and comparisons that can never be true.
//!
//! A condition is true or false, and a comparison has two sides of one kind. Else `b == 'true'` would be
//! false for every `b` that is true or false, and `{% if 'false' %}` would be true.

mod compare;
mod infer;

use std::collections::BTreeMap;
use std::ops::Range;

use super::expression::Expr;
use super::{Names, TemplateError, TemplateErrorKind};

pub(super) use infer::local;

/// The type of an expression's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExprType {
    /// Any text.
    Text,
    /// One of these texts.
    Choice(Vec<String>),
    /// A length of time, as it was written.
    Duration,
    /// A number of bytes, as it was written.
    Size,
    /// A text that must not be shown.
    Secret,
    /// A number.
    Number,
    /// True or false.
    Bool,
    /// Several values of one kind.
    List(Box<ExprType>),
    /// Known only at run time.
    Unknown,
}

impl ExprType {
    /// Makes the kind of a list of texts.
    pub fn texts() -> Self {
        Self::List(Box::new(Self::Text))
    }

    /// Makes the kind of a list whose items can be anything.
    fn list() -> Self {
        Self::List(Box::new(Self::Unknown))
    }

    /// Returns whether two values can be the same.
    fn fits(&self, other: &Self) -> bool {
        match (self.family(), other.family()) {
            (Some(one), Some(other)) => one == other,
            (None, _) | (_, None) => true,
        }
    }

    /// Returns how a message calls it; `None` for what can be anything.
    fn family(&self) -> Option<&'static str> {
        match self {
            Self::Text | Self::Choice(_) | Self::Duration | Self::Size | Self::Secret => Some("a text"),
            Self::Number => Some("a number"),
            Self::Bool => Some("true or false"),
            Self::List(_) => Some("a list"),
            Self::Unknown => None,
        }
    }

    /// Returns the kind of what is either this or the other.
    fn or(self, other: Self) -> Self {
        if self == other {
            self
        } else if self.fits(&other) && self.family() == Some("a text") && other.family().is_some() {
            Self::Text
        } else {
            Self::Unknown
        }
    }
}

/// The kinds of the names that statements bind, innermost scope last.
pub(super) type Locals = [BTreeMap<String, ExprType>];

/// What reading an expression has shown.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Comparisons that can never be true, and conditions that are neither true nor false.
    pub(super) errors: Vec<TemplateError>,
    /// Conditions whose kind is seen only when they are rendered.
    pub(super) conditions: Vec<Range<usize>>,
}

/// Returns the kind of an expression. As a condition it must be true or false.
pub(super) fn check(
    source: &str,
    expr: &Expr,
    is_condition: bool,
    (names, locals): (&Names, &Locals),
    said: &[TemplateError],
) -> (ExprType, Findings) {
    let mut reader = Reader { source, names, locals, said, found: Findings::default() };
    let kind = reader.kind(expr);
    if is_condition {
        reader.condition(expr, &kind);
    }
    (kind, reader.found)
}

struct Reader<'a> {
    source: &'a str,
    names: &'a Names,
    locals: &'a Locals,
    /// What is wrong with names: nothing is known of their kinds.
    said: &'a [TemplateError],
    found: Findings,
}

impl<'a> Reader<'a> {
    fn text(&self, expr: &Expr) -> &'a str {
        self.source.get(expr.range.clone()).unwrap_or_default()
    }

    /// Reports an expression that is asked for its truth and has none.
    fn condition(&mut self, expr: &Expr, kind: &ExprType) {
        let shown = self.text(expr);
        let is_output = shown.trim_start_matches('.').starts_with("steps");
        let help = match kind {
            ExprType::Bool => return,
            ExprType::Unknown => return self.found.conditions.push(expr.range.clone()),
            ExprType::Text if is_output => format!("write `{shown} == 'true'`, or another value of it"),
            ExprType::Choice(choices) => {
                let choice = choices.first().map(String::as_str).unwrap_or_default();
                format!("write `{shown} == '{choice}'`")
            }
            ExprType::Text | ExprType::Duration | ExprType::Size | ExprType::Secret => {
                format!("write `{shown} != ''`, or compare it with a text: `{shown} == '…'`")
            }
            ExprType::Number => format!("write `{shown} != 0`"),
            ExprType::List(_) => format!("write `{shown} is not empty`"),
        };
        let what = kind.family().unwrap_or_default();
        let message = format!("`{shown}` is {what}, and {what} is neither true nor false");
        self.error(TemplateErrorKind::Condition, expr.range.clone(), message, help);
    }

    fn error(&mut self, kind: TemplateErrorKind, range: Range<usize>, message: String, help: String) {
        self.found.errors.push(TemplateError { kind, range, message, help: Some(help) });
    }
}

#[cfg(test)]
mod tests;
