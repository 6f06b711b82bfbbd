//! Cuts a source into literal text, `{{ expressions }}` and `{% statements %}`.
//!
//! `{% raw %}` and the whitespace control of `{{-` and `-%}` are dealt with here: what remains as text is the
//! text that will be emitted. `${#name}` is the shell's, not a comment.

use std::ops::Range;

use super::token::{self, Token};
use super::{TemplateError, TemplateErrorKind, dotted, outputs};

/// A piece of a source; ranges are in bytes of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// Text that stands for itself.
    Text(Range<usize>),
    /// `{{ … }}`.
    Expression(Tag),
    /// `{% … %}`.
    Statement(Tag),
}

impl Segment {
    /// Returns the tag, if it is one.
    pub(super) fn tag(&self) -> Option<&Tag> {
        match self {
            Self::Text(_) => None,
            Self::Expression(tag) | Self::Statement(tag) => Some(tag),
        }
    }
}

/// An expression or a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag {
    /// With its delimiters.
    pub(super) outer: Range<usize>,
    /// Between the delimiters.
    pub(super) inner: Range<usize>,
    /// What stands between them, without the leading dots of the form `{{.name}}`.
    pub(super) tokens: Vec<Token>,
    /// Where those leading dots stand.
    pub(super) dots: Vec<usize>,
    /// Where names of steps stand that minijinja cannot read as they are.
    pub(super) names: Vec<Range<usize>>,
}

impl Tag {
    /// Returns the text between the delimiters as minijinja can read it; offsets stay. Every leading dot is a
    /// space.
    pub(super) fn text(&self, source: &str) -> String {
        let mut text = source.get(self.inner.clone()).unwrap_or_default().to_owned();
        for dot in &self.dots {
            let at = dot - self.inner.start;
            text.replace_range(at..at + 1, " ");
        }
        outputs::replace(&mut text, self.inner.start, &self.names);
        text
    }

    /// Returns the first word: the keyword of a statement.
    pub(super) fn keyword<'s>(&self, source: &'s str) -> &'s str {
        self.tokens.first().map_or("", |token| token.text(source))
    }
}

/// How to write braces that are not meant for templates.
pub(super) const BRACES_HELP: &str = "braces that belong to the command itself go between `{% raw %}` and \
                                      `{% endraw %}`, or in an expression: `{{ '{{' }}`";

/// Returns whether a source has anything for [`scan`] to find.
pub(super) fn is_literal(source: &str) -> bool {
    let bytes = source.as_bytes();
    !memchr::memchr_iter(b'{', bytes).any(|at| matches!(bytes.get(at + 1), Some(b'{' | b'%' | b'#')))
}

/// Cuts a source into segments. The error is a delimiter or string that is never closed.
pub(super) fn scan(source: &str) -> Result<Vec<Segment>, TemplateError> {
    let mut scanner = Scanner { source, at: 0, text: 0, trim: false, segments: Vec::new() };
    while let Some(opening) = scanner.find_opening() {
        scanner.tag(opening)?;
    }
    scanner.flush(source.len(), false);
    Ok(scanner.segments)
}

struct Scanner<'s> {
    source: &'s str,
    /// Everything before is done.
    at: usize,
    /// Where the text starts that is not yet a segment.
    text: usize,
    /// Whether that text loses its leading whitespace.
    trim: bool,
    segments: Vec<Segment>,
}

