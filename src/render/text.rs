//! Makes the output of steps safe to show: no control characters, one line at a time, with colours on
//! request.

mod quick;

use self::quick::prefix_clean_lines;

/// Appends each line of `chunk` to `out` with `prefix` before and a newline after it.
///
/// A tab stays; escape sequences and other control characters go. Of a line that was redrawn with carriage
/// returns the last drawing stays. A piece of a line, which lacks the newline, is taken for a line. All else
/// comes through byte for byte, be it UTF-8 or not.
pub fn prefix_lines(prefix: &[u8], chunk: &[u8], out: &mut Vec<u8>) {
    if prefix_clean_lines(prefix, chunk, out) {
        return;
    }
    for line in chunk.split_inclusive(|byte| *byte == b'\n') {
        out.extend_from_slice(prefix);
        clean_line(line.strip_suffix(b"\n").unwrap_or(line), out);
        out.push(b'\n');
    }
}

/// Appends the lines of `chunk` as [`prefix_lines`] does, without a prefix and with their colours; each
/// line's colours end with it. A piece of a line stays one: it gets no newline, and the answer is whether the
/// last line is such a piece.
pub fn coloured_lines(chunk: &[u8], out: &mut Vec<u8>) -> bool {
    let mut goes_on = false;
    for line in chunk.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        // A progress bar ends each of its drawings with a carriage return.
        goes_on = text.len() == line.len() && !text.ends_with(b"\r");
        append(text, Escapes::Colours, out);
        if !goes_on {
            out.push(b'\n');
        }
    }
    goes_on
}

