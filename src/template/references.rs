//! What an expression refers to: names of values with their attributes, filters, tests, functions.

use std::ops::Range;

use super::token::{Token, TokenKind, is_keyword};

/// A name in an expression.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reference<'s> {
    /// A value or one of its attributes, or a function.
    Value(Path<'s>),
    /// After `|`.
    Filter(&'s str, Range<usize>),
    /// After `is`.
    Test(&'s str, Range<usize>),
}

/// `root.attribute.attribute`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path<'s> {
    /// The first name.
    pub(super) root: &'s str,
    /// The names after it; `x["name"]` counts as `x.name`.
    pub(super) attributes: Vec<&'s str>,
    /// From the first name to the last.
    pub(super) range: Range<usize>,
    /// Whether it is called: `root(…)`.
    pub(super) is_call: bool,
    /// Number of tokens that it is made of.
    pub(super) length: usize,
}

/// Returns every reference in the tokens of an expression, in order. Leading dots have been taken out.
pub(super) fn references<'s>(source: &'s str, tokens: &[Token]) -> Vec<Reference<'s>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let before = at.checked_sub(1).and_then(|at| tokens.get(at));
        let text = token.text(source);
        if token.kind != TokenKind::Name || is_constant(text) {
            at += 1;
        } else if before.is_some_and(|before| before.is_symbol(source, "|")) {
            let (name, range, length) = dotted_name(source, tokens, at);
            found.push(Reference::Filter(name, range));
            at += length;
        } else if text == "is" {
            let negated = tokens.get(at + 1).is_some_and(|next| next.is_name(source, "not"));
            let name = at + 1 + usize::from(negated);
            if tokens.get(name).is_some_and(|next| next.kind == TokenKind::Name) {
                let (test, range, length) = dotted_name(source, tokens, name);
                found.push(Reference::Test(test, range));
                at = name + length;
            } else {
                at = name;
            }
        } else if is_keyword(text) || is_attribute(source, tokens, at) || is_argument_name(source, tokens, at)
        {
            at += 1;
        } else {
            let path = path(source, tokens, at);
            at += path.length;
            found.push(Reference::Value(path));
        }
    }
    found
}

/// Returns the path at the start of `tokens`, which must be a name.
pub(super) fn path<'s>(source: &'s str, tokens: &[Token], start: usize) -> Path<'s> {
    let here = tokens.get(start..).unwrap_or_default();
    let range = here.first().map_or(0..0, |token| token.range.clone());
    let root = source.get(range.clone()).unwrap_or_default();
    let mut path = Path { root, attributes: Vec::new(), range, is_call: false, length: 1 };
    loop {
        match here.get(path.length..).unwrap_or_default() {
            [dot, name, ..] if dot.is_symbol(source, ".") && name.kind == TokenKind::Name => {
                path.attributes.push(name.text(source));
                path.range.end = name.range.end;
                path.length += 2;
            }
            [open, name, close, ..]
                if open.is_symbol(source, "[")
                    && name.kind == TokenKind::Text
                    && close.is_symbol(source, "]") =>
            {
                let quoted = name.text(source);
                path.attributes.push(quoted.get(1..quoted.len() - 1).unwrap_or_default());
                path.range.end = close.range.end;
                path.length += 3;
            }
            rest => {
                path.is_call = rest.first().is_some_and(|token| token.is_symbol(source, "("));
                return path;
            }
        }
    }
}

/// Returns whether the tokens are a name, or names with dots between them, and nothing else. Longer ones than
/// `steps.NAME.outputs.KEY` do not count.
pub(super) fn is_name(source: &str, tokens: &[Token]) -> bool {
    let part = |token: &Token| token.kind == TokenKind::Name && !is_keyword(token.text(source));
    let fits =
        |(at, token): (usize, &Token)| if at % 2 == 0 { part(token) } else { token.is_symbol(source, ".") };
    matches!(tokens.len(), 1 | 3 | 5 | 7) && tokens.iter().enumerate().all(fits)
}

/// Filters and tests may have dots in their names.
fn dotted_name<'s>(source: &'s str, tokens: &[Token], start: usize) -> (&'s str, Range<usize>, usize) {
    let mut path = path(source, tokens, start);
    path.length = 1 + 2 * path.attributes.len();
    (source.get(path.range.clone()).unwrap_or_default(), path.range, path.length)
}

fn is_constant(word: &str) -> bool {
    matches!(word, "true" | "True" | "false" | "False" | "none" | "None")
}

/// Returns whether the name is an attribute of a value that is not a path, as in `f(x).name`.
fn is_attribute(source: &str, tokens: &[Token], at: usize) -> bool {
    at.checked_sub(1).and_then(|at| tokens.get(at)).is_some_and(|before| before.is_symbol(source, "."))
}

/// Returns whether the name is that of an argument, as in `f(name=1)`.
fn is_argument_name(source: &str, tokens: &[Token], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| tokens.get(at));
    before.is_some_and(|before| before.is_symbol(source, "(") || before.is_symbol(source, ","))
        && tokens.get(at + 1).is_some_and(|after| after.is_symbol(source, "="))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_name;
    use crate::pipeline::Span;
    use crate::template::scan::{Segment, scan};
    use crate::template::{ExprType, Names, Shells, TextContext, compile, jinja};

    /// Returns the one expression of a text, if it is taken for a name.
    fn name(source: &str) -> Option<Segment> {
        let segments = scan(source).ok()?;
        let [segment @ Segment::Expression(tag)] = segments.as_slice() else { return None };
        is_name(source, &tag.tokens).then(|| segment.clone())
    }

    #[test]
    fn names_are_told_from_other_expressions() {
        for text in ["x", ".x", "params.x", "env . HOME", "steps.a-b.outputs.c", "true"] {
            assert!(name(&format!("{{{{ {text} }}}}")).is_some(), "{text}");
        }
        for text in
            ["", "not", "x y", "x | upper", "x()", "x[0]", "x.", "x..y", "x.1", "1", "'x'", "a.b.c.d.e"]
        {
            assert!(name(&format!("{{{{ {text} }}}}")).is_none(), "{text}");
        }
    }

    proptest! {
        /// Such an expression is not shown to minijinja before it is rendered.
        #[test]
        fn minijinja_can_read_what_passes_for_a_name(words in prop::collection::vec(prop::sample::select(vec![
            ".", ".", ".", "x", "params", "steps", "outputs", "a-b", "1st", "_", "not", "in", "is", "if", "else", "and", "or",
            "elif", "for", "set", "with", "recursive", "true", "none", "loop", "self", "endif", "raw", " ", "\n", "-",
        ]), 1..8)) {
            let source = format!("{{{{ {} }}}}", words.concat());
            if let Some(segment) = name(&source) {
                prop_assert!(jinja::check(&source, &segment).is_ok());
                let names = Names { params: [("x".to_owned(), ExprType::Text)].into(), steps: true, ..Names::default() };
                for place in [TextContext::Plain, TextContext::PosixShell(Shells::SH), TextContext::Interpreter] {
                    if let Ok(text) = compile(&source, Span::default(), place, &names) {
                        prop_assert!(jinja::check_whole(text.compiled.as_deref().unwrap_or_default()).is_ok());
                    }
                }
            }
        }
    }
}
