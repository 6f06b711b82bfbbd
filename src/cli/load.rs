//! From the command line to a pipeline with a plan and values: what every command begins with.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::{ParamArgs, StepPlaces, TargetArgs};
use super::error::CliError;
use crate::cli::default_file::default_file;
use crate::cli::stdio::say;
use crate::file::{
    Code, Diagnostic, Diagnostics, EarlyRequest, LoadOptions, MissingSecrets, ParamSources, Parsed,
};
use crate::pipeline::{CallId, Destination, Feed, Param, ParamKind, Pipeline, Secret, StepId, Values};
use crate::plan::{Crowd, Cycle, Decisions, Plan, crowded};
use crate::stream::ResolvedPath;
use crate::template::{RunContext, TemplateRenderer, groups};

/// A pipeline that can be ordered.
pub(super) struct Loaded {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) plan: Arc<Plan>,
    /// The folder that steps run in, absolute.
    pub(super) working_dir: PathBuf,
    /// What the command line adds to the file.
    #[cfg_attr(not(feature = "kubernetes"), expect(dead_code, reason = "a run in a cluster hands it on"))]
    pub(super) options: LoadOptions,
    /// Where the values of its params come from.
    given: ParamSources,
    /// The params that matrices read: they say which steps there are.
    of_matrices: BTreeSet<String>,
}

/// What a command says about params, and what becomes of it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Params<'a> {
    /// Nothing is said: a matrix has the values of defaults, and what is not known stays open.
    Defaults,
    /// Every value is checked.
    All(&'a ParamArgs),
    /// Values are for matrices; what is not known stays open.
    Shown(&'a ParamArgs),
    /// Values are for matrices, which must be known; the others may not be needed.
    Part(&'a ParamArgs),
}

impl<'a> Params<'a> {
    fn args(self) -> Option<&'a ParamArgs> {
        match self {
            Self::Defaults => None,
            Self::All(args) | Self::Shown(args) | Self::Part(args) => Some(args),
        }
    }
}

/// Reads, checks and orders the pipeline that the command line means; checks the values given for its params
/// too. All that is wrong is reported in one go.
pub(super) fn load(target: &TargetArgs, params: Params<'_>) -> Result<Loaded, CliError> {
    load_with(target, params, StepPlaces::default(), MissingSecrets::Hide)
}

/// As [`load`], with where the command line has steps run, and with what to do about secrets that no
/// source gives.
pub(super) fn load_with(
    target: &TargetArgs,
    params: Params<'_>,
    places: StepPlaces<'_>,
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
        containers: places.docker,
        cluster: places.cluster,
        image: places.image.map(str::to_owned),
        texts: None,
    };
    let source = crate::file::read(&path)?;
    let (wrong, of_matrices) = (RefCell::new(Vec::new()), RefCell::new(BTreeSet::new()));
    let early = |request: &EarlyRequest<'_>| {
        let EarlyRequest { pipeline, needed, passed } = *request;
        let nothing = ParamArgs::default();
        let is_needed = matches!(params, Params::Part(_));
        let is_top = passed.is_none();
        if is_top {
            of_matrices.borrow_mut().extend(needed.iter().cloned());
        }
        let mut pipeline = pipeline.clone();
        let of_files = read_env_files(&mut pipeline);
        wrong.borrow_mut().extend(of_files.into_iter().filter(|_| is_needed));
        let pipeline = &pipeline;
        // What the command line says is for the top file.
        let args = params.args().filter(|_| is_top).unwrap_or(&nothing);
        let given = sources(pipeline, args, &working_dir).ok()?;
        let passed = passed.cloned().unwrap_or_default();
        let given = ParamSources { missing_secrets: MissingSecrets::Hide, passed, ..given };
        of_matrix(pipeline, needed, given, is_needed)
            .map_err(|problems| wrong.borrow_mut().extend(problems.into_iter().filter(|_| is_needed)))
            .ok()?
    };
    let Parsed { mut pipeline, mut problems, params_are_sound } =
        crate::file::parse(&source, &options, &early);
    problems.append(&mut wrong.take());
    let plan = pipeline.as_ref().map(Plan::new);
    if let (Some(pipeline), Some(Err(cycles))) = (&pipeline, &plan) {
        problems.extend(cycles.0.iter().map(|cycle| cycle_problem(pipeline, cycle)));
    }
    if let (Some(pipeline), Some(Ok(plan))) = (&pipeline, &plan) {
        problems.extend(crowded(pipeline, plan).iter().map(|crowd| crowd_problem(pipeline, crowd)));
    }
    let mut given = ParamSources { missing_secrets, ..ParamSources::default() };
    if let (Some(pipeline), Params::All(params), true) = (&mut pipeline, params, params_are_sound) {
        problems.extend(read_env_files(pipeline));
        given = ParamSources { missing_secrets, ..params_given(pipeline, params, &working_dir)? };
        match crate::file::renderer(pipeline, &given, given.facts.clone()) {
            Ok(renderer) if problems.is_empty() => problems.extend(settle(pipeline, &renderer)),
            Ok(_) => {}
            Err(wrong) => problems.extend(wrong),
        }
    }
    if let (Some(pipeline), Some(Ok(plan))) = (&pipeline, &plan) {
        problems.extend(check_gangs(pipeline, plan));
    }
    match (Diagnostics::of(problems), pipeline, plan) {
        (None, Some(pipeline), Some(Ok(plan))) => {
            let (pipeline, plan) = (Arc::new(pipeline), Arc::new(plan));
            Ok(Loaded { pipeline, plan, working_dir, options, given, of_matrices: of_matrices.take() })
        }
        (Some(problems), ..) => Err(problems.into()),
        (None, ..) => Err(CliError::usage("there is no pipeline in the file", None)),
    }
}

