//! Params: the values that a run takes, and their declarations.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::{Span, Template};

/// One declared parameter.
#[derive(Debug, Clone)]
pub struct Param {
    /// Its name, an identifier.
    pub name: String,
    /// Where the name stands in the file.
    pub at: Span,
    /// Its type, with what that type checks.
    pub kind: ParamKind,
    /// Its value if no source gives one; text that may name other params.
    pub default: Option<Template>,
    /// For people.
    pub description: Option<String>,
    /// Whether a run without a value is refused. Also true where there is no default.
    pub required: bool,
    /// The variable that it may come from.
    pub env: Option<String>,
}

/// A param's type.
#[derive(Debug, Clone, PartialEq)]
pub enum ParamKind {
    /// Any text.
    String {
        /// A regular expression that the whole value must match.
        pattern: Option<String>,
    },
    /// A whole number.
    Int {
        /// Least value.
        min: Option<i64>,
        /// Greatest value.
        max: Option<i64>,
    },
    /// A number.
    Float {
        /// Least value.
        min: Option<f64>,
        /// Greatest value.
        max: Option<f64>,
    },
    /// True or false.
    Bool,
    /// A path in the file system.
    Path {
        /// What must be there before the run starts.
        exists: Option<Exists>,
        /// What steps in containers may do to it.
        access: Access,
    },
    /// One of a list.
    Choice {
        /// The values allowed.
        choices: Vec<String>,
    },
    /// Several texts.
    List,
    /// A length of time, such as `1h 30m`.
    Duration,
    /// A number of bytes, such as `256MiB`.
    Size,
    /// Text that must not be shown.
    Secret,
}

/// What a path must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exists {
    /// Anything.
    Any,
    /// A plain file.
    File,
    /// A directory.
    Dir,
}

/// What containers may do to a mounted path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// Read it.
    #[default]
    ReadOnly,
    /// Read and write it.
    ReadWrite,
}

/// The values of a run's params, by name.
pub type Values = BTreeMap<String, ParamValue>;

/// A checked value.
#[derive(Debug, Clone, PartialEq)]
pub enum ParamValue {
    /// `string`, `path` and `choice`.
    Text(String),
    /// `int`; stands in text as it was written.
    Int {
        /// As written.
        text: String,
        /// The number.
        value: i64,
    },
    /// `float`; stands in text as it was written: `3.10` is another version than `3.1`.
    Float {
        /// As written.
        text: String,
        /// The number.
        value: f64,
    },
    /// `bool`.
    Bool(bool),
    /// `list`.
    List(Vec<String>),
    /// `duration`; stands in text as it was written.
    Duration {
        /// As written.
        text: String,
        /// The length.
        value: Duration,
    },
    /// `size`; stands in text as it was written.
    Size {
        /// As written.
        text: String,
        /// Bytes.
        bytes: u64,
    },
    /// `secret`.
    Secret(Secret),
}

/// Text that must not be shown: neither `Debug` nor `Display` reveals it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(***)")
    }
}
