//! From the command line to a pipeline with a plan and values: what every command begins with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::{Containers, Params, Target};
use super::error::CliError;
use crate::pipeline::{Destination, Feed, Param, ParamKind, Pipeline, Secret, Values};
use crate::plan::{Cycle, Plan};
use crate::spec::{Code, Draft, Given, LoadOptions, MissingSecrets, Problem, Problems};
use crate::template::Facts;

/// The names that FILE defaults to.
const DEFAULT_FILES: [&str; 3] = ["pipeline.yml", "pipeline.yaml", "pipe.yml"];

/// A pipeline that can be ordered.
pub(super) struct Loaded {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) plan: Arc<Plan>,
    /// The folder that steps run in, absolute.
    pub(super) working_dir: PathBuf,
    /// What its params are told.
    given: Given,
}

/// Reads, checks and orders the pipeline that the command line means; checks the values given for its params too. All
/// that is wrong is reported in one go.
pub(super) fn load(target: &Target, params: Option<&Params>) -> Result<Loaded, CliError> {
    load_with(target, params, &Containers::default(), MissingSecrets::Hide)
}

/// The same, with what the command line says about containers, and what becomes of secrets that nothing gives.
pub(super) fn load_with(
    target: &Target,
    params: Option<&Params>,
    containers: &Containers,
    missing_secrets: MissingSecrets,
) -> Result<Loaded, CliError> {
    let working_dir = working_dir()?;
    let path = match &target.file {
        Some(file) => file.clone(),
        None => default_file()?,
    };
    let options = LoadOptions {
        feeds: feeds(&target.inputs)?,
        outs: outs(&target.outputs)?,
        containers: containers.docker,
        image: containers.image.clone(),
    };
    let source = crate::spec::read(&path)?;
    let Draft { pipeline, mut problems, params_are_sound } = crate::spec::draft(&source, &options);
    let plan = pipeline.as_ref().map(Plan::new);
    if let (Some(pipeline), Some(Err(cycles))) = (&pipeline, &plan) {
        problems.extend(cycles.0.iter().map(|cycle| cycle_problem(pipeline, cycle)));
    }
    let mut told = Given { missing_secrets, ..Given::default() };
    if let (Some(pipeline), Some(params), true) = (&pipeline, params, params_are_sound) {
        told = Given { missing_secrets, ..given(pipeline, params, &working_dir)? };
        problems.extend(crate::spec::resolve(pipeline, &told).err().into_iter().flatten());
    }
    match (Problems::of(problems), pipeline, plan) {
        (None, Some(pipeline), Some(Ok(plan))) => {
            let (pipeline, plan) = (Arc::new(pipeline), Arc::new(plan));
            // It is there as long as the process; to take a large one apart before the end would only take time.
            std::mem::forget(Arc::clone(&pipeline));
            Ok(Loaded { pipeline, plan, working_dir, given: told })
        }
        (Some(problems), ..) => Err(problems.into()),
        (None, ..) => Err(CliError::usage("there is no pipeline in the file", None)),
    }
}

impl Loaded {
    /// What templates of a run can see, but for the params' values.
    pub(super) fn facts(&self, run_id: &str, started_at: &jiff::Zoned) -> Facts {
        facts(&self.pipeline, run_id, started_at)
    }

    /// The same with what the command line says about params, where that was not wanted at first.
    pub(super) fn told(self, params: &Params) -> Result<Self, CliError> {
        let missing_secrets = self.given.missing_secrets;
        let given = given(&self.pipeline, params, &self.working_dir)?;
        Ok(Self { given: Given { missing_secrets, ..given }, ..self })
    }

    /// The params' values, from all the places that they may come from.
    pub(super) fn values(&self, facts: Facts) -> Result<Values, CliError> {
        Ok(crate::spec::resolve(&self.pipeline, &Given { facts, ..self.given.clone() })?)
    }

    /// The secrets that somebody would have to be asked for.
    pub(super) fn unanswered(&self) -> Vec<&Param> {
        crate::spec::unanswered(&self.pipeline, &self.given)
    }

    /// Takes the answers, after which no secret may be missing any more.
    pub(super) fn answer(&mut self, asked: BTreeMap<String, Secret>) {
        self.given.asked = asked;
        self.given.missing_secrets = MissingSecrets::Refuse;
    }
}

fn facts(pipeline: &Pipeline, run_id: &str, started_at: &jiff::Zoned) -> Facts {
    let (env, not_text) = environment();
    Facts {
        pipeline: pipeline.name.clone(),
        run_id: run_id.to_owned(),
        started_at: Some(started_at.clone()),
        env,
        not_text,
        values: Values::new(),
    }
}

