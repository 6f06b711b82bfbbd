//! The lines of a `.env` file. A value is data: nothing in it is expanded or run.
//!
//! Written here, since the libraries for it (dotenvy 0.15 was tried) replace `${HOME}`, make `(id)` of
//! `$(id)`, refuse a blank in a bare value, and put the values into their messages.

use crate::file::words::{as_identifier, is_identifier};
use crate::pipeline::Span;

/// The longest name that a message shows; what is longer may be a part of a key.
const LONGEST_NAME: usize = 64;

/// A variable of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) value: String,
    /// Where the name stands.
    pub(super) at: Span,
}

/// What is wrong with a line, without a value in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: Span,
    pub(super) message: String,
    pub(super) help: String,
}

/// Returns the variables in the order of the file, and all that is wrong.
pub(super) fn parse(text: &str) -> (Vec<Entry>, Vec<Fault>) {
    let mut reader = Reader { text, at: 0, entries: Vec::new(), faults: Vec::new() };
    if let Some(nul) = text.find('\0') {
        reader.fault(nul, 1, "a NUL byte, which no variable can hold", "take it out");
    }
    while reader.at < text.len() {
        reader.line();
    }
    (reader.entries, reader.faults)
}

/// Returns whether a message may show what stands before a `=`.
pub(super) fn is_plain(name: &str) -> bool {
    let is_word = |each: char| each.is_ascii_alphanumeric() || "_.-".contains(each);
    name.len() <= LONGEST_NAME && name.chars().all(is_word)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    entries: Vec<Entry>,
    faults: Vec<Fault>,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Returns what is left of the line, without its end.
    fn line_rest(&self) -> &'t str {
        let rest = self.rest();
        let line = rest.split('\n').next().unwrap_or_default();
        line.strip_suffix('\r').filter(|line| line.len() + 1 < rest.len()).unwrap_or(line)
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
    }

    fn skip_line(&mut self) {
        self.at = self.rest().find('\n').map_or(self.text.len(), |end| self.at + end + 1);
    }

    fn fault(&mut self, at: usize, length: usize, message: impl Into<String>, help: impl Into<String>) {
        let at = Span::new(at, at + length);
        self.faults.push(Fault { at, message: message.into(), help: help.into() });
    }

    fn line(&mut self) {
        self.skip_blanks();
        let line = self.line_rest();
        if line.trim().is_empty() || line.starts_with('#') {
            return self.skip_line();
        }
        if line.strip_prefix("export").is_some_and(|rest| rest.starts_with([' ', '\t'])) {
            self.at += "export".len();
            self.skip_blanks();
        }
        let (start, line) = (self.at, self.line_rest());
        let Some(equals) = line.find('=') else {
            let help = match line.split_once(':').is_some_and(|(name, _)| is_identifier(name.trim())) {
                true => "write `NAME=value`, with `=` in place of `:`",
                false => {
                    "write `NAME=value`, or begin the line with `#`; a value of several lines stands in quotes"
                }
            };
            self.fault(start, line.trim_end().len(), "this line has no `=`", help);
            return self.skip_line();
        };
        let name = line.get(..equals).unwrap_or_default().trim_end();
        let is_good = self.check_name(name, start);
        self.at = start + equals + 1;
        self.skip_blanks();
        if let Some(value) = self.value()
            && is_good
        {
            let at = Span::new(start, start + name.len());
            self.entries.push(Entry { name: name.to_owned(), value, at });
        }
    }

    fn check_name(&mut self, name: &str, start: usize) -> bool {
        let mended = as_identifier(name);
        match is_identifier(name) {
            true => return true,
            false if name.is_empty() => {
                self.fault(start, 1, "there is no name before `=`", "write `NAME=value`");
            }
            false if is_plain(name) && !mended.is_empty() => {
                let message = format!(
                    "`{name}` is no name for a variable: it takes letters, digits and `_`, and does not begin with a digit"
                );
                self.fault(start, name.len(), message, format!("write `{mended}`"));
            }
            false => {
                let help = "a name has letters, digits and `_`; a value of several lines stands in quotes";
                self.fault(start, name.len(), "what stands before `=` is no name for a variable", help);
            }
        }
        false
    }

    /// Reads a value and the rest of its line.
    fn value(&mut self) -> Option<String> {
        match self.rest().chars().next() {
            Some(quote @ ('\'' | '"')) => self.quoted(quote),
            Some(_) | None => {
                // Behind blanks, at the start as well, `#` begins a comment.
                let line = self.line_rest();
                let blank = self.text.get(..self.at).is_some_and(|before| before.ends_with([' ', '\t']));
                let begins = |at: &usize| match at {
                    0 => blank,
                    at => line.get(..*at).is_some_and(|before| before.ends_with([' ', '\t'])),
                };
                let comment = line.match_indices('#').map(|(at, _)| at).find(begins);
                let value = line.get(..comment.unwrap_or(line.len())).unwrap_or_default().trim_end();
                self.skip_line();
                Some(value.to_owned())
            }
        }
    }

    /// Reads a value in quotes, which may have several lines.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let opening = self.at;
        let Some((value, length)) = unquote(self.rest().get(1..).unwrap_or_default(), quote) else {
            let help = format!("close it with another `{quote}`");
            self.fault(opening, 1, format!("this `{quote}` is not closed"), help);
            self.skip_line();
            return None;
        };
        self.at += 1 + length;
        self.skip_blanks();
        let behind = self.line_rest();
        if !behind.is_empty() && !behind.starts_with('#') {
            let (at, length, message) = match value.contains('\n') {
                // More likely than a value of several lines.
                true => (
                    opening,
                    1,
                    format!("this `{quote}` is not closed on its line, and text stands behind the next"),
                ),
                false => {
                    (self.at, behind.trim_end().len(), "text stands behind the closing quote".to_owned())
                }
            };
            let help = match quote {
                '"' => "put all of the value in the quotes; a quote in it is written `\\\"`",
                _ => "put all of the value in the quotes; one that has a `'` in it stands in double quotes",
            };
            self.fault(at, length, message, help);
            self.skip_line();
            return None;
        }
        self.skip_line();
        Some(value)
    }
}

