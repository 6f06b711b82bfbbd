//! Values whose type keeps them from harm where a shell computes or runs what it is given.

use crate::template::kinds::ExprType;

/// What is known about the values of an expression from the type of its param.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(in crate::template) enum Harmless {
    /// They may be anything.
    #[default]
    Never,
    /// They are made of letters, digits and a few signs, and do not begin with a dash, unless they are
    /// numbers.
    Word,
    /// They are whole numbers.
    Number,
}

impl Harmless {
    /// Returns whether a text is what the type promises.
    pub(in crate::template) fn fits(self, text: &str) -> bool {
        match self {
            Self::Never => true,
            Self::Word => is_word(text),
            Self::Number => is_number(text),
        }
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns whether a text means the same with and without quotes, wherever a shell or another language reads
/// it as a word.
fn is_word(text: &str) -> bool {
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '/' | '+' | ',' | '@' | '-');
    let rest = match text.strip_prefix('-') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => rest,
        Some(_) => return false,
        None => text,
    };
    !rest.is_empty() && rest.chars().all(is_plain)
}

impl ExprType {
    /// Returns what values of this kind promise where a shell computes or runs them. A number that is not
    /// whole is found out when it is there.
    pub(in crate::template) fn harmless(&self) -> Harmless {
        match self {
            Self::Number => Harmless::Number,
            Self::Bool | Self::Duration | Self::Size => Harmless::Word,
            Self::Choice(choices) if choices.iter().all(|choice| is_word(choice)) => Harmless::Word,
            Self::Choice(_) | Self::Text | Self::Secret | Self::List(_) | Self::Unknown => Harmless::Never,
        }
    }
}
