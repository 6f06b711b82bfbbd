//! What a script plainly says: its commands with their words and redirections.

use std::ops::Range;

/// A simple command: its program first, without assignments, keywords and wrappers such as `sudo` before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Command {
    /// The words, the program first.
    pub(super) words: Vec<Word>,
    /// Its redirections to and from files.
    pub(super) redirections: Vec<Redirection>,
    /// Whether it writes into `$PIPE_OUTPUT`.
    pub(super) gives: bool,
    /// Whether `timeout` limits it.
    pub(super) limited: bool,
}

/// A redirection to or from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redirection {
    /// What it does to the file.
    pub(super) mode: Mode,
    /// The file.
    pub(super) target: Word,
}

/// What a redirection does to its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// `<`
    Read,
    /// `>` and its kin
    Write,
    /// `>>` and its kin
    Append,
}

/// One word, with its quotes taken off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Word {
    /// Its text; an expression stands in it as `{{name}}`.
    pub(super) text: String,
    /// Where it stands in the script, in bytes.
    pub(super) range: Range<usize>,
    /// Whether the shell changes nothing about the text: no variable, no command, no pattern.
    pub(super) plain: bool,
    /// Whether it may come to several words: a list, a variable without quotes, `"$@"`.
    pub(super) splits: bool,
    /// The expressions in it, each without its braces, blanks and leading dot.
    pub(super) expressions: Vec<String>,
    /// Whether a command runs in it, whose output is a part of the word.
    pub(super) runs: bool,
    /// The variables in it.
    pub(super) variables: Vec<String>,
}

impl Command {
    /// The program's name, without its folder; empty if it is not plain to see.
    pub(super) fn program(&self) -> &str {
        let first = self.words.first().filter(|word| word.plain && word.expressions.is_empty());
        first.map_or("", |word| word.text.rsplit('/').next().unwrap_or_default())
    }

    /// The words after the program.
    pub(super) fn arguments(&self) -> &[Word] {
        self.words.get(1..).unwrap_or_default()
    }

    /// Where its program is named.
    pub(super) fn range(&self) -> Range<usize> {
        self.words.first().map_or(0..0, |word| word.range.clone())
    }

    /// Whether an option stands among its arguments: a long one, with `=` and a value or not, or a letter in
    /// a cluster such as `-fsS`. Letters in `valued` take the rest of their cluster as value.
    pub(super) fn has_option(&self, long: &[&str], letters: &str, valued: &str) -> bool {
        let mut arguments = self.arguments().iter();
        arguments.by_ref().take_while(|word| word.text != "--").any(|word| {
            if let Some(name) = word.text.strip_prefix("--") {
                return long.contains(&name.split('=').next().unwrap_or_default());
            }
            let cluster = word.text.strip_prefix('-').unwrap_or_default();
            let end = cluster.find(|letter| valued.contains(letter)).map_or(cluster.len(), |at| at + 1);
            cluster.get(..end).unwrap_or_default().contains(|letter| letters.contains(letter))
        })
    }

    /// Whether an argument may be several, options among them: a list, a variable without quotes, `"$@"`.
    pub(super) fn has_unclear_argument(&self) -> bool {
        self.arguments().iter().any(|word| word.splits)
    }
}
