//! A text as shells print it, so that it could be read again: `set -x`, `printf %q`, `declare -p`, and what
//! quotes like them.

/// What `printf %q` of bash escapes, and beside that what other shells do.
const ESCAPED: [&str; 3] =
    [" \t'\"\\|&;()<>!{}*[]?^$`,", " \t'\"\\|&;()<>!{}*[]?^$`,#~", " \t'\"\\|&;()<>!{}*[]?^$`#~="];

/// Returns the spellings, without the quotes around them.
pub(super) fn spellings(text: &str) -> Vec<String> {
    let mut all = vec![
        // bash, zsh, ksh and many programs; dash, busybox and Python.
        text.replace('\'', r"'\''"),
        text.replace('\'', r#"'"'"'"#),
        joined_quotes(text),
        escaped(text, "\"$`\\"),
        // A history sign, inside double quotes.
        escaped(text, "\"$`\\!"),
        in_pieces(text, false),
        in_pieces(text, true),
    ];
    all.extend(ESCAPED.iter().map(|set| escaped(text, set)));
    // A sign that means something only at the beginning.
    if text.starts_with(['#', '~']) {
        all.push(format!("\\{}", escaped(text, ESCAPED[0])));
    }
    for escape in [r"\E", r"\e", r"\033", r"\x1b"] {
        for is_ascii in [true, false] {
            all.push(dollar(text, escape, is_ascii));
        }
    }
    all
}

/// As dash and busybox print it: single quotes in a row stand together in double quotes.
fn joined_quotes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\'') {
        let (before, quotes) = rest.split_at(at);
        let after = quotes.trim_start_matches('\'');
        let (quotes, after) = quotes.split_at(quotes.len() - after.len());
        out.extend([before, "'\"", quotes, "\"'"]);
        rest = after;
    }
    out + rest
}

fn escaped(text: &str, set: &str) -> String {
    let mut out = String::with_capacity(2 * text.len());
    for c in text.chars() {
        if set.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Inside `$'…'`.
fn dollar(text: &str, escape: &str, is_ascii: bool) -> String {
    let mut out = String::with_capacity(2 * text.len());
    for c in text.chars() {
        match c {
            '\\' | '\'' => out.extend(['\\', c]),
            '\u{1b}' => out.push_str(escape),
            c => sign(c, is_ascii, &mut out),
        }
    }
    out
}

/// As the programs of GNU print it: what cannot be printed stands in `$'…'` by itself.
fn in_pieces(text: &str, is_ascii: bool) -> String {
    let mut out = String::with_capacity(2 * text.len());
    let mut is_in_dollar = false;
    for c in text.chars() {
        let cannot_be_printed = c.is_control() || (is_ascii && !c.is_ascii());
        if cannot_be_printed != is_in_dollar {
            is_in_dollar = cannot_be_printed;
            out.push_str(if is_in_dollar { "'$'" } else { "''" });
        }
        match c {
            '\'' => out.push_str(r"'\''"),
            c => sign(c, is_ascii, &mut out),
        }
    }
    out
}

/// A character by its letter or its octal number where it cannot be printed.
fn sign(c: char, is_ascii: bool, out: &mut String) {
    let letter = match c {
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        c if c.is_control() || (is_ascii && !c.is_ascii()) => {
            c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| out.push_str(&format!("\\{byte:03o}")));
            return;
        }
        c => {
            out.push(c);
            return;
        }
    };
    out.extend(['\\', letter]);
}
