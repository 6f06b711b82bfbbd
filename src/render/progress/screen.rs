//! A terminal for indicatif that writes to an output of the caller's choice.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use console::Term;
use indicatif::TermLike;
use parking_lot::Mutex;

/// A terminal: its size, and its output. Each drawing is one write. Clones share the output.
#[derive(Clone)]
pub struct Screen {
    size: Term,
    drawing: Arc<Mutex<Drawing>>,
}

struct Drawing {
    waiting: String,
    out: Box<dyn Write + Send>,
}

impl fmt::Debug for Screen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Screen").field("size", &self.size).finish_non_exhaustive()
    }
}

impl Screen {
    /// Returns the terminal `size`, which is written to by `out`.
    pub fn new(size: Term, out: Box<dyn Write + Send>) -> Self {
        Self { size, drawing: Arc::new(Mutex::new(Drawing { waiting: String::new(), out })) }
    }

    fn add(&self, text: fmt::Arguments<'_>) -> io::Result<()> {
        let mut drawing = self.drawing.lock();
        fmt::Write::write_fmt(&mut drawing.waiting, text).map_err(io::Error::other)
    }

    /// Moves the cursor: `to` is the letter of the direction.
    fn go(&self, n: usize, to: char) -> io::Result<()> {
        if n > 0 { self.add(format_args!("\x1b[{n}{to}")) } else { Ok(()) }
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.size.size().1
    }

    fn height(&self) -> u16 {
        self.size.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.go(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.go(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.go(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.go(n, 'D')
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.add(format_args!("{line}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.add(format_args!("{text}"))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.add(format_args!("\r\x1b[2K"))
    }

    fn flush(&self) -> io::Result<()> {
        let mut drawing = self.drawing.lock();
        let waiting = std::mem::take(&mut drawing.waiting);
        drawing.out.write_all(waiting.as_bytes())?;
        drawing.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_drawing_goes_out_as_a_whole_and_as_console_would_write_it() {
        let (mut reader, writer) = io::pipe().unwrap();
        let screen = Screen::new(Term::stdout(), Box::new(writer));
        screen.move_cursor_up(2).unwrap();
        screen.clear_line().unwrap();
        screen.write_str("row").unwrap();
        screen.move_cursor_down(0).unwrap();
        screen.write_line(" end").unwrap();
        screen.flush().unwrap();
        screen.write_str("not yet").unwrap();
        drop(screen);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "\x1b[2A\r\x1b[2Krow end\n");
    }
}
