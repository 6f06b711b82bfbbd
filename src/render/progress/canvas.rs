//! A terminal for indicatif whose rows survive a change of its width.
//!
//! indicatif pads every row with spaces to the terminal's width and lets it wrap to the next. A terminal that
//! wraps its text anew when it is resized takes such rows for one long line, and their number afterwards is
//! unknown. Here rows end with a newline instead, so that each is wrapped by itself and the number of rows
//! can be computed.

use std::io;
use std::sync::Arc;

use console::measure_text_width;
use indicatif::TermLike;
use parking_lot::{Mutex, MutexGuard};

/// A terminal and what is drawn on it. Clones share both.
#[derive(Debug, Clone)]
pub struct Canvas<T> {
    term: T,
    drawing: Arc<Mutex<Drawing>>,
}

#[derive(Debug, Default)]
struct Drawing {
    /// The widths of the rows that stand on the terminal.
    drawn: Vec<usize>,
    /// The widths of those that have been written since.
    written: Vec<usize>,
    /// The latest row is complete; the next one begins on a new line.
    row_ended: bool,
}

impl<T: TermLike> Canvas<T> {
    /// Returns a canvas with nothing on it.
    pub fn new(term: T) -> Self {
        Self { term, drawing: Arc::default() }
    }

    /// To be called before drawing: where the terminal has become too narrow for what stands on it, and has
    /// wrapped it, wipes that out and puts the cursor where indicatif takes it to be.
    ///
    /// A terminal that cuts rows off instead of wrapping them loses a few lines above the drawing.
    pub fn refit(&self) -> io::Result<()> {
        let columns = usize::from(self.term.width()).max(1);
        let (rows, wrapped) = {
            let drawing = self.drawing();
            let wrapped = drawing.drawn.iter().map(|width| width.div_ceil(columns).max(1)).sum::<usize>();
            (drawing.drawn.len(), wrapped.min(self.term.height().into()))
        };
        if wrapped <= rows {
            return Ok(());
        }
        self.term.move_cursor_up(wrapped - 1)?;
        for row in 0..wrapped {
            self.term.clear_line()?;
            self.term.move_cursor_down(usize::from(row + 1 < wrapped))?;
        }
        self.term.move_cursor_up(wrapped - rows)
    }

    fn drawing(&self) -> MutexGuard<'_, Drawing> {
        self.drawing.lock()
    }
}

impl<T: TermLike> TermLike for Canvas<T> {
    fn width(&self) -> u16 {
        self.term.width()
    }

    fn height(&self) -> u16 {
        self.term.height()
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_left(n)
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.term.write_line(line)
    }

    /// A row, or the spaces that are meant to fill it up; no row consists of spaces.
    fn write_str(&self, text: &str) -> io::Result<()> {
        let mut drawing = self.drawing();
        if text.trim_start_matches(' ').is_empty() {
            drawing.row_ended = true;
            return Ok(());
        }
        if std::mem::take(&mut drawing.row_ended) {
            self.term.write_line("")?;
        }
        drawing.written.push(measure_text_width(text));
        self.term.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.term.clear_line()
    }

    /// The end of a drawing.
    fn flush(&self) -> io::Result<()> {
        let mut drawing = self.drawing();
        drawing.drawn = std::mem::take(&mut drawing.written);
        drawing.row_ended = false;
        self.term.flush()
    }
}
