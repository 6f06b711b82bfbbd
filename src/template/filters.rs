//! The filters and functions that the template language has beside the engine's own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use minijinja::value::Value;
use minijinja::{Environment, Error};
use sha2::{Digest, Sha256};

use super::escape::{problem, text};
use crate::pipeline::{ParamValue, Values};

/// How `now()` and `run.started_at` write a time unless told otherwise.
const TIME_FORMAT: &str = "%Y-%m-%dT%H:%M:%S%:z";

/// Registers the filters. The lengths and sizes of params are known by their text, so that a text means here what it
/// means to the param.
pub(super) fn register(engine: &mut Environment<'_>, values: &Values) {
    // Left out: what makes HTML of a value, and what shows the engine's inside.
    for name in ["safe", "escape", "e", "pprint", "attr"] {
        engine.remove_filter(name);
    }
    engine.remove_global("debug");

    engine.add_filter("raw", |value: Value| value);
    engine.add_filter("basename", |path: Value| part(&path, |path| path.file_name()));
    engine.add_filter("stem", |path: Value| part(&path, |path| path.file_stem()));
    engine.add_filter("extension", |path: Value| part(&path, |path| path.extension()));
    engine.add_filter("dirname", |path: Value| dirname(&path));
    engine.add_filter("sha256", |value: Value| Ok::<_, Error>(sha256(&text(&value)?)));

    let (mut sizes, mut lengths) = (BTreeMap::new(), BTreeMap::new());
    for value in values.values() {
        match value {
            ParamValue::Size { text, bytes } => drop(sizes.insert(text.clone(), *bytes)),
            ParamValue::Duration { text, value } => drop(lengths.insert(text.clone(), *value)),
            _ => {}
        }
    }
    let more_sizes = sizes.clone();
    engine.add_filter("bytes", move |value: Value| bytes(&value, &sizes));
    engine.add_filter("human_size", move |value: Value| {
        bytes(&value, &more_sizes).map(|bytes| bytesize::ByteSize(bytes).display().iec().to_string())
    });
    engine.add_filter("seconds", move |value: Value| {
        let text = text(&value)?;
        let length = match lengths.get(&text) {
            Some(length) => *length,
            None => humantime::parse_duration(&text).map_err(|_| {
                problem(format!("`{text}` is not a length of time"), "write it like `1h 30m`")
            })?,
        };
        Ok::<_, Error>(match length.subsec_nanos() {
            0 => Value::from(length.as_secs()),
            _ => Value::from(length.as_secs_f64()),
        })
    });
}

/// Registers `now(format)`: the run's own clock, so that it says the same in every step.
pub(super) fn register_now(engine: &mut Environment<'_>, time: jiff::Zoned) {
    engine.add_function("now", move |format: Option<String>| {
        let format = format.as_deref().unwrap_or(TIME_FORMAT);
        jiff::fmt::strtime::format(format, &time).map_err(|_| {
            problem(format!("`{format}` is not a format of times"), "write it like `%Y-%m-%d` or `%H:%M:%S`")
        })
    });
}

/// A time as `run.started_at` shows it.
pub(super) fn time(time: &jiff::Zoned) -> String {
    jiff::fmt::strtime::format(TIME_FORMAT, time).unwrap_or_default()
}

fn part(path: &Value, part: impl Fn(&Path) -> Option<&std::ffi::OsStr>) -> Result<String, Error> {
    let path = text(path)?;
    Ok(part(Path::new(&path)).and_then(|part| part.to_str()).unwrap_or_default().to_owned())
}

/// As the program `dirname`: `.` for a name alone, `/` for the root.
fn dirname(path: &Value) -> Result<String, Error> {
    let path = text(path)?;
    let parent = match Path::new(&path).parent().and_then(Path::to_str) {
        None if path.starts_with('/') => "/",
        None | Some("") => ".",
        Some(parent) => parent,
    };
    Ok(parent.to_owned())
}

fn sha256(text: &str) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn bytes(value: &Value, known: &BTreeMap<String, u64>) -> Result<u64, Error> {
    let text = text(value)?;
    match known.get(&text) {
        Some(bytes) => Ok(*bytes),
        None => text
            .parse::<bytesize::ByteSize>()
            .map(|size| size.as_u64())
            .map_err(|_| problem(format!("`{text}` is not a size"), "write it like `256MiB`")),
    }
}
