//! The runner against the scripted executor, under paused time: nothing here takes real time.

mod cancel;
mod choice;
mod gangs;
mod outputs;
mod policy;
mod schedule;
mod terminal;

use super::testing::{Act, Played, Scene, retry};
