//! The compiled text: every expression wrapped in the filter of its place.

use std::collections::{BTreeMap, BTreeSet};

use super::jinja;
use super::known::hidden;
use super::names::Usage;
use super::scan::{Segment, Tag};
use super::shell::{self, Demands, Harmless, Here, Quoting};
use super::spelling;

/// Returns the compiled text of a whole template. It `reveals` its secrets or not. `emissions` says by
/// segment what becomes of an expression in a shell script; one that is not there goes in as it is, as JSON
/// if it is `inert`.
pub(super) fn emit(
    source: &str,
    segments: &[Segment],
    usage: &Usage,
    reveals: bool,
    emissions: &BTreeMap<usize, Emission>,
    inert: impl Fn(&Tag) -> bool,
) -> String {
    let mut out = String::with_capacity(2 * source.len());
    if reveals {
        reveal(usage, &mut out);
    }
    let text = |index: usize, tag: &Tag| {
        let insertions = usage.insertions.get(&index).map(Vec::as_slice).unwrap_or_default();
        spelling::insert(&tag.text(source), tag.inner.start, insertions)
    };
    for (index, segment) in segments.iter().enumerate() {
        match segment {
            Segment::Text(range) => out.push_str(source.get(range.clone()).unwrap_or_default()),
            Segment::Statement(tag) => {
                out.push_str(jinja::STATEMENT);
                out.push_str(&text(index, tag));
                out.push_str(jinja::STATEMENT_END);
            }
            Segment::Expression(tag) => {
                out.push_str(jinja::EXPRESSION);
                match emissions.get(&index) {
                    Some(Emission::Text(text)) => out.extend([&literal(text), ")"]),
                    Some(Emission::Filter(filter)) => out.extend([&text(index, tag), ")|", filter]),
                    None => {
                        let filter = if inert(tag) { hidden::JSON } else { hidden::PLAIN };
                        out.extend([&text(index, tag), ")|", filter]);
                    }
                }
                out.push_str(jinja::EXPRESSION_END);
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

/// Secrets have no text in minijinja's scope, except where a text says at its start that it may see them.
fn reveal(usage: &Usage, out: &mut String) {
    let secrets: BTreeSet<&String> = usage.secrets.values().flatten().collect();
    if secrets.is_empty() {
        return;
    }
    for name in secrets {
        out.push_str(&format!(
            "{}set {name} = {}({}){}",
            jinja::STATEMENT,
            hidden::REVEAL,
            literal(name),
            jinja::STATEMENT_END
        ));
    }
    out.push_str(&format!(
        "{}set params = {}(){}",
        jinja::STATEMENT,
        hidden::REVEAL_ALL,
        jinja::STATEMENT_END
    ));
}

/// Returns the filter that escapes a value for its place.
pub(super) fn shell_filter(place: &shell::Slot) -> String {
    let filter = match &place.quoting {
        Quoting::Word(word) => {
            let [alone, needed, plain] =
                [word.alone, word.needed, word.plain].map(|flag| if flag { "true" } else { "false" });
            [hidden::WORD, "(", alone, ", ", needed, ", ", plain, ")"].concat()
        }
        Quoting::Single => hidden::SINGLE.to_owned(),
        Quoting::Double { guard } => format!("{}({guard})", hidden::DOUBLE),
        Quoting::Arithmetic => hidden::WHOLE.to_owned(),
        Quoting::Bare => hidden::PLAIN.to_owned(),
        Quoting::Comment => hidden::COMMENT.to_owned(),
        Quoting::Here(here) => here_filter(here),
    };
    let Demands { whole, command, no_parenthesis, no_option, no_assignment, harmless } = place.demands;
    let harmless = (harmless != Harmless::Never).then(|| harmless_check(harmless));
    let is_whole = whole && place.quoting != Quoting::Arithmetic;
    let checks = [
        (is_whole, hidden::WHOLE),
        (command, hidden::COMMAND),
        (no_parenthesis && !whole, hidden::NO_PARENTHESIS),
        (no_option, hidden::NO_OPTION),
        (no_assignment, hidden::NO_ASSIGNMENT),
    ];
    let checks = checks.iter().filter(|(demanded, _)| *demanded).map(|(_, check)| (*check).to_owned());
    harmless.into_iter().chain(checks).chain([filter]).collect::<Vec<_>>().join("|")
}

/// Returns the filter for a place where only the type of a param keeps its value from harm.
pub(super) fn harmless_filter(promised: Harmless) -> String {
    [&harmless_check(promised), "|", hidden::PLAIN].concat()
}

fn harmless_check(promised: Harmless) -> String {
    format!("{}({})", hidden::HARMLESS, promised == Harmless::Number)
}

fn here_filter(here: &Here) -> String {
    let flags = [(here.quoted, 'q'), (here.strip, '-'), (here.before.open, '<'), (here.after.open, '>')];
    let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, flag)| flag).collect();
    let [delimiter, flags, before, after] =
        [&here.delimiter, &flags, &here.before.text, &here.after.text].map(|text| literal(text));
    format!("{}({delimiter}, {flags}, {before}, {after})", hidden::HERE)
}

/// Returns a reference to a variable, in the quoting of a place; the error completes "a secret cannot be used
/// …".
pub(super) fn variable(place: &shell::Slot, name: &str) -> Result<String, &'static str> {
    let Demands { whole, command: _, no_parenthesis, no_option: _, no_assignment: _, harmless: _ } =
        place.demands;
    if no_parenthesis {
        return Err("in a declaration, which expands a list in parentheses");
    }
    if whole {
        return Err("where the shell computes");
    }
    Ok(match &place.quoting {
        Quoting::Word(_) => format!("\"${name}\""),
        Quoting::Single => format!("'\"${name}\"'"),
        Quoting::Double { .. } => format!("${{{name}}}"),
        Quoting::Here(here) if !here.quoted => format!("${{{name}}}"),
        Quoting::Comment => name.to_owned(),
        Quoting::Arithmetic | Quoting::Bare => return Err("where the shell computes"),
        Quoting::Here(_) => return Err("in a here-document whose delimiter is quoted"),
    })
}

/// Returns a text as a string literal of minijinja.
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
