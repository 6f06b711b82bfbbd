//! The parts of an order, as JSON has them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::pipeline::{BodyEnd, Outcome, ParamValue, RunOutcome};
use crate::runner::{Partial, Settings};
use crate::stream::BackendChoice;

/// A file with its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileText {
    /// Its path, as the client has it.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// What the command line adds to the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionsRecord {
    /// Streams that come from outside, each with a path or `-`.
    pub feeds: Vec<(String, PathBuf)>,
    /// Streams that go out, each with a path or `-`.
    pub outs: Vec<(String, PathBuf)>,
    /// Every step runs in a container.
    pub containers: bool,
    /// Every step runs in a pod.
    pub cluster: bool,
    /// What steps run in that name no image.
    pub image: Option<String>,
}

/// The run and its folders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceRecord {
    /// The run's id.
    pub run: String,
    /// The folder that steps run in: the same path in the pod.
    pub working_dir: PathBuf,
    /// The run directory, on the client's machine.
    pub run_dir: PathBuf,
    /// Whether a member gets secrets as files.
    pub has_secrets: bool,
}

/// What the texts of the top file see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContextRecord {
    /// When the run has started.
    pub started: Option<StartRecord>,
    /// The folder of the file.
    pub pipeline_dir: String,
    /// The variables that texts name.
    pub env: BTreeMap<String, String>,
    /// The variables that `env_file` adds.
    pub variables: BTreeMap<String, String>,
    /// The values of params.
    pub values: BTreeMap<String, ValueRecord>,
    /// Params whose values are secrets.
    pub secrets: BTreeSet<String>,
    /// Variables whose values are secrets.
    pub secret_env: BTreeSet<String>,
}

/// What the texts of a call's file see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallFacts {
    /// Where the first param of its file stands, by which the file is known before the call is.
    pub params_at: Option<usize>,
    /// The params that its caller gives values for.
    pub given: BTreeSet<String>,
    /// All the rest.
    pub context: ContextRecord,
}

/// A time with its zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartRecord {
    /// In nanoseconds since 1970.
    pub nanoseconds: i64,
    /// The zone's name, if it has one.
    pub zone: Option<String>,
    /// Its distance from UTC, in seconds, for a pod that does not know the name.
    pub offset: i32,
}

/// How the ordinary steps have ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyRecord {
    /// The word for it.
    pub outcome: String,
    /// The first that failed.
    pub cause: String,
    /// The word for each step.
    pub steps: BTreeMap<String, String>,
}

/// How the gang runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsRecord {
    /// Between TERM and KILL, in milliseconds.
    pub grace_ms: u64,
    /// How long a process may hold the output of its step, in milliseconds.
    pub leak_grace_ms: u64,
    /// How streams are moved.
    pub backend: BackendChoice,
    /// Whether a deadlock is broken by the disk.
    pub break_deadlocks: bool,
    /// What becomes of the artifacts of a failed step.
    pub partial: Partial,
    /// Whether logs begin with what is run.
    pub trace: bool,
}

/// A value of a param that is no secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the kinds of `ParamValue`")]
pub enum ValueRecord {
    Text(String),
    Int { text: String, value: i64 },
    Float { text: String, bits: u64 },
    Bool(bool),
    List(Vec<String>),
    Duration { text: String, seconds: u64, nanoseconds: u32 },
    Size { text: String, bytes: u64 },
}

impl ValueRecord {
    /// Takes a value; nothing if it is a secret.
    pub(super) fn of(value: &ParamValue) -> Option<Self> {
        Some(match value.clone() {
            ParamValue::Text(text) => Self::Text(text),
            ParamValue::Int { text, value } => Self::Int { text, value },
            ParamValue::Float { text, value } => Self::Float { text, bits: value.to_bits() },
            ParamValue::Bool(value) => Self::Bool(value),
            ParamValue::List(items) => Self::List(items),
            ParamValue::Duration { text, value } => {
                Self::Duration { text, seconds: value.as_secs(), nanoseconds: value.subsec_nanos() }
            }
            ParamValue::Size { text, bytes } => Self::Size { text, bytes },
            ParamValue::Secret(_) => return None,
        })
    }

    /// Gives the value back.
    pub(super) fn into_value(self) -> ParamValue {
        match self {
            Self::Text(text) => ParamValue::Text(text),
            Self::Int { text, value } => ParamValue::Int { text, value },
            Self::Float { text, bits } => ParamValue::Float { text, value: f64::from_bits(bits) },
            Self::Bool(value) => ParamValue::Bool(value),
            Self::List(items) => ParamValue::List(items),
            Self::Duration { text, seconds, nanoseconds } => {
                let value =
                    Duration::from_secs(seconds).saturating_add(Duration::from_nanos(u64::from(nanoseconds)));
                ParamValue::Duration { text, value }
            }
            Self::Size { text, bytes } => ParamValue::Size { text, bytes },
        }
    }
}

impl StartRecord {
    pub(super) fn of(time: &jiff::Zoned) -> Self {
        Self {
            nanoseconds: i64::try_from(time.timestamp().as_nanosecond()).unwrap_or(i64::MAX),
            zone: time.time_zone().iana_name().map(str::to_owned),
            offset: time.offset().seconds(),
        }
    }

    /// Gives the time back; nothing if there is no such time.
    pub(super) fn time(&self) -> Option<jiff::Zoned> {
        use jiff::tz::{Offset, TimeZone};
        let known = self.zone.as_deref().and_then(|zone| TimeZone::get(zone).ok());
        let fixed = || Some(TimeZone::fixed(Offset::from_seconds(self.offset).ok()?));
        let zone = known.or_else(fixed)?;
        Some(jiff::Timestamp::from_nanosecond(self.nanoseconds.into()).ok()?.to_zoned(zone))
    }
}

impl BodyRecord {
    pub(super) fn of(end: &BodyEnd) -> Self {
        let BodyEnd { outcome, cause, steps } = end;
        let steps = steps.iter().map(|(step, word)| (step.clone(), (*word).to_owned())).collect();
        Self { outcome: outcome.word().to_owned(), cause: cause.clone(), steps }
    }

    /// Gives the end back; nothing if a word is none.
    pub(super) fn end(&self) -> Option<BodyEnd> {
        let word = |(step, word): (&String, &String)| {
            Some((step.clone(), *Outcome::WORDS.iter().find(|known| *known == word)?))
        };
        let steps = self.steps.iter().map(word).collect::<Option<_>>()?;
        Some(BodyEnd { outcome: RunOutcome::of(&self.outcome)?, cause: self.cause.clone(), steps })
    }
}

impl SettingsRecord {
    pub(super) fn of(settings: &Settings) -> Self {
        let Settings {
            grace,
            leak_grace,
            backend,
            break_deadlocks,
            partial,
            trace,
            // The client decides what starts when, and asks its user.
            max_parallel: _,
            consent: _,
            names: _,
        } = settings;
        let millis = |time: &Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            grace_ms: millis(grace),
            leak_grace_ms: millis(leak_grace),
            backend: *backend,
            break_deadlocks: *break_deadlocks,
            partial: *partial,
            trace: *trace,
        }
    }

    /// Gives the settings back, with the defaults for what the client decides itself.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            grace: Duration::from_millis(self.grace_ms),
            leak_grace: Duration::from_millis(self.leak_grace_ms),
            backend: self.backend,
            break_deadlocks: self.break_deadlocks,
            partial: self.partial,
            trace: self.trace,
            ..Settings::default()
        }
    }
}