fn check_gangs(pipeline: &Pipeline, plan: &Plan) -> Vec<Diagnostic> {
    crate::file::check_gangs(pipeline, plan.gangs().iter().map(|gang| gang.steps.as_slice()))
}

/// Reads the files of variables that the pipeline names, and returns what is wrong with them.
fn read_env_files(pipeline: &mut Pipeline) -> Vec<Diagnostic> {
    if !crate::file::has_env_files(pipeline) {
        return Vec::new();
    }
    let (env, not_text) = environment();
    crate::file::fill_environments(pipeline, &env, &not_text)
}

/// Returns a renderer that has the values of the params that a matrix reads; nothing if one is not known. What is wrong
/// with values counts only where they `are_needed`.
fn of_matrix(
    pipeline: &Pipeline,
    needed: &BTreeSet<String>,
    given: ParamSources,
    are_needed: bool,
) -> Result<Option<TemplateRenderer>, Diagnostics> {
    let needs = if are_needed { needed.clone() } else { BTreeSet::new() };
    let given = ParamSources { needed: Some(needs), ..given };
    let values = crate::file::resolve(pipeline, &given)?;
    let is_known = needed.iter().all(|name| values.contains_key(name));
    Ok(is_known.then(|| TemplateRenderer::new(RunContext { values, ..given.facts })))
}

/// Fills in what templates make before a run begins, and returns what is wrong with it.
fn settle(pipeline: &mut Pipeline, renderer: &TemplateRenderer) -> Vec<Diagnostic> {
    if crate::file::is_settled(pipeline) { Vec::new() } else { crate::file::settle(pipeline, renderer) }
}

impl Loaded {
    /// Returns what templates of a run can see, but for the params' values.
    pub(super) fn context(&self, run_id: &str, started_at: &jiff::Zoned) -> RunContext {
        run_context(&self.pipeline, run_id, started_at)
    }

    /// Adds what the command line says about params, for a pipeline that was loaded without.
    pub(super) fn with_params(mut self, params: &ParamArgs) -> Result<Self, CliError> {
        if crate::file::has_env_files(&self.pipeline) {
            let problems = read_env_files(Arc::make_mut(&mut self.pipeline));
            Diagnostics::of(problems).map_or(Ok(()), Err)?;
        }
        let missing_secrets = self.given.missing_secrets;
        let given = params_given(&self.pipeline, params, &self.working_dir)?;
        Ok(Self { given: ParamSources { missing_secrets, ..given }, ..self })
    }

