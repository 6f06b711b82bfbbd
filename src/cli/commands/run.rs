//! `pipe run`.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::task::JoinError;

use crate::cli::args::{ReportArg, RunArgs};
use crate::cli::choice::{Choice, is_partial};
use crate::cli::cluster::ClusterRun;
use crate::cli::confirm::{self, Question};
use crate::cli::containers::{self, runtime};
use crate::cli::error::{CliError, exit_code};
use crate::cli::load::{Loaded, Params, load_with};
use crate::cli::prompt::Terminal;
use crate::cli::screen::Screen;
use crate::cli::secrets_dir::SecretsDir;
use crate::cli::stdio;
use crate::cli::{
    commands::dry_run, earlier, ends, environment, past, retention, signals, terminal, turn, viewers,
};
use crate::event::mask::Masker;
use crate::event::{EventKind, RunEnd, channel};
use crate::executor::docker::Engine;
use crate::executor::host::{Descriptors, HostExecutor};
use crate::executor::{ExecutorSet, SystemError};
use crate::file::{Diagnostic, Diagnostics, MissingSecrets, locate};
use crate::history::RunDir;
use crate::plan::Decisions;
use crate::processes;
use crate::reaper::Reaper;
use crate::runner::{self, Here, Job, Partial, RunPaths, Settings, Site, Ticket};
use crate::template::TemplateRenderer;

pub(in crate::cli) fn run(args: &RunArgs) -> Result<ExitCode, CliError> {
    let asks = if args.dry_run { None } else { Terminal::find(args.takes_stdin()) };
    let missing = if args.dry_run || asks.is_some() { MissingSecrets::Hide } else { MissingSecrets::Refuse };
    // Of a part of the pipeline only the params that it reads are looked at.
    let of_part = is_partial(&args.choice);
    let params = if of_part { Params::Part(&args.params) } else { Params::All(&args.params) };
    let mut loaded = load_with(&args.target, params, args.cluster.places(&args.containers), missing)?;
    ends::check(&loaded.pipeline)?;
    let reports = viewers::reports(args, &loaded.working_dir)?;
    if !args.dry_run {
        earlier::wait_for_cleanups(&loaded, args.quiet);
    }
    let started_at = jiff::Zoned::now();
    let choice = Choice::of(&args.choice, &loaded)?;
    let at_most = choice.at_most(&loaded);
    if is_partial(&args.choice) {
        loaded = loaded.with_params_of(&args.params, &at_most)?;
    }
    let templates = || loaded.renderer(loaded.context("RUN-ID", &started_at));
    let has_conditions = loaded.pipeline.steps.iter().any(|step| loaded.pipeline.is_conditional(step));
    let check = |decisions| environment::check(&loaded, decisions, loaded.context("RUN-ID", &started_at));
    let plain = at_most;
    let at_most = match has_conditions {
        true => choice.with_conditions(&loaded, &plain, &templates()?),
        false => Ok(plain.clone()),
    };
    // A variable that is not set is a better reason than what comes of it.
    let at_most = at_most.or_else(|error| check(&plain).and(Err(error)))?;
    check(&at_most)?;
    if is_partial(&args.choice) {
        choice.check_values(&loaded, &at_most, &templates()?)?;
    }
    if args.dry_run {
        return show(&loaded, &choice.on_paper(&loaded, at_most, templates)?, &templates()?);
    }
    let cluster = ClusterRun::of(&args.cluster, &loaded, &at_most)?;
    terminal::check(&loaded, &at_most)?;
    let keep = retention::keep(&loaded)?;
    viewers::check_streams(&loaded)?;
    let raised = Descriptors::raise();
    check_descriptors(&loaded, settings(args, &loaded).max_parallel)?;
    let runtime = runtime()?;
    let (end, screen, reaper, dir) = runtime.block_on(run_to_end(
        args,
        &mut loaded,
        (choice, at_most, cluster),
        asks,
        reports,
        &started_at,
        raised,
    ))?;
    // The runtime is still needed: a signal also ends the wait for a reader of the output.
    let was_cut = runtime.block_on(screen.was_cut());
    runtime.shutdown_background();
    reaper.clean_exit();
    dir.release_cleanup();
    retention::tidy(&loaded, keep);
    Ok(exit_code(&end, was_cut))
}

