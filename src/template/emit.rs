//! The engine's text: every expression wrapped in the filter of its place.

use std::collections::{BTreeMap, BTreeSet};

use super::engine;
use super::known::hidden;
use super::names::Usage;
use super::scan::{Segment, Tag};
use super::shell::{self, Context, Here};

/// The engine's text of a whole template. `emissions` says by segment what becomes of an expression in a shell script; one
/// that is not there goes in as it is, as JSON if it is `inert`.
pub(super) fn emit(
    source: &str,
    segments: &[Segment],
    reveals: Option<&Usage>,
    emissions: &BTreeMap<usize, Emission>,
    inert: impl Fn(&Tag) -> bool,
) -> String {
    let mut out = String::with_capacity(2 * source.len());
    if let Some(usage) = reveals {
        reveal(usage, &mut out);
    }
    for (index, segment) in segments.iter().enumerate() {
        match segment {
            Segment::Text(range) => out.push_str(source.get(range.clone()).unwrap_or_default()),
            Segment::Statement(tag) => {
                out.push_str(engine::STATEMENT);
                out.push_str(&tag.text(source));
                out.push_str(engine::STATEMENT_END);
            }
            Segment::Expression(tag) => {
                out.push_str(engine::EXPRESSION);
                match emissions.get(&index) {
                    Some(Emission::Text(text)) => out.extend([&literal(text), ")"]),
                    Some(Emission::Filter(filter)) => out.extend([&tag.text(source), ")|", filter]),
                    None => {
                        let filter = if inert(tag) { hidden::JSON } else { hidden::PLAIN };
                        out.extend([&tag.text(source), ")|", filter]);
                    }
                }
                out.push_str(engine::EXPRESSION_END);
            }
        }
    }
    out
}

/// What is emitted for an expression in a shell script.
pub(super) enum Emission {
    /// Its value, through a filter.
    Filter(String),
    /// This text.
    Text(String),
}

/// Secrets have no text in the engine's scope, except where a text says at its start that it may see them.
fn reveal(usage: &Usage, out: &mut String) {
    let secrets: BTreeSet<&String> = usage.secrets.values().flatten().collect();
    if secrets.is_empty() {
        return;
    }
    for name in secrets {
        out.push_str(&format!(
            "{}set {name} = {}({}){}",
            engine::STATEMENT,
            hidden::REVEAL,
            literal(name),
            engine::STATEMENT_END
        ));
    }
    out.push_str(&format!(
        "{}set params = {}(){}",
        engine::STATEMENT,
        hidden::REVEAL_ALL,
        engine::STATEMENT_END
    ));
}

/// The filter that escapes a value for its place.
pub(super) fn shell_filter(place: &shell::Place) -> String {
    let filter = match &place.context {
        Context::Word(word) => {
            let [alone, needed, plain] =
                [word.alone, word.needed, word.plain].map(|flag| if flag { "true" } else { "false" });
            [hidden::WORD, "(", alone, ", ", needed, ", ", plain, ")"].concat()
        }
        Context::Single => hidden::SINGLE.to_owned(),
        Context::Double { guard } => format!("{}({guard})", hidden::DOUBLE),
        Context::Arithmetic => return hidden::WHOLE.to_owned(),
        Context::Comment => hidden::COMMENT.to_owned(),
        Context::Here(here) => here_filter(here),
    };
    match place {
        shell::Place { whole: true, .. } => format!("{}|{filter}", hidden::WHOLE),
        shell::Place { command: true, .. } => format!("{}|{filter}", hidden::COMMAND),
        _ => filter,
    }
}

fn here_filter(here: &Here) -> String {
    let flags = [(here.quoted, 'q'), (here.strip, '-'), (here.before.open, '<'), (here.after.open, '>')];
    let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, flag)| flag).collect();
    let [delimiter, flags, before, after] =
        [&here.delimiter, &flags, &here.before.text, &here.after.text].map(|text| literal(text));
    format!("{}({delimiter}, {flags}, {before}, {after})", hidden::HERE)
}

/// A reference to a variable, in the quoting of a place; the error completes "a secret cannot stand …".
pub(super) fn variable(place: &shell::Place, name: &str) -> Result<String, &'static str> {
    if place.whole {
        return Err("where the shell computes");
    }
    Ok(match &place.context {
        Context::Word(_) => format!("\"${name}\""),
        Context::Single => format!("'\"${name}\"'"),
        Context::Double { .. } => format!("${{{name}}}"),
        Context::Here(here) if !here.quoted => format!("${{{name}}}"),
        Context::Comment => name.to_owned(),
        Context::Arithmetic => return Err("where the shell computes"),
        Context::Here(_) => return Err("in a here-document whose delimiter is quoted"),
    })
}

/// A text as a string literal of the engine.
fn literal(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
