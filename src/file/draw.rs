//! Diagnostics as text: the message, the source line, a caret, what to write instead.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Diagnostics};
use crate::pipeline::{Source, Span};

/// Places at most this many lines apart share one excerpt.
const NEAR: usize = 40;

/// Draws every diagnostic, and counts them in the last line.
pub fn render(problems: &Diagnostics, color: bool) -> String {
    render_within(problems, color, None)
}

/// Draws every diagnostic on a terminal of so many columns: long lines of the file are cut on both sides of what is
/// pointed at, so that none wraps and each caret stays below its column.
pub fn render_within(problems: &Diagnostics, color: bool, columns: Option<usize>) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = match columns {
        Some(columns) => renderer.term_width(columns.clamp(NARROWEST, WIDEST)),
        None => renderer,
    };
    let mut text = String::new();
    for problem in problems {
        for group in groups(problem) {
            text.push_str(&renderer.render(&[group]));
            text.push('\n');
        }
        text.push('\n');
    }
    text.push_str(&visible(&problems.count()));
    text.push('\n');
    text
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&render(self, false))
    }
}

impl std::error::Error for Diagnostics {}

/// Fewer columns than this show nothing of a line.
const NARROWEST: usize = 30;

/// More columns than this are not used: the eye would lose the line.
const WIDEST: usize = 140;

/// A text with its control characters spelled out, so that no terminal acts on what a message quotes. Lines
/// stay lines.
pub fn visible(text: &str) -> Cow<'_, str> {
    let acts = |c: char| c.is_control() && c != '\n' && c != '\t';
    if !text.contains(acts) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if acts(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown.into()
}

fn groups(problem: &Diagnostic) -> Vec<Group<'_>> {
    let level = if problem.code.is_warning() { Level::WARNING } else { Level::ERROR };
    let mut group = Group::with_title(level.primary_title(visible(&problem.message)).id(problem.code.name()));
    let help = problem.help.as_deref().map(visible);
    let (Some(source), Some(span)) = (&problem.source, problem.span) else {
        // Without an excerpt there is no gutter to hang the help on.
        let help = help.map(|help| Group::with_title(Level::HELP.primary_title(help)));
        return std::iter::once(group).chain(help).collect();
    };
    for excerpt in excerpts(source, span, &problem.also) {
        group = group.element(excerpt.snippet(source));
    }
    vec![match help {
        Some(help) => group.element(Level::HELP.message(help)),
        None => group,
    }]
}

/// A place to point at: the primary one has no label.
type Mark<'a> = (Span, Option<&'a str>);

/// Some whole lines of a file, with the places to point at in them.
struct Excerpt<'a> {
    /// The file, by its position in the source.
    file: usize,
    first_line: usize,
    last_line: usize,
    marks: Vec<Mark<'a>>,
}

/// Splits the places into excerpts, so that a place far away does not drag the lines between into the drawing
/// (and so that drawing costs nothing for the size of the file).
fn excerpts<'a>(source: &Source, span: Span, also: &'a [(Span, String)]) -> Vec<Excerpt<'a>> {
    let others = also.iter().map(|(span, label)| (*span, Some(label.as_str())));
    let mut excerpts: Vec<Excerpt<'a>> = Vec::new();
    for mark in std::iter::once((span, None)).chain(others) {
        let (file, line) = (source.index_of(mark.0.start), source.line(mark.0));
        match excerpts.iter_mut().find(|excerpt| excerpt.is_near(file, line)) {
            Some(excerpt) => excerpt.add(line, mark),
            None => excerpts.push(Excerpt { file, first_line: line, last_line: line, marks: vec![mark] }),
        }
    }
    excerpts
}

impl<'a> Excerpt<'a> {
    fn is_near(&self, file: usize, line: usize) -> bool {
        file == self.file && line + NEAR >= self.first_line && line <= self.last_line + NEAR
    }

    fn add(&mut self, line: usize, mark: Mark<'a>) {
        self.first_line = self.first_line.min(line);
        self.last_line = self.last_line.max(line);
        self.marks.push(mark);
    }

    fn snippet(self, source: &'a Source) -> Snippet<'a, Annotation<'a>> {
        let start =
            self.marks.iter().map(|(span, _)| line_around(source, span.start).start).min().unwrap_or(0);
        let end = self.marks.iter().map(|(span, _)| line_around(source, span.start).end).max().unwrap_or(0);
        let text = source.slice(Span::new(start, end));
        let path = source.file_of(Span::new(start, end)).shown();
        let annotations = self.marks.into_iter().map(|(span, label)| {
            // A span over several lines is pointed at by its first.
            let line = line_around(source, span.start);
            let range = span.start.min(line.end) - start..span.end.min(line.end) - start;
            let kind = if label.is_none() { AnnotationKind::Primary } else { AnnotationKind::Context };
            kind.span(range).label(label.map(visible))
        });
        Snippet::source(text)
            .line_start(self.first_line)
            .path(visible(&path).into_owned())
            .annotations(annotations)
    }
}

/// The bytes of the line around an offset, without its end.
fn line_around(source: &Source, offset: usize) -> Range<usize> {
    let file = source.file_of(Span::new(offset, offset));
    let text = file.text().as_bytes();
    let offset = offset.saturating_sub(file.start()).min(text.len());
    let (before, after) = text.split_at(offset);
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let end = after.iter().position(|byte| *byte == b'\n').map_or(text.len(), |newline| offset + newline);
    let end = if end > start && text.get(end - 1) == Some(&b'\r') { end - 1 } else { end };
    file.start() + start..file.start() + end.max(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Code;

    #[test]
    fn places_in_two_files_are_shown_in_one_message() {
        let top = Source::new("top.yml", "steps:\n  - {name: a, uses: ./lib/b.yml}\n");
        let other = Source::starting_at(top.end(), "lib/b.yml", "params:\n  level: {type: int}\n");
        let source = top.with(std::slice::from_ref(&other));
        let span = |word: &str, source: &Source, start: usize| {
            let at = start + source.text().find(word).unwrap();
            Span::new(at, at + word.len())
        };
        let (uses, level) = (span("./lib/b.yml", &top, 0), span("level", &other, top.end()));
        let problem = Diagnostic::at(Code::MissingParam, &source, uses, "`level` needs a value");
        let drawn = render(&problem.also(level, "declared here").help("give it").into(), false);
        insta::assert_snapshot!(drawn);
    }

    #[test]
    fn carets_stay_under_their_column_on_narrow_terminals() {
        let name = "a-step-with-a-name-that-is-long";
        let text = format!(
            "steps:\n  - {{name: {name}, run: 'echo one two three four five six seven eight nine ten', depends_on: nowhere-to-be-found}}\n"
        );
        let problems = crate::file::load(Source::new("pipeline.yml", text), &Default::default()).unwrap_err();
        for columns in 40..160 {
            let drawn = render_within(&problems, false, Some(columns));
            let lines: Vec<&str> = drawn.lines().collect();
            let carets = lines.iter().position(|line| line.contains("^^^")).unwrap();
            let (line, caret) = (lines[carets - 1], lines[carets]);
            assert!(line.chars().count() <= columns, "{columns}\n{drawn}");
            let at = caret.chars().position(|c| c == '^').unwrap();
            let pointed: String = line.chars().skip(at).take(7).collect();
            assert_eq!(pointed, "nowhere", "{columns}\n{drawn}");
        }
    }
}
