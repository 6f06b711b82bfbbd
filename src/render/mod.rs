//! Renderers: what people and machines see of a run.
//!
//! The thread that owns the run's receiver gives every event, in order, to each [`Renderer`]. Where it writes
//! is the caller's choice: with `--out NAME=-` standard output belongs to a stream. Four of them show a run
//! while it goes on:
//!
//! - [`Plain`]: prefixed lines, for pipes, files and any log;
//! - [`Grouped`]: lines that fold by steps, for the logs of CI services, each with its [`Dialect`]:
//!   [`GitHub`], [`GitLab`];
//! - [`Progress`]: the live view of a terminal, with the same lines as [`Plain`] scrolling above it;
//! - [`Json`]: the records of `event::wire`.
//!
//! All but the last close with a summary. [`Quiet`] shows that alone, and only of a run that did not succeed.
//! Three write a file when the run has ended:
//!
//! - [`StepSummary`]: the Markdown page that GitHub shows beside a job;
//! - [`Junit`]: the XML report that CI services read;
//! - [`WorkflowOutputs`]: how the run ended, for the steps of a GitHub workflow that come after it.
//!
//! Renderers with a summary fold the events into a [`Report`], the run as far as it is known; a [`summary`]
//! is drawn from that alone.

// A new outcome, failure or event has to be decided on wherever one is matched.
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants))]

mod drawings;
mod files;
mod github;
mod gitlab;
pub mod graph;
mod grouped;
pub mod human;
mod json;
mod junit;
mod narrate;
mod pace;
mod plain;
mod progress;
mod quiet;
mod report;
mod style;
pub mod summary;
mod text;
mod view;
pub mod words;
mod workflow;

use std::io;

pub use files::FileNames;
pub use github::GitHub;
pub use github::summary::StepSummary;
pub use gitlab::GitLab;
pub use grouped::{Cleaned, Dialect, Grouped};
pub use json::Json;
pub use junit::Junit;
pub use narrate::Narrator;
pub use plain::Plain;
pub use progress::{Progress, Screen};
pub use quiet::Quiet;
pub use report::{LogTail, Report, StepReport, StepState, StreamReport, Tally};
pub use style::{Palette, Sheet, Tone};
pub use text::{cut, one_line};
pub use workflow::WorkflowOutputs;

use crate::event::Event;

/// Shows a run, event by event.
pub trait Renderer: Send {
    /// Takes the next event. After `RunFinished` everything has been written, and no further event comes.
    ///
    /// # Errors
    /// If the output fails, such as a closed pipe. Further events may still follow.
    fn event(&mut self, event: &Event) -> io::Result<()>;

    /// Updates what changes with time, such as clocks. To be called about ten times a second, with or without
    /// events.
    fn tick(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Erases its drawing: a step has the terminal from now on. No event and no tick comes until the step has
    /// given the terminal back.
    fn step_aside(&mut self) -> io::Result<()> {
        Ok(())
    }
}