/// Runs the pipeline. Signal handlers are in place before there is anything that a signal could leave
/// unfinished.
async fn run_to_end(
    args: &RunArgs,
    loaded: &mut Loaded,
    (choice, at_most, mut cluster): (Choice, Decisions, Option<ClusterRun>),
    asks: Option<Terminal>,
    reports: Vec<ReportArg>,
    started_at: &jiff::Zoned,
    raised: Descriptors,
) -> Result<(RunEnd, Screen, Reaper, RunDir), CliError> {
    let mut signals =
        signals::listen().map_err(|error| SystemError::new("cannot listen for signals", error))?;
    if let Some(terminal) = asks {
        let mut asked = BTreeMap::new();
        for param in loaded.missing_secrets() {
            asked.insert(param.name.clone(), terminal.ask(param, &mut signals).await?);
        }
        loaded.add_answers(asked);
    }
    let mut turn = turn::wait(&loaded.pipeline, args.quiet, &mut signals).await?;
    let locked = containers::locked(args, loaded)?;
    if let Some(found) = cluster.take() {
        cluster = Some(found.find(loaded, &mut signals).await?);
    }
    let needs_engine = cluster.is_none() && in_containers(loaded, &at_most);
    let (dir, engine) = tokio::select! {
        places = places(loaded, needs_engine, started_at) => places?,
        Some(signal) = signals.recv() => return Err(CliError::Signalled(signal)),
    };
    turn::tell(&mut turn, dir.id());
    let secrets_dir = match &cluster {
        Some(_) => None,
        None => SecretsDir::make(&loaded.pipeline, &dir, engine.as_ref()).await?,
    };
    let templates = loaded.renderer(loaded.context(dir.id(), started_at))?;
    let masker =
        Masker::new(&templates.all_values()).map_err(|error| CliError::usage(error.to_string(), None))?;
    let viewers = viewers::viewers(args, reports, loaded, &masker, dir.id())?;
    let (mut locked, mut opened) = (locked, None);
    if let Some(cluster) = cluster {
        let locked = std::mem::take(&mut locked);
        opened = Some(cluster.open(loaded, &dir, &templates, locked, &mut signals).await?);
    }
    let (events, receiver) = channel::channel(masker);
    let question = Question::default();
    let screen = Screen::start(receiver, &dir, viewers, question.clone())?;
    let reaper = start_reaper(&events, &dir, turn.as_mut());
    warn_of_hidden_processes(&events);
    let docker = engine
        .map(|engine| containers::executor(args, engine, locked, &dir, &events, &reaper))
        .transpose()?;
    let host = HostExecutor::new(reaper.clone()).with_limit(raised);
    let site: Arc<dyn Site> = match opened {
        Some(cluster) => Arc::new(cluster),
        None => Arc::new(Here::new(ExecutorSet::new(host, docker))),
    };
    let consent = confirm::consent(&loaded.pipeline, args.yes, args.takes_stdin(), question, &events);
    let job = Job {
        pipeline: Arc::clone(&loaded.pipeline),
        plan: Arc::clone(&loaded.plan),
        templates,
        events,
        place: paths(loaded, &dir, secrets_dir.as_ref())?,
        past: choice.past,
        asked: choice.asked,
        settings: Settings { consent, ..settings(args, loaded) },
        reaper: reaper.clone(),
    };
    // As a task on the runtime: on this thread, each of its tasks would have to wake the thread.
    match tokio::spawn(runner::run(job, site, signals)).await.map_err(JoinError::try_into_panic) {
        Ok(end) => {
            drop(turn);
            Ok((end, screen, reaper, dir))
        }
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(error)) => Err(SystemError::new("the run stopped unexpectedly", error).into()),
    }
}

