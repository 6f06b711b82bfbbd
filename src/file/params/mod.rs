//! The values that a run is started with → checked values.
//!
//! For each param the first of these counts: `-p name=value`, the params file, its environment variable, its
//! default. Defaults may name other params in any order; they are worked out in the order of what they read.
//! Every value that counts is checked, and every bad one is reported with where it came from.
//!
//! A secret may also be asked for, or come from a file: `-p name=@path`.
//!
//! Text for a list is comma-separated, or a YAML list: `a, b` and `[a, "b, c"]`.

mod calls;
pub(super) mod order;
mod secret;
mod sources;
pub(super) mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::code::Code;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::words::ValueError;
use super::yaml::locate;
use crate::pipeline::{Param, ParamKind, ParamValue, Pipeline, Secret, Source, Span, Template, Values};
use crate::template::{RunContext, Scope, TemplateRenderer};
pub use calls::{folder, needed, renderer};
pub use secret::SecretFiles;
use value::Raw;

/// Where the values of params come from.
#[derive(Clone, Default)]
pub struct ParamSources {
    /// `-p name=value`, in order; of a name that comes twice the last counts.
    pub cli: Vec<(String, String)>,
    /// `--params-file`: a map in YAML or JSON.
    pub file: Option<Source>,
    /// What defaults may read beside params. Its `env` is where values of params with an `env:` come from;
    /// its `values` are not looked at.
    pub facts: RunContext,
    /// The folder that relative paths start from when a param asks whether its path exists.
    pub working_dir: PathBuf,
    /// Secrets that were typed at a prompt.
    pub asked: BTreeMap<String, Secret>,
    /// What becomes of secrets that no source supplies.
    pub missing_secrets: MissingSecrets,
    /// The params that steps of the run read; nothing where all count. The others need no value.
    pub needed: Option<BTreeSet<String>>,
    /// What was read from files so far.
    pub secret_files: SecretFiles,
    /// The environment of the process alone, which the files see that steps use.
    pub process: Arc<BTreeMap<String, String>>,
    /// Of each call the params that steps of the run read; nothing where all count.
    pub needed_of_calls: Option<Vec<BTreeSet<String>>>,
    /// Values that a caller gives, checked.
    pub passed: Values,
    /// Where the file is used whose params these are; nothing for the top file.
    pub caller: Option<Span>,
}

impl ParamSources {
    fn needs(&self, param: &Param) -> bool {
        self.needed.as_ref().is_none_or(|needed| needed.contains(&param.name))
    }
}

impl fmt::Debug for ParamSources {
    /// Shows none of the values, which may be secret.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ParamSources").field("working_dir", &self.working_dir).finish_non_exhaustive()
    }
}

/// What becomes of secrets that no source supplies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingSecrets {
    /// They are missing.
    #[default]
    Refuse,
    /// Asterisks stand for them: no text that is shown has a secret in it.
    Hide,
}

/// Returns the secrets that no source supplies and a prompt has to ask for, in the order of the file.
pub fn missing_secrets<'p>(pipeline: &'p Pipeline, given: &ParamSources) -> Vec<&'p Param> {
    let supplied = sources::collect(Declared::by(pipeline), given, &mut Vec::new());
    let is_missing = |(param, supplied): &(&Param, Option<Supplied>)| {
        param.kind == ParamKind::Secret && supplied.is_none() && (param.required || param.default.is_none())
    };
    let missing = pipeline.params.iter().zip(supplied).filter(is_missing).map(|(param, _)| param);
    missing.filter(|param| given.needs(param)).collect()
}

/// Returns these params, and those that their defaults read.
pub fn with_defaults(declared: &[Param], params: BTreeSet<String>) -> BTreeSet<String> {
    let mut open: Vec<&str> = params.iter().map(String::as_str).collect();
    let mut all = BTreeSet::new();
    while let Some(name) = open.pop() {
        if all.insert(name.to_owned()) {
            let param = declared.iter().find(|param| param.name == name);
            let default = param.and_then(|param| param.default.as_ref());
            open.extend(default.into_iter().flat_map(|text| &text.params).map(String::as_str));
        }
    }
    all
}

/// Returns the value of every param.
///
/// # Errors
/// Everything that is wrong with what is given: unknown names, bad values with their origins, missing values.
pub fn resolve(pipeline: &Pipeline, given: &ParamSources) -> Result<Values, Diagnostics> {
    values(Declared::by(pipeline), given)
}

/// The params of one file.
#[derive(Debug, Clone, Copy)]
struct Declared<'a> {
    source: &'a Source,
    params: &'a [Param],
}

impl<'a> Declared<'a> {
    fn by(pipeline: &'a Pipeline) -> Self {
        Self { source: &pipeline.source, params: &pipeline.params }
    }
}

fn values(declared: Declared<'_>, given: &ParamSources) -> Result<Values, Diagnostics> {
    let mut problems = Vec::new();
    let supplied = sources::collect(declared, given, &mut problems);
    let (order, cycles) = order::order(declared.params);
    problems.extend(cycles.iter().map(|cycle| order::explain(declared.source, declared.params, cycle)));

    let mut resolver = Resolver { declared, given, values: Values::new(), failed: BTreeSet::new(), problems };
    for index in order {
        if let (Some(param), Some(supplied)) = (declared.params.get(index), supplied.get(index)) {
            resolver.param(param, supplied.as_ref());
        }
    }
    match Diagnostics::of(resolver.problems) {
        None => Ok(resolver.values),
        Some(problems) => Err(problems),
    }
}

/// A value with where it came from.
struct Supplied {
    raw: Raw,
    origin: Origin,
}

