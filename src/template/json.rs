//! `tojson`: minijinja's JSON, in which numbers keep their spelling.

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Error, State, filters};

use super::escape::text;
use super::number::Number;
use super::senses::bare;
use super::weight::{self, Depth};

/// Writes a value as JSON on one line, or over several with this indent.
pub(super) fn to_json(
    state: &State<'_, '_>,
    value: &Value,
    indent: Option<Value>,
    options: Kwargs,
) -> Result<Value, Error> {
    let indent = match indent {
        Some(indent) => Some(indent),
        None => options.get("indent")?,
    };
    options.assert_all_used()?;
    let indent = match indent.map(|indent| bare(state, &indent)).transpose()? {
        None => None,
        Some(indent) => match bool::try_from(indent.clone()) {
            Ok(true) => Some(2),
            Ok(false) => None,
            Err(_) => Some(usize::try_from(indent)?),
        },
    };
    let mut writer = Writer { state, out: String::new(), paid: 0, indent };
    writer.value(value, Depth::TOP)?;
    Ok(Value::from_safe_string(writer.out))
}

struct Writer<'a> {
    state: &'a State<'a, 'a>,
    out: String,
    /// How much of it is paid for.
    paid: usize,
    indent: Option<usize>,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, depth: Depth) -> Result<(), Error> {
        if let Some(number) = Number::of(value) {
            self.out.push_str(&number.json());
            return Ok(());
        }
        match value.kind() {
            ValueKind::Seq | ValueKind::Iterable => {
                let items = weight::items(self.state, value)?;
                self.parts(['[', ']'], items.into_iter().map(|item| (None, item)), depth)
            }
            ValueKind::Map => {
                let entries = weight::entries(self.state, value)?;
                self.parts(['{', '}'], entries.into_iter().map(|(key, value)| (Some(key), value)), depth)
            }
            _ => self.single(value),
        }
    }

    /// A value without parts, as minijinja writes it.
    fn single(&mut self, value: &Value) -> Result<(), Error> {
        let json = filters::tojson(value, None, Kwargs::from_iter::<[(&str, Value); 0]>([]))?;
        self.out.push_str(json.as_str().unwrap_or_default());
        self.pay(0)
    }

    fn parts(
        &mut self,
        [open, close]: [char; 2],
        parts: impl ExactSizeIterator<Item = (Option<Value>, Value)>,
        depth: Depth,
    ) -> Result<(), Error> {
        let inner = depth.inner()?;
        let is_empty = parts.len() == 0;
        self.out.push(open);
        for (at, (key, value)) in parts.enumerate() {
            if at > 0 {
                self.out.push_str(if self.indent.is_some() { "," } else { ", " });
            }
            self.new_line(inner)?;
            if let Some(key) = key {
                self.single(&Value::from(text(&key)?))?;
                self.out.push_str(": ");
            }
            self.value(&value, inner)?;
        }
        if !is_empty {
            self.new_line(depth)?;
        }
        self.out.push(close);
        Ok(())
    }

    fn new_line(&mut self, depth: Depth) -> Result<(), Error> {
        let Some(indent) = self.indent else { return Ok(()) };
        let spaces = depth.times(indent);
        self.pay(spaces)?;
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(' ', spaces));
        Ok(())
    }

    /// Pays for what has been written, and for so many bytes that come next.
    fn pay(&mut self, next: usize) -> Result<(), Error> {
        let unpaid = (self.out.len() - self.paid).saturating_add(next);
        self.paid = self.out.len();
        weight::pay_bytes(self.state, unpaid)
    }
}
