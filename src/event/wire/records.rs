//! The parts of records; the table in [`super`] explains each field.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::is_zero;

/// A step of the pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct StepRecord {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub line: usize,
    /// The file that it stands in, where that is not the run's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub matrix: BTreeMap<String, MatrixRecord>,
    #[serde(default, rename = "if", skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    pub depends_on: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// The shared container that it runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    /// The streams that it reads under one name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gathers: BTreeMap<String, Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub terminal: bool,
}

/// A value of a matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[allow(missing_docs)]
pub enum MatrixRecord {
    Bool(bool),
    Int(i64),
    Text(String),
}

/// A stream of the pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct StreamRecord {
    pub name: String,
    pub producer: String,
    pub readers: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out: Option<String>,
}

/// Which output of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Channel {
    Stdout,
    Stderr,
    Both,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum OutcomeRecord {
    Succeeded,
    Failed {
        failure: FailureRecord,
    },
    TimedOut,
    Tainted {
        producer: String,
    },
    Cancelled,
    Reused,
    LeftOut,
    Skipped {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dependency: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        condition: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        without: Option<String>,
    },
    Ignored {
        failure: FailureRecord,
    },
}

/// What went wrong in a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum FailureRecord {
    Exit {
        code: i32,
        /// Whether the last reader of its output had left before.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        broken_pipe: bool,
    },
    Signal {
        signal: i32,
    },
    OutOfMemory,
    Timeout,
    LeftEarly,
    EndedEarly,
    NotReady {
        message: String,
    },
    Missing {
        message: String,
    },
    Start {
        message: String,
    },
    Outputs {
        message: String,
    },
}

/// What else is known of an end that is no success.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct CircumstancesRecord {
    /// `step` or `attempt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub limit_ms: u64,
    /// `on-exit` or `no-time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_retried: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// Counters of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Counters {
    pub stream: String,
    pub bytes: u64,
    pub rate: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lasted_ms: u64,
    pub starved_ms: u64,
    pub edges: Vec<EdgeRecord>,
}

/// Counters of an edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct EdgeRecord {
    pub reader: String,
    pub bytes: u64,
    pub blocked_ms: u64,
    pub left: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spilled: u64,
}

/// What a reader that left early did not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct UnreadRecord {
    pub reader: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// A stream kept in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct KeptRecord {
    pub path: String,
    pub bytes: u64,
    pub sha256: String,
}

/// A file that a step had to leave behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ProductRecord {
    pub path: String,
    pub bytes: u64,
    pub sha256: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unchanged: bool,
}

/// Why steps are being stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum ReasonRecord {
    Signal { signal: i32 },
    StepFailed { step: String },
    TimedOut { limit_ms: u64 },
    Engine,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum EndRecord {
    Succeeded,
    Failed {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
        /// The limit of the run, where that is the cause.
        #[serde(default, skip_serializing_if = "is_zero")]
        limit_ms: u64,
    },
    NoOutput {
        message: String,
    },
    Signalled {
        signal: i32,
    },
    Engine {
        message: String,
    },
}
