//! Untrusted text in GitHub's Markdown, without effect as markup.

use std::fmt::Write as _;

use crate::render::text;

/// ASCII characters beside letters and digits that mean nothing in the middle of a line.
const HARMLESS: &str = " .,-/()%+;=?'";

/// Returns one line of text. Every character that could be markup, of Markdown, of a table or of HTML,
/// becomes an entity.
pub fn plain(text: &str) -> String {
    let line = text::one_line(text);
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().filter(|char| !turns_text(*char)).peekable();
    while let Some(char) = chars.next() {
        // A colon makes an address or an emoji only with something right after it.
        let ends = char == ':' && chars.peek().is_none_or(|next| *next == ' ');
        if ends || !char.is_ascii() || char.is_ascii_alphanumeric() || HARMLESS.contains(char) {
            out.push(char);
        } else {
            let _ = write!(out, "&#{};", u32::from(char)); // writing to a string cannot fail
        }
    }
    out
}

/// Returns the same for text in which pairs of backticks hold code.
pub fn sentence(text: &str) -> String {
    let pieces: Vec<&str> = text.split('`').collect();
    if pieces.len().is_multiple_of(2) {
        return plain(text);
    }
    let piece = |(at, piece): (usize, &&str)| match at % 2 {
        0 => spaced(piece),
        _ => format!("<code>{}</code>", plain(piece)),
    };
    pieces.iter().enumerate().map(piece).collect()
}

/// Returns plain text with the spaces at both ends of a piece of a sentence.
fn spaced(piece: &str) -> String {
    let space = |found: bool| if found { " " } else { "" };
    match plain(piece) {
        text if text.is_empty() => space(!piece.is_empty()).to_owned(),
        text => format!("{}{text}{}", space(piece.starts_with(' ')), space(piece.ends_with(' '))),
    }
}

/// Returns lines as they are, in a fence that none of them can end.
pub fn fenced(language: &str, lines: &str) -> String {
    let longest = lines.split(|char| char != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let lines: String = lines.chars().filter(|char| !turns_text(*char)).collect();
    format!("{fence}{language}\n{}\n{fence}\n\n", lines.trim_end_matches('\n'))
}

/// Returns the beginning and the end of a section that is folded at first.
pub fn folded(title: &str) -> (String, &'static str) {
    (format!("<details><summary>{}</summary>\n\n", plain(title)), "\n</details>\n\n")
}

/// Returns whether a character changes the direction of the text around it.
fn turns_text(char: char) -> bool {
    matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_text() {
        assert_eq!(
            plain("a|b *c* <d>\n`e` \u{202e}$f$"),
            "a&#124;b &#42;c&#42; &#60;d&#62; &#96;e&#96; &#36;f&#36;"
        );
        assert_eq!(plain("grün-1.2: 100%:"), "grün-1.2: 100%:");
        assert_eq!(plain("http://a :x: y"), "http&#58;//a &#58;x: y");
    }

    #[test]
    fn backticks_in_pairs_hold_code() {
        assert_eq!(
            sentence("`a-b` failed: `x<y`, twice"),
            "<code>a-b</code> failed: <code>x&#60;y</code>, twice"
        );
        assert_eq!(sentence("one ` alone"), "one &#96; alone");
    }

    #[test]
    fn no_line_ends_its_fence() {
        assert_eq!(fenced("text", "a\n"), "```text\na\n```\n\n");
        assert_eq!(fenced("text", "````\n```\n"), "`````text\n````\n```\n`````\n\n");
    }
}
