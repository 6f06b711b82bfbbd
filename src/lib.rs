//! `pipe` runs pipelines described in one YAML file.

pub mod event;
pub mod pipeline;
pub mod spec;
pub mod template;
