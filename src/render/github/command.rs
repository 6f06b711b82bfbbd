//! Workflow commands: lines of the log that GitHub's runner acts on.
//!
//! The runner takes a line for a command if it begins with `::`, white space aside, or has `##[` anywhere in
//! it (the old form, which its web page still reads in stored logs). Between `::stop-commands::TOKEN` and
//! `::TOKEN::` it takes none.

use std::fmt::{self, Write as _};

use memchr::memmem;

/// A command, in the form `::name property=value,…::message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowCommand<'a> {
    name: &'a str,
    properties: Vec<(&'static str, String)>,
    message: String,
}

impl<'a> WorkflowCommand<'a> {
    /// Returns a command whose message may be any text.
    pub fn new(name: &'a str, message: impl Into<String>) -> Self {
        Self { name, properties: Vec::new(), message: message.into() }
    }

    /// Adds a property, whose value may be any text.
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.properties.push((name, value.to_string()));
        self
    }

    /// Returns the command as a line.
    pub fn line(&self) -> String {
        format!("{self}\n")
    }
}

impl fmt::Display for WorkflowCommand<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "::{}", self.name)?;
        for (at, (name, value)) in self.properties.iter().enumerate() {
            write!(out, "{}{name}={}", if at == 0 { " " } else { "," }, escape(value, ":,"))?;
        }
        write!(out, "::{}", escape(&self.message, ""))
    }
}

/// Escapes percent signs, line ends and `others` in the form that the runner turns back.
fn escape(text: &str, others: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if matches!(char, '%' | '\r' | '\n') || others.contains(char) {
            let _ = write!(out, "%{:02X}", u32::from(char)); // writing to a string cannot fail
        } else {
            out.push(char);
        }
    }
    out
}

/// The mark of the old form, which the web page of the log reads as well.
const OLD_MARK: &[u8] = b"##[";

/// Breaks every mark of the old form that begins at `start` or later: `## [`.
pub fn break_old_marks(lines: &mut Vec<u8>, start: usize) {
    let new = lines.get(start..).unwrap_or_default();
    let mut broken = Vec::new();
    let mut done = 0;
    for mark in memmem::find_iter(new, OLD_MARK) {
        broken.extend_from_slice(new.get(done..mark + 2).unwrap_or_default());
        broken.push(b' ');
        done = mark + 2;
    }
    if done > 0 {
        broken.extend_from_slice(new.get(done..).unwrap_or_default());
        lines.truncate(start);
        lines.append(&mut broken);
    }
}

/// Returns whether the runner could find a command in these lines, whatever its notion of white space is.
pub fn may_command(lines: &[u8]) -> bool {
    memmem::find(lines, b"::").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_the_runner_is_escaped() {
        let command =
            WorkflowCommand::new("error", "100% :: a,b\r\nnext").with("file", "a:b,c%\n.yml").with("line", 7);
        assert_eq!(command.line(), "::error file=a%3Ab%2Cc%25%0A.yml,line=7::100%25 :: a,b%0D%0Anext\n");
        assert_eq!(WorkflowCommand::new("endgroup", "").to_string(), "::endgroup::");
    }

    #[test]
    fn old_marks_are_broken_and_new_ones_seen() {
        let mut lines = b"##[kept] ".to_vec();
        let start = lines.len();
        lines.extend_from_slice(b"###[error]a ##[[##[endgroup]\n");
        break_old_marks(&mut lines, start);
        assert_eq!(lines, b"##[kept] ### [error]a ## [[## [endgroup]\n");
        assert!(may_command(b" \xc2\xa0::error::") && may_command(b"std::vec") && !may_command(b"a: b:"));
    }
}
