//! The words of other tools: what a key of theirs is called here, and which tool a whole file is for.
//!
//! GitHub Actions, GitLab CI, Woodpecker, Compose, Task, just, dagu and Azure Pipelines have words for the same things. Users know
//! them from there, and a word that is merely near in spelling would mislead them.

mod keys;
mod tool;
mod values;

pub(super) use keys::{key, refused};
pub(super) use tool::{OtherTool, TopKey};
pub(super) use values::value;
