//! A value against its param's type.

use std::path::Path;

use bytesize::ByteSize;
use regex::Regex;

use crate::file::nearest::{Nearest, list};
use crate::file::paths::unexpanded;
use crate::file::words::{self, ValueError};
use crate::file::yaml::{self, Value};
use crate::pipeline::{Exists, ParamKind, ParamValue, Secret, Source};

/// A value before it is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::file) enum Raw {
    /// A single value, as text.
    Text(String),
    /// A YAML list of texts.
    List(Vec<String>),
}

/// Checks a value against a type.
pub(in crate::file) fn check(kind: &ParamKind, raw: &Raw) -> Result<ParamValue, ValueError> {
    match (kind, raw) {
        (ParamKind::List, Raw::List(items)) => Ok(ParamValue::List(items.clone())),
        (_, Raw::List(_)) => Err(ValueError::new("a list is given, but it takes a single value")),
        (_, Raw::Text(text)) => check_text(kind, text),
    }
}

fn check_text(kind: &ParamKind, text: &str) -> Result<ParamValue, ValueError> {
    match kind {
        ParamKind::String { pattern } => matching(pattern.as_deref(), text),
        ParamKind::Int { min, max } => int(text, *min, *max),
        ParamKind::Float { min, max } => float(text, *min, *max),
        ParamKind::Bool => boolean(text),
        ParamKind::Path { .. } if text.is_empty() => Err(ValueError::new("a path cannot be empty")),
        ParamKind::Path { exists: _, access: _ } => match unexpanded(text) {
            None => Ok(ParamValue::Text(path(text))),
            Some(error) => Err(error),
        },
        ParamKind::Choice { choices } => choice(text, choices),
        ParamKind::List => items(text),
        ParamKind::Duration => {
            Ok(ParamValue::Duration { text: text.trim().to_owned(), value: words::duration(text)? })
        }
        ParamKind::Size => size(text),
        ParamKind::Secret => Ok(ParamValue::Secret(Secret::new(text))),
    }
}

/// A path that no program takes for an option; `-` alone stands for a standard stream and is none.
fn path(text: &str) -> String {
    match text.strip_prefix('-') {
        Some(rest) if !rest.is_empty() => format!("./{text}"),
        _ => text.to_owned(),
    }
}

/// A regular expression for a whole text.
pub(in crate::file) fn whole(pattern: &str) -> Result<Regex, regex::Error> {
    // The pattern by itself first: `a)(b` must not become right by the brackets around it.
    Regex::new(pattern)?;
    Regex::new(&format!(r"\A(?:{pattern})\z"))
}

fn matching(pattern: Option<&str>, text: &str) -> Result<ParamValue, ValueError> {
    if let Some(pattern) = pattern
        && !whole(pattern).is_ok_and(|regex| regex.is_match(text))
    {
        let error = ValueError::new(format!("{} does not match its pattern", words::shown(text)));
        return Err(error.help(format!("the whole text must match the regular expression `{pattern}`")));
    }
    Ok(ParamValue::Text(text.to_owned()))
}

fn int(text: &str, min: Option<i64>, max: Option<i64>) -> Result<ParamValue, ValueError> {
    let help = format!("it takes a whole number{}", range(min, max));
    let Ok(number) = text.trim().parse::<i64>() else {
        return Err(ValueError::new(format!("{} is not a whole number", words::shown(text))).help(help));
    };
    within(number, min, max, &help)?;
    Ok(ParamValue::Int { text: text.trim().to_owned(), value: number })
}

fn float(text: &str, min: Option<f64>, max: Option<f64>) -> Result<ParamValue, ValueError> {
    let help = format!("it takes a number{}", range(min, max));
    let Some(number) = text.trim().parse::<f64>().ok().filter(|number| number.is_finite()) else {
        return Err(ValueError::new(format!("{} is not a number", words::shown(text))).help(help));
    };
    within(number, min, max, &help)?;
    Ok(ParamValue::Float { text: text.trim().to_owned(), value: number })
}

