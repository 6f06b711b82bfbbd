//! What shells say of a script that they cannot read, in our words and with its place.

use std::ops::Range;

/// What a shell has against a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    /// The line, from 0.
    line: usize,
    /// What the line has in it that is wrong; the whole line, if that is not known.
    token: Option<String>,
    pub(super) message: String,
    pub(super) help: String,
}

/// What opens in a script, and what closes it.
const PAIRS: [(&[&str], &str); 5] = [
    (&["if"], "fi"),
    (&["do"], "done"),
    (&["case"], "esac"),
    (&["{"], "}"),
    (&["for", "while", "until"], "do"),
];

/// Whether a script may have something in it that its shell refuses: a quote, a bracket or a keyword without the
/// one that belongs to it, or an end in the middle of a command. Most scripts have not, and need no shell.
pub(super) fn is_doubtful(script: &str) -> bool {
    let (mut quotes, mut round) = ([0usize; 3], 0isize);
    for byte in script.bytes() {
        match byte {
            b'"' => quotes[0] += 1,
            b'\'' => quotes[1] += 1,
            b'`' => quotes[2] += 1,
            b'(' => round += 1,
            b')' => round -= 1,
            _ => {}
        }
    }
    let (mut balance, mut is_argument) = ([0isize; 6], false);
    for (at, word) in words(script) {
        let Some(counts) = keyword(word) else { continue };
        balance.iter_mut().zip(counts).for_each(|(balance, count)| *balance += count);
        is_argument |= ends_or_begins(word) && !begins_command(script, at);
    }
    let is_cut =
        |text: &str| text.ends_with(['&', '|', '<', '>', '\\', '(']) || text.starts_with(['&', '|', ';']);
    quotes.iter().any(|count| count % 2 == 1)
        || round != 0
        || balance.iter().any(|balance| *balance != 0)
        || is_cut(script.trim())
        || is_argument
}

/// Returns what a keyword opens (1) and closes (-1) of `if … fi`, `if` or `elif … then`, `do … done`, `case … esac`,
/// `{ … }` and loops up to their `do`; nothing for another word.
fn keyword(word: &str) -> Option<[isize; 6]> {
    Some(match word {
        "if" => [1, 1, 0, 0, 0, 0],
        "elif" => [0, 1, 0, 0, 0, 0],
        "then" => [0, -1, 0, 0, 0, 0],
        "fi" => [-1, 0, 0, 0, 0, 0],
        "for" | "while" | "until" | "select" => [0, 0, 0, 0, 0, 1],
        "do" => [0, 0, 1, 0, 0, -1],
        "done" => [0, 0, -1, 0, 0, 0],
        "case" => [0, 0, 0, 1, 0, 0],
        "esac" => [0, 0, 0, -1, 0, 0],
        "{" => [0, 0, 0, 0, 1, 0],
        "}" => [0, 0, 0, 0, -1, 0],
        _ => return None,
    })
}

/// Returns whether a keyword begins or ends a list of commands, so that it is no argument.
fn ends_or_begins(word: &str) -> bool {
    matches!(word, "then" | "do" | "fi" | "done" | "esac")
}

/// Returns whether a command begins at this place of a script.
fn begins_command(script: &str, at: usize) -> bool {
    let before = script.get(..at).unwrap_or_default().trim_end_matches([' ', '\t']);
    before.is_empty() || before.ends_with(['\n', ';', '&', '|', '(', ')', '}', '%'])
}

/// Makes a complaint of what a shell has said.
pub(super) fn complaint(said: &str, script: &str) -> Complaint {
    let first = said.lines().next().unwrap_or_default();
    let help = format!("the shell says: {}", reason(first));
    let last = script.trim_end().lines().count().saturating_sub(1);
    let line = line_of(first).map_or(last, |line| line.saturating_sub(1).min(last));
    let quote = if first.contains("Unterminated quoted string") {
        odd_quote(script)
    } else {
        missing(first).filter(|text| matches!(*text, "\"" | "'" | "`")).map(|text| (line, text))
    };
    if let Some((line, quote)) = quote {
        let message = format!("this script has a `{quote}` that is never closed");
        return Complaint { line, token: Some(quote.to_owned()), message, help };
    }
    if first.contains("end of file") || first.contains("EOF") || first.contains("unmatched") {
        if let Some((line, opening, closing)) = unclosed(script) {
            let message = format!("this `{opening}` has no `{closing}`");
            return Complaint { line, token: Some(opening.to_owned()), message, help };
        }
        let message = "this script ends in the middle of a command".to_owned();
        return Complaint { line: last, token: None, message, help };
    }
    match unexpected(first) {
        Some(token) => {
            let message = format!("`{token}` cannot stand here in this script");
            Complaint { line, token: Some(token.to_owned()), message, help }
        }
        None => {
            Complaint { line, token: None, message: "the shell cannot read this script".to_owned(), help }
        }
    }
}

impl Complaint {
    /// The place in the script's own text, in bytes.
    pub(super) fn range(&self, source: &str) -> Range<usize> {
        let start: usize = source.split_inclusive('\n').take(self.line).map(str::len).sum();
        let line = source.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let token = self.token.as_deref().and_then(|token| {
            let found = if is_word(token) {
                words(line).find(|(_, word)| *word == token).map(|(at, _)| at)
            } else {
                line.find(token)
            };
            Some(start + found?..start + found? + token.len())
        });
        let indentation = line.len() - line.trim_start().len();
        token.unwrap_or(start + indentation..start + line.trim_end().len())
    }
}

/// The line that a message names: `line 3`, or `: 3:`.
fn line_of(message: &str) -> Option<usize> {
    let number = |text: &str| text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
    let named = message.rsplit("line ").find_map(number).filter(|_| message.contains("line "));
    named.or_else(|| message.split(':').map(str::trim).find_map(|part| part.parse().ok()))
}

