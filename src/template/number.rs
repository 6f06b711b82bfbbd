//! Numbers that remember how they were written: `3.10` is another version than `3.1`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{DynObject, Object, ObjectRepr, Value};

/// A number as it was written. Where minijinja computes it stands for its value, everywhere else for its
/// text.
#[derive(Debug)]
pub(super) struct Number {
    text: String,
    value: Value,
}

impl Number {
    /// Takes a number with its text.
    pub(super) fn new(text: impl Into<String>, value: Value) -> Self {
        Self { text: text.into(), value }
    }

    /// Reads a number, exactly where it is whole.
    pub(super) fn read(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != '_').collect();
        let value = match digits.parse::<i128>() {
            Ok(whole) => whole_value(whole),
            Err(_) => Value::from(digits.parse::<f64>().ok().filter(|number| number.is_finite())?),
        };
        Some(Self::new(digits, value))
    }

    /// Returns the number that a value is, if it was written somewhere.
    pub(super) fn of(value: &Value) -> Option<&Self> {
        value.downcast_object_ref()
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Returns what minijinja computes with.
    pub(super) fn value(&self) -> Value {
        self.value.clone()
    }

    /// Returns the number as JSON, which has no leading zeros and no plus.
    pub(super) fn json(&self) -> String {
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&self.text).is_ok();
        if is_json { self.text.clone() } else { self.value.to_string() }
    }
}

/// Returns a whole number in minijinja's smallest size.
pub(super) fn whole_value(whole: i128) -> Value {
    i64::try_from(whole).map_or_else(|_| Value::from(whole), Value::from)
}

impl Object for Number {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.value.is_true()
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        other.downcast_ref::<Self>().map(|other| self.value.cmp(&other.value))
    }

    fn render(self: &Arc<Self>, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}
