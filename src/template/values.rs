//! Values as minijinja sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Value, ValueKind};

use super::number::{Number, whole_value};
use super::status::{self, Asked};
use crate::pipeline::{InputPlaces, MatrixValue, Member, ParamValue, Step, StreamId, Values};

/// What a secret is while a text is rendered: it has none of its own.
#[derive(Debug)]
pub(super) struct Hidden {
    /// All that may be known of it.
    pub(super) is_empty: bool,
}

impl Object for Hidden {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

/// The names of a template: those of the run, `step`, `steps`, `services`, `inputs`, `matrix`, and functions about what it asks.
#[derive(Debug)]
pub(super) struct Bindings {
    pub(super) run: Arc<BTreeMap<String, Value>>,
    /// `run`, where a text asks how the run has ended.
    pub(super) ended: Option<Value>,
    pub(super) step: Option<Value>,
    pub(super) steps: Option<Value>,
    pub(super) services: Option<Value>,
    pub(super) inputs: Option<Value>,
    pub(super) matrix: Option<Value>,
    pub(super) asked: Option<Asked>,
}

impl Object for Bindings {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        if let ("run", Some(ended)) = (name, &self.ended) {
            return Some(ended.clone());
        }
        // A param may bear the name of anything but `params`.
        self.run.get(name).cloned().or_else(|| match name {
            "step" => self.step.clone(),
            "steps" => self.steps.clone(),
            "services" => self.services.clone(),
            "inputs" => self.inputs.clone(),
            "matrix" => self.matrix.clone(),
            name => status::function(name, self.asked.as_ref()?),
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}

/// Returns the params as values, secrets hidden or not.
pub(super) fn params(values: &Values, reveal: bool) -> BTreeMap<String, Value> {
    values.iter().map(|(name, value)| (name.clone(), param(value, reveal))).collect()
}

fn param(value: &ParamValue, reveal: bool) -> Value {
    match value {
        ParamValue::Text(text) | ParamValue::Duration { text, .. } | ParamValue::Size { text, .. } => {
            Value::from(text.as_str())
        }
        ParamValue::Int { text, value } => {
            Value::from_object(Number::new(text.as_str(), Value::from(*value)))
        }
        ParamValue::Float { text, value } => {
            Value::from_object(Number::new(text.as_str(), float(text, *value)))
        }
        ParamValue::Bool(bool) => Value::from(*bool),
        ParamValue::List(items) => items.iter().map(String::as_str).collect(),
        ParamValue::Secret(secret) if reveal => Value::from(secret.reveal()),
        ParamValue::Secret(secret) => Value::from_object(Hidden { is_empty: secret.reveal().is_empty() }),
    }
}

/// Returns the values of a combination, by axis.
pub(super) fn matrix(member: &Member) -> Value {
    let value = |value: &MatrixValue| match value {
        MatrixValue::Bool(bool) => Value::from(*bool),
        MatrixValue::Int { text, value } => {
            Value::from_object(Number::new(text.as_str(), Value::from(*value)))
        }
        MatrixValue::Text(text) => Value::from(text.as_str()),
        MatrixValue::Unknown => Value::from("?"),
    };
    let values = member.matrix.iter().map(|(axis, of)| (axis.clone(), value(of)));
    Value::from_object(values.collect::<BTreeMap<_, _>>())
}

/// Returns where a step finds what it reads, by name: a path, or the paths of all that it gathers.
pub(super) fn inputs(step: &Step, absent: Option<&BTreeSet<StreamId>>) -> Value {
    let mut paths: BTreeMap<String, Value> = BTreeMap::new();
    for (name, places) in step.input_places(|stream| !absent.is_some_and(|absent| absent.contains(&stream))) {
        let value = match places {
            InputPlaces::One(path) => Value::from(path),
            InputPlaces::Gathered(paths) => paths.into_iter().collect(),
        };
        paths.insert(name.to_owned(), value);
    }
    Value::from_object(paths)
}

/// Returns a float; a whole one that has more digits than a float can hold is kept exactly.
fn float(text: &str, value: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let exact = || text.parse::<i128>().ok().filter(|_| value.abs() > EXACT);
    exact().map_or_else(|| Value::from(value), whole_value)
}

/// Returns whether a value has no parts.
pub(super) fn is_simple(value: &Value) -> bool {
    !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable | ValueKind::Map)
}

/// Returns texts by their names, as a value.
pub(super) fn map(entries: impl IntoIterator<Item = (String, String)>) -> Value {
    Value::from_object(
        entries.into_iter().map(|(name, value)| (name, Value::from(value))).collect::<BTreeMap<_, _>>(),
    )
}