/// The message without the name of the shell and the line.
fn reason(message: &str) -> &str {
    let is_place = |part: &str| {
        let part = part.trim();
        let words = ["bash", "sh", "dash", "ksh", "zsh", "ash"];
        words.contains(&part) || part.trim_start_matches("line ").parse::<usize>().is_ok()
    };
    let mut rest = message;
    while let Some((_, after)) = rest.split_once(':').filter(|(part, _)| is_place(part)) {
        rest = after;
    }
    rest.trim()
}

/// What bash looks for and does not find.
fn missing(message: &str) -> Option<&str> {
    let rest = message.split_once("looking for matching `")?.1;
    rest.strip_suffix('\'').or(Some(rest))
}

/// What a shell did not expect: ``unexpected token `)'``, `")" unexpected`.
fn unexpected(message: &str) -> Option<&str> {
    let bash = message.split_once("unexpected token `").and_then(|(_, rest)| rest.strip_suffix('\''));
    let dash = || Some(message.split_once(" unexpected")?.0.rsplit_once(": ")?.1.trim_matches('"'));
    let zsh = || message.split_once("parse error near `").and_then(|(_, rest)| rest.strip_suffix('\''));
    bash.or_else(zsh)
        .or_else(dash)
        .filter(|token| !token.is_empty() && !token.contains("end of file") && *token != "newline")
}

/// The first line with an odd number of the same quote.
fn odd_quote(script: &str) -> Option<(usize, &'static str)> {
    ["\"", "'"].into_iter().find_map(|quote| {
        let line = script.lines().position(|line| line.matches(quote).count() % 2 == 1)?;
        Some((line, quote))
    })
}

/// The last opening of a pair that has more openings than closings.
fn unclosed(script: &str) -> Option<(usize, &'static str, &'static str)> {
    let lines: Vec<Vec<&str>> =
        script.lines().map(|line| words(line).map(|(_, word)| word).collect()).collect();
    let count = |wanted: &[&str]| lines.iter().flatten().filter(|word| wanted.contains(*word)).count();
    PAIRS.into_iter().find_map(|(openings, closing)| {
        if count(openings) <= count(&[closing]) {
            return None;
        }
        let line = lines.iter().rposition(|words| words.iter().any(|word| openings.contains(word)))?;
        let opening = openings.iter().find(|word| lines.get(line).is_some_and(|line| line.contains(word)))?;
        Some((line, *opening, closing))
    })
}

fn is_word(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "{}".contains(c))
}

/// The words of a text, each with its place: what blanks, `;`, `&`, `|` and round brackets divide.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let divides = |c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')');
    let start = text.as_ptr().addr();
    text.split(divides).filter(|word| !word.is_empty()).map(move |word| (word.as_ptr().addr() - start, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message, and what is marked in the script.
    fn told(said: &str, script: &'static str) -> (String, &'static str) {
        let complaint = complaint(said, script);
        let range = complaint.range(script);
        (complaint.message, script.get(range).unwrap())
    }

    #[test]
    fn bash_and_dash_are_understood() {
        const QUOTE: &str = "make\necho \"hello\nmake\n";
        let open = ("this script has a `\"` that is never closed".to_owned(), "\"");
        assert_eq!(told("bash: line 2: unexpected EOF while looking for matching `\"'\n", QUOTE), open);
        assert_eq!(told("dash: 4: Syntax error: Unterminated quoted string\n", QUOTE), open);
        const IF: &str = "if [ -f x ]; then\n  make\n";
        let open = ("this `if` has no `fi`".to_owned(), "if");
        assert_eq!(told("bash: line 3: syntax error: unexpected end of file\n", IF), open);
        assert_eq!(told("sh: 3: Syntax error: end of file unexpected (expecting \"fi\")\n", IF), open);
        let stray = ("`)` cannot stand here in this script".to_owned(), ")");
        assert_eq!(
            told("bash: line 1: syntax error near unexpected token `)'\nbash: line 1: `make )'\n", "make )"),
            stray
        );
        assert_eq!(told("dash: 1: Syntax error: \")\" unexpected\n", "make )"), stray);
        assert_eq!(
            told("bash: line 2: syntax error: unexpected end of file\n", "make &&\n"),
            ("this script ends in the middle of a command".to_owned(), "make &&")
        );
    }

    #[test]
    fn the_place_is_left_out_of_the_reason() {
        assert_eq!(reason("bash: line 3: syntax error: x"), "syntax error: x");
        assert_eq!(reason("dash: 3: Syntax error: x"), "Syntax error: x");
    }

    #[test]
    fn most_scripts_need_no_shell() {
        for plain in [
            "make test",
            "cargo build --release\n",
            "if [ -f x ]; then\n  cat x | wc -l\nelse make; fi",
            "for h in {{ hosts }}; do ping \"$h\"; done",
            "f() { echo 'a'; }; f $(date)",
            "",
        ] {
            assert!(!is_doubtful(plain), "{plain}");
        }
        for doubtful in [
            "if a",
            "echo 'a",
            "done",
            "make )",
            "a &&",
            "if a; fi",
            "f() { a",
            "case x in",
            "for a in b",
            "echo `a",
            "if a; then b fi",
        ] {
            assert!(is_doubtful(doubtful), "{doubtful}");
        }
    }

    #[test]
    fn no_message_is_too_strange() {
        for said in
            ["", ":", "x: 99999999999999999999: y", "line", "line 7", "looking for matching `", "unexpected"]
        {
            for script in ["", "\n", "a", "é'"] {
                let complaint = complaint(said, script);
                assert!(script.get(complaint.range(script)).is_some());
            }
        }
    }
}
