//! Scripts of interpreters other than the shell. Their grammar is not known, so that only a JSON literal can
//! go in, and only where no string is open.

use super::scan::{Segment, Tag};
use super::{TemplateError, TemplateErrorKind};

/// Refuses every expression that ends in neither `| tojson` nor `| raw`, and `| tojson` inside quotes.
pub(super) fn check(source: &str, segments: &[Segment], is_raw: &dyn Fn(&Tag) -> bool) -> Vec<TemplateError> {
    let mut errors = Vec::new();
    let mut quotes = Quotes::default();
    for segment in segments {
        match segment {
            Segment::Text(range) => quotes.read(source.get(range.clone()).unwrap_or_default()),
            Segment::Statement(_) => {}
            Segment::Expression(tag) if is_raw(tag) => {}
            Segment::Expression(tag) if !ends_in(source, tag, "tojson") => errors.push(TemplateError {
                kind: TemplateErrorKind::Place,
                range: tag.outer.clone(),
                message: "a value cannot go into this script safely".to_owned(),
                help: Some(format!(
                    "pass it through `env:` and read the variable, or write `{{{{ {} | tojson }}}}`",
                    source.get(tag.inner.clone()).unwrap_or_default().trim()
                )),
            }),
            Segment::Expression(tag) if quotes.open.is_some() => errors.push(TemplateError {
                kind: TemplateErrorKind::Place,
                range: tag.outer.clone(),
                message: "`| tojson` writes its own quotes, and here it seems to be in quotes already"
                    .to_owned(),
                help: Some("remove the quotes around it, or pass the value through `env:`".to_owned()),
            }),
            Segment::Expression(_) => {}
        }
    }
    errors
}

/// Returns whether an expression ends in a filter without arguments.
pub(super) fn ends_in(source: &str, tag: &Tag, filter: &str) -> bool {
    matches!(tag.tokens.as_slice(), [.., pipe, name] if pipe.is_symbol(source, "|") && name.is_name(source, filter))
}

/// Follows quotes the way that most languages have them. It errs towards being inside: an apostrophe in a
/// comment opens quotes until the end of its line.
#[derive(Debug, Default)]
struct Quotes {
    open: Option<Open>,
    escaped: bool,
    /// The last quotes read, and how many of them in a row.
    run: Option<(char, usize)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Open {
    quote: char,
    /// Whether three of them opened it, or it may go over lines for another reason.
    long: bool,
}

impl Quotes {
    fn read(&mut self, text: &str) {
        for c in text.chars() {
            if std::mem::take(&mut self.escaped) {
                self.run = None;
                continue;
            }
            let run = match self.run {
                Some((quote, count)) if quote == c => count + 1,
                _ => 1,
            };
            self.run = matches!(c, '"' | '\'' | '`').then_some((c, run));
            self.open = match (self.open, c) {
                (Some(open), '\\') => {
                    self.escaped = true;
                    Some(open)
                }
                (Some(open), '\n') if !open.long => None,
                (Some(open), c) if open.quote == c && (!open.long || c == '`' || run == 3) => {
                    self.run = if run == 3 { None } else { self.run };
                    None
                }
                (Some(open), _) => Some(open),
                (None, '`') => Some(Open { quote: c, long: true }),
                (None, '"' | '\'') => Some(Open { quote: c, long: run == 3 }),
                (None, _) => None,
            };
        }
    }
}
