//! Traps: lines that mean one thing to the user and another to YAML, which then stumbles over them.

use serde_yaml::granit_parser::ErrorKind;

use super::position::line_at;
use crate::file::{Code, Diagnostic};
use crate::pipeline::{Source, Span};

/// The problem of the line that YAML stumbled over at this offset, if it is one of the known traps.
pub(super) fn explain(source: &Source, offset: usize, kind: &ErrorKind) -> Option<Diagnostic> {
    let (before, after) = line_at(source, offset);
    let line = Line { start: offset - before.len(), text: format!("{before}{after}"), at: before.len() };
    statement(source, &line).or_else(|| negation(source, &line)).or_else(|| bracket(source, &line)).or_else(
        || {
            let is_second_value = matches!(kind, ErrorKind::MappingValueNotAllowed);
            is_second_value.then(|| glued(source, &line)).flatten()
        },
    )
}

/// What is wrong with a `!` at the start of a value.
pub(super) const NEGATION: &str = "`!` begins a tag of YAML: it is no `not`";

/// The line in question.
struct Line {
    /// Where it begins in the file.
    start: usize,
    text: String,
    /// Where in it YAML stumbled.
    at: usize,
}

impl Line {
    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.start + start, self.start + end)
    }

    /// Where the value begins: after the key, or after the dash of an entry.
    fn value(&self) -> usize {
        let marks = [": ", "- "].iter().filter_map(|mark| Some(self.text.find(mark)? + mark.len()));
        let start = marks.min().unwrap_or_default();
        self.text.len() - self.text.get(start..).map_or(0, |rest| rest.trim_start().len())
    }
}

/// `{% for x in xs %}` on a line of its own, or at the start of a value.
fn statement(source: &Source, line: &Line) -> Option<Diagnostic> {
    let opening = line.text.find("{%")?;
    let end = line.text.find("%}").map_or(line.text.trim_end().len(), |close| close + 2);
    let is_alone = line.text.get(..opening)?.trim().is_empty();
    if !is_alone && opening != line.value() {
        return None;
    }
    let (code, message, help) = match is_alone {
        true => (
            Code::YamlSyntax,
            "a statement of a template stands between the lines of the file, which YAML reads first",
            "statements belong in a value, such as a script under `run: |`; steps are written out one by one",
        ),
        false => (
            Code::BareTemplate,
            "a value that begins with `{%` needs quotes",
            "put the value in quotes, or in a block: `|` after the key, and the text on the next line, indented",
        ),
    };
    Some(Diagnostic::at(code, source, line.span(opening, end.max(opening)), message).help(help))
}

/// `if: !a() && !b()`: the `!` begins a tag of YAML, with characters in it that no tag has.
fn negation(source: &Source, line: &Line) -> Option<Diagnostic> {
    let start = line.value();
    let value = line.text.get(start..)?.trim_end();
    if !value.starts_with('!') || line.at < start {
        return None;
    }
    let key = line.text.get(..start)?.trim().trim_start_matches(['-', ' ']);
    let help = match key {
        "if:" => "write `if: not …`, and `and` or `or` for `&&` and `||`",
        _ => {
            "put the value in quotes, or in a block: `|` after the key, and the text on the next line, indented"
        }
    };
    let at = line.span(start, start + value.len());
    Some(Diagnostic::at(Code::UnknownTag, source, at, NEGATION).help(help))
}

/// `run: [ -f x ] && make`: a value that begins with a bracket ends with it.
fn bracket(source: &Source, line: &Line) -> Option<Diagnostic> {
    let before = line.text.get(..line.at)?;
    let marks = [": [", ": {", "- [", "- {"];
    let start = marks.iter().filter_map(|mark| before.rfind(mark)).max()? + 2;
    let value = before.get(start..)?.trim_end();
    let (what, close) = match value.chars().next()? {
        '[' => ("list", ']'),
        '{' => ("map", '}'),
        _ => return None,
    };
    if !value.ends_with(close) || start + value.len() == line.text.trim_end().len() {
        return None;
    }
    let message = format!(
        "YAML takes a value that begins with `{}` for a {what}, and text goes on after it",
        value.get(..1)?
    );
    let help = "put the whole value in quotes, or in a block: `|` after the key, and the text on the next line, indented";
    let at = line.span(start, start + value.len());
    Some(Diagnostic::at(Code::YamlSyntax, source, at, message).help(help))
}

/// `name:a` or `-name: a` on the line above: without a blank it is a text, or a key.
fn glued(source: &Source, line: &Line) -> Option<Diagnostic> {
    let (before, _) = source.around(line.start);
    let above = before.trim_end();
    let end = line.start - (before.len() - above.len());
    let start = above.rfind('\n').map_or(0, |end| end + 1);
    let text = above.get(start..)?;
    let entry = text.trim_start();
    let is_item = |item: &&str| item.starts_with(|c: char| c.is_ascii_alphabetic()) && item.contains(": ");
    if let Some(item) = entry.strip_prefix('-').filter(is_item) {
        let at = Span::new(end - entry.len(), end);
        let message = format!("a blank is missing after the `-`, so that YAML takes `{entry}` for a key");
        let help = format!("write `- {item}`");
        return Some(Diagnostic::at(Code::YamlSyntax, source, at, message).help(help));
    }
    let entry = entry.trim_start_matches("- ");
    let (key, value) = entry.split_once(':')?;
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_key || value.is_empty() || value.starts_with([' ', '/']) {
        return None;
    }
    let at = Span::new(end - entry.len(), end);
    let message = format!("a blank is missing after `{key}:`, so that YAML takes `{entry}` for a text");
    Some(Diagnostic::at(Code::YamlSyntax, source, at, message).help(format!("write `{key}: {value}`")))
}
