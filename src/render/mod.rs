//! What people and machines see of a run.
//!
//! A [`Renderer`] is told every event, in order, by whoever owns the run's receiver, and writes where it was told to:
//! with `--out NAME=-` standard output belongs to a stream, so the choice is the caller's. Three of them:
//!
//! - [`Plain`]: prefixed lines, for pipes, files and CI;
//! - [`Progress`]: the live view of a terminal, with the same lines scrolling above it;
//! - [`Json`]: the records of `event::wire`.
//!
//! The first two close with a summary. Both fold the events into a [`Report`], the run as far as it is known; the
//! [`summary`] is drawn from that alone.

pub mod graph;
pub mod human;
mod json;
mod narrate;
mod plain;
mod progress;
mod report;
mod style;
pub mod summary;
mod text;
mod view;
mod words;

use std::io;

pub use json::Json;
pub use narrate::Narrator;
pub use plain::Plain;
pub use progress::Progress;
pub use report::{LogTail, Report, StepReport, StepState, StreamReport, Tally};
pub use style::{Palette, Tone};
pub use text::one_line;

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
