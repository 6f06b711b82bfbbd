//! Progress bars: lines that are drawn again and again, each drawing up to a carriage return.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::text;
use crate::pipeline::StepId;

/// Longer text is not taken for a drawing: it is shown as it comes.
const LONGEST: usize = 64 << 10;

/// Holds back the drawings of each step until the last one of a line is known.
#[derive(Debug, Default)]
pub struct Drawings {
    held: BTreeMap<StepId, Vec<u8>>,
}

impl Drawings {
    /// Returns what of the next piece can be shown: all but a line without its newline that is being drawn.
    pub fn take<'p>(&mut self, step: StepId, piece: &'p [u8]) -> Cow<'p, [u8]> {
        let mut all = match self.held.remove(&step) {
            Some(held) => Cow::Owned([held.as_slice(), piece].concat()),
            None => Cow::Borrowed(piece),
        };
        let start = line_start(&all);
        let line = all.get(start..).unwrap_or_default();
        let Some(last) = text::last_drawings(line) else { return all };
        if last.len() > LONGEST {
            return all;
        }
        self.held.insert(step, last.to_owned());
        match &mut all {
            Cow::Borrowed(bytes) => *bytes = bytes.get(..start).unwrap_or_default(),
            Cow::Owned(bytes) => bytes.truncate(start),
        }
        all
    }

    /// Returns the last drawing of a step that writes no more, as a line; nothing if it has wiped out its
    /// last line, or has drawn none.
    pub fn end(&mut self, step: StepId) -> Option<Vec<u8>> {
        let mut line = self.held.remove(&step)?;
        line.push(b'\n');
        (!shown(&line).is_empty()).then_some(line)
    }
}

/// The line that a step is at, for a live view: the last drawing of a progress bar, or a line that has only
/// begun.
#[derive(Debug, Default, Clone)]
pub struct Drawing {
    /// The line so far, from its last whole drawing on.
    line: Vec<u8>,
    /// The bytes after that, which come again.
    begun: Vec<u8>,
}

impl Drawing {
    /// Takes in the next piece. A whole line ends the drawing.
    pub fn push(&mut self, piece: &[u8]) {
        self.begun.clear();
        let start = line_start(piece);
        if start > 0 {
            self.line.clear();
        }
        self.line.extend_from_slice(piece.get(start..).unwrap_or_default());
        if let Some(last) = text::last_drawings(&self.line) {
            self.line = last.to_owned();
        }
        if self.line.len() > LONGEST {
            self.line.clear();
        }
    }

    /// Takes in a line that has begun after the last piece.
    pub fn preview(&mut self, begun: &[u8]) {
        self.begun.clear();
        self.begun.extend_from_slice(begun);
    }

    /// Returns what it shows, in one line; empty if nothing is drawn.
    pub fn text(&self) -> String {
        if self.line.is_empty() && self.begun.is_empty() {
            return String::new();
        }
        let all = [self.line.as_slice(), &self.begun].concat();
        // It may begin with bytes of an earlier line that the masker has held back.
        shown(all.get(line_start(&all)..).unwrap_or_default())
    }
}

/// Returns where the last line begins, which has no newline yet.
fn line_start(bytes: &[u8]) -> usize {
    memchr::memrchr(b'\n', bytes).map_or(0, |newline| newline + 1)
}

