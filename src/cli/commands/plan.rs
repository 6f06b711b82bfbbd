//! `pipe plan`: what runs when, and how the bytes travel.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::dry_run::idle;
use crate::cli::admission;
use crate::cli::args::{ChoiceArgs, OnSite, PlanArgs};
use crate::cli::beside;
use crate::cli::choice::{Choice, is_partial, needs_values};
use crate::cli::cluster::ClusterPlan;
use crate::cli::conditions;
use crate::cli::containers::{ResolvedPipeline, runtime};
use crate::cli::error::CliError;
use crate::cli::groups;
use crate::cli::load::{Loaded, Params, load_with};
use crate::cli::stdio;
use crate::executor::docker::{self, Engine, LaneChoice};
use crate::executor::{MountFrom, MountSpec, SystemError};
use crate::file::MissingSecrets;
use crate::pipeline::{Destination, Pipeline, Role, Step, StepId, Template};
use crate::plan::{Decision, Decisions, EdgeKind};
use crate::render::graph::LATER;
use crate::render::human;
use crate::render::one_line;
use crate::template::{StepOutputsMode, TemplateRenderer};

pub(in crate::cli) fn run(args: &PlanArgs) -> Result<ExitCode, CliError> {
    let in_containers = |loaded: &Loaded| loaded.pipeline.steps.iter().any(|step| step.is_in_container());
    // Containers depend on the values of params, and so may the choice; else a plan needs none.
    let mut loaded = load_with(
        &args.target,
        Params::Shown(&args.params),
        args.cluster.places(&args.containers),
        MissingSecrets::Hide,
    )?;
    let has_conditions = loaded.pipeline.steps.iter().any(|step| loaded.pipeline.is_conditional(step));
    let decides = has_conditions && !(args.params.params.is_empty() && args.params.params_file.is_none());
    if decides || in_containers(&loaded) || needs_values(&args.choice, &loaded.pipeline) {
        loaded = loaded.with_params(&args.params)?;
    }
    let decisions = decisions(&args.choice, &mut loaded)?;
    let gangs = decisions.gangs(&loaded.pipeline, &loaded.plan);
    let cluster = args.cluster.on.map(|OnSite::Kubernetes| ClusterPlan::of(&loaded, &gangs, &args.cluster));
    let cluster = cluster.transpose()?;
    let containers = match in_containers(&loaded) && cluster.is_none() {
        true => Some(ContainerPlan::of(&loaded, args)?),
        false => None,
    };
    let places = PlacesShown { containers: containers.as_ref(), cluster: cluster.as_ref() };
    let templates = match decides {
        true => Some(loaded.renderer(loaded.context("RUN-ID", &jiff::Zoned::now()))?),
        false => None,
    };
    stdio::print(text(&loaded, &decisions, places, templates.as_ref())?)?;
    #[cfg(feature = "kubernetes")]
    if let Some(cluster) = cluster.as_ref().filter(|_| args.check) {
        stdio::print(format!("\n{}", cluster.check()?))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns what would run, of a pipeline that has the values of its params where they matter.
pub(super) fn decisions(args: &ChoiceArgs, loaded: &mut Loaded) -> Result<Decisions, CliError> {
    let choice = Choice::of(args, loaded)?;
    let at_most = choice.at_most(loaded);
    if is_partial(args) {
        loaded.narrow_to(&at_most);
    }
    let loaded = &*loaded;
    let templates = || loaded.renderer(loaded.context("RUN-ID", &jiff::Zoned::now()));
    if needs_values(args, &loaded.pipeline) {
        choice.check_values(loaded, &at_most, &templates()?)?;
    }
    choice.on_paper(loaded, at_most, templates)
}

/// What is known of the containers of a pipeline.
struct ContainerPlan<'a> {
    placed: ResolvedPipeline<'a>,
    /// The engine, or why there is none.
    engine: Result<Engine, SystemError>,
    lane: LaneChoice,
}

impl<'a> ContainerPlan<'a> {
    fn of(loaded: &'a Loaded, args: &PlanArgs) -> Result<Self, CliError> {
        let placed = ResolvedPipeline::of(loaded, StepOutputsMode::Later)?;
        let engine = runtime()?.block_on(Engine::connect());
        Ok(Self { placed, engine, lane: args.containers.stream_lane.choice() })
    }

    /// Appends what is known of the container of a step, a service, or a shared container.
    fn describe(&self, text: &mut String, pipeline: &Pipeline, id: StepId) -> Result<(), CliError> {
        let step = pipeline.step(id);
        let Some(container) = self.placed.container(id)? else { return Ok(()) };
        let image = container.image.source.shown();
        let caller = match &self.engine {
            Ok(engine) => format!("{}, the caller", engine.caller()),
            Err(_) => "the caller".to_owned(),
        };
        let own_user = step.user.as_ref().map(|user| self.placed.text(step, user));
        let user = match own_user.or(container.user) {
            Some(user) => user,
            None if step.is_of_image() => "its image has it".to_owned(),
            None => caller,
        };
        let has_shell = step.action.script().is_some() || step.shared.is_some();
        let lane = match &self.engine {
            Ok(engine) => format!("{} lane", self.lane.expected(engine, has_shell).name()),
            Err(error) => format!("lane unknown: {error}"),
        };
        let lane = if step.role.is_beside() { String::new() } else { format!("; {lane}") };
        if let Some(shared) = step.shared {
            let name = &pipeline.step(shared.step).name;
            let _ = writeln!(text, "   {} runs in {name} ({image}) as {user}{lane}", step.name);
            return Ok(());
        }
        let _ = writeln!(text, "   {} runs in {image} as {user}{lane}", step.name);
        for MountSpec { source, target, read_only } in &container.mounts {
            let source = match source {
                MountFrom::Path(path) if path.as_os_str() == target.as_str() => String::new(),
                MountFrom::Path(path) => format!(", which is {}", path.display()),
                MountFrom::Volume(name) => format!(", the volume {name}"),
                MountFrom::Tmpfs => ", in memory".into(),
            };
            let access = if *read_only { "reads" } else { "reads and writes" };
            let _ = writeln!(text, "     {access} {target}{source}");
        }
        for secret in &step.secrets {
            let _ = writeln!(text, "     reads {}/{secret}, a secret", docker::SECRETS);
        }
        Ok(())
    }
}

/// What is known of where steps run that are no processes of this machine.
#[derive(Clone, Copy)]
struct PlacesShown<'a> {
    containers: Option<&'a ContainerPlan<'a>>,
    cluster: Option<&'a ClusterPlan<'a>>,
}

