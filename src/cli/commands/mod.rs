//! One module a command: each takes its arguments and returns an exit code.

pub(super) mod clean;
pub(super) mod completions;
pub(super) mod explain;
pub(super) mod graph;
pub(super) mod hub;
pub(super) mod lock;
pub(super) mod logs;
pub(super) mod man;
pub(super) mod plan;
pub(super) mod pod;
pub(super) mod run;
pub(super) mod runs;
pub(super) mod schema;
pub(super) mod show;
pub(super) mod validate;

mod dry_run;
