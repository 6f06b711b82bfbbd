//! Collects the value that counts for each param.

use std::collections::HashMap;

use super::value::Raw;
use super::{Declared, Origin, ParamSources, Supplied};
use crate::file::nearest::{Nearest, list};
use crate::file::raw::RawDefault;
use crate::file::yaml::{self, Entries, Field};
use crate::file::{Code, Diagnostic, raw};
use crate::pipeline::{Param, ParamKind, Source, Span};

/// What each param is supplied, in the order of the pipeline's params.
pub(super) fn collect(
    declared: Declared<'_>,
    given: &ParamSources,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Option<Supplied>> {
    let known: HashMap<&str, usize> =
        declared.params.iter().enumerate().map(|(index, param)| (param.name.as_str(), index)).collect();
    let nearest = Nearest::default();
    let unknown = |name: &str| {
        let names = declared.params.iter().map(|param| param.name.as_str());
        if names.len() == 0 {
            return Some("this pipeline has no params".to_owned());
        }
        nearest.find(name, names.clone()).map_or_else(
            || Some(format!("its params are {}", list(names.take(25), "and"))),
            |near| Some(format!("did you mean `{near}`?")),
        )
    };
    let mut supplied: Vec<Option<Supplied>> = declared
        .params
        .iter()
        .map(|param| from_env(param, given, problems).or_else(|| asked(param, given)))
        .collect();

    if let Some(source) = &given.file {
        let (source, entries) = from_file(source, declared, problems);
        for (name, at, value) in entries {
            match known.get(name.as_str()).and_then(|index| supplied.get_mut(*index)) {
                Some(slot) => *slot = Some(value),
                None => {
                    let message = format!("there is no param `{name}`");
                    problems.push(
                        Diagnostic::at(Code::UnknownParam, &source, at, message).maybe_help(unknown(&name)),
                    );
                }
            }
        }
    }
    for (name, text) in &given.cli {
        match known.get(name.as_str()).and_then(|index| supplied.get_mut(*index)) {
            Some(slot) => {
                *slot = Some(Supplied { raw: Raw::Text(text.clone()), origin: Origin::CommandLine })
            }
            None => {
                let message = format!("`-p {name}=…`: there is no param `{name}`");
                let help = match name.contains('.') {
                    true => Some(
                        "`-p` gives params of the top file only; those of a file that it uses are given by `with`".into(),
                    ),
                    false => unknown(name),
                };
                problems.push(Diagnostic::nowhere(Code::UnknownParam, message).maybe_help(help));
            }
        }
    }
    supplied
}

fn from_env(param: &Param, given: &ParamSources, problems: &mut Vec<Diagnostic>) -> Option<Supplied> {
    let name = param.env.as_ref()?;
    if given.facts.not_text.contains(name) {
        let message = format!("param `{}`: the environment variable {name} is not UTF-8 text", param.name);
        problems.push(Diagnostic::nowhere(Code::BadValue, message).help("set it to text, or unset it"));
        return None;
    }
    let text = given.facts.env.get(name)?;
    Some(Supplied { raw: Raw::Text(text.clone()), origin: Origin::Env(name.clone()) })
}

fn asked(param: &Param, given: &ParamSources) -> Option<Supplied> {
    let secret = given.asked.get(&param.name)?;
    Some(Supplied { raw: Raw::Text(secret.reveal().to_owned()), origin: Origin::Asked })
}

/// The entries of a params file: names, with the places of the keys, and values. The file itself is as
/// messages may show it.
fn from_file(
    source: &Source,
    declared: Declared<'_>,
    problems: &mut Vec<Diagnostic>,
) -> (Source, Vec<(String, Span, Supplied)>) {
    let Some(root) = yaml::parse(source, problems) else {
        return (source.clone(), Vec::new());
    };
    let mut found = Vec::new();
    let entries: Field<Entries<RawDefault>> = yaml::read(&root, source, raw::EXAMPLES, &mut found);
    let entries = entries.into_value().unwrap_or_default();
    let source = &without_secrets(source, &entries, declared);
    found.iter_mut().for_each(|problem| problem.source = Some(source.clone()));
    problems.append(&mut found);
    let tell = |(name, value): (Field<String>, Field<RawDefault>)| {
        let (raw, at) = value.get()?;
        let raw = match raw {
            RawDefault::Single(literal) => Raw::Text(literal.text.clone()),
            RawDefault::List(items) => Raw::List(items.iter().filter_map(Field::value).cloned().collect()),
        };
        let (name, key) = name.get()?;
        Some((name.clone(), key, Supplied { raw, origin: Origin::File(source.clone(), at) }))
    };
    (source.clone(), entries.0.into_iter().filter_map(tell).collect())
}

/// The file with asterisks in place of secrets, and of values for params that are not known: messages show
/// its lines.
fn without_secrets(source: &Source, entries: &Entries<RawDefault>, declared: Declared<'_>) -> Source {
    let is_open = |name: &String| {
        declared.params.iter().any(|param| param.name == *name && param.kind != ParamKind::Secret)
    };
    let mut text = source.text().to_owned();
    for (name, value) in &entries.0 {
        let Some(at) = value.at().filter(|_| !name.value().is_some_and(is_open)) else { continue };
        let hidden: String = source
            .slice(at)
            .chars()
            .map(|c| if c == '\n' { "\n".to_owned() } else { "*".repeat(c.len_utf8()) })
            .collect();
        if let Some(end) = at.start.checked_add(hidden.len()).filter(|end| *end <= text.len()) {
            text.replace_range(at.start..end, &hidden);
        }
    }
    Source::new(source.path(), text)
}
