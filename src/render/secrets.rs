//! What must not be shown, and text without it.

use std::cmp::Reverse;

use crate::pipeline::{ParamValue, Secret, Values};

/// What stands in the place of a secret.
const STARS: &str = "***";

/// Less of a secret than this gives nothing away.
const TELLING: usize = 4;

/// The secrets among a run's values, by their lines: logs go by lines, and so does whoever looks for secrets in them.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// Longest first, each once; none of them blank.
    lines: Vec<Secret>,
}

impl Secrets {
    /// The secrets among these values.
    pub fn of(values: &Values) -> Self {
        let secrets = values.values().filter_map(|value| match value {
            ParamValue::Secret(secret) => Some(secret.reveal()),
            _ => None,
        });
        let mut lines: Vec<&str> = secrets.flat_map(|secret| secret.split(['\n', '\r'])).collect();
        lines.retain(|line| !line.trim().is_empty());
        lines.sort_by_key(|line| (Reverse(line.len()), *line));
        lines.dedup();
        Self { lines: lines.into_iter().map(Secret::new).collect() }
    }

    /// Each line of each secret, for whoever must be told to look out for it.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(Secret::reveal)
    }

    /// The text with stars for every secret in it.
    pub fn hide(&self, text: &str) -> String {
        self.lines().fold(text.to_owned(), |text, line| text.replace(line, STARS))
    }

    /// The end of a longer text in the same way; it may begin in the middle of a secret.
    pub fn hide_tail(&self, tail: &str) -> String {
        let rests = self.lines().filter_map(|line| {
            let starts = line.char_indices().map(|(at, _)| at).filter(|at| line.len() - at >= TELLING);
            starts.filter_map(|at| line.get(at..)).find_map(|rest| tail.strip_prefix(rest))
        });
        match rests.min_by_key(|rest| rest.len()) {
            Some(rest) => format!("{STARS}{}", self.hide(rest)),
            None => self.hide(tail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(values: &[&str]) -> Secrets {
        let secret =
            |(at, value): (usize, &&str)| (format!("s{at}"), ParamValue::Secret(Secret::new(*value)));
        let mut all: Values = values.iter().enumerate().map(secret).collect();
        all.insert("plain".into(), ParamValue::Text("not secret".into()));
        Secrets::of(&all)
    }

    #[test]
    fn every_line_that_says_something_is_a_secret() {
        let secrets = secrets(&["key\r\n  of two\n\n \t\n", "", "hunter2", "hunter2"]);
        assert_eq!(secrets.lines().collect::<Vec<_>>(), ["  of two", "hunter2", "key"]);
    }

    #[test]
    fn secrets_are_hidden_the_longest_first() {
        let secrets = secrets(&["hunter", "hunter2"]);
        assert_eq!(secrets.hide("a hunter2, a hunter and not secret"), "a ***, a *** and not secret");
        assert_eq!(format!("{secrets:?}").matches("hunter").count(), 0);
    }

    #[test]
    fn a_tail_may_begin_within_one() {
        let secrets = secrets(&["hunter2-grün"]);
        assert_eq!(secrets.hide_tail("ter2-grün and hunter2-grün"), "*** and ***");
        assert_eq!(secrets.hide_tail("grün, after all"), "***, after all");
        assert_eq!(secrets.hide_tail("n is a letter"), "n is a letter");
    }
}
