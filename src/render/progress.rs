//! The live view on a terminal, by indicatif.

mod canvas;
mod screen;

use std::io;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use canvas::Canvas;
pub use screen::Screen;

use super::narrate::{Narrator, Telling};
use super::style::{Palette, Sheet};
use super::view::View;
use super::{Renderer, Report, summary};
use crate::event::{Event, EventKind};

/// Lines waiting to be printed that are printed without waiting for the next tick.
const ENOUGH_LINES: usize = 64 << 10;

/// Draws the state of the run at the bottom of a terminal and lets the steps' output scroll above it; at the
/// end puts the summary in its place.
///
/// Drawn at [`Renderer::tick`], so that a burst of events costs no more than one drawing. The cursor is never
/// hidden and the terminal's modes are not changed; when this is dropped before the run's end, what it drew
/// is wiped out.
pub struct Progress<T: TermLike + Clone + 'static> {
    canvas: Canvas<T>,
    palette: Palette,
    times: bool,
    live: MultiProgress,
    /// All rows as one text, which indicatif draws over the last one.
    rows: ProgressBar,
    run: Option<(Report, Narrator)>,
    /// Lines to scroll above the view.
    above: Vec<u8>,
    /// When the latest event came, by this process's clock and since the run's start.
    clock: (Instant, Duration),
}

impl<T: TermLike + Clone + 'static> Progress<T> {
    /// Draws on `term`, such as a [`Screen`]; a buffered one, or drawings flicker.
    pub fn new(term: T, palette: Palette) -> Self {
        let canvas = Canvas::new(term);
        let target = ProgressDrawTarget::term_like(Box::new(canvas.clone()));
        let live = MultiProgress::with_draw_target(target);
        let rows = ProgressBar::no_length();
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            rows.set_style(style);
        }
        let rows = live.add(rows);
        let clock = (Instant::now(), Duration::ZERO);
        Self { canvas, palette, times: false, live, rows, run: None, above: Vec::new(), clock }
    }

    /// Begins each line that scrolls above the view with its time, if that is asked for.
    pub fn with_times(mut self, times: bool) -> Self {
        self.times = times;
        self
    }

    /// Prints the waiting lines, then draws the view as it is `now` after the run's start.
    fn draw(&mut self, now: Duration) -> io::Result<()> {
        let Some((report, _)) = &self.run else {
            return Ok(());
        };
        let (lines, columns) = (self.canvas.height().into(), self.canvas.width().into());
        let rows = View::new(report, now, self.palette).rows(lines, columns).join("\n");
        self.canvas.refit()?;
        self.print()?;
        // Unlike `set_message`, this does not draw, which is left to the next line.
        self.rows = self.rows.clone().with_message(rows);
        self.rows.force_draw();
        Ok(())
    }

    /// Erases the view and prints the waiting lines in its place.
    fn print(&mut self) -> io::Result<()> {
        if self.above.is_empty() {
            return Ok(());
        }
        self.live.clear()?;
        let above = std::mem::take(&mut self.above);
        let lines = String::from_utf8_lossy(&above);
        lines.lines().try_for_each(|line| self.canvas.write_line(line))?;
        self.canvas.flush()
    }

    fn close(&mut self) -> io::Result<()> {
        if let Some((report, _)) = self.run.take() {
            self.above.push(b'\n');
            let sheet = Sheet::wide(self.palette, self.canvas.width().into());
            self.above.extend_from_slice(summary::text(&report, sheet).as_bytes());
        }
        self.canvas.refit()?;
        self.print()
    }
}

impl<T: TermLike + Clone + 'static> Renderer for Progress<T> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        if let EventKind::RunStarted(started) = &event.kind {
            let narrator = Narrator::new(&started.pipeline, self.palette);
            let narrator = if self.times { narrator.with_times() } else { narrator };
            self.run = Some((Report::new(started), narrator));
        }
        let Some((report, narrator)) = &mut self.run else {
            return Ok(());
        };
        self.clock = (Instant::now(), event.elapsed);
        report.event(event);
        narrator.event(&report.pipeline, event, Telling::BesideLiveView, &mut self.above);
        if matches!(event.kind, EventKind::RunFinished(_)) {
            self.close()
        } else if self.above.len() >= ENOUGH_LINES {
            self.draw(event.elapsed)
        } else {
            Ok(())
        }
    }

    fn tick(&mut self) -> io::Result<()> {
        let (seen, elapsed) = self.clock;
        self.draw(elapsed + seen.elapsed())
    }

    fn step_aside(&mut self) -> io::Result<()> {
        self.canvas.refit()?;
        self.live.clear()?;
        self.print()
    }
}

impl<T: TermLike + Clone + 'static> Drop for Progress<T> {
    fn drop(&mut self) {
        // Finished as cleared, or indicatif would leave the last drawing behind.
        self.rows.finish_and_clear();
        let _ = self.print();
    }
}

#[cfg(test)]
mod causes;
#[cfg(test)]
mod live;
#[cfg(test)]
mod picture;
#[cfg(test)]
mod tests;
