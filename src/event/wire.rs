//! Events as JSON lines: the journal's records and `--format json`. A versioned format of its own, so that
//! the types of [`super`] can change without breaking a reader.
//!
//! # The format, version 1
//!
//! One JSON object a line, UTF-8, each line ended by a newline. Steps and streams go by name; a stream fed
//! from outside (`--in NAME=…`) is made by a step `in:NAME`. Sizes are bytes, rates bytes a second, times
//! milliseconds; all are whole numbers. A field that does not apply is left out. Later versions of `pipe` may
//! add fields and kinds of event without raising `v`: skip what you do not know. Values of params are in no
//! record.
//!
//! Every record has `v` (1), `at` (wall clock, RFC 3339 in UTC), `elapsed_ms` (since the run started, never
//! going back) and `event`, which says what else is there:
//!
//! | `event` | fields |
//! |---|---|
//! | `run-started` | `run` (id), `pipeline` (name), `file`, `dir` (run directory), `steps`, `streams` |
//! | `step-started` | `step`, `attempt` (from 1), `lane` (`fifo` or `attach`, of a container), `starting_ms` (how long the start took), `log_at` |
//! | `service-ready` | `step`, `after_ms` (since its attempt started) |
//! | `step-output` | `step`, `channel` (`stderr` where stdout is a stream, else `both`, which share a pipe; earlier versions: `stdout`, `stderr`), `text`, `lossy` |
//! | `step-retrying` | `step`, `attempt` (that failed), `failure`, `delay_ms`, `restarting` (step names) |
//! | `step-finished` | `step`, `outcome`, `attempts` (0: skipped), `duration_ms`, `leaky`, `outputs`, `products`, `fingerprint`, `log_lost`, `limit` with `limit_ms`, `not_retried`, `command` |
//! | `stream-progress` | `streams` (of counters) |
//! | `stream-finished` | counters, `complete`, `engine`, `unread`, `kept`, `sha256` (where the file asks for it), `discarded` (true: all of its readers were passed over) |
//! | `cancelling` | `reason` (`signal` with `signal`, `step-failed` with `step`, `timed-out` with `limit_ms`, `engine`), `now`, `grace_ms` (until those that have not ended are killed) |
//! | `phase` | `name` (`finally`), `steps`, `outcome` (of the steps before), `cause` |
//! | `warning`, `note` | `message` |
//! | `run-finished` | `end`, `duration_ms`, `outputs` |
//!
//! - A step of `run-started`: `name`, `description`, `line` (in the run's `file`, or in its own), `file` (where it is another one),
//!   `role` (`finally`, `service`, `container`), `group` (the name that it shares with others), `matrix` (its values, by axis), `if`
//!   (its condition), `depends_on`, `services`,
//!   `container` (the shared container that it runs in), `input`, `inputs` (streams by the name that the step gives them), `gathers` (several streams by one name), `output`, `feed` (a path, or `-` for
//!   standard input), `terminal` (true: its log is empty). A stream: `name`, `producer`, `readers`, `out` (a path, or `-` for standard output).
//! - `outcome`: `succeeded`, `failed` and `ignored` (with `failure`), `timed-out`, `tainted` (with
//!   `producer`, the step that broke the stream), `cancelled`, `skipped` (with `dependency`, the step that
//!   did not succeed, with `condition`, the words for a condition that was false, or with `without`, a step
//!   that was passed over and whose stream or values it needs; without any, the run was stopped first), `reused` (it succeeded in the run that this one
//!   resumes), `left-out` (it was not asked for).
//! - Of an end that is no success: `limit`, the time limit that was over: `step` (its `timeout`) or `attempt`
//!   (that of its `retry`), and `limit_ms`; `not_retried`, why it was not tried again with retries left: `on-exit`
//!   or `no-time`; `command`, the last line of its script.
//! - `failure`: an object whose `kind` is `exit` (with `code`), `signal` (with `signal`), `out-of-memory`,
//!   `timeout`, `left-early`, `ended-early` (a service), `missing`, `start`, `outputs` or `not-ready` (with `message`).
//! - `end`: `succeeded`, `failed` (with `cause`, the step that failed first), `signalled` (with `signal`),
//!   `no-output` and `engine` (with `message`).
//! - `fingerprint`: what the step's result depends on, each part as a keyed hash; `--resume` compares them.
//! - `products`: files that a step declares with `produces`: `path`, `bytes`, `sha256`, and `unchanged` (true
//!   where the step has not touched the file, or the declared folder with the file in it).
//! - `outputs`: an object of texts: what a step wrote to `$PIPE_OUTPUT`, or the run's, in the file's order.
//! - Counters of a stream: `stream`, `bytes`, `rate`, `lasted_ms`, `starved_ms`, `edges`; of an edge:
//!   `reader`, `bytes`, `blocked_ms`, `left` (it closed its end early), `spilled` (the most on disk at once).
//!   `unread` lists `reader` and `bytes`, without `bytes` where the producer was cut short. `kept` has `path`,
//!   `bytes`, `sha256`.
//! - `text` holds what a step wrote, invalid UTF-8 replaced by U+FFFD; `lossy` is true where that happened.
//!   The exact bytes are in the run directory, under `logs/`.
//!
//! The journal, `events.jsonl` in the run directory, has these records without `step-output` (see `logs/`)
//! and `stream-progress` (of passing interest). Only there, `log_at` is how many bytes the step's log had
//! when the attempt began (left out for 0), and `log_lost` is true where the log lacks something, because it
//! could not be written.
//!
//! A journal is only ever appended to, each record in one write, so that after a crash at most its last line
//! is cut; where the disk was full for a while, records are missing, and none is torn. A run without
//! `run-finished` still goes on as long as its process holds the lock on the file `lock` beside the journal.