fn within<N: PartialOrd + std::fmt::Display>(
    number: N,
    min: Option<N>,
    max: Option<N>,
    help: &str,
) -> Result<(), ValueError> {
    let error = match (min, max) {
        (Some(min), _) if number < min => format!("`{number}` is less than {min}"),
        (_, Some(max)) if number > max => format!("`{number}` is more than {max}"),
        _ => return Ok(()),
    };
    Err(ValueError::new(error).help(help))
}

/// ` from 1 to 9`
fn range<N: std::fmt::Display>(min: Option<N>, max: Option<N>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!(" from {min} to {max}"),
        (Some(min), None) => format!(", {min} or more"),
        (None, Some(max)) => format!(", {max} or less"),
        (None, None) => String::new(),
    }
}

fn boolean(text: &str) -> Result<ParamValue, ValueError> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(ParamValue::Bool(true)),
        "false" | "no" | "off" | "0" => Ok(ParamValue::Bool(false)),
        _ => {
            let error = ValueError::new(format!("{} is neither true nor false", words::shown(text)));
            Err(error.help("write `true` or `false`; `yes`, `no`, `on`, `off`, `1` and `0` will do as well"))
        }
    }
}

fn choice(text: &str, choices: &[String]) -> Result<ParamValue, ValueError> {
    if choices.iter().any(|choice| choice == text) {
        return Ok(ParamValue::Text(text.to_owned()));
    }
    let names = || choices.iter().map(String::as_str);
    let known = format!("it takes {}", list(names(), "or"));
    let help = match Nearest::default().find(text, names()) {
        Some(near) => format!("{known}; did you mean `{near}`?"),
        None => known,
    };
    Err(ValueError::new(format!("{} is none of its choices", words::shown(text))).help(help))
}

fn items(text: &str) -> Result<ParamValue, ValueError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(ParamValue::List(Vec::new()));
    }
    if !text.starts_with('[') {
        return Ok(ParamValue::List(text.split(',').map(|item| item.trim().to_owned()).collect()));
    }
    let source = Source::new("list", text);
    let error = || {
        let error = ValueError::new(format!("{} is not a list", words::shown(text)));
        error.help("write it like `a, b`, or like `[a, \"b, c\"]` if an entry has a comma in it")
    };
    let Some(Value::Seq(nodes)) = yaml::parse(&source, &mut Vec::new()).map(|root| root.value) else {
        return Err(error());
    };
    let item = |node: yaml::Node<'_>| match node.value {
        Value::Scalar(scalar) => Ok(scalar.text.into_owned()),
        _ => Err(error()),
    };
    nodes.into_iter().map(item).collect::<Result<_, _>>().map(ParamValue::List)
}

fn size(text: &str) -> Result<ParamValue, ValueError> {
    match text.trim().parse::<ByteSize>() {
        Ok(ByteSize(bytes)) => Ok(ParamValue::Size { text: text.trim().to_owned(), bytes }),
        Err(_) => {
            let what = match words::duration(text) {
                Ok(_) => "is a length of time, not a size",
                Err(_) => "is not a size",
            };
            let error = ValueError::new(format!("{} {what}", words::shown(text)));
            Err(error.help("write it like `256MiB` or `1.5GB`; a bare number is in bytes"))
        }
    }
}

/// Whether something of the kind wanted is at a path. `shown` is the path as it was given.
pub(in crate::file) fn exists(wanted: Exists, path: &Path, shown: &str) -> Result<(), ValueError> {
    let shown = words::shown(shown);
    let Ok(found) = std::fs::metadata(path) else {
        return Err(ValueError::new(format!("there is nothing at {shown}")).help(match wanted {
            Exists::Any => "it takes a path that exists",
            Exists::File => "it takes the path of a file that exists",
            Exists::Dir => "it takes the path of a folder that exists",
        }));
    };
    match wanted {
        Exists::File if found.is_dir() => Err(ValueError::new(format!("{shown} is a folder, not a file"))),
        Exists::Dir if !found.is_dir() => Err(ValueError::new(format!("{shown} is a file, not a folder"))),
        _ => Ok(()),
    }
}
