//! `pipe` runs pipelines described in one YAML file. A step is a host shell process or a container; steps are
//! joined by *order* (`depends_on`) and by *byte streams* (`output` / `input`). No reader ever takes a broken
//! stream for a finished one.
//!
//! # Theory of operation
//!
//! Data flows one way, from a text to a finished run:
//!
//! ```text
//! YAML text ──▶ file ──▶ Pipeline ──▶ plan ──▶ Plan ──▶ runner ──▶ events ──▶ render, history
//!                 ▲                                        │
//!  -p, env, … ────┘                       executor ◀───────┴──────▶ stream
//! ```
//!
//! 1. [`file`](mod@file) reads the file into a tree that knows where everything stands, and lowers it to a
//!    [`Pipeline`](pipeline::Pipeline). Every mistake in the file is reported in one go. Each text with
//!    expressions is compiled once by [`template`], which looks at the shell's quoting around every
//!    expression, so that a value can only ever be data.
//! 2. [`plan`] turns the pipeline into a [`Plan`](plan::Plan). Steps joined by live streams form *gangs*,
//!    which start together; a stream whose reader has to run after its producer is *stored* instead. What
//!    cannot be ordered is reported as cycles.
//! 3. [`runner`] runs the plan. One loop, the dispatcher, owns the state of the run: it admits ready gangs,
//!    longest remaining path first, and decides what a step's outcome means for the others. A *site* runs
//!    whole gangs. On this machine a task for each gang starts its members' processes through an
//!    [`executor`], joins them by [`stream`]s, and keeps the stream guarantees: a stream ends for its readers
//!    only when its producer has succeeded.
//! 4. Everything that happens is an [`Event`](event::Event). [`render`] shows events to people and machines,
//!    [`history`] writes them to the run directory. Neither can influence the run.
//! 5. [`cli`] puts the parts together, and is the only place for hints and exit codes.
//!
//! Beside all that, a second process waits for the end of the first: if `pipe` is killed, its [`reaper`]
//! removes what the run would leave behind. Each such resource is registered with it before it exists.
//!
//! # Floors
//!
//! A module imports only modules of lower floors, never a sibling; `tests/architecture/` holds the code to
//! this table, and forbids circles between files.
//!
//! | floor | module | what it is | may import |
//! |---|---|---|---|
//! | 0 | [`pipeline`] | the domain, pure data: step, param, stream, policy, outcome | – |
//! | 0 | [`processes`] | the processes of steps: found, signalled, killed | – |
//! | 1 | [`event`] | what happens in a run, its channel with secrets masked, its wire format | pipeline |
//! | 1 | [`reaper`] | the process that cleans up if `pipe` is killed | processes |
//! | 1 | [`template`] | rendering, contextual shell escaping | pipeline |
//! | 2 | [`file`](mod@file) | YAML text → `Pipeline`, params, diagnostics, warnings, schema | pipeline, template |
//! | 2 | [`plan`] | graph, levels, cycles, gangs, stored edges, ready set: pure | pipeline |
//! | 2 | [`executor`] | where steps run: the trait, the host, containers | pipeline, processes, reaper |
//! | 2 | [`stream`] | fan-out, pumps, kept streams, log taps | pipeline |
//! | 3 | [`runner`] | dispatcher, gangs, attempts, retry, cancellation | pipeline, processes, event, reaper, template, plan, executor, stream |
//! | 3 | [`render`] | progress, plain, CI logs, JSON, summary, reports, drawings | pipeline, event |
//! | 3 | [`history`] | journal, run directory, past runs | pipeline, event |
//! | 4 | [`cluster`] | runs whose gangs run in pods: orders and their conductor, the hub, the link to it, the store of files | pipeline, processes, event, reaper, template, file, plan, executor, stream, runner |
//! | 5 | [`cli`] | arguments, one file a command, signals, exit codes | all |

// They panic where a standard stream is full, closed or set not to wait; `cli::stdio` does not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod cli;
pub mod cluster;
pub mod event;
pub mod executor;
pub mod file;
pub mod history;
pub mod pipeline;
pub mod plan;
pub mod processes;
pub mod reaper;
pub mod render;
pub mod runner;
pub mod stream;
pub mod template;
