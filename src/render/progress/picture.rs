//! `docs/images/run.svg`, the picture on the front page: what the live view draws of a run, in the colours of
//! its terminal.
//!
//! `PIPE_PICTURE=update cargo test --lib picture` renews it.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use indicatif::InMemoryTerm;

use super::Progress;
use crate::event::EventKind;
use crate::event::sample::*;
use crate::render::Renderer;
use crate::render::style::Palette;

const COLUMNS: u16 = 84;
/// Pixels of one character.
const CELL: (f64, u32) = (8.4, 20);
/// Pixels around the text.
const MARGIN: u32 = 16;

/// Draws a run of which the archive is on its way to three readers; returns what the terminal shows.
fn terminal() -> String {
    let term = InMemoryTerm::new(24, COLUMNS);
    let mut progress = Progress::new(term.clone(), Palette::COLOURED);
    let readers = [(COMPRESS, 1_288_490_188), (CHECKSUM, 1_288_490_188), (COUNT, 1_288_490_188)];
    for (ms, kind) in [
        (0, run_started(backup())),
        (10, started(TAR, 1)),
        (10, started(COMPRESS, 1)),
        (10, started(CHECKSUM, 1)),
        (11, started(COUNT, 1)),
        (9_800, output(TAR, "tar: data/session.lock: file changed as we read it\n")),
        (12_250, EventKind::StreamProgress(vec![stats(1_288_490_188, 104_857_600.0, &readers)])),
        (12_260, output(COMPRESS, "\rread 1.2 GiB, wrote 290 MiB")),
    ] {
        progress.event(&at(ms, kind)).unwrap();
    }
    progress.draw(Duration::from_millis(12_300)).unwrap();
    String::from_utf8(term.contents_formatted()).unwrap()
}

/// Returns the class of the picture's style sheet for a number of a terminal's `m` sequence; `None` ends all
/// of them.
fn class(number: &str) -> Option<&'static str> {
    match number {
        "" | "0" => None,
        "1" => Some("bold"),
        "2" => Some("faint"),
        "31" => Some("red"),
        "32" => Some("green"),
        "33" => Some("yellow"),
        "36" => Some("cyan"),
        other => panic!("the picture has no style for {other}"),
    }
}

/// Returns a row as SVG: a `tspan` for each piece of one style.
fn row(row: &str) -> String {
    let mut styles: Vec<&str> = Vec::new();
    let mut svg = String::new();
    for (index, piece) in row.split("\x1b[").enumerate() {
        let mut text = piece;
        if index > 0 {
            let end = piece.find(|c: char| c.is_ascii_alphabetic()).unwrap();
            let (numbers, command) = (&piece[..end], &piece[end..=end]);
            text = &piece[end + 1..];
            match command {
                "m" => numbers.split(';').map(class).for_each(|style| match style {
                    Some(style) => styles.push(style),
                    None => styles.clear(),
                }),
                // The cursor goes right over cells where nothing stands.
                "C" => svg += &" ".repeat(numbers.parse().unwrap_or(1)),
                other => panic!("the picture does not know the sequence {other}"),
            }
        }
        if !text.is_empty() {
            let text = text.replace('&', "&amp;").replace('<', "&lt;");
            match styles.as_slice() {
                [] => svg += &text,
                styles => drop(write!(svg, "<tspan class=\"{}\">{text}</tspan>", styles.join(" "))),
            }
        }
    }
    svg
}

/// Returns the picture of a terminal, readable on light and on dark pages.
fn picture(terminal: &str) -> String {
    let lines =
        ["<tspan class=\"faint\">$</tspan> pipe run".to_owned()].into_iter().chain(terminal.lines().map(row));
    let lines: Vec<String> = lines.collect();
    let width = (f64::from(COLUMNS) * CELL.0) as u32 + 2 * MARGIN;
    let height = lines.len() as u32 * CELL.1 + 2 * MARGIN;
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">
<title>A run of pipe on a terminal: one line for each step, and one for each stream</title>
<style>
text {{ font: 14px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328; white-space: pre; }}
rect {{ fill: #f6f8fa; stroke: #d1d9e0; }}
.bold {{ font-weight: bold; }} .faint {{ fill: #59636e; }} .red {{ fill: #c21c2c; }}
.green {{ fill: #1a7f37; }} .yellow {{ fill: #845306; }} .cyan {{ fill: #0b6e8a; }}
@media (prefers-color-scheme: dark) {{
text {{ fill: #e6edf3; }} rect {{ fill: #151b23; stroke: #3d444d; }}
.faint {{ fill: #9198a1; }} .red {{ fill: #ff7b72; }} .green {{ fill: #3fb950; }} .yellow {{ fill: #d29922; }} .cyan {{ fill: #39c5cf; }}
}}
</style>
<rect x="0.5" y="0.5" width="{}" height="{}" rx="8"/>
"#,
        width - 1,
        height - 1
    );
    for (index, line) in lines.iter().enumerate() {
        let y = MARGIN + index as u32 * CELL.1 + 15;
        let _ = writeln!(svg, "<text x=\"{MARGIN}\" y=\"{y}\" xml:space=\"preserve\">{line}</text>");
    }
    svg + "</svg>\n"
}

#[test]
fn the_picture_on_the_front_page_is_what_the_live_view_draws() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images/run.svg");
    let drawn = picture(&terminal());
    roxmltree::Document::parse(&drawn).unwrap();
    if std::env::var_os("PIPE_PICTURE").is_some_and(|value| value == "update") {
        std::fs::write(path, drawn).unwrap();
    } else {
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == drawn, "renew it: PIPE_PICTURE=update cargo test --lib picture");
    }
}
