//! `pipe` runs pipelines described in one YAML file.

pub mod cli;
pub mod event;
pub mod executor;
pub mod history;
pub mod pipeline;
pub mod plan;
pub mod render;
pub mod runner;
pub mod spec;
pub mod stream;
pub mod template;
