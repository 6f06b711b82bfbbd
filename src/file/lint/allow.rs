//! `# pipe: allow CODE`: comments that silence warnings.
//!
//! Such a comment counts for the step or the param that it stands in, or right above; before the first key of
//! the file it counts for the whole file; elsewhere for its own line and the next.

use std::collections::{BTreeSet, HashSet};

use crate::file::nearest::{Nearest, list};
use crate::file::{Code, Diagnostic};
use crate::pipeline::{Pipeline, Source, SourceFile, Span};

/// Takes out what comments allow, and adds what is wrong with those comments.
pub(super) fn apply(pipeline: &Pipeline, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut wrong: Vec<Diagnostic> =
        pipeline.source.files().iter().flat_map(|file| comments(&pipeline.source, file).1).collect();
    wrong.extend(silence(pipeline, found));
    wrong
}

/// Takes out what comments allow.
pub(super) fn silence(pipeline: &Pipeline, mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    for file in pipeline.source.files() {
        silence_in(pipeline, file, &mut found);
    }
    found
}

/// Takes out what the comments of one file allow.
fn silence_in(pipeline: &Pipeline, file: &SourceFile, found: &mut Vec<Diagnostic>) {
    let (allowed, _) = comments(&pipeline.source, file);
    if allowed.is_empty() {
        return;
    }
    let blocks = Blocks::new(pipeline, file);
    let everywhere: HashSet<Code> =
        allowed.iter().filter(|it| it.line < blocks.first_key).map(|it| it.code).collect();
    let silent: HashSet<(Where, Code)> = allowed
        .iter()
        .flat_map(|it| [(Where::Line(it.line), it.code), (Where::Line(it.line + 1), it.code)])
        .chain(allowed.iter().filter_map(|it| Some((Where::Block(blocks.around(it.line)?), it.code))))
        .collect();
    let is_silent = |problem: &Diagnostic| {
        if problem.span.is_none_or(|span| pipeline.source.file_of(span).start() != file.start()) {
            return false;
        }
        let Some(line) = problem.position().map(|position| position.line) else {
            return false;
        };
        everywhere.contains(&problem.code)
            || silent.contains(&(Where::Line(line), problem.code))
            || blocks.around(line).is_some_and(|block| silent.contains(&(Where::Block(block), problem.code)))
    };
    found.retain(|problem| !is_silent(problem));
}

/// What a comment counts for: a line, or the step or param that begins on a line.
#[derive(PartialEq, Eq, Hash)]
enum Where {
    Line(usize),
    Block(usize),
}

/// One code in a comment.
struct Allowed {
    code: Code,
    line: usize,
}

/// The comments of a file, and what is wrong with them.
fn comments(source: &Source, file: &SourceFile) -> (Vec<Allowed>, Vec<Diagnostic>) {
    let (mut allowed, mut wrong) = (Vec::new(), Vec::new());
    for at in memchr::memmem::find_iter(file.text().as_bytes(), "pipe:") {
        let line = source.position(file.start() + at).line;
        let (before, rest) = source.around(file.start() + at);
        let before = before.trim_end_matches([' ', '\t']);
        let rest = rest.get("pipe:".len()..).unwrap_or_default().lines().next().unwrap_or_default();
        let Some(codes) = rest.trim_start().strip_prefix("allow").filter(|_| before.ends_with('#')) else {
            continue;
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        for name in codes.split(|c: char| !is_name(c)).filter(|name| !name.is_empty()) {
            match Code::find(name) {
                Ok(code) if code.is_warning() => allowed.push(Allowed { code, line }),
                found => {
                    let start = file.start() + (name.as_ptr() as usize - file.text().as_ptr() as usize);
                    let span = Span::new(start, start + name.len());
                    wrong.push(unknown(source, span, name, found.is_ok()));
                }
            }
        }
    }
    (allowed, wrong)
}

fn unknown(source: &Source, span: Span, name: &str, is_error: bool) -> Diagnostic {
    let names = || Code::ALL.iter().filter(|code| code.is_warning()).map(|code| code.name());
    let message = match is_error {
        true => format!("`{name}` is no warning, and cannot be allowed"),
        false => format!("there is no warning `{name}`"),
    };
    let near = Nearest::default().find(name, names()).filter(|_| !is_error);
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the warnings are {}", list(names(), "and")),
    };
    Diagnostic::at(Code::UnknownAllow, source, span, message).help(help)
}

/// The lines that steps and params begin on.
struct Blocks {
    /// The first line that is no comment.
    first_key: usize,
    /// First lines, the comments right above included.
    starts: BTreeSet<usize>,
    /// Lines where another part of the file begins.
    ends: BTreeSet<usize>,
}

impl Blocks {
    fn new(pipeline: &Pipeline, file: &SourceFile) -> Self {
        let source = &pipeline.source;
        let is_here = |at: &Span| source.file_of(*at).start() == file.start();
        let lines: Vec<&str> = file.text().lines().collect();
        let line = |number: usize| lines.get(number - 1).copied().unwrap_or_default();
        let is_comment = |number: usize| line(number).trim_start().starts_with('#');
        let with_comments = |mut start: usize| {
            while start > 1 && is_comment(start - 1) {
                start -= 1;
            }
            start
        };
        let step_start = |at: Span| {
            let named = source.line(at);
            // `name` need not be the first key of its step.
            let item = (1..=named).rev().take(200).find(|&number| line(number).trim_start().starts_with('-'));
            with_comments(item.unwrap_or(named))
        };
        let steps = pipeline.steps.iter().map(|step| step.at).filter(is_here).map(step_start);
        let params = pipeline.params.iter().map(|param| param.at).filter(is_here);
        let params = params.map(|at| with_comments(source.line(at)));
        let is_key = |text: &str| !text.is_empty() && !text.starts_with([' ', '\t', '#', '-', '}', ']']);
        let keys = (1..=lines.len()).filter(|&number| is_key(line(number)));
        let first = |number: &usize| !line(*number).trim().is_empty() && !is_comment(*number);
        Self {
            first_key: (1..=lines.len()).find(first).unwrap_or(1),
            starts: steps.chain(params).collect(),
            ends: keys.map(with_comments).collect(),
        }
    }

    /// The first line of the step or param around a line.
    fn around(&self, line: usize) -> Option<usize> {
        let start = *self.starts.range(..=line).next_back()?;
        let end = self.ends.range(..=line).next_back().copied().unwrap_or_default();
        (start >= end).then_some(start)
    }
}
