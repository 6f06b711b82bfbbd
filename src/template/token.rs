//! The tokens of an expression or statement, as far as their bounds go. What they mean is for the engine's own parser.

use std::ops::Range;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An identifier or keyword.
    Name,
    /// A string literal with its quotes.
    Text,
    /// A number.
    Number,
    /// An operator or bracket.
    Symbol,
}

/// A token and its byte range in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// What it is.
    pub(super) kind: Kind,
    /// Where it stands.
    pub(super) range: Range<usize>,
}

impl Token {
    /// The text under it.
    pub(super) fn text<'s>(&self, source: &'s str) -> &'s str {
        source.get(self.range.clone()).unwrap_or_default()
    }

    /// Whether it is this operator or bracket.
    pub(super) fn is_symbol(&self, source: &str, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text(source) == symbol
    }

    /// Whether it is this identifier or keyword.
    pub(super) fn is_name(&self, source: &str, name: &str) -> bool {
        self.kind == Kind::Name && self.text(source) == name
    }

    /// Whether a value may end with it, so that a dot after it asks for one of the value's attributes.
    pub(super) fn ends_value(&self, source: &str) -> bool {
        let text = self.text(source);
        match self.kind {
            Kind::Name => !is_keyword(text),
            Kind::Text | Kind::Number => true,
            Kind::Symbol => matches!(text, ")" | "]" | "}"),
        }
    }
}

/// Words of the language that are no names of values. (`true`, `false` and `none` are values, and not here.)
pub(super) fn is_keyword(word: &str) -> bool {
    matches!(
        word,
        "and" | "or" | "not" | "in" | "is" | "if" | "else" | "elif" | "for" | "set" | "with" | "recursive"
    )
}

/// The next token at or after `at`, `None` at the end of the source, the range of the literal if a string never ends.
pub(super) fn next(source: &str, at: usize) -> Result<Option<Token>, Range<usize>> {
    let rest = source.get(at..).unwrap_or_default();
    let start = at + (rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_whitespace()).len());
    let rest = source.get(start..).unwrap_or_default();
    let Some(first) = rest.chars().next() else {
        return Ok(None);
    };
    let (kind, length) = match first {
        '\'' | '"' => (Kind::Text, text_length(rest, first).ok_or(start..source.len())?),
        'A'..='Z' | 'a'..='z' | '_' => (Kind::Name, prefix(rest, is_word)),
        '0'..='9' => (Kind::Number, number_length(rest)),
        _ => (Kind::Symbol, symbol_length(rest, first)),
    };
    Ok(Some(Token { kind, range: start..start + length }))
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Length of the longest prefix of characters that hold `test`.
fn prefix(text: &str, test: impl Fn(char) -> bool) -> usize {
    text.find(|c| !test(c)).unwrap_or(text.len())
}

fn text_length(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return Some(at + c.len_utf8()),
            _ => {}
        }
    }
    None
}

fn number_length(rest: &str) -> usize {
    let whole = prefix(rest, is_word);
    let fraction = rest.get(whole..).and_then(|rest| rest.strip_prefix('.')).unwrap_or_default();
    if fraction.starts_with(|c: char| c.is_ascii_digit()) {
        whole + 1 + prefix(fraction, is_word)
    } else {
        whole
    }
}

fn symbol_length(rest: &str, first: char) -> usize {
    match rest.get(..2) {
        Some("==" | "!=" | ">=" | "<=" | "//" | "**") => 2,
        _ => first.len_utf8(),
    }
}
