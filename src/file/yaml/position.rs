//! From positions in a decoded text back to the file.
//!
//! YAML strips indentation from blocks, folds lines, and resolves quotes and escapes. To find a place again,
//! the text in the file and the decoded text are walked side by side: equal characters advance both, an
//! escape or a doubled quote stands for one character, and where they differ in a run of blanks (a line end
//! with its indentation, a fold) the run is passed over on both sides, after which they are in step again.

use std::ops::Range;

use crate::pipeline::{Source, Span};

/// The place in the file of a byte range of `decoded`, the text that YAML made of what stands at `at`. Exact
/// wherever the range begins at a visible character; a place that cannot be found is the whole text.
pub fn locate(source: &Source, at: Span, decoded: &str, range: Range<usize>) -> Span {
    let written = source.slice(at);
    let quotes = Quotes::of(written, decoded);
    let mut walk = Walk { written, decoded, quotes, w: usize::from(quotes != Quotes::None), d: 0 };
    let Some(start) = walk.to(range.start).filter(|_| !written.is_empty()) else {
        return at;
    };
    let start = start + walk.indentation();
    let end = if range.end > range.start { walk.to(range.end) } else { Some(start) };
    let line_end =
        written.get(start..).and_then(|rest| rest.find('\n')).map_or(written.len(), |end| start + end);
    let end = end.unwrap_or(line_end).max(start);
    Span::new(at.start + start, at.start + end)
}

/// How a scalar is quoted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    None,
    Single,
    Double,
}

impl Quotes {
    /// A block may begin with a quote too, but then the decoded text begins with that quote as well.
    fn of(written: &str, decoded: &str) -> Self {
        let quoted = |quote: char, escaped: &str| {
            written.starts_with(quote)
                && (!decoded.starts_with(quote)
                    || written.get(1..).is_some_and(|rest| rest.starts_with(escaped)))
        };
        match () {
            () if quoted('"', "\\") => Self::Double,
            () if quoted('\'', "''") => Self::Single,
            () => Self::None,
        }
    }
}

struct Walk<'a> {
    written: &'a str,
    decoded: &'a str,
    quotes: Quotes,
    w: usize,
    d: usize,
}

impl Walk<'_> {
    /// Walks to an offset of the decoded text; the offset of the written one.
    fn to(&mut self, target: usize) -> Option<usize> {
        while self.d < target {
            let (written, decoded) = (self.written.get(self.w..)?, self.decoded.get(self.d..)?);
            let (Some(w), Some(d)) = (written.chars().next(), decoded.chars().next()) else {
                return None;
            };
            let (by_w, by_d) = match (w, d) {
                ('\\', _) if self.quotes == Quotes::Double => escape(written, d),
                ('\'', '\'') if self.quotes == Quotes::Single => (2, 1),
                _ if w == d => (w.len_utf8(), d.len_utf8()),
                _ if w.is_whitespace() || d.is_whitespace() => {
                    let (by_w, by_d) = (blanks(written), blanks(decoded));
                    if self.d + by_d > target {
                        return Some(self.w + by_w.min(target - self.d));
                    }
                    (by_w, by_d)
                }
                _ => return None,
            };
            self.w += by_w;
            self.d += by_d;
        }
        (self.w <= self.written.len()).then_some(self.w)
    }
}

impl Walk<'_> {
    /// Blanks before the character that comes next, where it is the first of its line.
    fn indentation(&self) -> usize {
        match (self.written.get(self.w..), self.decoded.get(self.d..)) {
            (Some(written), Some(decoded)) if blanks(decoded) == 0 && !decoded.is_empty() => blanks(written),
            _ => 0,
        }
    }
}

/// Lengths of an escape in "…" and of what it stands for.
fn escape(written: &str, decoded: char) -> (usize, usize) {
    let digits = match written.as_bytes().get(1) {
        Some(b'x') => 2,
        Some(b'u') => 4,
        Some(b'U') => 8,
        // A line that ends with a backslash goes on without a blank.
        Some(b'\n' | b'\r') => return (1 + written.get(1..).map_or(0, blanks), 0),
        _ => 0,
    };
    let length = 2 + digits;
    // Two `\u` escapes together can stand for one character.
    let pair = digits == 4 && u32::from(decoded) > 0xFFFF;
    (if pair { 2 * length } else { length }, decoded.len_utf8())
}

fn blanks(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// The line around an offset: what stands before it and what after.
pub(super) fn line_at(source: &Source, offset: usize) -> (&str, &str) {
    let (before, after) = source.around(offset);
    let before = before.rfind('\n').and_then(|newline| before.get(newline + 1..)).unwrap_or(before);
    (before, after.lines().next().unwrap_or_default())
}