/// Returns the text up to a closing quote, and how long it is with the quote. In double quotes a backslash
/// stands before `n`, `r`, `t`, and before what would else mean something there or to a shell.
fn unquote(text: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, each)) = chars.next() {
        match each {
            // The line ends of Windows are no part of a value.
            '\r' if chars.peek().is_some_and(|(_, next)| *next == '\n') => {}
            _ if each == quote => return Some((value, at + 1)),
            '\\' if quote == '"' => match chars.next()?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                plain @ ('"' | '\\' | '$' | '`') => value.push(plain),
                other => value.extend(['\\', other]),
            },
            _ => value.push(each),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries(text: &str) -> Vec<(String, String)> {
        let (entries, faults) = parse(text);
        assert_eq!(faults, [], "{text:?}");
        entries.into_iter().map(|entry| (entry.name, entry.value)).collect()
    }

    fn value(text: &str) -> String {
        entries(&format!("A={text}\n")).remove(0).1
    }

    /// The place and the message of the only fault.
    fn fault(text: &str) -> (usize, usize, String) {
        let (_, mut faults) = parse(text);
        assert_eq!(faults.len(), 1, "{text:?}: {faults:?}");
        let Fault { at, message, help } = faults.remove(0);
        let position = crate::pipeline::Source::new(".env", text).position(at.start);
        (position.line, position.column, format!("{message}; {help}"))
    }

    #[test]
    fn names_values_comments_and_export() {
        let text = "# first\n\nA=1\n export B = two words  # why\n\texport\tC=\n export=x\nD=a#b\nE= # nothing\nF=#x";
        let pairs = [
            ("A", "1"),
            ("B", "two words"),
            ("C", ""),
            ("export", "x"),
            ("D", "a#b"),
            ("E", ""),
            ("F", "#x"),
        ];
        assert_eq!(entries(text), pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_value_is_data() {
        for text in
            ["$(id)", "`id`", "${HOME}", "$HOME", "a=b", "http://x?y=z", "a\\nb", "~", "{{ x }}", "it's"]
        {
            assert_eq!(value(text), text);
            assert_eq!(value(&format!("\"{text}\"")), text.replace("\\n", "\n"));
        }
        assert_eq!(value("'$(id) \\n \"x\" # y'"), "$(id) \\n \"x\" # y");
    }

    #[test]
    fn double_quotes_know_escapes_and_single_ones_none() {
        assert_eq!(value(r#""a\tb\nc\"d\\e\$f\r" # done"#), "a\tb\nc\"d\\e$f\r");
        assert_eq!(value(r#""\w \.""#), r"\w \.");
        assert_eq!(value("'-----BEGIN\nkey\n-----END'"), "-----BEGIN\nkey\n-----END");
    }

    #[test]
    fn line_ends_of_windows_and_a_missing_last_one_do_no_harm() {
        let pairs = [("A", "1"), ("B", "x\ny"), ("C", "3")];
        assert_eq!(
            entries("A=1\r\n\r\nB='x\r\ny'\r\n# c\r\nC=3"),
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn the_last_of_two_stands_last() {
        assert_eq!(entries("A=1\nA=2\n").len(), 2);
    }

    #[test]
    fn each_fault_has_its_place() {
        let starts = |text: &str, line: usize, column: usize, message: &str| {
            let found = fault(text);
            assert_eq!((found.0, found.1), (line, column), "{text:?}: {}", found.2);
            assert!(found.2.contains(message), "{text:?}: {}", found.2);
        };
        starts("A=1\nB\n", 2, 1, "this line has no `=`");
        starts("  A: 1\n", 1, 3, "with `=` in place of `:`");
        starts("export A\n", 1, 8, "this line has no `=`");
        starts("=1\n", 1, 1, "there is no name before `=`");
        starts("my-var=1\n", 1, 1, "write `my_var`");
        starts("2ND=1\n", 1, 1, "write `_2ND`");
        starts("A=1\n  B=\"x\nC=2\n", 2, 5, "this `\"` is not closed");
        starts("A='x\nB='y'\n", 1, 3, "this `'` is not closed on its line");
        starts("A='x' y\n", 1, 7, "text stands behind the closing quote");
        starts("A=1\nB=x\0y\n", 2, 4, "a NUL byte");
    }

    #[test]
    fn faults_do_not_tell_what_may_be_a_secret() {
        for text in ["abc+secret/9==\n", "secret\n", "A='x' secret\n", "A=\"secret\n"] {
            assert!(!format!("{:?}", parse(text).1).contains("secret"), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_written_in_quotes_is_changed(text in "[^\0]{0,60}") {
            let single = text.replace(['\'', '\r'], "");
            prop_assert_eq!(value(&format!("'{single}'")), single);
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\r', "\\r");
            prop_assert_eq!(value(&format!("\"{escaped}\"")), text);
        }

        #[test]
        fn no_text_is_too_strange(text in "(?s).{0,80}") {
            parse(&text);
        }
    }
}
