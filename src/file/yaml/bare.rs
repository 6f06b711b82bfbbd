//! Unquoted values with a template in them, which YAML takes for maps.

use super::position::line_at;
use crate::file::{Code, Diagnostic};
use crate::pipeline::{Source, Span};

/// The problem of an unquoted value whose template begins at this offset.
pub(super) fn problem(source: &Source, start: usize) -> Diagnostic {
    let (before, line) = line_at(source, start);
    let value = match before.contains(['{', '[']) {
        true => between_brackets(before, line),
        false => line.trim_end().to_owned(),
    };
    let quoted = match (value.contains('"'), value.contains('\'')) {
        (false, _) => format!("write \"{value}\""),
        (true, false) => format!("write '{value}'"),
        (true, true) => {
            "put it in a block: `|` after the key, and the text on the next line, indented".to_owned()
        }
    };
    let message = match value.starts_with("{{") {
        true => "a value that begins with `{{` needs quotes",
        false => "between brackets, a value with `{{` in it needs quotes",
    };
    Diagnostic::at(Code::BareTemplate, source, Span::new(start, start + 2), message)
        .help(format!("{quoted}; without quotes YAML takes the `{{{{` for the start of a map"))
}

/// The start of the unquoted template that the parser stumbled over, if the line in question has one.
pub(super) fn template_before(source: &Source, offset: usize) -> Option<usize> {
    // The parser may stand on the next line already.
    let (before, _) = source.around(offset);
    let stumbled = offset - (before.len() - before.trim_end().len());
    let (before, after) = line_at(source, stumbled);
    let line = source.slice(Span::new(stumbled - before.len(), stumbled + after.len()));
    // The template may be a part of the word that the parser stands at.
    let blank = after.len() - after.trim_start().len();
    let word = blank + after.trim_start().find([' ', ',']).unwrap_or(after.len() - blank);
    let leading = [": {{", "- {{"].iter().filter_map(|pattern| Some(line.find(pattern)? + 2)).min();
    let opening = leading.or_else(|| in_brackets(line).filter(|opening| *opening < before.len() + word))?;
    Some(stumbled - before.len() + opening)
}

/// Where an unquoted value between brackets has a template in it.
fn in_brackets(line: &str) -> Option<usize> {
    line.match_indices("{{").map(|(at, _)| at).find(|at| {
        let before = line.get(..*at).unwrap_or_default();
        before.contains(['{', '[']) && !begun(before).contains(['"', '\''])
    })
}

/// The value around a template in `{key: value, …}`: from the last key or comma before it to the next comma
/// or bracket after it. Its other templates are part of it.
fn between_brackets(before: &str, line: &str) -> String {
    let whole = format!("{before}{line}");
    let masked = masked(&whole);
    let (before, after) = masked.split_at_checked(before.len()).unwrap_or((&masked, ""));
    let end = before.len() + after.find([',', ']', '}']).unwrap_or(after.len());
    let start = before.len() - begun(before).len();
    whole.get(start..end).unwrap_or(&whole).trim().to_owned()
}

/// The line with its templates struck out, so that what they contain is no bracket and no comma.
fn masked(line: &str) -> String {
    let (mut masked, mut rest) = (String::new(), line);
    while let Some((text, template)) = rest.find("{{").and_then(|open| rest.split_at_checked(open)) {
        let close = template.find("}}").map_or(template.len(), |close| close + 2);
        masked += text;
        masked += &"x".repeat(close);
        rest = template.get(close..).unwrap_or_default();
    }
    masked + rest
}

/// The beginning of a value between brackets: what stands after the last key, comma or bracket.
fn begun(before: &str) -> &str {
    let starts = [": ", ", ", "[", "{"].iter().filter_map(|mark| Some(before.rfind(mark)? + mark.len()));
    before.get(starts.max().unwrap_or_default()..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::between_brackets;

    #[test]
    fn a_value_between_brackets_has_all_its_templates() {
        let value = |line: &str, nth: usize| {
            let (start, _) = line.match_indices("{{").nth(nth).expect("a template");
            between_brackets(&line[..start], &line[start..])
        };
        for (line, whole) in [
            ("env: {A: {{ x }}-{{ y }}, B: c}", "{{ x }}-{{ y }}"),
            ("env: {A: a {{ x[1, 2] }} {{ y }}}", "a {{ x[1, 2] }} {{ y }}"),
            ("args: [b, {{ x }}{{ y }}]", "{{ x }}{{ y }}"),
        ] {
            assert_eq!([value(line, 0), value(line, 1)], [whole, whole], "{line}");
        }
        assert_eq!(value("env: {A: {{ x }}, B: {{ y }}}", 1), "{{ y }}");
        assert_eq!(value("env: {A: {{ x", 0), "{{ x");
    }
}
