//! The runner against the scripted executor, under paused time: nothing here takes real time.

mod cancel;
mod choice;
mod conditions;
mod early_exits;
mod finally;
mod gangs;
mod gate;
mod kept_streams;
mod matrix;
mod outputs;
mod policy;
mod restarts;
mod schedule;
mod services;
mod terminal;
mod time_limit;

use super::testing::{Act, Played, Scene, retry};
