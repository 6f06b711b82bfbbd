//! The boundary to minijinja: its syntax, its parser, its errors in plain words.
//!
//! minijinja never sees the user's delimiters. Its own contain a NUL, which no source may contain, so that
//! literal text cannot be taken for anything else.

use std::ops::Range;
use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};

use super::problem::Problem;
use super::scan::{BRACES_HELP, Segment, Tag};
use super::{TemplateError, TemplateErrorKind, spelling};

/// What opens an expression in the compiled text; a parenthesis follows.
pub(super) const EXPRESSION: &str = "\0{ (";
/// What opens a statement.
pub(super) const STATEMENT: &str = "\0[ ";
/// What closes a statement.
pub(super) const STATEMENT_END: &str = " \0]";
/// What closes an expression.
pub(super) const EXPRESSION_END: &str = " \0}";

/// The budget of one rendering, in steps of minijinja. Each step also pays for 64 bytes of the texts and
/// lists that it makes: 64 MiB together. Where minijinja runs slowest this is under a second; no script needs
/// as much.
const BUDGET: u64 = 1 << 20;
/// Names, signs and values of one expression. minijinja's parser calls itself for each of them at worst, on
/// the stack of any thread.
const MOST_TOKENS: usize = 1000;

/// Returns a minijinja environment with our syntax, strict about undefined names, and nothing of ours
/// registered.
pub(super) fn new() -> Environment<'static> {
    let mut jinja = Environment::new();
    let mut syntax = SyntaxConfig::builder();
    syntax
        .variable_delimiters("\0{", "\0}")
        .block_delimiters("\0[", "\0]")
        .comment_delimiters("\0<", "\0>")
        .keep_trailing_newline(true);
    if let Ok(syntax) = syntax.build() {
        jinja.set_syntax(syntax);
    }
    jinja.set_undefined_behavior(UndefinedBehavior::Strict);
    jinja.set_fuel(Some(BUDGET));
    jinja
}

static PARSER: LazyLock<Environment<'static>> = LazyLock::new(new);

/// Checks that minijinja can read an expression or statement by itself.
pub(super) fn check(source: &str, segment: &Segment) -> Result<(), TemplateError> {
    if let Some(tag) = segment.tag().filter(|tag| tag.tokens.len() > MOST_TOKENS) {
        return Err(TemplateError {
            kind: TemplateErrorKind::Syntax,
            range: tag.outer.clone(),
            message: format!("this is too long: more than {MOST_TOKENS} names, signs and values"),
            help: Some("take it apart with `{% set name = … %}`".to_owned()),
        });
    }
    let (tag, text, start) = match segment {
        Segment::Text(_) => return Ok(()),
        Segment::Expression(tag) => (tag, format!("\0{{ {}{EXPRESSION_END}", tag.text(source)), 3),
        Segment::Statement(tag) => match statement_alone(source, tag)? {
            Some((text, start)) => (tag, text, start),
            None => return Ok(()),
        },
    };
    PARSER.template_from_str(&text).map(drop).map_err(|error| {
        let found = error.range().unwrap_or_default();
        TemplateError {
            kind: TemplateErrorKind::Syntax,
            range: within(tag, found.start.saturating_sub(start), found.end.saturating_sub(start)),
            message: unreadable(&error, matches!(segment, Segment::Statement(_))),
            help: Some(BRACES_HELP.to_owned()),
        }
    })
}

/// Checks that minijinja can read a whole compiled text, each of whose tags it can read by itself.
pub(super) fn check_whole(compiled: &str) -> Result<(), String> {
    PARSER.template_from_str(compiled).map(drop).map_err(|error| unreadable(&error, true))
}

/// Returns a statement with what it needs to be a template, and the offset of its text; none where there is
/// nothing to parse.
fn statement_alone(source: &str, tag: &Tag) -> Result<Option<(String, usize)>, TemplateError> {
    let text = tag.text(source);
    let close = |end: &str| format!("{STATEMENT}{text}{STATEMENT_END}{STATEMENT}{end}{STATEMENT_END}");
    let start = STATEMENT.len();
    Ok(match tag.keyword(source) {
        "if" => Some((close("endif"), start)),
        "for" => Some((close("endfor"), start)),
        "with" => Some((close("endwith"), start)),
        "set" => Some((format!("{STATEMENT}{text}{STATEMENT_END}"), start)),
        "elif" => {
            let open = format!("{STATEMENT}if true{STATEMENT_END}{STATEMENT}");
            let text = format!("{open}{text}{STATEMENT_END}{STATEMENT}endif{STATEMENT_END}");
            Some((text, open.len()))
        }
        keyword @ ("else" | "endif" | "endfor" | "endwith") if tag.tokens.len() > 1 => {
            return Err(TemplateError {
                kind: TemplateErrorKind::Syntax,
                range: tag.outer.clone(),
                message: format!("nothing can follow `{keyword}`"),
                help: (keyword == "else").then(|| "write `{% elif condition %}`".to_owned()),
            });
        }
        _ => None,
    })
}

