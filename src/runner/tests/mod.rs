//! The runner against the scripted executor, under paused time: nothing here takes real time.

mod cancel;
mod gangs;
mod policy;
mod schedule;

use super::testing::{Act, Scene, retry};
