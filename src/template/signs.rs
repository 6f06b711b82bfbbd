//! Signs that other languages have in conditions.

use std::ops::Range;

use super::token::{self, Token, TokenKind};
use super::{TemplateError, TemplateErrorKind};

/// Finds braces: a condition has none.
pub(super) fn braces(source: &str) -> Option<TemplateError> {
    let tokens = tokens(source);
    let is_open = |pair: &[Token]| match pair {
        [one, other] => {
            one.is_symbol(source, "{")
                && (other.is_symbol(source, "{") || other.is_symbol(source, "%"))
                && one.range.end == other.range.start
        }
        _ => false,
    };
    let at = tokens.windows(2).position(is_open)?;
    let first = tokens.get(at)?;
    let dollar = at
        .checked_sub(1)
        .and_then(|at| tokens.get(at))
        .filter(|before| before.is_symbol(source, "$") && before.range.end == first.range.start);
    let start = dollar.unwrap_or(first).range.start;
    let rest = source.get(start..).unwrap_or_default();
    let end = rest.find("}}").or_else(|| rest.find("%}")).map_or(source.len(), |end| start + end + 2);
    let without = source.replace("${{", "").replace("{{", "").replace("}}", "");
    let without = without.replace("&&", " and ").replace("||", " or ");
    let without = without.split_whitespace().collect::<Vec<_>>().join(" ");
    let help = match without.contains('%') {
        true => "write the expression alone, such as `release and branch == 'main'`".to_owned(),
        false => format!("write `{without}`"),
    };
    Some(TemplateError {
        kind: TemplateErrorKind::ConditionBraces,
        range: start..end,
        message: "a condition has no braces".to_owned(),
        help: Some(help),
    })
}

/// Finds operators of other languages.
pub(super) fn operators(source: &str) -> Vec<TemplateError> {
    let tokens = tokens(source);
    let mut errors = Vec::new();
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let next = tokens.get(at + 1).filter(|next| next.range.start == token.range.end);
        let is_double = next.is_some_and(|next| next.text(source) == token.text(source));
        at += 1;
        if token.kind != TokenKind::Symbol {
            continue;
        }
        let end = if is_double { token.range.end + 1 } else { token.range.end };
        let range = token.range.start..end;
        match token.text(source) {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            "&" => {
                errors.push(error(source, range, "write `and`"));
                at += usize::from(is_double);
            }
            "|" if is_double => {
                errors.push(error(source, range, "write `or`"));
                at += 1;
            }
            "!" => errors.push(error(source, token.range.clone(), "write `not`")),
            // In brackets it may be the name of an argument.
            "=" if depth == 0 => errors.push(error(source, token.range.clone(), "write `==`")),
            "$" => errors.extend(next.and_then(|name| variable(source, token, name))),
            _ => {}
        }
    }
    errors
}

fn error(source: &str, range: Range<usize>, help: &str) -> TemplateError {
    TemplateError {
        kind: TemplateErrorKind::ConditionOperator,
        message: format!("`{}` is no operator here", source.get(range.clone()).unwrap_or_default()),
        range,
        help: Some(help.to_owned()),
    }
}

/// `$NAME`, as shells have it.
fn variable(source: &str, dollar: &Token, name: &Token) -> Option<TemplateError> {
    if name.kind != TokenKind::Name {
        return None;
    }
    let name_text = name.text(source);
    Some(TemplateError {
        kind: TemplateErrorKind::ConditionOperator,
        range: dollar.range.start..name.range.end,
        message: "a dollar sign before a name is how shells read a variable".to_owned(),
        help: Some(format!("write `env.{name_text}`, or the name of a param alone")),
    })
}

fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Ok(Some(token)) = token::next(source, at) {
        at = token.range.end;
        tokens.push(token);
    }
    tokens
}
