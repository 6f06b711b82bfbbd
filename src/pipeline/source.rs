//! The texts of the pipeline files, and positions in them.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A half-open range of byte offsets into a [`Source`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset just past the last byte.
    pub end: usize,
}

impl Span {
    /// Returns a span from `start` up to, not including, `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }
}

/// A line and column as an editor counts them: both from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// The files that a pipeline is read from: the top file, then those that it uses. Offsets run on from each file to
/// the next, so that an offset says which file it lies in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Source {
    /// By their first offsets; at least one.
    files: Arc<[SourceFile]>,
}

/// One file of a [`Source`].
#[derive(Debug, Clone)]
pub struct SourceFile {
    path: Arc<Path>,
    text: Arc<str>,
    /// The offset of its first byte.
    start: usize,
    /// Where its lines start, in the file.
    line_starts: Arc<[usize]>,
}

impl Source {
    /// Takes the text of a file; one pass to find its lines.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> Self {
        Self::starting_at(0, path, text)
    }

    /// Takes the text of a file whose offsets begin at the [end](Self::end) of another source.
    pub fn starting_at(start: usize, path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let newlines = memchr::memchr_iter(b'\n', text.as_bytes());
        let line_starts = std::iter::once(0).chain(newlines.map(|at| at + 1)).collect();
        Self { files: [SourceFile { path: path.into().into(), text, start, line_starts }].into() }
    }

    /// Returns the source with the files of others behind its own.
    pub fn with(&self, others: &[Self]) -> Self {
        if others.is_empty() {
            return self.clone();
        }
        let others = others.iter().flat_map(|other| other.files.iter());
        Self { files: self.files.iter().chain(others).cloned().collect() }
    }

    /// Returns the first offset that lies in none of the files.
    pub fn end(&self) -> usize {
        // An offset just past the text is a place of its file too.
        self.files.last().map_or(0, |file| file.start + file.text.len() + 1)
    }

    /// Returns the files, the top one first.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// Returns the position among the files of the one that an offset lies in.
    pub fn index_of(&self, offset: usize) -> usize {
        self.files.partition_point(|file| file.start <= offset).saturating_sub(1)
    }

    /// Returns the file that a span starts in.
    pub fn file_of(&self, span: Span) -> &SourceFile {
        &self.files[self.index_of(span.start)]
    }

    /// Returns whether a span starts in the top file.
    pub fn is_top(&self, span: Span) -> bool {
        self.index_of(span.start) == 0
    }

    /// Returns the path of the top file, as the user gave it.
    pub fn path(&self) -> &Path {
        &self.files[0].path
    }

    /// Returns the offset of the first byte of the top file.
    pub fn start(&self) -> usize {
        self.files[0].start
    }

    /// Returns the text of the top file.
    pub fn text(&self) -> &str {
        &self.files[0].text
    }

    /// Returns the line and column of a byte offset; an offset past the end of its file counts as that end.
    pub fn position(&self, offset: usize) -> Position {
        self.files[self.index_of(offset)].position(offset)
    }

    /// Returns the line (from 1) on which a span starts.
    pub fn line(&self, span: Span) -> usize {
        self.position(span.start).line
    }

    /// Returns `FILE:LINE` of a span's start.
    pub fn place(&self, span: Span) -> String {
        format!("{}:{}", self.file_of(span).path().display(), self.line(span))
    }

    /// Returns what a message about the top file calls a span's start: `line 3`, or `FILE:3` in another file.
    pub fn line_words(&self, span: Span) -> String {
        if self.is_top(span) { format!("line {}", self.line(span)) } else { self.place(span) }
    }

    /// Returns the text under a span, or nothing if the span does not lie on character boundaries.
    pub fn slice(&self, span: Span) -> &str {
        let file = self.file_of(span);
        file.text
            .get(span.start.wrapping_sub(file.start)..span.end.wrapping_sub(file.start))
            .unwrap_or_default()
    }

    /// Returns the text of a file before an offset in it, and the text after it.
    pub fn around(&self, offset: usize) -> (&str, &str) {
        let file = &self.files[self.index_of(offset)];
        file.text.split_at_checked(offset.wrapping_sub(file.start)).unwrap_or((&file.text, ""))
    }
}

impl SourceFile {
    /// Returns its path: as the user gave it, or as the file that uses it leads to it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns its path as text.
    pub fn shown(&self) -> Cow<'_, str> {
        self.path.to_string_lossy()
    }

    /// Returns the whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the offset of its first byte.
    pub fn start(&self) -> usize {
        self.start
    }

    fn position(&self, offset: usize) -> Position {
        let offset = offset.saturating_sub(self.start).min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts[line - 1];
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count()) + 1;
        Position { line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let source = Source::new("f.yml", "a: 1\nü: x\n");
        assert_eq!(source.position(0), Position { line: 1, column: 1 });
        assert_eq!(source.position(5), Position { line: 2, column: 1 });
        assert_eq!(source.position(9), Position { line: 2, column: 4 });
        assert_eq!(source.position(999), Position { line: 3, column: 1 });
    }

    #[test]
    fn an_offset_says_which_file_it_lies_in() {
        let top = Source::new("top.yml", "a: 1\n");
        let second = Source::starting_at(top.end(), "lib/second.yml", "ü: 2\nb: 3");
        let empty = Source::starting_at(second.end(), "lib/empty.yml", "");
        let all = top.with(&[second.clone(), empty.clone()]);
        assert_eq!(all.files().len(), 3);
        for (name, offset, line, column) in [
            ("top.yml", 0, 1, 1),
            ("top.yml", top.text().len(), 2, 1),
            ("lib/second.yml", top.end(), 1, 1),
            ("lib/second.yml", top.end() + 6, 2, 1),
            ("lib/second.yml", top.end() + second.text().len(), 2, 5),
            ("lib/empty.yml", second.end(), 1, 1),
            ("lib/empty.yml", empty.end() + 99, 1, 1),
        ] {
            let span = Span::new(offset, offset);
            assert_eq!(all.file_of(span).path(), Path::new(name), "{offset}");
            assert_eq!(all.position(offset), Position { line, column }, "{offset}");
        }
        let b = Span::new(top.end() + 6, top.end() + 7);
        assert_eq!((all.slice(b), second.slice(b)), ("b", "b"));
        assert_eq!(all.around(b.start), ("ü: 2\n", "b: 3"));
        assert_eq!(all.line_words(b), "lib/second.yml:2");
        assert_eq!(all.line_words(Span::default()), "line 1");
    }

    #[test]
    fn a_span_that_is_none_has_no_text() {
        let source = Source::starting_at(10, "f.yml", "äb");
        for (start, end) in [(0, 1), (11, 12), (10, 99), (99, 99)] {
            assert_eq!(source.slice(Span::new(start, end)), "", "{start}..{end}");
        }
    }
}
