//! The dotted form `{{.name}}`: a leading dot before a name, where no value stands to take an attribute of.

use super::token::{Token, TokenKind};

/// Takes the leading dots out of a tag's tokens; gives the other tokens and the offsets of those dots.
pub(super) fn undot(source: &str, tokens: Vec<Token>) -> (Vec<Token>, Vec<usize>) {
    let is_leading = |at: usize| {
        let (Some(dot), Some(name)) = (tokens.get(at), tokens.get(at + 1)) else {
            return false;
        };
        let before = at.checked_sub(1).and_then(|at| tokens.get(at));
        dot.is_symbol(source, ".")
            && name.kind == TokenKind::Name
            && name.range.start == dot.range.end
            && !before.is_some_and(|before| before.ends_value(source) || before.is_symbol(source, "."))
    };
    let leading: Vec<bool> = (0..tokens.len()).map(is_leading).collect();
    let dots =
        tokens.iter().zip(&leading).filter(|(_, leading)| **leading).map(|(token, _)| token.range.start);
    let dots = dots.collect();
    let rest = tokens.iter().zip(&leading).filter(|(_, leading)| !**leading).map(|(token, _)| token.clone());
    (rest.collect(), dots)
}
