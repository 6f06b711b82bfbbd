//! How much there is in a value. A list may hold another one twice, and so double with every name that it is
//! given: what goes through all of a value pays for each part of it, and goes only so deep.

use std::collections::BTreeMap;

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, State};

use super::problem::problem;

/// Lists and mappings inside each other beyond this are refused: what goes through a value calls itself for
/// each.
const DEEPEST: usize = 100;
/// Bytes that are paid for like one step of minijinja, as minijinja has it.
pub(super) const BYTES: usize = 64;

/// How far inside of a value something is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Depth(usize);

impl Depth {
    /// Outside.
    pub(super) const TOP: Self = Self(0);

    /// One list or mapping further in.
    pub(super) fn inner(self) -> Result<Self, Error> {
        if self.0 == DEEPEST {
            let what = format!("this value is nested too deeply: more than {DEEPEST} lists in each other");
            return Err(problem(what, "pick a part of it, or let the script do it"));
        }
        Ok(Self(self.0 + 1))
    }

    /// So much for each step inwards.
    pub(super) fn times(self, each: usize) -> usize {
        self.0.saturating_mul(each)
    }
}

/// Pays for so many bytes before they are made.
pub(super) fn pay_bytes(state: &State<'_, '_>, bytes: usize) -> Result<(), Error> {
    // More than any budget, and not so much that minijinja would count backwards.
    state.consume_fuel((bytes / BYTES).min(u32::MAX as usize) as u64)
}

/// Returns the items of a list, which are paid for.
pub(super) fn items(state: &State<'_, '_>, list: &Value) -> Result<Vec<Value>, Error> {
    let paid = |item| state.consume_fuel(1).map(|()| item);
    list.try_iter()?.map(paid).collect()
}

/// Returns the keys of a mapping with their values, which are paid for; none where it does not report them.
pub(super) fn entries(state: &State<'_, '_>, map: &Value) -> Result<Vec<(Value, Value)>, Error> {
    let Ok(keys) = map.try_iter() else { return Ok(Vec::new()) };
    let entry = |key: Value| {
        state.consume_fuel(1)?;
        map.get_item(&key).map(|value| (key, value))
    };
    keys.map(entry).collect()
}

/// Pays for all parts of a value before minijinja goes through them.
pub(super) fn pay(state: &State<'_, '_>, value: &Value, depth: Depth) -> Result<(), Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            let inner = depth.inner()?;
            items(state, value)?.iter().try_for_each(|item| pay(state, item, inner))
        }
        ValueKind::Map => {
            let inner = depth.inner()?;
            entries(state, value)?.iter().try_for_each(|(_, value)| pay(state, value, inner))
        }
        _ => Ok(()),
    }
}

/// Returns a value that gets a name. Its parts are paid for, so that no name stands for more than the budget
/// has.
pub(super) fn named(state: &State<'_, '_>, value: &Value) -> Result<Value, Error> {
    if is_changeable(value) { Ok(value.clone()) } else { held(state, value) }
}

/// Returns a value that something else holds on to, such as a namespace. One that can change later could come
/// to hold its holder.
pub(super) fn held(state: &State<'_, '_>, value: &Value) -> Result<Value, Error> {
    Ok(settled(state, value, Depth::TOP)?.unwrap_or_else(|| value.clone()))
}

/// Returns a list or a mapping that stands for several, as one of its own.
pub(super) fn plain(state: &State<'_, '_>, value: &Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => items(state, value).map(Value::from),
        ValueKind::Map => Ok(mapping(entries(state, value)?)),
        _ => Ok(value.clone()),
    }
}

/// Returns a value without what minijinja would work out later, which keeps all that it was made of; nothing
/// if it is that already.
fn settled(state: &State<'_, '_>, value: &Value, depth: Depth) -> Result<Option<Value>, Error> {
    let settle = |parts: &mut dyn Iterator<Item = &mut Value>| -> Result<bool, Error> {
        let (inner, mut changed) = (depth.inner()?, false);
        for part in parts {
            if let Some(settled) = settled(state, part, inner)? {
                (*part, changed) = (settled, true);
            }
        }
        Ok(changed)
    };
    match value.kind() {
        // A list of its own would not know `grouper`. What is in it is settled already.
        ValueKind::Seq if is_one_of(value, &["::GroupTuple"]) => pay(state, value, depth).map(|()| None),
        ValueKind::Seq | ValueKind::Iterable => {
            let mut items = items(state, value)?;
            let changed = settle(&mut items.iter_mut())?;
            Ok((changed || value.kind() == ValueKind::Iterable).then(|| Value::from(items)))
        }
        ValueKind::Map if is_changeable(value) => Err(problem(
            "a namespace or `loop` can have a name, and cannot be a part of another value",
            "name what is in it",
        )),
        ValueKind::Map => {
            let mut entries = entries(state, value)?;
            let changed = settle(&mut entries.iter_mut().map(|(_, value)| value))?;
            Ok(changed.then(|| mapping(entries)))
        }
        _ => Ok(None),
    }
}

fn mapping(entries: Vec<(Value, Value)>) -> Value {
    Value::from_object(entries.into_iter().collect::<BTreeMap<Value, Value>>())
}

/// Returns whether a value is a namespace or a `loop`, of which every name sees the changes.
fn is_changeable(value: &Value) -> bool {
    is_one_of(value, &["::Namespace", "::Loop"])
}

/// Returns whether a value is of one of these types of minijinja, which are known by their names alone.
fn is_one_of(value: &Value, types: &[&str]) -> bool {
    let name = value.as_object().map(|object| object.type_name());
    name.is_some_and(|name| name.starts_with("minijinja::") && types.iter().any(|end| name.ends_with(end)))
}