fn warn_of_hidden_processes(events: &channel::Sender) {
    if cfg!(target_os = "linux") && !processes::are_visible() {
        events.send(EventKind::Warning(
            "/proc does not show the processes of this PID namespace: a step is stopped by its process group alone, and \
             a process that has left the group goes on (mount /proc anew: `unshare --pid --fork --mount-proc`)"
                .to_owned(),
        ));
    }
}

/// Refuses a run that would need more descriptors than the limit allows.
fn check_descriptors(loaded: &Loaded, max_parallel: NonZeroUsize) -> Result<(), CliError> {
    let needed = runner::descriptors(&loaded.pipeline, &loaded.plan, max_parallel);
    match Descriptors::most() {
        Some(most) if most < needed => Err(CliError::Limit { needed, most }),
        _ => Ok(()),
    }
}

/// Starts the reaper, and leaves it the locks of the run. Without a reaper the run goes on, with a warning.
fn start_reaper(events: &channel::Sender, dir: &RunDir, turn: Option<&mut Ticket>) -> Reaper {
    let reaper = Reaper::start().unwrap_or_else(|error| {
        events.send(EventKind::Warning(format!(
            "if pipe is killed now, processes and containers are left behind: it cannot start its reaper ({error})"
        )));
        Reaper::default()
    });
    reaper.hold(dir.cleanup_lock()).leak();
    if let Some(turn) = turn {
        turn.leave_to(&reaper);
    }
    reaper
}

/// Returns whether a step that runs does so in a container.
fn in_containers(loaded: &Loaded, decisions: &Decisions) -> bool {
    loaded.pipeline.steps().any(|(id, step)| step.is_in_container() && decisions.runs(id))
}

/// Returns where the run happens.
fn paths(loaded: &Loaded, dir: &RunDir, secrets: Option<&SecretsDir>) -> Result<RunPaths, CliError> {
    Ok(RunPaths {
        id: dir.id().to_owned(),
        working_dir: loaded.working_dir.clone(),
        run_dir: dir.path().to_owned(),
        streams_dir: dir.streams_dir(),
        outputs_dir: dir.outputs_dir(),
        key: dir.fingerprint_key()?,
        secrets_dir: secrets.map(|dir| dir.path().to_owned()),
    })
}

/// Returns the run's folder, and the engine where a step needs one. Without an engine that sees the folder
/// there is none.
async fn places(
    loaded: &Loaded,
    needs_engine: bool,
    started_at: &jiff::Zoned,
) -> Result<(RunDir, Option<Engine>), CliError> {
    let engine = if needs_engine { Some(Engine::connect().await?) } else { None };
    let dir = RunDir::create(&loaded.working_dir.join(past::home()), started_at)?;
    if let Some(engine) = &engine
        && let Err(error) = engine.sees(dir.path()).await
    {
        // If the empty folder stays, no harm is done.
        let _ = std::fs::remove_dir_all(dir.path());
        return Err(error.into());
    }
    Ok((dir, engine))
}

fn show(loaded: &Loaded, decisions: &Decisions, templates: &TemplateRenderer) -> Result<ExitCode, CliError> {
    let text = dry_run::text(loaded, decisions, templates).map_err(|(text, error)| {
        let source = &loaded.pipeline.source;
        let at = locate(source, &text, error.range.clone());
        CliError::from(Diagnostics::from(
            Diagnostic::at(error.kind.into(), source, at, error.message).maybe_help(error.help),
        ))
    })?;
    stdio::print(text)?;
    Ok(ExitCode::SUCCESS)
}

fn settings(args: &RunArgs, loaded: &Loaded) -> Settings {
    let defaults = Settings::default();
    let max_parallel = args.max_parallel.or(loaded.pipeline.max_parallel).unwrap_or(defaults.max_parallel);
    let partial = if args.keep_partial { Partial::MoveAside } else { Partial::Remove };
    Settings { max_parallel, partial, trace: args.trace, ..defaults }
}
