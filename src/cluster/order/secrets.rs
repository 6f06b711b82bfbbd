//! The secrets of a run, which travel beside its orders and never in them.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;

use crate::pipeline::{CallId, ParamValue, Pipeline, Secret};
use crate::runner::Job;
use crate::template::TemplateRenderer;

/// The key of fingerprints among the secrets.
const FINGERPRINT: &str = "key";

/// Secrets by key. A key consists of letters, digits, `-`, `_` and `.`, as those of a Kubernetes Secret do:
///
/// | key | what it is |
/// |---|---|
/// | `param.NAME` | the value of a secret param of the top file |
/// | `env.NAME` | a variable that a text names and that a secret param takes as well |
/// | `call.N.param.NAME`, `call.N.env.NAME` | the same for the file of the Nth call, from 0 |
/// | `key` | the key of fingerprints, in hexadecimal digits |
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OrderSecrets(BTreeMap<String, Secret>);

impl fmt::Debug for OrderSecrets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.0.keys()).finish()
    }
}

impl OrderSecrets {
    /// Returns the secrets of a run: the same for all its orders.
    pub fn of(job: &Job) -> Self {
        Self::from(&job.pipeline, &job.templates, &job.place.key)
    }

    /// Returns the same of a run that has no job yet. `fingerprints` is the key of its fingerprints.
    pub fn from(pipeline: &Pipeline, templates: &TemplateRenderer, fingerprints: &[u8]) -> Self {
        let mut all = BTreeMap::new();
        let calls = (0..pipeline.calls.len()).map(|call| Some(CallId::new(call)));
        for call in std::iter::once(None).chain(calls) {
            for (name, value) in templates.values_in(call) {
                if let ParamValue::Secret(secret) = value {
                    all.insert(key(call, "param", name), secret.clone());
                }
            }
            for name in super::write::secret_variables(pipeline, templates, call) {
                if let Some(value) = templates.variable(call, &name) {
                    all.insert(key(call, "env", &name), Secret::new(value));
                }
            }
        }
        let hex: String = fingerprints.iter().map(|byte| format!("{byte:02x}")).collect();
        all.insert(FINGERPRINT.to_owned(), Secret::new(hex));
        Self(all)
    }

    /// Returns each key with its secret.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.0.iter().map(|(key, secret)| (key.as_str(), secret))
    }

    /// Reads a folder with a file for each key, as a volume of a Kubernetes Secret is one. What begins with two dots is
    /// the volume's own.
    ///
    /// # Errors
    /// The folder or a file cannot be read, or a file is not text.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut all = BTreeMap::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if !name.starts_with("..") && entry.path().is_file() {
                all.insert(name, Secret::new(std::fs::read_to_string(entry.path())?));
            }
        }
        Ok(Self(all))
    }

    /// Returns a secret param of a call's file, or of the top file.
    pub(super) fn param(&self, call: Option<CallId>, name: &str) -> Result<Secret, super::OrderError> {
        self.find(key(call, "param", name))
    }

    /// Returns a variable that a call's file, or the top file, names.
    pub(super) fn variable(&self, call: Option<CallId>, name: &str) -> Result<Secret, super::OrderError> {
        self.find(key(call, "env", name))
    }

    fn find(&self, key: String) -> Result<Secret, super::OrderError> {
        self.0.get(&key).cloned().ok_or(super::OrderError::Secret(key))
    }

    /// Returns the key of fingerprints; an empty one if there is none.
    pub(super) fn fingerprint_key(&self) -> Vec<u8> {
        let hex = self.0.get(FINGERPRINT).map(Secret::reveal).unwrap_or_default();
        let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or_default());
        pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
    }
}

fn key(call: Option<CallId>, kind: &str, name: &str) -> String {
    match call {
        Some(call) => format!("call.{}.{kind}.{name}", call.index()),
        None => format!("{kind}.{name}"),
    }
}