/// Maps offsets in a tag's text to the source.
fn within(tag: &Tag, start: usize, end: usize) -> Range<usize> {
    let clamp = |offset: usize| (tag.inner.start + offset).clamp(tag.inner.start, tag.inner.end);
    let range = clamp(start)..clamp(end);
    if range.is_empty() { tag.outer.clone() } else { range }
}

fn unreadable(error: &Error, is_statement: bool) -> String {
    let what = if is_statement { "statement" } else { "expression" };
    let close = if is_statement { "`%}`" } else { "`}}`" };
    if error.kind() == ErrorKind::BadEscape {
        return "a string in it has a backslash that means nothing; write `\\\\` for a backslash".to_owned();
    }
    let detail = error.detail().unwrap_or("unexpected text");
    let detail = detail
        .replace("end of variable block", close)
        .replace("end of block", close)
        .replace("end of input", "the end")
        .replace("unexpected character", "unexpected character here")
        .replace("identifier", "name")
        .replace("expected in", "expected `in`");
    format!("this {what} cannot be read: {detail}")
}

/// Returns the error of a rendering, in plain words and with its range in the source.
pub(super) fn translate(error: &Error, source: &str, segments: &[Segment], compiled: &str) -> TemplateError {
    let tag = error.range().and_then(|range| locate(&range, segments, compiled));
    let range = tag.as_ref().map_or(0..source.len(), |(_, range)| range.clone());
    let whole = tag.map_or(0..source.len(), |(tag, _)| tag.inner.clone());
    let named = |range: &Range<usize>| source.get(range.clone()).unwrap_or_default().trim().to_owned();
    if let Some(problem) = std::error::Error::source(error).and_then(|error| error.downcast_ref::<Problem>())
    {
        return TemplateError {
            kind: TemplateErrorKind::Value,
            range,
            message: problem.message.clone(),
            help: problem.help.clone(),
        };
    }
    if error.kind() == ErrorKind::OutOfFuel {
        return TemplateError {
            kind: TemplateErrorKind::Value,
            range,
            message: "this takes too long or produces too much".to_owned(),
            help: Some(
                "a text may take a million steps and produce 64 MiB; let the script do more than that"
                    .to_owned(),
            ),
        };
    }
    if error.kind() == ErrorKind::UndefinedError {
        let name = Some(named(&range)).filter(|name| !name.is_empty()).unwrap_or_else(|| named(&whole));
        let help = match name.strip_prefix("env.") {
            Some(variable) => format!("set the variable, or write `{{{{ env.{variable} | default('…') }}}}`"),
            None => "give it a value, or write `| default('…')`; an `if` inside needs an `else`".to_owned(),
        };
        return TemplateError {
            kind: TemplateErrorKind::Value,
            range,
            message: format!("`{name}` has no value"),
            help: Some(help),
        };
    }
    let message = match error.detail() {
        Some(detail) => detail.to_owned(),
        None => format!("cannot evaluate `{}`: {}", named(&whole), error.kind()),
    };
    TemplateError { kind: TemplateErrorKind::Value, range, message, help: None }
}

/// Finds the tag that a range of the compiled text lies in, and the range in the source. The compiled text
/// has the same tags as the source in the same order, after those that were put before it.
fn locate<'s>(
    range: &Range<usize>,
    segments: &'s [Segment],
    compiled: &str,
) -> Option<(&'s Tag, Range<usize>)> {
    let openings = |text: &str| text.matches(['\0']).count() / 2;
    let all = openings(compiled);
    let tags: Vec<&Tag> = segments.iter().filter_map(Segment::tag).collect();
    let before = compiled.get(..range.start)?;
    // Each tag has a NUL at its start and one at its end.
    let number = before.matches('\0').count().div_ceil(2).checked_sub(1)?;
    let tag = tags.get(number.checked_sub(all - tags.len())?)?;
    let opening = before.rfind('\0')?;
    let prefix =
        if compiled.get(opening..)?.starts_with(STATEMENT) { STATEMENT.len() } else { EXPRESSION.len() };
    let emitted = compiled.get(opening + prefix..)?;
    let offset = |at: usize| spelling::original(emitted, at.saturating_sub(opening + prefix));
    Some((tag, within(tag, offset(range.start), offset(range.end))))
}