fn text(
    loaded: &Loaded,
    decisions: &Decisions,
    PlacesShown { containers, cluster }: PlacesShown<'_>,
    templates: Option<&TemplateRenderer>,
) -> Result<String, CliError> {
    let (pipeline, plan) = (&*loaded.pipeline, &*loaded.plan);
    let gangs = decisions.gangs(pipeline, plan);
    let running: usize = gangs.iter().map(Vec::len).sum();
    let count = pipeline.steps.iter().filter(|step| !step.role.is_beside()).count();
    let all = human::count(count, "step");
    let steps = if running == count { all } else { format!("{running} of {all}") };
    let mut text = format!("{}: {steps} in {}\n", pipeline.name, human::count(gangs.len(), "gang"));
    if let Some(cluster) = cluster {
        cluster.describe(&mut text);
    }
    if let Some(concurrency) = &pipeline.concurrency {
        let _ = writeln!(text, "the run {}", admission::holds(concurrency));
    }
    for line in groups::lines(pipeline) {
        let _ = writeln!(text, "{line}");
    }
    describe_beside(&mut text, loaded, decisions, containers)?;
    let mut is_over = false;
    let mut folds = groups::Folds::of(pipeline, &gangs);
    for gang in &gangs {
        let is_later = gang.first().is_some_and(|step| pipeline.step(*step).role == Role::Finally);
        if is_later && !std::mem::replace(&mut is_over, true) {
            let _ = writeln!(text, "\n{LATER}");
        }
        match folds.next(gang) {
            groups::Fold::Shown => {}
            groups::Fold::Hidden => continue,
            groups::Fold::More { count, group } => {
                let _ = writeln!(text, "\n… {count} more of {group}");
                continue;
            }
        }
        let names: Vec<&str> = gang.iter().map(|&step| pipeline.step(step).name.as_str()).collect();
        let number = gang.first().map_or(0, |step| plan.stage(*step)) + 1;
        let together = if names.len() > 1 { " (start together)" } else { "" };
        let _ = writeln!(text, "\n{number}. {}{together}", names.join(", "));
        let waits = waits_for(pipeline, decisions, gang);
        if !waits.is_empty() {
            let _ = writeln!(text, "   after {}", waits.join(", "));
        }
        if let Some(cluster) = cluster {
            cluster.describe_gang(&mut text, gang);
        }
        for &step in gang {
            if let Some(description) = &pipeline.step(step).description {
                let name = &pipeline.step(step).name;
                let whose = if gang.len() > 1 { format!("{name}: ") } else { String::new() };
                let _ = writeln!(text, "   {whose}{}", one_line(description));
            }
            describe_step(&mut text, pipeline, (decisions, templates), containers, step)?;
            describe_stream(&mut text, loaded, decisions, step);
        }
    }
    let idle = idle(pipeline, decisions);
    if !idle.is_empty() {
        let _ = writeln!(text, "\n{}", idle.join("\n"));
    }
    Ok(text)
}