    /// As [`with_params`](Self::with_params), for a run of a part of the pipeline: a param that no step of it
    /// reads needs no value.
    pub(super) fn with_params_of(self, params: &ParamArgs, part: &Decisions) -> Result<Self, CliError> {
        let mut loaded = self.with_params(params)?;
        loaded.narrow_to(part);
        let renderer = loaded.renderer(loaded.given.facts.clone())?;
        let pipeline = Arc::make_mut(&mut loaded.pipeline);
        for index in (0..pipeline.steps.len()).filter(|index| !part.runs(StepId::new(*index))) {
            pipeline.steps[index].early.clear();
            pipeline.steps[index].admission = None;
        }
        let mut problems = settle(pipeline, &renderer);
        problems.extend(check_gangs(pipeline, &loaded.plan));
        Diagnostics::of(problems).map_or(Ok(loaded), |problems| Err(problems.into()))
    }

    /// Notes that no other steps run, so that params which only others read need no value.
    pub(super) fn narrow_to(&mut self, part: &Decisions) {
        let (needed, of_calls) = crate::file::needed(&self.pipeline, |step| part.runs(step));
        self.given.needed = Some(needed.into_iter().chain(self.of_matrices.iter().cloned()).collect());
        self.given.needed_of_calls = Some(of_calls);
    }

    /// Returns whether the texts of a called file see a variable of the environment.
    pub(super) fn call_sees(&self, call: CallId, variable: &str) -> bool {
        let of_files = &self.pipeline.environment_in(Some(call)).variables;
        self.given.process.contains_key(variable) || of_files.contains_key(variable)
    }

    /// Returns a renderer of the pipeline's templates, which has the params' values.
    pub(super) fn renderer(&self, context: RunContext) -> Result<TemplateRenderer, CliError> {
        Ok(crate::file::renderer(&self.pipeline, &self.given, context)?)
    }

    /// Returns the secrets that no source gives, which a prompt has to ask for.
    pub(super) fn missing_secrets(&self) -> Vec<&Param> {
        crate::file::missing_secrets(&self.pipeline, &self.given)
    }

    /// Takes the answers, after which no secret may be missing any more.
    pub(super) fn add_answers(&mut self, asked: BTreeMap<String, Secret>) {
        self.given.asked = asked;
        self.given.missing_secrets = MissingSecrets::Refuse;
    }
}

fn run_context(pipeline: &Pipeline, run_id: &str, started_at: &jiff::Zoned) -> RunContext {
    let (mut env, not_text) = environment();
    for (name, value) in &pipeline.environment.variables {
        env.entry(name.clone()).or_insert_with(|| value.clone());
    }
    RunContext {
        pipeline: pipeline.name.clone(),
        pipeline_dir: crate::file::folder(pipeline.source.path()),
        run_id: run_id.to_owned(),
        started_at: Some(started_at.clone()),
        env,
        not_text,
        values: Values::new(),
        groups: groups(pipeline),
    }
}

/// Reads what the command line says about params. Warns about a secret in it, which other users can see.
fn params_given(
    pipeline: &Pipeline,
    params: &ParamArgs,
    working_dir: &Path,
) -> Result<ParamSources, CliError> {
    let given = sources(pipeline, params, working_dir)?;
    for param in pipeline.params.iter().filter(|param| param.kind == ParamKind::Secret) {
        let is_open = |text: &String| !text.is_empty() && (!text.starts_with('@') || text.starts_with("@@"));
        if given.cli.iter().any(|(name, text)| *name == param.name && is_open(text)) {
            say!(
                "warning: the secret `{name}` is on the command line, which every user of this machine can see; use \
                 {env}`-p {name}=@FILE`, or let `pipe run` ask for it",
                name = param.name,
                env = param.env.as_ref().map_or_else(String::new, |env| format!("the variable {env}, ")),
            );
        }
    }
    Ok(given)
}

