//! The files that a pipeline uses: each is read and parsed once, however often it is used.

mod circles;
mod reference;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::raw::RawPipeline;
use super::yaml::{self, Field};
use super::{Code, Diagnostic, LoadOptions, other_tool, raw};
use crate::pipeline::{Source, Span};

/// A file's position among those of a pipeline; 0 is the top file.
pub type FileIndex = usize;

/// A pipeline file with the files that it uses, and those that they use.
#[derive(Debug)]
pub struct Files {
    /// All of them, in their order.
    pub source: Source,
    raw: Vec<Field<RawPipeline>>,
    /// The file that each `uses` means, by the place of its text; nothing where that is wrong and has been reported.
    used: HashMap<usize, FileIndex>,
}

/// A `uses` that names a file which was found.
#[derive(Debug, Clone, Copy)]
struct Link {
    from: FileIndex,
    /// Where it is named.
    at: Span,
    to: FileIndex,
}

impl Files {
    /// Reads the files that a file uses, which has been parsed itself. What is wrong with one is reported where it is
    /// used, or in the file itself.
    pub fn of(
        top: &Source,
        raw: Field<RawPipeline>,
        options: &LoadOptions,
        problems: &mut Vec<Diagnostic>,
    ) -> Self {
        if !named(&raw).any(|_| true) {
            return Self { source: top.clone(), raw: vec![raw], used: HashMap::new() };
        }
        let mut reading = Reading {
            sources: vec![top.clone()],
            raw: vec![raw],
            known: HashMap::new(),
            links: Vec::new(),
            texts: options.texts.as_deref(),
            problems,
        };
        let of_top = match reading.texts {
            Some(_) => Some(reference::plain(top.path())),
            None => real(top.path()),
        };
        reading.known.extend(of_top.map(|path| (path, 0)));
        let mut next = 0;
        while next < reading.raw.len() {
            reading.follow(next);
            next += 1;
        }
        let Reading { sources, raw, mut links, .. } = reading;
        let source = top.with(sources.get(1..).unwrap_or_default());
        problems.extend(circles::cut(&source, &mut links));
        let used = links.into_iter().map(|Link { from: _, at, to }| (at.start, to)).collect();
        Self { source, raw, used }
    }

    /// The keys of a file.
    pub fn raw(&self, file: FileIndex) -> Option<&Field<RawPipeline>> {
        self.raw.get(file)
    }

    /// The path of a file, as the files that use it lead to it.
    pub fn path(&self, file: FileIndex) -> &Path {
        self.source.files().get(file).map_or_else(|| self.source.path(), |file| file.path())
    }

    /// The file that a `uses` at this place means.
    pub fn used_at(&self, at: Span) -> Option<FileIndex> {
        self.used.get(&at.start).copied()
    }

    /// The top file's keys, by themselves.
    pub fn into_top(self) -> Option<Field<RawPipeline>> {
        self.raw.into_iter().next()
    }
}

/// What the steps of a file use, each with its place.
fn named(raw: &Field<RawPipeline>) -> impl Iterator<Item = (&String, Span)> {
    let steps = raw.value().and_then(|raw| raw.steps.value()).map(Vec::as_slice).unwrap_or_default();
    steps.iter().filter_map(|step| step.value()?.uses.get())
}

/// The one path of a file that has several, by links.
fn real(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok()
}

/// Files while they are read.
struct Reading<'p> {
    sources: Vec<Source>,
    raw: Vec<Field<RawPipeline>>,
    /// Files by their real paths; nothing where one cannot be read.
    known: HashMap<PathBuf, FileIndex>,
    links: Vec<Link>,
    /// The texts of the files, where they do not come from the disk.
    texts: Option<&'p BTreeMap<PathBuf, String>>,
    problems: &'p mut Vec<Diagnostic>,
}

impl Reading<'_> {
    /// Reads what the steps of a file use.
    fn follow(&mut self, from: FileIndex) {
        let Some(source) = self.sources.get(from).cloned() else { return };
        let uses: Vec<(String, Span)> = self.raw.get(from).into_iter().flat_map(named).map(owned).collect();
        let mut found: HashMap<String, FileIndex> = HashMap::new();
        for (text, at) in uses {
            let file = match found.get(&text) {
                Some(file) => Ok(*file),
                None => self.find(&source, &text, at),
            };
            match file {
                Ok(to) => {
                    self.links.push(Link { from, at, to });
                    found.insert(text, to);
                }
                Err(problem) => self.problems.push(*problem),
            }
        }
    }

    /// The file that is named.
    fn find(&mut self, source: &Source, text: &str, at: Span) -> Result<FileIndex, Box<Diagnostic>> {
        let path = reference::path(source, text, at)?;
        let real = match self.texts {
            Some(_) => reference::plain(&path),
            None => real(&path).unwrap_or_else(|| path.clone()),
        };
        if let Some(known) = self.known.get(&real) {
            return Ok(*known);
        }
        let start = self.sources.last().map_or(0, Source::end);
        let read = match self.texts {
            Some(texts) => reference::among(texts, source, &path, at, start)?,
            None => reference::read(source, &path, at, start)?,
        };
        let file = self.raw.len();
        let before = self.problems.len();
        let raw = parse(&read, self.problems).unwrap_or_default();
        if raw.value().is_none() && self.problems.len() == before {
            self.problems.push(empty(&read));
        }
        self.sources.push(read);
        self.raw.push(raw);
        self.known.insert(real, file);
        Ok(file)
    }
}

fn owned((text, at): (&String, Span)) -> (String, Span) {
    (text.clone(), at)
}

/// Parses the text of a source with one file. Nothing where it is no pipeline; what is wrong with it is reported.
pub fn parse(source: &Source, problems: &mut Vec<Diagnostic>) -> Option<Field<RawPipeline>> {
    let before = problems.len();
    let Some(root) = yaml::parse(source, problems) else {
        if let Some(problem) = other_tool::no_yaml(source) {
            problems.truncate(before);
            problems.push(problem);
        }
        return None;
    };
    if let Some(problem) = other_tool::pipeline(&root, source) {
        problems.push(problem);
        return None;
    }
    Some(yaml::read(&root, source, raw::EXAMPLES, problems))
}

/// Reports a file without any text, which gives no pipeline and no diagnostic.
pub fn empty(source: &Source) -> Diagnostic {
    let at = Span::new(source.start(), source.start());
    let problem = Diagnostic::at(Code::EmptyFile, source, at, "the file is empty");
    problem.help("a pipeline has steps: `steps: [{name: build, run: make}]`")
}
