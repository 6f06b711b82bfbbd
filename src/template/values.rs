//! Values as minijinja sees them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Value, ValueKind};

use super::number::{Number, whole_value};
use crate::pipeline::{InputPlaces, MatrixValue, Member, ParamValue, Step, Values};

/// What a secret is while a script is rendered: it has no text.
#[derive(Debug)]
pub(super) struct Hidden;

impl Object for Hidden {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

/// The names of a template: those of the run, `step`, `steps`, `inputs` and `matrix`.
#[derive(Debug)]
pub(super) struct Bindings {
    pub(super) run: Arc<BTreeMap<String, Value>>,
    pub(super) step: Option<Value>,
    pub(super) steps: Option<Value>,
    pub(super) inputs: Option<Value>,
    pub(super) matrix: Option<Value>,
}

impl Object for Bindings {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        let own = match name {
            "step" => self.step.as_ref(),
            "steps" => self.steps.as_ref(),
            "inputs" => self.inputs.as_ref(),
            "matrix" => self.matrix.as_ref(),
            _ => None,
        };
        // A param may bear the name of anything but `params`.
        self.run.get(name).or(own).cloned()
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
        ParamValue::Secret(_) => Value::from_object(Hidden),
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
pub(super) fn inputs(step: &Step) -> Value {
    let mut paths: BTreeMap<String, Value> = BTreeMap::new();
    for (name, places) in step.input_places() {
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