/// Reads what the command line says about params.
fn sources(pipeline: &Pipeline, params: &ParamArgs, working_dir: &Path) -> Result<ParamSources, CliError> {
    let file = params.params_file.as_deref().map(crate::file::read).transpose()?;
    let cli = params.params.iter().map(|given| pair(given, "-p", "NAME=VALUE"));
    let cli: Vec<(String, String)> = cli.collect::<Result<_, _>>()?;
    let (context, working_dir) =
        (run_context(pipeline, "RUN-ID", &jiff::Zoned::now()), working_dir.to_owned());
    let process = Arc::new(environment().0);
    Ok(ParamSources { cli, file, facts: context, working_dir, process, ..ParamSources::default() })
}

/// Returns the environment as far as it is text, and the names of what is not.
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
    let gone = |error| CliError::usage(format!("cannot find the current directory: {error}"), None);
    std::env::current_dir().map_err(gone)
}

/// Splits `NAME=REST` of a flag.
fn pair(given: &str, flag: &str, form: &str) -> Result<(String, String), CliError> {
    match given.split_once('=') {
        Some((name, rest)) if !name.is_empty() => Ok((name.to_owned(), rest.to_owned())),
        _ => Err(CliError::usage(format!("`{flag} {given}` has no value"), format!("write `{flag} {form}`"))),
    }
}

/// Refuses a path that the shell was meant to make another of: it does not behind a `=`.
fn path(flag: &str, given: &str) -> Result<(), CliError> {
    crate::file::path(given).map_err(|(message, help)| CliError::usage(format!("`{flag}`: {message}"), help))
}

fn feeds(given: &[String]) -> Result<Vec<(String, Feed)>, CliError> {
    let feed = |given: &String| {
        let (name, from) = pair(given, "--in", "STREAM=FILE")?;
        path("--in", &from)?;
        Ok((name, if from == "-" { Feed::Stdin } else { Feed::File(from.into()) }))
    };
    given.iter().map(feed).collect()
}

fn outs(given: &[String]) -> Result<Vec<(String, Destination)>, CliError> {
    let out = |given: &String| {
        let (name, to) = pair(given, "--out", "STREAM=FILE")?;
        path("--out", &to)?;
        let is_stdout =
            to == "-" || matches!(ResolvedPath::of(Path::new(&to)), Ok(ResolvedPath::Descriptor(1)));
        Ok((name, if is_stdout { Destination::Stdout } else { Destination::File(to.into()) }))
    };
    given.iter().map(out).collect()
}

/// Returns a cycle, as a problem of the file: the path through the steps, with the line of each link.
fn cycle_problem(pipeline: &Pipeline, cycle: &Cycle) -> Diagnostic {
    let name = |index: usize| &pipeline.step(cycle.steps[index % cycle.steps.len()]).name;
    let path: Vec<String> = (0..=cycle.steps.len()).map(|index| format!("`{}`", name(index))).collect();
    let message = format!("these steps wait for each other: {}", path.join(" → "));
    let first = cycle.links.first().copied().unwrap_or_default();
    let problem = Diagnostic::at(Code::Cycle, &pipeline.source, first, message)
        .help("an arrow means \"comes before\"; remove one of them");
    cycle.links.iter().enumerate().fold(problem, |problem, (index, span)| {
        problem.also(*span, format!("`{}` waits for `{}`", name(index + 1), name(index)))
    })
}

/// Returns a group whose `max_parallel` no run can keep, as a problem of the file.
fn crowd_problem(pipeline: &Pipeline, crowd: &Crowd) -> Diagnostic {
    let group = pipeline.group(crowd.group);
    let (name, count) = (&group.name, crowd.members);
    let stream = crowd.stream.map(|stream| pipeline.stream(stream));
    let (joined, help) = match stream {
        Some(stream) => (
            format!("share the live stream `{}`", stream.name),
            format!(
                "write `store: true` at the output of `{}`, or leave `max_parallel` out of the matrix",
                pipeline.step(stream.producer).name
            ),
        ),
        None => {
            ("are joined by live streams".to_owned(), "leave `max_parallel` out of the matrix".to_owned())
        }
    };
    let most = group.max_parallel.map_or(0, std::num::NonZeroUsize::get);
    let message =
        format!("{count} steps of `{name}` {joined} and start together, and `max_parallel` is {most}");
    Diagnostic::at(Code::MatrixParallel, &pipeline.source, group.at, message).help(help)
}
