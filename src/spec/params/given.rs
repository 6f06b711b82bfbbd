//! Which value counts for each param.

use std::collections::HashMap;

use super::value::Raw;
use super::{Given, Origin, Told};
use crate::pipeline::{Param, Pipeline, Source, Span};
use crate::spec::nearest::{Nearest, list};
use crate::spec::raw::RawDefault;
use crate::spec::yaml::{self, Entries, Field};
use crate::spec::{Code, Problem, raw};

/// What each param is told, in the order of the pipeline's params.
pub(super) fn collect(pipeline: &Pipeline, given: &Given, problems: &mut Vec<Problem>) -> Vec<Option<Told>> {
    let known: HashMap<&str, usize> =
        pipeline.params.iter().enumerate().map(|(index, param)| (param.name.as_str(), index)).collect();
    let nearest = Nearest::default();
    let unknown = |name: &str| {
        let names = pipeline.params.iter().map(|param| param.name.as_str());
        if names.len() == 0 {
            return Some("this pipeline has no params".to_owned());
        }
        nearest.find(name, names.clone()).map_or_else(
            || Some(format!("its params are {}", list(names.take(25), "and"))),
            |near| Some(format!("did you mean `{near}`?")),
        )
    };
    let mut told: Vec<Option<Told>> =
        pipeline.params.iter().map(|param| from_env(param, given, problems)).collect();

    if let Some(source) = &given.file {
        for (name, at, value) in from_file(source, problems) {
            match known.get(name.as_str()).and_then(|index| told.get_mut(*index)) {
                Some(slot) => *slot = Some(value),
                None => {
                    let message = format!("there is no param `{name}`");
                    problems.push(
                        Problem::at(Code::UnknownParam, source, at, message).maybe_help(unknown(&name)),
                    );
                }
            }
        }
    }
    for (name, text) in &given.cli {
        match known.get(name.as_str()).and_then(|index| told.get_mut(*index)) {
            Some(slot) => *slot = Some(Told { raw: Raw::Text(text.clone()), origin: Origin::CommandLine }),
            None => {
                let message = format!("`-p {name}=…`: there is no param `{name}`");
                problems.push(Problem::nowhere(Code::UnknownParam, message).maybe_help(unknown(name)));
            }
        }
    }
    told
}

fn from_env(param: &Param, given: &Given, problems: &mut Vec<Problem>) -> Option<Told> {
    let name = param.env.as_ref()?;
    if given.facts.not_text.contains(name) {
        let message = format!("param `{}`: the environment variable {name} is not UTF-8 text", param.name);
        problems.push(Problem::nowhere(Code::BadValue, message).help("set it to text, or unset it"));
        return None;
    }
    let text = given.facts.env.get(name)?;
    Some(Told { raw: Raw::Text(text.clone()), origin: Origin::Env(name.clone()) })
}

/// The entries of a params file: names, with the places of the keys, and values.
fn from_file(source: &Source, problems: &mut Vec<Problem>) -> Vec<(String, Span, Told)> {
    let Some(root) = yaml::parse(source, problems) else {
        return Vec::new();
    };
    let entries: Field<Entries<RawDefault>> = yaml::read(&root, source, raw::EXAMPLES, problems);
    let entries = entries.into_value().unwrap_or_default();
    let tell = |(name, value): (Field<String>, Field<RawDefault>)| {
        let (raw, at) = value.get()?;
        let raw = match raw {
            RawDefault::Single(literal) => Raw::Text(literal.text.clone()),
            RawDefault::List(items) => Raw::List(items.iter().filter_map(Field::value).cloned().collect()),
        };
        let (name, key) = name.get()?;
        Some((name.clone(), key, Told { raw, origin: Origin::File(source.clone(), at) }))
    };
    entries.0.into_iter().filter_map(tell).collect()
}