/// Returns untrusted text as one clean line; its own lines are joined by single spaces.
pub fn one_line(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    prefix_lines(b"", text.as_bytes(), &mut out);
    String::from_utf8_lossy(&out).lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// Returns text that has at most so many characters, the last of them `…` where some are left out.
pub fn cut(text: &str, columns: usize) -> String {
    match text.char_indices().nth(columns) {
        None => text.to_owned(),
        Some(_) => text.chars().take(columns.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Control characters but tab and newline, and the byte that begins those of U+0080 to U+009F.
fn needs_care(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t' && byte != b'\n') || byte == 0x7f || byte == 0xc2
}

/// Which escape sequences stay.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    Colours,
}

/// Appends a line, given without its newline.
pub fn clean_line(line: &[u8], out: &mut Vec<u8>) {
    append(line, Escapes::None, out);
}

fn append(line: &[u8], escapes: Escapes, out: &mut Vec<u8>) {
    let mut rest = last_drawing(line);
    let mut coloured = false;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            0x1b => {
                rest = skip_escape(after);
                let sequence = after.get(..after.len() - rest.len()).unwrap_or_default();
                if escapes == Escapes::Colours && is_colour(sequence) {
                    out.push(byte);
                    out.extend_from_slice(sequence);
                    coloured = !matches!(sequence, b"[m" | b"[0m");
                }
            }
            // The second byte of a control character; the two may have been brought together by what went
            // between.
            0x80..=0x9f if out.last() == Some(&0xc2) => drop(out.pop()),
            0xc2 => out.push(byte),
            _ if needs_care(byte) => {}
            _ => out.push(byte),
        }
    }
    if coloured {
        out.extend_from_slice(b"\x1b[0m");
    }
}

/// Returns whether an escape sequence, given without its ESC, sets the look of text and nothing else.
fn is_colour(sequence: &[u8]) -> bool {
    let parameters = sequence.strip_prefix(b"[").and_then(|body| body.strip_suffix(b"m"));
    parameters.is_some_and(|all| all.iter().all(|byte| matches!(byte, b'0'..=b'9' | b';' | b':')))
}

/// Returns the last whole drawing of a line that has no newline yet and has been drawn with carriage returns,
/// and the one that has begun.
pub fn last_drawings(line: &[u8]) -> Option<&[u8]> {
    let end = line.iter().rposition(|byte| *byte == b'\r')?;
    let drawn = line.get(..end)?;
    let mut whole = drawn;
    while let Some(before) = whole.strip_suffix(b"\r") {
        whole = before;
    }
    let start = whole.iter().rposition(|byte| *byte == b'\r').map_or(0, |before| before + 1);
    line.get(start..)
}

/// Returns what is left on the screen of a line with carriage returns in it, taking each drawing to cover the
/// one before.
fn last_drawing(mut line: &[u8]) -> &[u8] {
    while let Some(before) = line.strip_suffix(b"\r") {
        line = before;
    }
    line.rsplit(|byte| *byte == b'\r').next().unwrap_or(line)
}

/// Returns what follows an escape sequence (ECMA-48, section 5), given what follows its ESC. Of a sequence
/// that does not end, only the introducer is taken for one.
fn skip_escape(sequence: &[u8]) -> &[u8] {
    let Some((&kind, body)) = sequence.split_first() else {
        return sequence;
    };
    let length = match kind {
        // CSI: parameters and intermediates, then a final byte.
        b'[' => length_to(body, |byte| matches!(byte, 0x20..=0x3f)),
        // OSC, DCS, SOS, PM, APC: a string up to BEL or ESC \.
        b']' | b'P' | b'X' | b'^' | b'_' => string_length(body),
        // A character set or the like: intermediates, then a final byte.
        0x20..=0x2f => length_to(body, |byte| matches!(byte, 0x20..=0x2f)),
        0x30..=0x7e => 0,
        // No sequence at all.
        _ => return sequence,
    };
    body.get(length..).unwrap_or_default()
}

/// Returns the length of a sequence up to and with its final byte; 0 where there is none.
fn length_to(body: &[u8], goes_on: impl Fn(u8) -> bool) -> usize {
    match body.iter().position(|byte| !goes_on(*byte)) {
        Some(at) if body.get(at).is_some_and(|byte| matches!(byte, 0x30..=0x7e)) => at + 1,
        _ => 0,
    }
}

/// Returns the length of a control string with its terminator; 0 where it has none.
fn string_length(body: &[u8]) -> usize {
    match body.iter().position(|byte| matches!(byte, 0x07 | 0x1b)) {
        None => 0,
        Some(end) => match body.get(end..) {
            Some([0x07, ..]) => end + 1,
            Some([0x1b, b'\\', ..]) => end + 2,
            _ => end,
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(chunk: &[u8]) -> String {
        let mut out = Vec::new();
        prefix_lines(b"> ", chunk, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn every_line_has_its_prefix_and_its_newline() {
        assert_eq!(shown(b"a\n\n\tb c\nd"), "> a\n> \n> \tb c\n> d\n");
        assert_eq!(shown(b""), "");
        assert_eq!(shown("grün “x” 国\n".as_bytes()), "> grün “x” 国\n");
    }

    #[test]
    fn escape_sequences_go() {
        assert_eq!(shown(b"\x1b[1;31mred\x1b[0m\x1b[K plain\n"), "> red plain\n");
        assert_eq!(shown(b"\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\n"), "> alink\n");
        assert_eq!(shown(b"\x1b(Ba\x1bMb\x1b\n"), "> ab\n");
        assert_eq!(shown("\u{9b}a\u{85}b\u{a0}c\n".as_bytes()), "> ab\u{a0}c\n");
    }

    #[test]
    fn what_does_not_end_takes_nothing_with_it() {
        assert_eq!(shown(b"\x1b]0;no end\nnext\n"), "> 0;no end\n> next\n");
        assert_eq!(shown(b"\x1b[12\n"), "> 12\n");
        assert_eq!(shown(b"\x1b[1\xc3\xa4b\n"), "> 1äb\n");
    }

    #[test]
    fn what_goes_leaves_no_control_character_behind() {
        assert_eq!(shown(b"a\xc2\x1b[m\x9b31mb\n"), "> a31mb\n");
    }

    #[test]
    fn control_characters_go() {
        assert_eq!(shown(b"a\x00b\x07c\x08d\x7fe\n"), "> abcde\n");
    }

    #[test]
    fn of_redrawn_lines_the_last_drawing_stays() {
        assert_eq!(shown(b"10%\r50%\r100%\r\ndone\r\n"), "> 100%\n> done\n");
        assert_eq!(shown(b"\r\n\r"), "> \n> \n");
    }

    fn coloured(chunk: &[u8]) -> (String, bool) {
        let mut out = Vec::new();
        let goes_on = coloured_lines(chunk, &mut out);
        (String::from_utf8_lossy(&out).into_owned(), goes_on)
    }

    #[test]
    fn colours_stay_and_end_with_their_line() {
        let whole = |text: &str| (text.to_owned(), false);
        assert_eq!(coloured(b"\x1b[1;31mred\x1b[0m\x1b[K plain\n"), whole("\x1b[1;31mred\x1b[0m plain\n"));
        assert_eq!(coloured(b"\x1b[38:5:9mred\nnext\n"), whole("\x1b[38:5:9mred\x1b[0m\nnext\n"));
        assert_eq!(coloured(b"\x1b[2Ja\x1b[>4;2mb\x1b]0;t\x07c\x1b[3;4Hd\x1b[1 me\n"), whole("abcde\n"));
    }

    #[test]
    fn a_piece_of_a_line_stays_a_piece() {
        assert_eq!(coloured(b"one\ntwo"), ("one\ntwo".to_owned(), true));
        assert_eq!(coloured(b"10%\r20%\r"), ("20%\n".to_owned(), false));
        assert_eq!(coloured(b""), (String::new(), false));
    }

    #[test]
    fn one_line_is_one_line() {
        assert_eq!(one_line("a\n  b\x1b[1mc\n"), "a bc");
    }

    proptest! {
        #[test]
        fn nothing_shown_controls_a_terminal(chunk: Vec<u8>) {
            let mut out = Vec::new();
            prefix_lines(b"", &chunk, &mut out);
            let text = String::from_utf8_lossy(&out);
            prop_assert!(!text.chars().any(|c| c.is_control() && c != '\t' && c != '\n'), "{text:?}");
        }

        #[test]
        fn nothing_coloured_does_more_than_colour(chunk: Vec<u8>) {
            let mut out = Vec::new();
            coloured_lines(&chunk, &mut out);
            let text = String::from_utf8_lossy(&out);
            prop_assert!(!text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\x1b')), "{text:?}");
            for (at, _) in text.match_indices('\x1b') {
                let body = text[at + 1..].strip_prefix('[').and_then(|body| body.split_once('m'));
                let is_colour = body.is_some_and(|(body, _)| body.chars().all(|c| c.is_ascii_digit() || ";:".contains(c)));
                prop_assert!(is_colour, "{text:?}");
            }
        }

        #[test]
        fn plain_text_is_untouched(text in "[ -~äß国\t\n]*") {
            let mut out = Vec::new();
            prefix_lines(b"", text.as_bytes(), &mut out);
            let ended = text.is_empty() || text.ends_with('\n');
            prop_assert_eq!(String::from_utf8(out).unwrap(), if ended { text } else { text + "\n" });
        }
    }
}
