//! YAML text → [`Pipeline`], and what a run is told → [`Values`](crate::pipeline::Values).
//!
//! [`load`] goes three ways down: `yaml` makes a tree that knows where everything stands, `raw` names the keys and
//! their types, `lower` checks what they say and builds the pipeline. None stops at the first mistake: every problem
//! of a file is found in one pass, and [`render`] shows each with its line, a caret and what to write instead.

mod code;
mod diagnostic;
mod lower;
mod nearest;
mod params;
mod problem;
mod raw;
mod read;
mod words;
mod yaml;

use crate::pipeline::{Destination, Feed, Pipeline, Source, Span, Template};

pub use code::Code;
pub use diagnostic::render;
pub use params::{Given, resolve};
pub use problem::{Problem, Problems};
pub use read::read;

/// What the command line adds to a file.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// `--in NAME=FILE|-`: streams that come from outside.
    pub feeds: Vec<(String, Feed)>,
    /// `--out NAME=FILE|-`: where streams go beside their readers.
    pub outs: Vec<(String, Destination)>,
}

/// Reads a pipeline.
///
/// # Errors
/// Everything that is wrong with the file, and with how the options fit it. Whether the steps can be *ordered* is for
/// `plan` to say.
pub fn load(source: Source, options: &LoadOptions) -> Result<Pipeline, Problems> {
    let mut problems = Vec::new();
    let pipeline = build(&source, options, &mut problems);
    match (Problems::of(problems), pipeline) {
        (Some(problems), _) => Err(problems),
        (None, Some(pipeline)) => Ok(pipeline),
        // Only a file without any text gets here.
        (None, None) => {
            let problem = Problem::at(Code::EmptyFile, &source, Span::default(), "the file is empty");
            Err(problem.help("a pipeline has steps: `steps: [{name: build, run: make}]`").into())
        }
    }
}

fn build(source: &Source, options: &LoadOptions, problems: &mut Vec<Problem>) -> Option<Pipeline> {
    let root = yaml::parse(source, problems)?;
    let raw = yaml::read(&root, source, raw::EXAMPLES, problems);
    lower::lower(&raw, source, options, problems)
}

/// The place in the file of a byte range of a template's source, such as a rendering error's.
pub fn locate(source: &Source, template: &Template, range: std::ops::Range<usize>) -> Span {
    yaml::locate(source, template.at, &template.source, range)
}

#[cfg(test)]
mod tests;
