//! `pipe` runs pipelines described in one YAML file.

pub mod pipeline;
