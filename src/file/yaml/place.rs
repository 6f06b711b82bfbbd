//! Where in a document a value stands, and what is said when it is not what it should be.

use std::cell::RefCell;
use std::fmt;

use serde::de;

use super::node::{Node, ScalarKind, Value};
use crate::file::nearest::Nearest;
use crate::file::words;
use crate::file::{Code, Diagnostic};
use crate::pipeline::{Source, Span};

/// What one reading shares.
pub(super) struct Context<'de, 's> {
    pub(super) source: &'s Source,
    pub(super) examples: &'de [(&'de str, &'de str)],
    pub(super) nearest: Nearest,
    pub(super) problems: RefCell<Vec<Diagnostic>>,
}

impl Context<'_, '_> {
    pub(super) fn record(&self, problem: Diagnostic) {
        self.problems.borrow_mut().push(problem);
    }
}

/// Where in the document a value stands, for the words of a message.
#[derive(Clone, Copy)]
pub(super) struct Place<'c, 'de, 's> {
    pub(super) context: &'c Context<'de, 's>,
    /// The innermost key.
    pub(super) key: Option<&'de str>,
    /// The key whose example shows how it is written.
    pub(super) shown_by: Option<&'de str>,
    /// Whether the value is an entry of the key's list.
    pub(super) in_list: bool,
}

impl<'de> Place<'_, 'de, '_> {
    pub(super) fn under(self, key: &'de str, is_users_own: bool) -> Self {
        let shown_by = if is_users_own { self.shown_by } else { Some(key) };
        Self { key: Some(key), shown_by, in_list: false, ..self }
    }

    pub(super) fn in_list(self) -> Self {
        Self { in_list: true, ..self }
    }

    /// `run`, an entry of `steps`, the file.
    fn name(self) -> String {
        match self.key {
            None => "the file".to_owned(),
            Some(key) if self.in_list => format!("an entry of `{key}`"),
            Some(key) => format!("`{key}`"),
        }
    }

    /// How it is written.
    pub(super) fn example(self) -> Option<String> {
        let Some(shown_by) = self.shown_by else {
            return self.key.is_none().then(|| "write lines like `key: value`".to_owned());
        };
        let (key, value) = self.context.examples.iter().find(|(name, _)| *name == shown_by)?;
        Some(format!("for example `{key}: {value}`"))
    }

    /// The message for a value that is not what is wanted.
    pub(super) fn mismatch(self, node: &Node<'_>, wanted: &str) -> String {
        match describe(node) {
            Some(found) => format!("{} must be {wanted}, not {found}", self.name()),
            None => format!("{} is empty; it must be {wanted}", self.name()),
        }
    }

    /// Whether a list is written as `[ … ]`, as a test of the shell is.
    fn begins_with_bracket(self, node: &Node<'_>) -> bool {
        self.context.source.slice(node.span).starts_with('[')
    }

    pub(super) fn wrong(self, node: &Node<'_>, wanted: &str) -> Fault {
        let help = match (self.key, &node.value) {
            (Some("run"), Value::Seq(items)) if items.len() == 1 && self.begins_with_bracket(node) => Some(
                "YAML takes `[` for the start of a list: put the text in quotes, or on the next line after `run: |`".to_owned(),
            ),
            (Some("run"), Value::Seq(_)) => {
                Some("write `run: |` and each command on a line of its own below it, indented".to_owned())
            }
            (None, Value::Seq(_)) => Some("write `steps:` above the list, and indent the list".to_owned()),
            (Some("input"), Value::Seq(_)) => {
                Some("a step has one stream on its standard input; it reads more by `inputs: {left: a, right: b}`".to_owned())
            }
            (Some("store"), _) if wanted == "a map" => {
                Some("say how much room there is: `store: {size: 20GiB}`".to_owned())
            }
            (Some("exclude"), _) if wanted == "text or a list" => {
                Some("for example `exclude: [.git, target]`".to_owned())
            }
            (Some("env"), Value::Seq(_)) => {
                Some("write each variable as `NAME: value`: `env: {LC_ALL: C}`".to_owned())
            }
            (Some("steps"), Value::Map(_)) if !self.in_list => {
                Some("each step begins with a dash and its name: `- name: build`".to_owned())
            }
            (Some("steps"), Value::Scalar(scalar)) if self.in_list && scalar.kind() != ScalarKind::Null => {
                Some("give it a name: `- name: build`, and below that `run: make`".to_owned())
            }
            _ => self.example(),
        };
        if self.shown_by == Some("if") {
            let message = match describe(node) {
                Some(found) => format!("`if` is {found}, which is neither true nor false"),
                None => "`if` is empty: a condition is true or false".to_owned(),
            };
            return Fault::at(Code::BadCondition, node.span, message).maybe_help(help);
        }
        Fault::at(Code::WrongType, node.span, self.mismatch(node, wanted)).maybe_help(help)
    }
}

/// Names a value in a message about a wrong type; `None` for nothing at all.
fn describe(node: &Node<'_>) -> Option<String> {
    match &node.value {
        Value::Seq(_) => Some("a list".to_owned()),
        Value::Map(_) => Some("a map (`key: value`)".to_owned()),
        Value::Scalar(scalar) if scalar.kind() != ScalarKind::Null => {
            Some(words::shown(scalar.text.lines().next().unwrap_or_default()))
        }
        Value::Scalar(_) | Value::Broken => None,
    }
}

/// Why a value could not be read.
#[derive(Debug)]
pub(super) struct Fault(Option<Box<Diagnostic>>);

impl Fault {
    /// Has been recorded elsewhere.
    pub(super) const KNOWN: Self = Self(None);

    pub(super) fn at(code: Code, span: Span, message: String) -> Self {
        Self(Some(Box::new(Diagnostic { span: Some(span), ..Diagnostic::nowhere(code, message) })))
    }

    pub(super) fn maybe_help(self, help: Option<String>) -> Self {
        Self(self.0.map(|problem| Box::new(problem.maybe_help(help))))
    }

    pub(super) fn record(self, at: Span, context: &Context<'_, '_>) {
        if let Some(mut problem) = self.0 {
            problem.span.get_or_insert(at);
            problem.source = Some(context.source.clone());
            context.record(*problem);
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0.as_ref().map_or("", |problem| &problem.message))
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(Some(Box::new(Diagnostic::nowhere(Code::WrongType, message.to_string()))))
    }
}
