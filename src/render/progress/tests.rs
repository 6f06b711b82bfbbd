//! The live view as a terminal shows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use indicatif::InMemoryTerm;

use super::*;
use crate::event::RunEnd;
use crate::event::sample::*;
use crate::pipeline::{Failure, Outcome};

struct Screen {
    term: InMemoryTerm,
    progress: Progress<InMemoryTerm>,
}

impl Screen {
    fn new(lines: u16, columns: u16) -> Self {
        let term = InMemoryTerm::new(lines, columns);
        let mut screen = Self { progress: Progress::new(term.clone(), Palette::NONE), term };
        screen.event(0, run_started(backup()));
        screen
    }

    fn event(&mut self, ms: u64, kind: EventKind) {
        self.progress.event(&at(ms, kind)).unwrap();
    }

    fn at(&mut self, ms: u64) -> String {
        self.progress.draw(Duration::from_millis(ms)).unwrap();
        self.term.contents()
    }
}

#[test]
fn rows_stay_in_place_and_output_scrolls_above() {
    let mut screen = Screen::new(24, 70);
    screen.event(10, started(TAR, 1));
    screen.event(10, started(COMPRESS, 1));
    insta::assert_snapshot!(screen.at(100), @r"
    ⠙ backup             100 ms  0 done, 2 running, 4 waiting
      ⠙ create-archive    90 ms
          archive
      ⠙ compress          90 ms
      · checksum
      · count
      · manifest
      · upload
    ");
    screen.event(200, EventKind::StreamProgress(vec![stats(1 << 20, 1e6, &[(COMPRESS, 1 << 20)])]));
    screen.event(200, output(TAR, "tar: \x1b[1mfile\x1b[0m changed as we read it\n"));
    screen.event(300, finished(COMPRESS, Outcome::Failed(Failure::Exit(1)), 1, 290));
    insta::assert_snapshot!(screen.at(1_300), @r"
    create-archive | tar: file changed as we read it
    compress       * failed: exit code 1, after 290 ms
    ⠸ backup              1.3 s  0 done, 1 failed, 1 running, 4 waiting
      ⠸ create-archive    1.2 s
          archive       1.0 MiB   977 KiB/s → compress, checksum, count
      ✗ compress         290 ms  exit code 1
      · checksum
      · count
      · manifest
      · upload
    ");
}

#[test]
fn the_view_steps_aside_and_comes_back_below_what_a_step_has_shown() {
    let mut screen = Screen::new(24, 70);
    screen.event(10, started(TAR, 1));
    screen.at(100);
    screen.event(200, output(TAR, "one line\n"));
    screen.progress.step_aside().unwrap();
    assert_eq!(screen.term.contents(), "create-archive | one line");
    screen.term.write_line("password: ***").unwrap();
    screen.event(300, output(TAR, "another\n"));
    let shown = screen.at(1_300);
    let first: Vec<&str> = shown.lines().take(4).collect();
    let above = ["create-archive | one line", "password: ***", "create-archive | another"];
    assert_eq!(first[..3], above);
    assert!(first[3].starts_with("⠸ backup"), "{shown}");
}

#[test]
fn drawings_follow_the_width() {
    let mut screen = Screen::new(24, 30);
    screen.event(10, started(TAR, 1));
    let first = screen.at(100);
    assert!(first.lines().all(|row| row.chars().count() <= 30), "{first}");
    assert_eq!(first.lines().count(), 8);
    assert_eq!(screen.at(100), first);
}

#[test]
fn the_summary_takes_the_place_of_the_view() {
    let mut screen = Screen::new(24, 70);
    screen.event(10, started(TAR, 1));
    screen.at(100);
    screen.event(200, output(TAR, "a line\n"));
    for step in TAR..=UPLOAD {
        screen.event(300, finished(step, Outcome::Succeeded, 1, 250));
    }
    screen.event(400, run_finished(RunEnd::Succeeded, 400));
    insta::assert_snapshot!(screen.term.contents(), @r"
    create-archive | a line

      ✓  create-archive  250 ms
      ✓  compress        250 ms
      ✓  checksum        250 ms
      ✓  count           250 ms
      ✓  manifest        250 ms
      ✓  upload          250 ms

    succeeded: 6 steps in 400 ms
    ");
    screen.progress.tick().unwrap();
    let after = screen.term.contents();
    drop(screen.progress);
    assert_eq!(screen.term.contents(), after);
}

#[test]
fn dropped_before_the_end_it_leaves_nothing_behind() {
    let mut screen = Screen::new(24, 70);
    screen.event(10, started(TAR, 1));
    screen.event(10, output(TAR, "a line\n"));
    screen.at(100);
    screen.event(110, output(TAR, "another\n"));
    drop(screen.progress);
    assert_eq!(screen.term.contents(), "create-archive | a line\ncreate-archive | another");
}

#[test]
fn a_burst_of_output_is_printed_without_a_tick() {
    let mut screen = Screen::new(24, 70);
    screen.event(10, output(TAR, "a line\n".repeat(10_000)));
    assert!(screen.progress.above.is_empty());
    assert!(screen.term.contents().starts_with("create-archive | a line\n"));
}

/// A narrow terminal that says it is wide until it is told to own up: what is drawn in between is wrapped, as
/// after a resize.
#[derive(Debug, Clone)]
struct Shrinking {
    term: InMemoryTerm,
    columns: Arc<AtomicU16>,
}

impl TermLike for Shrinking {
    fn width(&self) -> u16 {
        self.columns.load(Ordering::Relaxed)
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

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.term.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.term.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.term.flush()
    }
}

#[test]
fn a_terminal_that_shrinks_is_left_clean() {
    let columns = Arc::new(AtomicU16::new(70));
    let term = InMemoryTerm::new(30, 35);
    let shrinking = Shrinking { term: term.clone(), columns: Arc::clone(&columns) };
    let mut progress = Progress::new(shrinking, Palette::NONE);
    progress.event(&at(0, run_started(backup()))).unwrap();
    progress.event(&at(0, output(TAR, "a line\n"))).unwrap();
    progress.draw(Duration::from_millis(100)).unwrap();
    assert!(term.contents().lines().count() > 9);
    columns.store(35, Ordering::Relaxed);
    progress.draw(Duration::from_millis(200)).unwrap();
    insta::assert_snapshot!(term.contents(), @r"
    create-archive | a line
    ⠹ backup             200 ms  0 don…
      · create-archive
          archive
      · compress
      · checksum
      · count
      · manifest
      · upload
    ");
}
