//! What the steps of a matrix are called: the group's name, a dot and the values.

use sha2::{Digest as _, Sha256};

use super::Combination;
use crate::pipeline::MatrixValue;

/// The most characters that the values add to a name.
const LONGEST: usize = 60;
/// The digits of the hash that stands for what was cut off.
const HASH: usize = 6;

/// Returns what the name of each step has behind the group's, in order. `named` is the position of an axis whose
/// values are names by themselves.
pub fn parts(combinations: &[Combination], named: Option<usize>) -> Vec<String> {
    let of = |combination: &Combination| match named.and_then(|axis| combination.get(axis)) {
        Some(name) => part([name]),
        None => part(combination),
    };
    combinations.iter().map(of).collect()
}

/// Returns values as a part of a name. What names cannot have becomes a dash; `?` stands for what is not known yet,
/// and no run has a step of such a name.
pub fn part<'v>(values: impl IntoIterator<Item = &'v MatrixValue>) -> String {
    let values: Vec<&MatrixValue> = values.into_iter().collect();
    let name = values.iter().map(|value| slug(value)).collect::<Vec<_>>().join(".");
    if name.chars().count() <= LONGEST {
        return name;
    }
    let whole = values.iter().map(|value| value.spelled()).collect::<Vec<_>>().join("\0");
    let hash: String = Sha256::digest(whole.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let kept: String = name.chars().take(LONGEST - HASH - 1).collect();
    format!("{kept}-{}", hash.get(..HASH).unwrap_or_default())
}

/// Returns a value as names have it.
pub fn slug(value: &MatrixValue) -> String {
    let allowed =
        |each: char| if each.is_ascii_alphanumeric() || matches!(each, '_' | '.' | '-') { each } else { '-' };
    match value {
        MatrixValue::Unknown => "?".to_owned(),
        value if value.spelled().is_empty() => "-".to_owned(),
        value => value.spelled().chars().map(allowed).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> String {
        let values: Vec<MatrixValue> =
            values.iter().map(|value| MatrixValue::Text((*value).to_owned())).collect();
        part(&values)
    }

    #[test]
    fn values_become_names() {
        for (values, expected) in [
            (&["3.12", "bookworm"][..], "3.12.bookworm"),
            (&["a/b"], "a-b"),
            (&["$(touch x)"], "--touch-x-"),
            (&["größe", ""], "gr--e.-"),
            (&["a?"], "a-"),
        ] {
            assert_eq!(of(values), expected);
        }
        assert_eq!(part([&MatrixValue::Unknown, &MatrixValue::Bool(true)]), "?.true");
    }

    #[test]
    fn a_long_name_is_cut_and_stays_one_of_a_kind() {
        let long = "x".repeat(70);
        let (one, other) = (of(&[&long]), of(&[&format!("{long}y")]));
        assert_eq!((one.len(), other.len()), (60, 60));
        assert!(one.starts_with(&"x".repeat(53)) && one != other, "{one} {other}");
        assert_eq!(of(&[&"y".repeat(60)]).len(), 60);
    }
}
