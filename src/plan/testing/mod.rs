//! A model that tests compare plans with.

pub(super) mod model;

pub(super) use crate::pipeline::testing::{links, numbered, pipeline};
