//! Expressions as trees: what minijinja will do with each of their parts.
//!
//! minijinja's own trees are private. These are read from the tokens of what minijinja can read, by its
//! precedence.

mod parse;

use std::ops::Range;

pub(super) use parse::read;

/// An expression, or a part of one.
#[derive(Debug)]
pub(super) struct Expr {
    /// Where it stands, without brackets around it.
    pub(super) range: Range<usize>,
    /// What it is.
    pub(super) node: Node,
}

/// What an expression is.
#[derive(Debug)]
pub(super) enum Node {
    /// A name.
    Name(String),
    /// A literal text, without its quotes.
    Text(String),
    /// A literal number.
    Number,
    /// `true` or `false`.
    Bool,
    /// `none`.
    None,
    /// `[a, b]` or `(a, b)`.
    List(Vec<Expr>),
    /// `{a: b}`: keys and values by turns.
    Map(Vec<Expr>),
    /// `a.b`, `a[b]`, `a[b:c]`, `a(b)`.
    Reach(Box<Expr>, Vec<Reach>),
    /// `a | b`, `a is b`.
    Pipe(Box<Expr>, Vec<Pipe>),
    /// `-a`.
    Negative(Box<Expr>),
    /// `not a`.
    Not(Box<Expr>),
    /// Operands between which `+`, `-`, `*`, `/`, `//`, `%` or `**` stands.
    Sum(Vec<Expr>),
    /// Operands between which `~` stands.
    Joined(Vec<Expr>),
    /// `a < b`, `a in b`: each operator with what stands behind it.
    Compared(Box<Expr>, Vec<(Comparison, Expr)>),
    /// Operands between which `and` or `or` stands.
    Logic(Vec<Expr>),
    /// `a if b else c`.
    Choice {
        /// What it is if the condition is true.
        value: Box<Expr>,
        /// The condition.
        condition: Box<Expr>,
        /// What it is else.
        otherwise: Option<Box<Expr>>,
    },
}

/// One step into a value.
#[derive(Debug)]
pub(super) enum Reach {
    /// `.name`
    Attribute(String),
    /// `[a]`, `[a:b]`
    Item(Vec<Expr>),
    /// `(a, b)`
    Call(Vec<Expr>),
}

/// A filter or a test.
#[derive(Debug)]
pub(super) struct Pipe {
    /// Its name.
    pub(super) name: String,
    /// Whether it is a test.
    pub(super) is_test: bool,
    /// Its arguments, without the names that they may have.
    pub(super) arguments: Vec<Expr>,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// `==`, `!=`
    Equal,
    /// `<`, `<=`, `>`, `>=`
    Order,
    /// `in`, `not in`
    In,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::pipeline::Span;
    use crate::template::scan::{Segment, scan};
    use crate::template::{ExprType, Names, TemplateError, TemplateErrorKind, TextContext, compile, jinja};

    const TOKENS: [&str; 48] = [
        "x",
        "x",
        "n",
        "b",
        "list",
        "env.A",
        "loop",
        "'a'",
        "\"b\"",
        "1",
        "1.10",
        "1e-3",
        "2.",
        "true",
        "none",
        "(",
        ")",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        ".",
        "|",
        "|",
        "is",
        "not",
        "in",
        "and",
        "or",
        "if",
        "else",
        "+",
        "-",
        "*",
        "**",
        "//",
        "~",
        "==",
        "<",
        "!=",
        "=",
        "upper",
        "default('d')",
        "eq",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        /// What is put into an expression must not change what minijinja can read.
        #[test]
        fn what_minijinja_can_read_has_a_tree(words in prop::collection::vec(prop::sample::select(&TOKENS[..]), 1..9)) {
            let source = format!("{{{{ {} }}}}", words.join(" "));
            let Ok(segments) = scan(&source) else { return Ok(()) };
            let [segment @ Segment::Expression(tag)] = segments.as_slice() else { return Ok(()) };
            if jinja::check(&source, segment).is_ok() {
                let is_read = super::read(&source, &tag.tokens).is_some();
                prop_assert!(is_read || words.contains(&"not"), "{source}");
                let params = ["x", "n", "b", "list", "loop"].map(|name| (name.to_owned(), ExprType::Unknown)).into();
                let names = Names { params, ..Names::default() };
                let errors = compile(&source, Span::default(), TextContext::Plain, &names).err().unwrap_or_default();
                // `if` can be a name there, and is one of Go's words here.
                let is_wrong = |error: &TemplateError| {
                    error.kind == TemplateErrorKind::Syntax && !error.message.contains("a template of Go")
                };
                prop_assert!(!errors.iter().any(is_wrong), "{source}: {errors:?}");
            }
        }
    }
}
