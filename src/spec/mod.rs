//! YAML text → [`Pipeline`], and what a run is told → [`Values`](crate::pipeline::Values).
//!
//! [`load`] goes three ways down: `yaml` makes a tree that knows where everything stands, `raw` names the keys and
//! their types, `lower` checks what they say and builds the pipeline. None stops at the first mistake: every problem
//! of a file is found in one pass, and [`render`] shows each with its line, a caret and what to write instead. [`lint`]
//! looks for what is right and still worth a second look.

mod code;
mod data;
mod diagnostic;
mod lint;
mod lower;
mod nearest;
mod params;
mod problem;
mod raw;
mod read;
mod schema;
mod words;
mod yaml;

use crate::pipeline::{Destination, Feed, Pipeline, Source, Span, Template};

pub use code::Code;
pub use data::{Record, record};
pub use diagnostic::{render, visible};
pub use lint::{leading_dashes, lint};
pub use nearest::Nearest;
pub use params::{Given, MissingSecrets, SecretFiles, resolve, unanswered};
pub use problem::{Problem, Problems};
pub use read::read;
pub use schema::schema;

/// A length of time as files have it, such as `1h 30m`.
///
/// # Errors
/// What is wrong with it and what to write instead, in a sentence.
pub fn duration(text: &str) -> Result<std::time::Duration, String> {
    words::duration(text).map_err(|words::Complaint { message, help }| match help {
        Some(help) => format!("{message}; {help}"),
        None => message,
    })
}

/// What the command line adds to a file.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// `--in NAME=FILE|-`: streams that come from outside.
    pub feeds: Vec<(String, Feed)>,
    /// `--out NAME=FILE|-`: where streams go beside their readers.
    pub outs: Vec<(String, Destination)>,
    /// `--docker`: every step runs in a container.
    pub containers: bool,
    /// `--image`: what steps run in that name no image, under `--docker`.
    pub image: Option<String>,
}

/// A file as far as it can be understood, with everything that is wrong with it.
#[derive(Debug)]
pub struct Draft {
    /// The pipeline without what is wrong; well formed, but not what the file means, if there are problems.
    pub pipeline: Option<Pipeline>,
    /// What is wrong with the file, and with how the options fit it.
    pub problems: Vec<Problem>,
    /// Whether the params are what the file means, so that values for them can be checked all the same.
    pub params_are_sound: bool,
}

/// Reads a pipeline as far as that goes.
pub fn draft(source: &Source, options: &LoadOptions) -> Draft {
    let mut draft = Draft { pipeline: None, problems: Vec::new(), params_are_sound: false };
    let Some(root) = yaml::parse(source, &mut draft.problems) else {
        draft.check_text(source);
        return draft;
    };
    let raw = yaml::read(&root, source, raw::EXAMPLES, &mut draft.problems);
    // What is made next is as large.
    drop(root);
    draft.pipeline = lower::lower(&raw, source, options, &mut draft.problems);
    let params = raw.value().and_then(|raw: &raw::RawPipeline| raw.params.at()).unwrap_or_default();
    let within = |problem: &Problem| {
        problem.span.is_some_and(|span| params.start <= span.start && span.start < params.end)
    };
    draft.params_are_sound = draft.pipeline.is_some() && !draft.problems.iter().any(within);
    draft.check_text(source);
    draft
}

impl Draft {
    /// Only a file without any text comes to nothing and has nothing wrong with it.
    fn check_text(&mut self, source: &Source) {
        if self.pipeline.is_none() && self.problems.is_empty() {
            let problem = Problem::at(Code::EmptyFile, source, Span::default(), "the file is empty");
            self.problems.push(problem.help("a pipeline has steps: `steps: [{name: build, run: make}]`"));
        }
    }
}

/// Reads a pipeline.
///
/// # Errors
/// Everything that is wrong with the file, and with how the options fit it. Whether the steps can be *ordered* is for
/// `plan` to say.
pub fn load(source: Source, options: &LoadOptions) -> Result<Pipeline, Problems> {
    let Draft { pipeline, problems, .. } = draft(&source, options);
    match (Problems::of(problems), pipeline) {
        (None, Some(pipeline)) => Ok(pipeline),
        (Some(problems), _) => Err(problems),
        (None, None) => Err(Problem::nowhere(Code::EmptyFile, "the file is empty").into()),
    }
}

/// The place in the file of a byte range of a template's source, such as a rendering error's.
pub fn locate(source: &Source, template: &Template, range: std::ops::Range<usize>) -> Span {
    yaml::locate(source, template.at, &template.source, range)
}

#[cfg(test)]
mod tests;