/// Where a value came from.
enum Origin {
    CommandLine,
    File(Source, Span),
    Env(String),
    /// It was typed at a prompt.
    Asked,
    Default(Source, Span),
}

impl Origin {
    fn words(&self) -> String {
        match self {
            Self::CommandLine => "from -p".to_owned(),
            Self::File(source, span) => {
                let at = source.position(span.start);
                format!("from {}:{}:{}", source.path().display(), at.line, at.column)
            }
            Self::Env(name) => format!("from the environment variable {name}"),
            Self::Asked => "as typed".to_owned(),
            Self::Default(..) => "its default".to_owned(),
        }
    }

    fn problem(&self, code: Code, message: String) -> Diagnostic {
        match self {
            Self::File(source, span) | Self::Default(source, span) => {
                Diagnostic::at(code, source, *span, message)
            }
            Self::CommandLine | Self::Env(_) | Self::Asked => Diagnostic::nowhere(code, message),
        }
    }
}

struct Resolver<'a> {
    declared: Declared<'a>,
    given: &'a ParamSources,
    values: Values,
    /// Params without a value; what reads them is not reported as well.
    failed: BTreeSet<&'a str>,
    problems: Vec<Diagnostic>,
}

impl<'a> Resolver<'a> {
    fn param(&mut self, param: &'a Param, supplied: Option<&Supplied>) {
        if let Some(value) = self.given.passed.get(&param.name) {
            self.values.insert(param.name.clone(), value.clone());
            return;
        }
        let value = match (supplied, &param.default) {
            (Some(supplied), _) => self.check(param, &supplied.raw, &supplied.origin),
            (None, Some(default)) if !param.required => self.default(param, default),
            (None, _)
                if param.kind == ParamKind::Secret && self.given.missing_secrets == MissingSecrets::Hide =>
            {
                Some(ParamValue::Secret(Secret::new("***")))
            }
            (None, _) if !self.given.needs(param) => None,
            (None, _) => {
                self.problems.push(missing(self.declared.source, param, self.given.caller));
                None
            }
        };
        match value {
            Some(value) => {
                self.values.insert(param.name.clone(), value);
            }
            None => {
                self.failed.insert(&param.name);
            }
        }
    }

    fn default(&mut self, param: &Param, default: &Template) -> Option<ParamValue> {
        if default.params.iter().any(|read| self.failed.contains(read.as_str())) {
            return None;
        }
        let source = self.declared.source;
        let text = if default.compiled.is_some() {
            let facts = RunContext { values: self.values.clone(), ..self.given.facts.clone() };
            match TemplateRenderer::new(facts).render(default, Scope::default()) {
                Ok(text) => text,
                Err(error) => {
                    let at = locate(source, default.at, &default.source, error.range.clone());
                    let message = format!("the default of `{}`: {}", param.name, error.message);
                    self.problems
                        .push(Diagnostic::at(error.kind.into(), source, at, message).maybe_help(error.help));
                    return None;
                }
            }
        } else {
            default.source.clone()
        };
        self.check(param, &Raw::Text(text), &Origin::Default(source.clone(), default.at))
    }

    fn check(&mut self, param: &Param, raw: &Raw, origin: &Origin) -> Option<ParamValue> {
        let value = match (&param.kind, raw, origin) {
            (ParamKind::Secret, Raw::Text(text), Origin::CommandLine) => self.secret(text, Path::new("")),
            (ParamKind::Secret, Raw::Text(text), Origin::File(source, _)) => {
                self.secret(text, source.path().parent().unwrap_or(Path::new("")))
            }
            (kind, raw, _) => value::check(kind, raw),
        };
        let checked = value.and_then(|value| {
            exists(&param.kind, &value, &self.given.working_dir)?;
            Ok(value)
        });
        checked
            .map_err(|error| {
                let message = format!("param `{}`: {} ({})", param.name, error.message, origin.words());
                self.problems.push(origin.problem(Code::BadValue, message).maybe_help(error.help));
            })
            .ok()
    }

    fn secret(&self, text: &str, folder: &Path) -> Result<ParamValue, ValueError> {
        Ok(ParamValue::Secret(self.given.secret_files.value(text, folder)?))
    }
}

fn missing(source: &Source, param: &Param, caller: Option<Span>) -> Diagnostic {
    let mut help = match param.kind {
        _ if caller.is_some() => format!("give it: `with: {{{}: …}}`", param.name),
        ParamKind::Secret => format!("give it from a file with `-p {}=@FILE`", param.name),
        _ => format!("give it with `-p {}=…`", param.name),
    };
    if let Some(env) = &param.env {
        help.push_str(&format!(", or set the environment variable {env}"));
    }
    if param.kind == ParamKind::Secret && caller.is_none() {
        help.push_str(", or start `pipe run` on a terminal, where it asks");
    }
    if let Some(description) = &param.description {
        help.push_str(&format!("; it is: {description}"));
    }
    let message = format!("the param `{}` needs a value", param.name);
    match caller {
        None => Diagnostic::at(Code::MissingParam, source, param.at, message),
        Some(at) => Diagnostic::at(Code::MissingParam, source, at, message).also(param.at, "declared here"),
    }
    .help(help)
}

/// Whether a path is what its param says that it must be.
fn exists(kind: &ParamKind, value: &ParamValue, working_dir: &Path) -> Result<(), ValueError> {
    let (ParamKind::Path { exists: Some(wanted), .. }, ParamValue::Text(path)) = (kind, value) else {
        return Ok(());
    };
    value::exists(*wanted, &working_dir.join(path), path)
}

#[cfg(test)]
mod tests;