mod decode;
mod encode;
mod ordered;
mod plain;
mod records;
mod skeleton;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use decode::Decoder;
pub use encode::{Encoder, timestamp};
pub use records::{
    Channel, CircumstancesRecord, Counters, EdgeRecord, EndRecord, FailureRecord, KeptRecord, MatrixRecord,
    OutcomeRecord, ProductRecord, ReasonRecord, StepRecord, StreamRecord, UnreadRecord,
};

/// The version of the format, `v` in every record.
pub const VERSION: u32 = 1;

/// The role of a step that runs after all others, and the name of the phase in which it does.
pub const FINALLY: &str = "finally";
/// The role of services.
pub const SERVICE: &str = "service";
/// The role of shared containers.
pub const CONTAINER: &str = "container";

/// One line of the format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`VERSION`] of the writer.
    pub v: u32,
    /// Wall clock, RFC 3339 in UTC with milliseconds.
    pub at: String,
    /// Milliseconds since the run started.
    pub elapsed_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub body: Body,
}

impl Record {
    /// Appends the record to `line`, newline included.
    pub fn write_line(&self, line: &mut Vec<u8>) -> std::io::Result<()> {
        serde_json::to_writer(&mut *line, self)?;
        line.push(b'\n');
        Ok(())
    }
}

/// What happened; the module's table explains each field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Body {
    RunStarted {
        run: String,
        pipeline: String,
        file: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dir: Option<String>,
        steps: Vec<StepRecord>,
        streams: Vec<StreamRecord>,
    },
    StepStarted {
        step: String,
        attempt: u32,
        /// `fifo` or `attach`, where the step runs in a container.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lane: Option<String>,
        #[serde(default, skip_serializing_if = "is_zero")]
        starting_ms: u64,
        #[serde(default, skip_serializing_if = "is_zero")]
        log_at: u64,
    },
    ServiceReady {
        step: String,
        after_ms: u64,
    },
    StepOutput {
        step: String,
        channel: Channel,
        text: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        lossy: bool,
    },
    StepRetrying {
        step: String,
        attempt: u32,
        failure: FailureRecord,
        delay_ms: u64,
        restarting: Vec<String>,
    },
    StepFinished {
        step: String,
        #[serde(flatten)]
        outcome: OutcomeRecord,
        attempts: u32,
        duration_ms: u64,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        leaky: bool,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        outputs: BTreeMap<String, String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        products: Vec<ProductRecord>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        fingerprint: BTreeMap<String, String>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        log_lost: bool,
        #[serde(flatten)]
        circumstances: CircumstancesRecord,
    },
    StreamProgress {
        streams: Vec<Counters>,
    },
    StreamFinished {
        #[serde(flatten)]
        counters: Counters,
        complete: bool,
        engine: String,
        unread: Vec<UnreadRecord>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kept: Option<KeptRecord>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<String>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        discarded: bool,
    },
    Cancelling {
        #[serde(flatten)]
        reason: ReasonRecord,
        now: bool,
        #[serde(default, skip_serializing_if = "is_zero")]
        grace_ms: u64,
    },
    Phase {
        /// `finally`.
        name: String,
        steps: Vec<String>,
        outcome: String,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        cause: String,
    },
    Warning {
        message: String,
    },
    /// Progress that belongs to no step.
    Note {
        /// What, as a sentence without a full stop.
        message: String,
    },
    RunFinished {
        #[serde(flatten)]
        end: EndRecord,
        duration_ms: u64,
        #[serde(default, with = "ordered", skip_serializing_if = "Vec::is_empty")]
        outputs: Vec<(String, String)>,
    },
    /// An event of a later version; never written.
    #[serde(other)]
    Unknown,
}

/// Whether a number says nothing.
fn is_zero(number: &u64) -> bool {
    *number == 0
}