impl<'s> Scanner<'s> {
    fn rest(&self, at: usize) -> &'s str {
        self.source.get(at..).unwrap_or_default()
    }

    fn find_opening(&self) -> Option<usize> {
        let bytes = self.source.as_bytes();
        let braces = memchr::memchr_iter(b'{', bytes.get(self.at..)?).map(|at| self.at + at);
        let mut openings = braces.filter(|at| match bytes.get(at + 1) {
            Some(b'{' | b'%') => true,
            Some(b'#') => *at == 0 || bytes.get(at - 1) != Some(&b'$'),
            _ => false,
        });
        openings.next()
    }

    /// Makes a segment of the text up to `end`.
    fn flush(&mut self, end: usize, trim_end: bool) {
        let mut range = self.text..end;
        let text = self.source.get(range.clone()).unwrap_or_default();
        if self.trim {
            range.start += text.len() - text.trim_start().len();
        }
        if trim_end {
            range.end = range.start.max(range.end - (text.len() - text.trim_end().len()));
        }
        if !range.is_empty() {
            self.segments.push(Segment::Text(range));
        }
    }

    fn resume(&mut self, at: usize, trim: bool) {
        (self.at, self.text, self.trim) = (at, at, trim);
    }

    fn tag(&mut self, opening: usize) -> Result<(), TemplateError> {
        let control = self.rest(opening + 2).chars().next().filter(|c| matches!(c, '-' | '+'));
        let start = opening + 2 + usize::from(control.is_some());
        let trim_before = control == Some('-');
        match self.source.as_bytes().get(opening + 1) {
            Some(b'#') => Err(self.comment(opening)),
            Some(b'%') => {
                let tag = self.close(opening, start, "%}")?;
                self.flush(opening, trim_before);
                if matches!(tag.0.tokens.as_slice(), [only] if only.is_name(self.source, "raw")) {
                    self.resume(tag.0.outer.end, tag.1);
                    self.raw(opening, tag.0.outer.end)
                } else {
                    self.push(Segment::Statement, tag);
                    Ok(())
                }
            }
            _ => {
                let tag = self.close(opening, start, "}}")?;
                self.flush(opening, trim_before);
                self.push(Segment::Expression, tag);
                Ok(())
            }
        }
    }

    fn push(&mut self, segment: fn(Tag) -> Segment, (tag, trim_after): (Tag, bool)) {
        self.resume(tag.outer.end, trim_after);
        self.segments.push(segment(tag));
    }

    /// `{# … #}` would be left out of the text: in a script that may be half a command.
    fn comment(&self, opening: usize) -> TemplateError {
        let end = self.rest(opening + 2).find("#}").map_or(opening + 2, |at| opening + 2 + at + 2);
        TemplateError {
            kind: TemplateErrorKind::Syntax,
            range: opening..end,
            message: "`{# … #}` is not a comment here: it would be left out of the text".to_owned(),
            help: Some(format!("write a comment of YAML, or of the script's own language; {BRACES_HELP}")),
        }
    }

    /// Everything up to `{% endraw %}` is text.
    fn raw(&mut self, opening: usize, mut from: usize) -> Result<(), TemplateError> {
        loop {
            let at = self.rest(from).find("{%").map(|at| from + at);
            let at = at.ok_or_else(|| TemplateError {
                kind: TemplateErrorKind::Syntax,
                range: opening..self.at,
                message: "`{% raw %}` is never closed".to_owned(),
                help: Some("close it with `{% endraw %}`".to_owned()),
            })?;
            let inside = self.rest(at + 2);
            let body = inside.strip_prefix(['-', '+']).unwrap_or(inside).trim_start();
            let after = body.strip_prefix("endraw").map(str::trim_start);
            let closed =
                after.and_then(|after| after.strip_prefix(['-', '+']).unwrap_or(after).strip_prefix("%}"));
            if let (Some(after), Some(closed)) = (after, closed) {
                self.flush(at, inside.starts_with('-'));
                self.resume(self.source.len() - closed.len(), after.starts_with('-'));
                return Ok(());
            }
            from = at + 2;
        }
    }

    /// Reads tokens up to the closing delimiter: the first one outside all brackets, as minijinja does, or
    /// else the first one at all. Says as well whether the text after it loses its leading whitespace.
    fn close(&self, opening: usize, start: usize, closing: &str) -> Result<(Tag, bool), TemplateError> {
        let mut tokens: Vec<Token> = Vec::new();
        let mut fallback = None;
        let mut depth = 0usize;
        let mut at = start;
        loop {
            let rest = self.rest(at);
            let blank = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_whitespace()).len();
            let here = at + blank;
            let control = self.rest(here).strip_prefix(['-', '+']);
            let is_end = self.rest(here).starts_with(closing);
            if is_end || control.is_some_and(|rest| rest.starts_with(closing)) {
                let end = here + closing.len() + usize::from(!is_end);
                let trim = self.rest(here).starts_with('-');
                let found = (here, end, trim, tokens.len());
                if depth == 0 {
                    return Ok(self.finish(opening, start, found, tokens));
                }
                fallback.get_or_insert(found);
            }
            match token::next(self.source, here) {
                Ok(Some(token)) => {
                    match token.text(self.source) {
                        "(" | "[" | "{" => depth += 1,
                        ")" | "]" | "}" => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                    at = token.range.end;
                    tokens.push(token);
                }
                Err(_) if fallback.is_some() => break,
                Err(range) if self.rest(range.start).contains(closing) => {
                    return Err(TemplateError {
                        kind: TemplateErrorKind::Syntax,
                        range: range.start..range.start + 1,
                        message: "this quote is never closed".to_owned(),
                        help: Some(BRACES_HELP.to_owned()),
                    });
                }
                Ok(None) | Err(_) => break,
            }
        }
        let open = self.source.get(opening..opening + 2).unwrap_or_default();
        let found = fallback.ok_or_else(|| unclosed(opening, open, closing))?;
        Ok(self.finish(opening, start, found, tokens))
    }

    fn finish(
        &self,
        opening: usize,
        start: usize,
        (inner_end, end, trim, count): (usize, usize, bool, usize),
        mut tokens: Vec<Token>,
    ) -> (Tag, bool) {
        tokens.truncate(count);
        let (tokens, names) = outputs::join(self.source, tokens);
        let (tokens, dots) = dotted::undot(self.source, tokens);
        (Tag { outer: opening..end, inner: start..inner_end, tokens, dots, names }, trim)
    }
}

