//! What plans are checked against.

pub(super) mod model;

pub(super) use crate::pipeline::testing::{links, numbered, pipeline};
