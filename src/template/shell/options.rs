//! Words that begin with a dash, against the options of a row.

use super::table::{Role, Spec};
use super::word::Spelling;

/// What a word with a dash is.
pub(super) enum Parsed {
    /// `--`.
    End,
    /// Options without arguments.
    Flags,
    /// Options without arguments so far; the rest of the word is not known.
    Open,
    /// An option that is in no table.
    Unknown,
    /// An option whose argument stands in the same word.
    Glued(Role),
    /// An option whose argument is the next word.
    Due(Role),
}

/// Returns what a word with a dash is, as far as it is known.
pub(super) fn parse(spec: &Spec, word: &Spelling) -> Option<Parsed> {
    let text = word.text.as_str();
    if text == "--" && !word.dynamic {
        return Some(Parsed::End);
    }
    if let Some(long) = text.strip_prefix("--") {
        let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
        let role = spec.long.iter().find(|(known, _)| *known == name).map(|(_, role)| *role);
        return Some(match (role, value) {
            (Some(role), Some(_)) => Parsed::Glued(role),
            (Some(role), None) if !word.dynamic => Parsed::Due(role),
            (None | Some(_), None) if word.dynamic => Parsed::Open,
            (None, Some(_)) => Parsed::Flags,
            (None | Some(_), None) => Parsed::Unknown,
        });
    }
    let letters = text.strip_prefix('-').or_else(|| text.strip_prefix('+').filter(|_| spec.plus))?;
    let mut unknown = false;
    for (at, letter) in letters.char_indices() {
        let is_flag = [spec.flags, spec.program, spec.stdin].iter().any(|letters| letters.contains(letter))
            || spec.attributes.iter().any(|(letters, _)| letters.contains(letter));
        let role = spec.options.iter().find(|(letters, _)| letters.contains(letter)).map(|(_, role)| *role);
        let ends = at + letter.len_utf8() == letters.len() && !word.dynamic;
        match role {
            Some(role) if ends => return Some(Parsed::Due(role)),
            Some(role) => return Some(Parsed::Glued(role)),
            None if spec.glued.contains(letter) => return Some(Parsed::Glued(Role::Data)),
            None => unknown |= !is_flag,
        }
    }
    Some(match (word.dynamic, unknown) {
        (true, _) => Parsed::Open,
        (false, true) => Parsed::Unknown,
        (false, false) => Parsed::Flags,
    })
}
