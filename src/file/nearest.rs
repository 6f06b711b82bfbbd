//! "Did you mean": the known name that is nearest to an unknown one.

use std::cell::Cell;

/// Names looked at for one file before searching stops: a file of ten thousand steps with hundreds of
/// mistakes stays well under it, and one made of nothing but mistakes still gets its answer in time.
const BUDGET: usize = 5_000_000;

/// More names than this are not listed.
const MANY: usize = 20;

/// Searches for near names, up to a budget.
#[derive(Debug)]
pub struct Nearest(Cell<usize>);

impl Default for Nearest {
    fn default() -> Self {
        Self(Cell::new(BUDGET))
    }
}

impl Nearest {
    /// The known name nearest to `name`, if one is near enough to be meant; the first of equals.
    pub fn find<'a>(&self, name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        let length = name.chars().count();
        let mut limit = (length / 3).clamp(1, 3);
        let mut best = None;
        for candidate in known {
            self.0.set(self.0.get().checked_sub(1)?);
            if candidate.eq_ignore_ascii_case(name) {
                return Some(candidate);
            }
            if let Some(distance) = distance(name, candidate, limit) {
                best = Some(candidate);
                let Some(closer) = distance.checked_sub(1) else {
                    break;
                };
                limit = closer;
            }
        }
        best
    }

    /// `did you mean …?` if a name is near, else the known ones if they are few.
    pub fn help<'a>(&self, name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
        if let Some(near) = self.find(name, known.clone()) {
            return Some(format!("did you mean `{near}`?"));
        }
        let mut few: Vec<&str> = Vec::new();
        for name in known {
            if few.len() == MANY {
                return None;
            }
            if !name.is_empty() && !few.contains(&name) {
                few.push(name);
            }
        }
        match few.as_slice() {
            [] => None,
            [only] => Some(format!("there is only `{only}`")),
            _ => Some(format!("there are {}", list(few, "and"))),
        }
    }
}

/// `a`, `b` and `c`.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>, last: &str) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((end, [])) => end.clone(),
        Some((end, start)) => format!("{} {last} {end}", start.join(", ")),
        None => "none".to_owned(),
    }
}

/// Edits (insert, remove, replace, swap) between two names, if not more than `limit`.
fn distance(a: &str, b: &str, limit: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > limit * char::MAX.len_utf8() {
        return None;
    }
    // What both begin and end with costs nothing; names in one file often share most of their letters.
    let same = |a: &str, b: &str| -> usize {
        a.chars().zip(b.chars()).take_while(|(x, y)| x == y).map(|(x, _)| x.len_utf8()).sum()
    };
    let start = same(a, b);
    let (a, b) = (a.get(start..)?, b.get(start..)?);
    let end: usize = {
        let pairs = a.chars().rev().zip(b.chars().rev());
        pairs.take_while(|(x, y)| x == y).map(|(x, _)| x.len_utf8()).sum()
    };
    let (a, b) = (a.get(..a.len() - end)?, b.get(..b.len() - end)?);
    if a.chars().count().abs_diff(b.chars().count()) > limit {
        return None;
    }
    let edits = strsim::osa_distance(a, b);
    // A name in which every letter would have to change is another name.
    let related = start + end > 0 || edits < a.chars().count();
    (edits <= limit && related).then_some(edits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
        Nearest::default().find(name, known.iter().copied())
    }

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let keys = ["name", "run", "input", "output", "depends_on"];
        assert_eq!(find("imput", &keys), Some("input"));
        assert_eq!(find("ouptut", &keys), Some("output"));
        assert_eq!(find("depend_on", &keys), Some("depends_on"));
        assert_eq!(find("NAME", &keys), Some("name"));
        assert_eq!(find("image", &keys), None);
        assert_eq!(find("größer", &["größen", "x"]), Some("größen"));
    }

    #[test]
    fn the_nearest_wins_over_the_first() {
        assert_eq!(find("build-api", &["build-app", "build-apis", "build-ap"]), Some("build-app"));
        assert_eq!(find("compress2", &["compress99", "compress"]), Some("compress"));
    }

    #[test]
    fn searching_ends_with_the_budget() {
        let nearest = Nearest(Cell::new(2));
        assert_eq!(nearest.find("aa", ["xxxx", "ab"]), Some("ab"));
        assert_eq!(nearest.find("aa", ["ab"]), None);
    }

    #[test]
    fn lists_read_like_sentences() {
        assert_eq!(list(["a"], "or"), "`a`");
        assert_eq!(list(["a", "b", "c"], "or"), "`a`, `b` or `c`");
    }
}
