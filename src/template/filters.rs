//! The filters and functions that the template language has beside minijinja's own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use minijinja::value::Value;
use minijinja::{Environment, Error, State};
use sha2::{Digest, Sha256};

use super::bounds;
use super::escape::text;
use super::json::to_json;
use super::problem::problem;
use crate::pipeline::{ParamValue, Values};

/// The default format of `now()` and `run.started_at`.
const TIME_FORMAT: &str = "%Y-%m-%dT%H:%M:%S%:z";

/// Registers the filters. The lengths and sizes of params are known by their text, so that a text means here
/// what it means to the param.
pub(super) fn register(jinja: &mut Environment<'_>, values: &Values) {
    // Left out: what makes HTML of a value, and what shows minijinja's inside.
    for name in ["safe", "escape", "e", "pprint", "attr"] {
        jinja.remove_filter(name);
    }
    jinja.remove_global("debug");

    jinja.add_filter("raw", |value: Value| value);
    jinja.add_filter("tojson", to_json);
    jinja.add_filter("basename", |state: &State<'_, '_>, path: Value| {
        part(&paid(state, &path)?, |path| path.file_name())
    });
    jinja.add_filter("stem", |state: &State<'_, '_>, path: Value| {
        part(&paid(state, &path)?, |path| path.file_stem())
    });
    jinja.add_filter("extension", |state: &State<'_, '_>, path: Value| {
        part(&paid(state, &path)?, |path| path.extension())
    });
    jinja.add_filter("dirname", |state: &State<'_, '_>, path: Value| {
        Ok::<_, Error>(dirname(&paid(state, &path)?))
    });
    jinja.add_filter("sha256", |state: &State<'_, '_>, value: Value| {
        Ok::<_, Error>(sha256(&paid(state, &value)?))
    });

    let (mut sizes, mut lengths) = (BTreeMap::new(), BTreeMap::new());
    for value in values.values() {
        match value {
            ParamValue::Size { text, bytes } => drop(sizes.insert(text.clone(), *bytes)),
            ParamValue::Duration { text, value } => drop(lengths.insert(text.clone(), *value)),
            _ => {}
        }
    }
    let more_sizes = sizes.clone();
    jinja
        .add_filter("bytes", move |state: &State<'_, '_>, value: Value| bytes(&paid(state, &value)?, &sizes));
    jinja.add_filter("human_size", move |state: &State<'_, '_>, value: Value| {
        bytes(&paid(state, &value)?, &more_sizes)
            .map(|bytes| bytesize::ByteSize(bytes).display().iec().to_string())
    });
    jinja.add_filter("seconds", move |state: &State<'_, '_>, value: Value| {
        let text = paid(state, &value)?;
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
pub(super) fn register_now(jinja: &mut Environment<'_>, time: jiff::Zoned) {
    jinja.add_function("now", move |format: Option<String>| {
        let format = format.as_deref().unwrap_or(TIME_FORMAT);
        bounds::check_time_format(format)?;
        jiff::fmt::strtime::format(format, &time).map_err(|_| {
            problem(format!("`{format}` is not a format of times"), "write it like `%Y-%m-%d` or `%H:%M:%S`")
        })
    });
}

/// Returns a time as `run.started_at` shows it.
pub(super) fn time(time: &jiff::Zoned) -> String {
    jiff::fmt::strtime::format(TIME_FORMAT, time).unwrap_or_default()
}

/// Returns the text of a value, which the budget pays for: a filter reads all of it, however short its result
/// is.
fn paid(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    let text = text(value)?;
    state.consume_fuel(text.len() as u64)?;
    Ok(text)
}

fn part(path: &str, part: impl Fn(&Path) -> Option<&std::ffi::OsStr>) -> Result<String, Error> {
    Ok(part(Path::new(path)).and_then(|part| part.to_str()).unwrap_or_default().to_owned())
}

/// As the program `dirname`: `.` for a name alone, `/` for the root.
fn dirname(path: &str) -> String {
    let parent = match Path::new(path).parent().and_then(Path::to_str) {
        None if path.starts_with('/') => "/",
        None | Some("") => ".",
        Some(parent) => parent,
    };
    parent.to_owned()
}

fn sha256(text: &str) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn bytes(text: &str, known: &BTreeMap<String, u64>) -> Result<u64, Error> {
    match known.get(text) {
        Some(bytes) => Ok(*bytes),
        None => text
            .parse::<bytesize::ByteSize>()
            .map(|size| size.as_u64())
            .map_err(|_| problem(format!("`{text}` is not a size"), "write it like `256MiB`")),
    }
}
