//! The tokens of an expression or statement, as far as their bounds go. What they mean is for minijinja's own
//! parser.

use std::ops::Range;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
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
    pub(super) kind: TokenKind,
    /// Where it stands.
    pub(super) range: Range<usize>,
}

impl Token {
    /// Returns the text under it.
    pub(super) fn text<'s>(&self, source: &'s str) -> &'s str {
        source.get(self.range.clone()).unwrap_or_default()
    }

    /// Returns whether it is this operator or bracket.
    pub(super) fn is_symbol(&self, source: &str, symbol: &str) -> bool {
        self.kind == TokenKind::Symbol && self.text(source) == symbol
    }

    /// Returns whether it is this identifier or keyword.
    pub(super) fn is_name(&self, source: &str, name: &str) -> bool {
        self.kind == TokenKind::Name && self.text(source) == name
    }

    /// Returns whether a value may end with it, so that a dot after it asks for one of the value's
    /// attributes.
    pub(super) fn ends_value(&self, source: &str) -> bool {
        let text = self.text(source);
        match self.kind {
            TokenKind::Name => !is_keyword(text),
            TokenKind::Text | TokenKind::Number => true,
            TokenKind::Symbol => matches!(text, ")" | "]" | "}"),
        }
    }
}

/// Words of the language that are not names of values. (`true`, `false` and `none` are values, and not here.)
pub(super) fn is_keyword(word: &str) -> bool {
    matches!(
        word,
        "and" | "or" | "not" | "in" | "is" | "if" | "else" | "elif" | "for" | "set" | "with" | "recursive"
    )
}

/// Returns the next token at or after `at`, `None` at the end of the source, the range of the literal if a
/// string never ends.
pub(super) fn next(source: &str, at: usize) -> Result<Option<Token>, Range<usize>> {
    let rest = source.get(at..).unwrap_or_default();
    let start = at + (rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_whitespace()).len());
    let rest = source.get(start..).unwrap_or_default();
    let Some(first) = rest.chars().next() else {
        return Ok(None);
    };
    let (kind, length) = match first {
        '\'' | '"' => (TokenKind::Text, text_length(rest, first).ok_or(start..source.len())?),
        'A'..='Z' | 'a'..='z' | '_' => (TokenKind::Name, prefix(rest, is_word)),
        '0'..='9' => (TokenKind::Number, number_length(rest)),
        _ => (TokenKind::Symbol, symbol_length(rest, first)),
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
    // `2.` is a number, but not the beginning of `2.name`.
    let fraction = rest.get(whole..).and_then(|rest| rest.strip_prefix('.'));
    let fraction = fraction.filter(|rest| !rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'));
    let length = fraction.map_or(whole, |fraction| whole + 1 + prefix(fraction, is_word));
    let (number, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
    let mantissa = number.strip_suffix(['e', 'E']).filter(|mantissa| !mantissa.starts_with("0x"));
    // `1e-3` is one number.
    match after.strip_prefix(['+', '-']) {
        Some(power) if mantissa.is_some() && power.starts_with(|c: char| c.is_ascii_digit()) => {
            length + 1 + prefix(power, is_word)
        }
        Some(_) | None => length,
    }
}

fn symbol_length(rest: &str, first: char) -> usize {
    match rest.get(..2) {
        Some("==" | "!=" | ">=" | "<=" | "//" | "**") => 2,
        _ => first.len_utf8(),
    }
}