/// What the command line says about params. Whoever gives away a secret there is told so.
fn given(pipeline: &Pipeline, params: &Params, working_dir: &Path) -> Result<Given, CliError> {
    let file = params.params_file.as_deref().map(crate::spec::read).transpose()?;
    let cli = params.params.iter().map(|given| pair(given, "-p", "NAME=VALUE"));
    let cli: Vec<(String, String)> = cli.collect::<Result<_, _>>()?;
    for param in pipeline.params.iter().filter(|param| param.kind == ParamKind::Secret) {
        let is_open = |text: &String| !text.is_empty() && (!text.starts_with('@') || text.starts_with("@@"));
        if cli.iter().any(|(name, text)| *name == param.name && is_open(text)) {
            eprintln!(
                "warning: the secret `{name}` stands in the command line, which every user of this machine can see; use \
                 {env}`-p {name}=@FILE`, or let `pipe run` ask for it",
                name = param.name,
                env = param.env.as_ref().map_or_else(String::new, |env| format!("the variable {env}, ")),
            );
        }
    }
    let (facts, working_dir) = (facts(pipeline, "RUN-ID", &jiff::Zoned::now()), working_dir.to_owned());
    Ok(Given { cli, file, facts, working_dir, ..Given::default() })
}

/// The environment as far as it is text, and the names of what is not.
fn environment() -> (BTreeMap<String, String>, BTreeSet<String>) {
    let (mut text, mut not_text) = (BTreeMap::new(), BTreeSet::new());
    for (name, value) in std::env::vars_os() {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => drop(text.insert(name, value)),
            (Ok(name), Err(_)) => drop(not_text.insert(name)),
            (Err(_), _) => {}
        }
    }
    (text, not_text)
}

fn working_dir() -> Result<PathBuf, CliError> {
    let gone =
        |error| CliError::usage(format!("the folder that `pipe` is in cannot be found: {error}"), None);
    std::env::current_dir().map_err(gone)
}

fn default_file() -> Result<PathBuf, CliError> {
    let found = DEFAULT_FILES.iter().find(|name| Path::new(name).exists());
    let hint = "name the file: `pipe run FILE`";
    let missing =
        || CliError::usage(format!("there is no {} here", DEFAULT_FILES.join(" or ")), hint.to_owned());
    found.map(PathBuf::from).ok_or_else(missing)
}

/// Splits `NAME=REST` of a flag.
fn pair(given: &str, flag: &str, form: &str) -> Result<(String, String), CliError> {
    match given.split_once('=') {
        Some((name, rest)) if !name.is_empty() => Ok((name.to_owned(), rest.to_owned())),
        _ => {
            Err(CliError::usage(format!("`{flag} {given}` names no value"), format!("write `{flag} {form}`")))
        }
    }
}

fn feeds(given: &[String]) -> Result<Vec<(String, Feed)>, CliError> {
    let feed = |given: &String| {
        let (name, from) = pair(given, "--in", "STREAM=FILE")?;
        Ok((name, if from == "-" { Feed::Stdin } else { Feed::File(from.into()) }))
    };
    given.iter().map(feed).collect()
}

fn outs(given: &[String]) -> Result<Vec<(String, Destination)>, CliError> {
    let out = |given: &String| {
        let (name, to) = pair(given, "--out", "STREAM=FILE")?;
        Ok((name, if to == "-" { Destination::Stdout } else { Destination::File(to.into()) }))
    };
    given.iter().map(out).collect()
}

/// A cycle, as a problem of the file: the path through the steps, with the line of each link.
fn cycle_problem(pipeline: &Pipeline, cycle: &Cycle) -> Problem {
    let name = |index: usize| &pipeline.step(cycle.steps[index % cycle.steps.len()]).name;
    let path: Vec<String> = (0..=cycle.steps.len()).map(|index| format!("`{}`", name(index))).collect();
    let message = format!("these steps wait for each other: {}", path.join(" → "));
    let first = cycle.links.first().copied().unwrap_or_default();
    let problem = Problem::at(Code::Cycle, &pipeline.source, first, message)
        .help("an arrow means \"comes before\"; take one of them out");
    cycle.links.iter().enumerate().fold(problem, |problem, (index, span)| {
        problem.also(*span, format!("`{}` waits for `{}`", name(index + 1), name(index)))
    })
}