/// Appends when a step runs, and in what.
fn describe_step(
    text: &mut String,
    pipeline: &Pipeline,
    (decisions, templates): (&Decisions, Option<&TemplateRenderer>),
    containers: Option<&ContainerPlan<'_>>,
    id: StepId,
) -> Result<(), CliError> {
    let step = pipeline.step(id);
    let name = &step.name;
    for (asking, condition) in pipeline.conditions(step) {
        let condition = conditions::explained(asking, condition, templates);
        let _ = writeln!(text, "   {name} {condition}");
    }
    if let Decision::Run(why) = decisions.of(id)
        && !why.is_empty()
    {
        let _ = writeln!(text, "   {name} runs: {why}");
    }
    if let Some(containers) = containers {
        containers.describe(text, pipeline, id)?;
    }
    if let Some(words) = beside::state_kept(pipeline, step) {
        let _ = writeln!(text, "   {name} {words}");
    }
    if step.terminal {
        let _ = writeln!(text, "   {name} has the terminal, and runs alone");
    }
    for words in admission::words(step) {
        let _ = writeln!(text, "   {name} {words}");
    }
    Ok(())
}

/// Appends the services and the shared containers: what they are, and for whom.
fn describe_beside(
    text: &mut String,
    loaded: &Loaded,
    decisions: &Decisions,
    containers: Option<&ContainerPlan<'_>>,
) -> Result<(), CliError> {
    let pipeline = &*loaded.pipeline;
    let shown = |step: &Step, template: &Template| match containers {
        Some(containers) => containers.placed.text(step, template),
        None => template.source.clone(),
    };
    for (at, id) in beside::running(pipeline, &loaded.plan, decisions).into_iter().enumerate() {
        let gap = if at == 0 { "\n" } else { "" };
        let _ = writeln!(text, "{gap}{}", beside::line(pipeline, decisions, id, &shown));
        let waits = waits_for(pipeline, decisions, &[id]);
        if !waits.is_empty() {
            let _ = writeln!(text, "   after {}", waits.join(", "));
        }
        if let Some(containers) = containers {
            containers.describe(text, pipeline, id)?;
        }
        if let Some(words) = decisions.lacks(pipeline, id) {
            let _ = writeln!(text, "   {} {words}", pipeline.step(id).name);
        }
    }
    Ok(())
}

/// Returns steps outside that members depend on, in the order of the file; of those that run.
fn waits_for(pipeline: &Pipeline, decisions: &Decisions, steps: &[StepId]) -> Vec<String> {
    let dependencies =
        |step: &StepId| pipeline.step(*step).depends_on.iter().map(|dependency| dependency.step);
    let mut ids: Vec<StepId> =
        steps.iter().flat_map(dependencies).filter(|step| decisions.runs(*step)).collect();
    ids.sort_unstable();
    ids.dedup();
    groups::names(pipeline, &ids)
}

fn describe_stream(text: &mut String, loaded: &Loaded, decisions: &Decisions, step: StepId) {
    let pipeline = &*loaded.pipeline;
    let Step { name, output: Some(port), .. } = pipeline.step(step) else { return };
    let stream = pipeline.stream(port.stream);
    let _ = writeln!(text, "   {name} makes the stream {}", stream.name);
    let readers: Vec<StepId> = stream.readers.iter().copied().filter(|step| decisions.runs(*step)).collect();
    for &reader in &readers {
        let reader_name = &pipeline.step(reader).name;
        let _ = match loaded.plan.edge(port.stream, reader) {
            EdgeKind::Live => writeln!(text, "     live to {reader_name}"),
            EdgeKind::Stored(reason) => {
                writeln!(text, "     stored for {reader_name}: {reason}")
            }
        };
    }
    let _ = match &stream.out {
        Some(Destination::Stdout) => writeln!(text, "     to standard output"),
        Some(Destination::File(path)) => writeln!(text, "     to {}", path.display()),
        None if stream.readers.is_empty() => writeln!(text, "     no reader: kept in the run directory"),
        None if readers.is_empty() => writeln!(text, "     no reader runs: kept in the run directory"),
        None => Ok(()),
    };
}
