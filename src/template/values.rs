//! Values as the template engine sees them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};

use crate::pipeline::{ParamValue, Values};

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

/// The names of a template: those of the run, `step`, `steps` and `inputs`.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) run: Arc<BTreeMap<String, Value>>,
    pub(super) step: Option<Value>,
    pub(super) steps: Option<Value>,
    pub(super) inputs: Option<Value>,
}

impl Object for Scope {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        let own = match name {
            "step" => self.step.as_ref(),
            "steps" => self.steps.as_ref(),
            "inputs" => self.inputs.as_ref(),
            _ => None,
        };
        // A param may bear the name of anything but `params`.
        self.run.get(name).or(own).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}

/// The params as values, secrets hidden or not.
pub(super) fn params(values: &Values, reveal: bool) -> BTreeMap<String, Value> {
    values.iter().map(|(name, value)| (name.clone(), param(value, reveal))).collect()
}

fn param(value: &ParamValue, reveal: bool) -> Value {
    match value {
        ParamValue::Text(text) | ParamValue::Duration { text, .. } | ParamValue::Size { text, .. } => {
            Value::from(text.as_str())
        }
        ParamValue::Int(int) => Value::from(*int),
        ParamValue::Float(float) => Value::from(*float),
        ParamValue::Bool(bool) => Value::from(*bool),
        ParamValue::List(items) => items.iter().map(String::as_str).collect(),
        ParamValue::Secret(secret) if reveal => Value::from(secret.reveal()),
        ParamValue::Secret(_) => Value::from_object(Hidden),
    }
}