fn unclosed(opening: usize, open: &str, close: &str) -> TemplateError {
    TemplateError {
        kind: TemplateErrorKind::Syntax,
        range: opening..opening + 2,
        message: format!("`{open}` is never closed by `{close}`"),
        help: Some(BRACES_HELP.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Segments as readable text.
    fn cut(source: &str) -> Vec<String> {
        let show = |segment: &Segment| match segment {
            Segment::Text(range) => format!("text {:?}", &source[range.clone()]),
            Segment::Expression(tag) => format!("expression {:?}", tag.text(source)),
            Segment::Statement(tag) => format!("statement {:?}", tag.text(source)),
        };
        match scan(source) {
            Ok(segments) => segments.iter().map(show).collect(),
            Err(error) => vec![format!("{:?}: {}", &source[error.range.clone()], error.message)],
        }
    }

    #[test]
    fn texts_and_tags() {
        assert_eq!(cut("a {{ x }} b"), ["text \"a \"", "expression \" x \"", "text \" b\""]);
        assert_eq!(
            cut("{% if x %}y{% endif %}"),
            ["statement \" if x \"", "text \"y\"", "statement \" endif \""]
        );
        assert_eq!(cut("${#name} {a"), ["text \"${#name} {a\""]);
    }

    #[test]
    fn the_end_is_not_taken_from_strings_and_brackets() {
        assert_eq!(cut("{{ '}}' }}!"), ["expression \" '}}' \"", "text \"!\""]);
        assert_eq!(cut("{{ {'a': {'b': 1}} }}"), ["expression \" {'a': {'b': 1}} \""]);
        assert_eq!(cut("{{ '{{.Names}}' }}"), ["expression \" '{{.Names}}' \""]);
        assert_eq!(cut("{{ f( }} x"), ["expression \" f( \"", "text \" x\""]);
    }

    #[test]
    fn whitespace_control_trims_the_text() {
        assert_eq!(cut("a \n{{- x -}} \n b"), ["text \"a\"", "expression \" x \"", "text \"b\""]);
        assert_eq!(
            cut("a {%- raw -%} {{ x }} {%- endraw -%} b"),
            ["text \"a\"", "text \"{{ x }}\"", "text \"b\""]
        );
        assert_eq!(cut(" {{- x }}"), ["expression \" x \""]);
    }

    #[test]
    fn raw_is_text() {
        assert_eq!(cut("{% raw %}{{ x }}{% if %}{% endraw %}y"), ["text \"{{ x }}{% if %}\"", "text \"y\""]);
        assert_eq!(cut("{% raw %}{{ x }}"), ["\"{% raw %}\": `{% raw %}` is never closed"]);
    }

    #[test]
    fn what_would_be_left_out_is_refused() {
        let wrong = "`{# … #}` is not a comment here: it would be left out of the text";
        for (source, part) in
            [("a{# b {{ c }} #}d", "{# b {{ c }} #}"), ("a {#- x -#} b", "{#- x -#}"), ("{# x", "{#")]
        {
            assert_eq!(cut(source), [format!("{part:?}: {wrong}")]);
        }
        assert_eq!(cut("{% raw %}{#{% endraw %}id}"), ["text \"{#\"", "text \"id}\""]);
    }

    #[test]
    fn unclosed_delimiters() {
        assert_eq!(cut("é {{ x"), ["\"{{\": `{{` is never closed by `}}`"]);
        assert_eq!(cut("printf '{%s}'"), ["\"{%\": `{%` is never closed by `%}`"]);
        assert_eq!(cut("{{ 'x }}"), ["\"'\": this quote is never closed"]);
    }

    #[test]
    fn leading_dots_become_spaces() {
        assert_eq!(cut("{{.source}}"), ["expression \" source\""]);
        assert_eq!(cut("{{ .a ~ .b.c }}"), ["expression \"  a ~  b.c \""]);
        assert_eq!(
            cut("{{.x | upper}}{{ f(.x)[.y].z }}"),
            ["expression \" x | upper\"", "expression \" f( x)[ y].z \""]
        );
        assert_eq!(
            cut("{% if not .mode == 'a.b' and x .y %}"),
            ["statement \" if not  mode == 'a.b' and x .y \""]
        );
    }
}