fn shown(line: &[u8]) -> String {
    let mut clean = Vec::new();
    text::clean_line(line.strip_suffix(b"\n").unwrap_or(line), &mut clean);
    String::from_utf8_lossy(&clean).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STEP: fn() -> StepId = || StepId::new(0);

    /// Returns what is shown of each piece, and of the end.
    fn told(pieces: &[&str]) -> Vec<String> {
        let mut drawings = Drawings::default();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut told: Vec<String> =
            pieces.iter().map(|piece| text(&drawings.take(STEP(), piece.as_bytes()))).collect();
        told.extend(drawings.end(STEP()).map(|line| text(&line)));
        told
    }

    #[test]
    fn what_is_not_drawn_goes_through() {
        assert_eq!(
            told(&["one\n", "two\nthr", "ee\n", "windows\r\n"]),
            ["one\n", "two\nthr", "ee\n", "windows\r\n"]
        );
    }

    #[test]
    fn of_a_bar_the_last_drawing_is_told() {
        assert_eq!(told(&["get\n10%\r", "50%\r", "100%\r", "\nnext\n"]), ["get\n", "", "", "100%\r\nnext\n"]);
        assert_eq!(told(&["10%\r", "50%\r"]), ["", "", "50%\r\n"]);
        assert_eq!(told(&["10%\r50%\r10", "0%\r\n"]), ["", "50%\r100%\r\n"]);
    }

    #[test]
    fn a_bar_that_was_wiped_out_is_no_line() {
        assert_eq!(told(&["10%\r", "     \r"]), ["", ""]);
        assert_eq!(told(&["10%\r", "\x1b[K\r"]), ["", ""]);
        assert_eq!(told(&["10%\r", "     \r", "done\n"]), ["", "", "     \rdone\n"]);
    }

    #[test]
    fn bars_of_several_steps_are_apart() {
        let mut drawings = Drawings::default();
        let [one, other] = [0, 1].map(StepId::new);
        drawings.take(one, b"1\r");
        drawings.take(other, b"2\r");
        assert_eq!(drawings.end(one).unwrap(), b"1\r\n");
        assert_eq!(drawings.end(other).unwrap(), b"2\r\n");
        assert_eq!(drawings.end(other), None);
    }

    #[test]
    fn what_is_held_does_not_grow() {
        let mut drawings = Drawings::default();
        for _ in 0..1000 {
            drawings.take(STEP(), b"[======>     ] a bar for hours\r");
        }
        assert!(drawings.held[&STEP()].len() < 100);
        let endless = vec![b'x'; LONGEST];
        assert!(drawings.take(STEP(), &endless).len() > LONGEST);
        assert!(drawings.held.is_empty());
    }

    #[test]
    fn a_live_view_shows_the_last_drawing() {
        let mut drawing = Drawing::default();
        for (piece, shown) in [
            ("get\n", ""),
            ("10%\r", "10%"),
            ("\x1b[32m50%\r\r", "50%"),
            ("  \r", ""),
            ("90%\r", "90%"),
            ("\n", ""),
        ] {
            drawing.push(piece.as_bytes());
            assert_eq!(drawing.text(), shown, "{piece:?}");
        }
    }

    #[test]
    fn a_live_view_shows_a_line_that_has_begun() {
        let mut drawing = Drawing::default();
        drawing.push(b"get\n10%\r");
        drawing.preview(b"20%");
        assert_eq!(drawing.text(), "20%");
        drawing.preview(b"20%\r");
        assert_eq!(drawing.text(), "20%");
        // It comes again with its end.
        drawing.push(b"20%\r\n");
        assert_eq!(drawing.text(), "");
        drawing.preview(b"Go on? ");
        assert_eq!(drawing.text(), "Go on?");
        drawing.push(b"Go on? y\n");
        assert_eq!(drawing.text(), "");
        // Where a secret may begin a piece ends, and what was held back comes with what follows.
        drawing.push(b"10%\r5");
        drawing.push(b"0%\r");
        assert_eq!(drawing.text(), "50%");
        drawing.preview(b"of a line before\nnext");
        assert_eq!(drawing.text(), "next");
        (0..1000).for_each(|_| drawing.push(&[b'x'; 1000]));
        assert!(drawing.line.len() <= LONGEST);
    }

    proptest! {
        /// Wherever an output is cut between its lines and drawings, what is shown of it is what would be
        /// shown of it in one piece.
        #[test]
        fn pieces_make_no_difference(pieces in prop::collection::vec("([ab]{0,3}[\r\n]){1,3}", 0..12), rest in "[ab]{0,3}") {
            let pieces: Vec<String> = pieces.into_iter().chain([rest]).collect();
            let mut drawings = Drawings::default();
            let mut all: Vec<u8> =
                pieces.iter().flat_map(|piece| drawings.take(STEP(), piece.as_bytes()).into_owned()).collect();
            all.extend(drawings.end(STEP()).unwrap_or_default());
            let lines = |bytes: &[u8]| {
                let mut out = Vec::new();
                text::prefix_lines(b"", bytes, &mut out);
                String::from_utf8_lossy(&out).trim_end_matches('\n').to_owned()
            };
            prop_assert_eq!(lines(&all), lines(pieces.concat().as_bytes()));
        }
    }
}
