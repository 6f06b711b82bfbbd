//! What people and machines see of a run.
//!
//! A [`Renderer`] is told every event, in order, by whoever owns the run's receiver, and writes where it was told to:
//! with `--out NAME=-` standard output belongs to a stream, so the choice is the caller's. Four of them show a run while
//! it goes on:
//!
//! - [`Plain`]: prefixed lines, for pipes, files and any log;
//! - [`Grouped`]: lines that fold by steps, for the logs of CI services, each with its [`Dialect`]: [`GitHub`], [`GitLab`];
//! - [`Progress`]: the live view of a terminal, with the same lines as [`Plain`] scrolling above it;
//! - [`Json`]: the records of `event::wire`.
//!
//! All but the last close with a summary. Three write a file when the run has ended:
//!
//! - [`StepSummary`]: the Markdown page that GitHub shows beside a job;
//! - [`Junit`]: the XML report that CI services read;
//! - [`WorkflowOutputs`]: how the run ended, for the steps of a GitHub workflow that come after it.
//!
//! Those that sum up fold the events into a [`Report`], the run as far as it is known; a [`summary`] is drawn from that
//! alone.

mod github;
mod gitlab;
pub mod graph;
mod grouped;
pub mod human;
mod json;
mod junit;
mod narrate;
mod plain;
mod progress;
mod report;
mod secrets;
mod style;
pub mod summary;
mod text;
mod view;
mod words;
mod workflow;

use std::io;

pub use github::GitHub;
pub use github::summary::StepSummary;
pub use gitlab::GitLab;
pub use grouped::{Cleaned, Dialect, Grouped};
pub use json::Json;
pub use junit::Junit;
pub use narrate::Narrator;
pub use plain::Plain;
pub use progress::Progress;
pub use report::{LogTail, Report, StepReport, StepState, StreamReport, Tally};
pub use secrets::Secrets;
pub use style::{Palette, Tone};
pub use text::one_line;
pub use workflow::WorkflowOutputs;

use crate::event::Event;

/// Shows a run to somebody.
pub trait Renderer: Send {
    /// Takes the next event. After `RunFinished` everything has been written; no further event comes.
    ///
    /// An error is one of the output, such as a closed pipe; the renderer may be told further events all the same.
    fn event(&mut self, event: &Event) -> io::Result<()>;

    /// Brings up to date what changes by itself, such as clocks. To be called about ten times a second, events or not.
    fn tick(&mut self) -> io::Result<()> {
        Ok(())
    }
}
