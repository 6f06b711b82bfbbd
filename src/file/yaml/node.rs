//! A YAML document as a tree, with the place of everything in the file.

use std::borrow::Cow;

use crate::pipeline::Span;

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    /// From its first to its last character. What an alias stands for keeps the place where it was written.
    pub span: Span,
    /// The value.
    pub value: Value<'a>,
}

/// A YAML value.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// Text, a number, a truth value, or nothing.
    Scalar(Scalar<'a>),
    /// A list.
    Seq(Vec<Node<'a>>),
    /// A map in the order of the file, with repeated keys.
    Map(Vec<Entry<'a>>),
    /// Something that has been reported already.
    Broken,
}

impl<'a> Value<'a> {
    /// Returns the entries of a map.
    pub fn entries(&self) -> Option<&[Entry<'a>]> {
        match self {
            Self::Map(entries) => Some(entries),
            Self::Scalar(_) | Self::Seq(_) | Self::Broken => None,
        }
    }
}

/// A key with its value.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// The key's text.
    pub name: Cow<'a, str>,
    /// The key's place.
    pub at: Span,
    /// The value.
    pub value: Node<'a>,
}

/// A single value, as it was written.
#[derive(Debug, Clone)]
pub struct Scalar<'a> {
    /// The text after YAML's own unquoting; numbers keep their spelling (`1.10`, `010`).
    pub text: Cow<'a, str>,
    /// Whether it stands without quotes and is no block, so that YAML may take it for a number or a truth
    /// value.
    pub plain: bool,
}

/// What YAML takes a scalar for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarKind {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A number with a fraction or an exponent.
    Float,
    /// Anything else.
    Text,
}

impl Scalar<'_> {
    /// What YAML 1.2 takes it for; quoted text is text.
    pub fn kind(&self) -> ScalarKind {
        if self.plain { kind(&self.text) } else { ScalarKind::Text }
    }
}

fn kind(text: &str) -> ScalarKind {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    match text {
        "" | "~" | "null" | "Null" | "NULL" => ScalarKind::Null,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => ScalarKind::Bool,
        _ if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') => ScalarKind::Text,
        // A number with leading zeros is a code or a file mode, and stays text.
        _ if digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.") => ScalarKind::Text,
        _ if text.parse::<i64>().is_ok() => ScalarKind::Int,
        _ if text.parse::<f64>().is_ok_and(f64::is_finite) => ScalarKind::Float,
        _ => ScalarKind::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_taken_for_what_yaml_takes_it_for() {
        let table: [(ScalarKind, &[&str]); 5] = [
            (ScalarKind::Null, &["", "~", "null"]),
            (ScalarKind::Bool, &["true", "False"]),
            (ScalarKind::Int, &["0", "-7", "+12", "9223372036854775807"]),
            (ScalarKind::Float, &["1.10", "-.5", "1e3", "0.5", "92233720368547758070"]),
            (
                ScalarKind::Text,
                &["010", "1.2.3", "yes", "on", "nan", "inf", "1_000", "/data", "5s", "-", ".", "1e999"],
            ),
        ];
        for (expected, texts) in table {
            for text in texts {
                assert_eq!(kind(text), expected, "{text:?}");
            }
        }
    }
}
