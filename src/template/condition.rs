//! Conditions: an expression without braces is compiled as the head of an `if` statement, so that all that holds
//! for expressions in templates holds for it.

use std::collections::BTreeSet;
use std::ops::Range;

use super::compile::compiled;
use super::scan::{BRACES_HELP, Segment, Tag, scan};
use super::{Names, TemplateError, TemplateErrorKind, TextContext, jinja, names, signs, structure};
use crate::pipeline::{Condition, EndRef, EnvRead, MembersRef, OutputRef, Span, StatusRef, Text};

/// What stands before a condition for the template engine.
const BEFORE: &str = "{% if ";
/// What stands behind it.
const BEHIND: &str = " %}true{% else %}false{% endif %}";

/// Compiles a condition. Reports every problem that it can find in one go.
pub fn condition(source: &str, at: Span, names: &Names) -> Result<Condition, Vec<TemplateError>> {
    if let Some(error) = signs::braces(source) {
        return Err(vec![error]);
    }
    let mut errors = signs::operators(source);
    let whole = [BEFORE, source, BEHIND].concat();
    let segments = match scan(&whole) {
        Ok(segments) if is_one(&segments, &whole) => segments,
        // The names are still looked at where an operator of another language is all that is wrong.
        Ok(_) if errors.is_empty() => {
            return Err(vec![TemplateError {
                kind: TemplateErrorKind::Condition,
                range: 0..source.len(),
                message: "a condition is one expression".to_owned(),
                help: Some("leave `%}` out".to_owned()),
            }]);
        }
        Ok(_) => return Err(errors),
        Err(error) if errors.is_empty() => return Err(vec![plain(error, source)]),
        Err(_) => return Err(errors),
    };
    if !errors.is_empty() {
        let nodes = structure::build(&whole, &segments).unwrap_or_default();
        let place = (names, TextContext::Condition);
        let usage = names::check(&whole, &segments, &nodes, place, &BTreeSet::new());
        let about_names = |error: &TemplateError| {
            matches!(error.kind, TemplateErrorKind::Undefined | TemplateErrorKind::Function)
        };
        let others = usage.errors.into_iter().filter(about_names).map(|error| plain(error, source));
        // What is wrong with a name as a whole is said already.
        let is_new = |error: &TemplateError| {
            !errors
                .iter()
                .any(|said| said.range.start <= error.range.start && error.range.end <= said.range.end)
        };
        let others: Vec<TemplateError> = others.filter(is_new).collect();
        errors.extend(others);
        errors.sort_by_key(|error| (error.range.start, error.range.end));
        return Err(errors);
    }
    let text = compiled(&whole, &segments, at, TextContext::Condition, names)
        .map_err(|errors| errors.into_iter().map(|error| plain(error, source)).collect::<Vec<_>>())?;
    let text = unwrapped(text, source);
    Ok(Condition { is_early: is_early(&text), text: text.into() })
}

/// Returns whether a text reads only what is known before anything runs.
fn is_early(text: &Text) -> bool {
    text.outputs.is_empty() && text.asks.is_empty() && text.members.is_empty() && text.ends.is_empty()
}

/// Returns whether the text is what was put around the condition, and nothing of the condition's own.
fn is_one(segments: &[Segment], whole: &str) -> bool {
    let head = segments.first().and_then(Segment::tag);
    let ends =
        |tag: &Tag| whole.get(tag.inner.end..).is_some_and(|rest| rest.trim_start() == BEHIND.trim_start());
    segments.len() == 5 && head.is_some_and(ends)
}

/// Returns the text with the ranges of what the user wrote.
fn unwrapped(text: Text, source: &str) -> Text {
    let Text {
        at,
        source: _,
        compiled,
        secrets,
        params,
        outputs,
        // It may read none.
        addresses,
        asks,
        members,
        axes,
        ends,
        env,
        pipeline_dir,
        raw: _,
        leading: _,
    } = text;
    let back = |range: Range<usize>| back(range, source);
    Text {
        at,
        source: source.to_owned(),
        compiled,
        secrets,
        params,
        outputs: outputs
            .into_iter()
            .map(|output| OutputRef { range: back(output.range.clone()), ..output })
            .collect(),
        addresses,
        asks: asks.into_iter().map(|ask| StatusRef { range: back(ask.range.clone()), ..ask }).collect(),
        members: members
            .into_iter()
            .map(|read| MembersRef { range: back(read.range.clone()), ..read })
            .collect(),
        axes,
        ends: ends.into_iter().map(|end| EndRef { range: back(end.range.clone()), ..end }).collect(),
        env: env.into_iter().map(|read| EnvRead { range: back(read.range.clone()), ..read }).collect(),
        pipeline_dir,
        raw: Vec::new(),
        leading: Vec::new(),
    }
}

fn back(range: Range<usize>, source: &str) -> Range<usize> {
    let shift = |at: usize| at.saturating_sub(BEFORE.len()).min(source.len());
    let range = shift(range.start)..shift(range.end);
    if range.is_empty() { 0..source.len() } else { range }
}

/// Returns what the template engine has compiled of a condition, if the text is one.
pub(super) fn whole(text: &Text) -> Option<String> {
    let compiled = text.compiled.as_deref()?;
    let head = compiled.strip_prefix(jinja::STATEMENT)?.trim_start();
    let is_condition = head.starts_with("if ") && !text.source.trim_start().starts_with("{%");
    is_condition.then(|| [BEFORE, &text.source, BEHIND].concat())
}

/// Returns an error in the words of conditions, with its range in what the user wrote.
pub(super) fn plain(error: TemplateError, source: &str) -> TemplateError {
    let TemplateError { kind, range, message, help } = error;
    let message = match message.strip_prefix("this statement cannot be read: ") {
        Some(detail) => format!("this condition cannot be read: {}", reworded(detail)),
        None => message,
    };
    let help = help.map(|help| {
        let help = help.replace(&format!("; {BRACES_HELP}"), "").replace("{{ ", "").replace(" }}", "");
        if help == BRACES_HELP.replace("{{ ", "").replace(" }}", "") {
            EXPRESSION_HELP.to_owned()
        } else {
            help
        }
    });
    let kind = if kind == TemplateErrorKind::Syntax { TemplateErrorKind::Condition } else { kind };
    TemplateError { kind, range: back(range, source), message, help }
}

/// Returns what the template engine has found, in other words: it has seen a statement, of which the user wrote none.
fn reworded(detail: &str) -> String {
    let Some(found) = detail.strip_prefix("unexpected ") else { return detail.to_owned() };
    let is_end = |what: &str| what == "`%}`" || what == "the end";
    let named = |what: &str| match what {
        "name" => "a name".to_owned(),
        "string" => "a text".to_owned(),
        "integer" | "float" => "a number".to_owned(),
        what => what.to_owned(),
    };
    match found.split_once(", expected ") {
        Some((found, wanted)) if is_end(wanted) => format!("there is {} where it could end", named(found)),
        Some((found, wanted)) if is_end(found) => format!("it ends where {} should be", named(wanted)),
        Some((found, wanted)) => {
            format!("there is {} where {} should be", named(found), named(wanted))
        }
        None if is_end(found) => "it ends too early".to_owned(),
        None => format!("there is {} where it does not belong", named(found)),
    }
}

/// What a condition looks like.
const EXPRESSION_HELP: &str = "a condition is an expression such as `release and branch == 'main'`";

#[cfg(test)]
mod tests;
