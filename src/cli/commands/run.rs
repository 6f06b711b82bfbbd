//! `pipe run`.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::task::JoinError;

use crate::cli::args::{Report, Run};
use crate::cli::containers::{self, runtime};
use crate::cli::error::{CliError, exit_code};
use crate::cli::load::{Loaded, load_with};
use crate::cli::prompt::Terminal;
use crate::cli::screen::Screen;
use crate::cli::secrets::SecretsDir;
use crate::cli::{commands::dry_run, resume, signals, viewers};
use crate::event::mask::Masker;
use crate::event::{EventKind, RunEnd, channel};
use crate::executor::docker::Engine;
use crate::executor::host::{Descriptors, HostExecutor, MOST_TIED};
use crate::executor::{EngineError, Places};
use crate::history::RunDir;
use crate::reaper::Reaper;
use crate::runner::{self, Job, Partial, RunPlace, Settings};
use crate::spec::{MissingSecrets, Problem, Problems, locate};
use crate::template::{Facts, Renderer};

pub(in crate::cli) fn run(args: &Run) -> Result<ExitCode, CliError> {
    let takes_stdin = |given: &String| given.ends_with("=-");
    let terminal =
        if args.dry_run { None } else { Terminal::find(args.target.inputs.iter().any(takes_stdin)) };
    let missing =
        if args.dry_run || terminal.is_some() { MissingSecrets::Hide } else { MissingSecrets::Refuse };
    let mut loaded = load_with(&args.target, Some(&args.params), &args.containers, missing)?;
    let reports = viewers::reports(args, &loaded.working_dir)?;
    let started_at = jiff::Zoned::now();
    if args.dry_run {
        let facts = loaded.facts("RUN-ID", &started_at);
        let values = loaded.values(facts.clone())?;
        return show(&loaded, Facts { values, ..facts });
    }
    let raised = Descriptors::raise();
    check_descriptors(&loaded, settings(args, &loaded).max_parallel)?;
    let runtime = runtime()?;
    let (end, screen, reaper) =
        runtime.block_on(run_to_end(args, &mut loaded, terminal, reports, &started_at, raised))?;
    // The last senders of events go with the runtime, and so the screen ends.
    runtime.shutdown_background();
    screen.join();
    reaper.farewell();
    Ok(exit_code(&end))
}

/// Makes the run. Signals are listened for before there is anything that they could leave half done.
async fn run_to_end(
    args: &Run,
    loaded: &mut Loaded,
    terminal: Option<Terminal>,
    reports: Vec<Report>,
    started_at: &jiff::Zoned,
    raised: Descriptors,
) -> Result<(RunEnd, Screen, Reaper), CliError> {
    let mut signals =
        signals::listen().map_err(|error| EngineError::new("cannot listen for signals", error))?;
    if let Some(terminal) = terminal {
        let mut asked = BTreeMap::new();
        for param in loaded.unanswered() {
            asked.insert(param.name.clone(), terminal.ask(param, &mut signals).await?);
        }
        loaded.answer(asked);
    }
    let locked = containers::locked(args, loaded)?;
    let (past, chosen) = (resume::past(args)?, resume::chosen(args, loaded)?);
    let (dir, engine) = tokio::select! {
        places = places(loaded, started_at) => places?,
        Some(signal) = signals.recv() => return Err(CliError::Signalled(signal)),
    };
    let secrets_dir = SecretsDir::make(&loaded.pipeline, &dir, engine.as_ref()).await?;
    let facts = loaded.facts(dir.id(), started_at);
    let values = loaded.values(facts.clone())?;
    let templates = Renderer::new(Facts { values: values.clone(), ..facts });
    let masker = Masker::new(&values).map_err(|error| CliError::usage(error.to_string(), None))?;
    let (events, receiver) = channel::channel(masker);
    let viewers = viewers::viewers(args.format, reports, loaded, &values, dir.id());
    let screen = Screen::start(receiver, &dir, viewers)?;
    let reaper = start_reaper(&events);
    let docker = engine
        .map(|engine| containers::executor(args, engine, locked, &dir, &events, &reaper))
        .transpose()?;
    let host = HostExecutor::new(reaper.clone()).with_limit(raised);
    let host = host.tied(loaded.pipeline.steps().len() <= MOST_TIED);
    let executor = Places::new(host, docker);
    let job = Job {
        pipeline: Arc::clone(&loaded.pipeline),
        plan: Arc::clone(&loaded.plan),
        values,
        templates,
        executor: Arc::new(executor),
        events,
        place: RunPlace {
            id: dir.id().to_owned(),
            working_dir: loaded.working_dir.clone(),
            run_dir: dir.path().to_owned(),
            streams_dir: dir.streams_dir(),
            outputs_dir: dir.outputs_dir(),
            key: dir.fingerprint_key()?,
            secrets_dir: secrets_dir.as_ref().map(|dir| dir.path().to_owned()),
        },
        past,
        chosen,
        settings: settings(args, loaded),
        reaper: reaper.clone(),
    };
    // Among the tasks that it starts: here it would be on a thread of its own, which each of them would have to wake.
    match tokio::spawn(runner::run(job, signals)).await.map_err(JoinError::try_into_panic) {
        Ok(end) => Ok((end, screen, reaper)),
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(error)) => Err(EngineError::new("the run broke off", error).into()),
    }
}

/// A run that would need more descriptors than there may be does not begin.
fn check_descriptors(loaded: &Loaded, max_parallel: NonZeroUsize) -> Result<(), CliError> {
    let needed = runner::descriptors(&loaded.pipeline, &loaded.plan, max_parallel);
    match Descriptors::most() {
        Some(most) if most < needed => Err(CliError::Limit { needed, most }),
        _ => Ok(()),
    }
}

/// A run without a reaper is still a run.
fn start_reaper(events: &channel::Sender) -> Reaper {
    Reaper::start().unwrap_or_else(|error| {
        events.send(EventKind::Warning(format!(
            "if pipe is killed now, processes and containers are left behind: it cannot start its reaper ({error})"
        )));
        Reaper::default()
    })
}

/// The run's folder, and the engine where a step needs one. Without an engine that sees the folder there is none.
async fn places(loaded: &Loaded, started_at: &jiff::Zoned) -> Result<(RunDir, Option<Engine>), CliError> {
    let is_needed = loaded.pipeline.steps.iter().any(|step| step.container.is_some());
    let engine = if is_needed { Some(Engine::connect().await?) } else { None };
    let dir = RunDir::create(&loaded.working_dir, started_at)?;
    if let Some(engine) = &engine
        && let Err(error) = engine.sees(dir.path()).await
    {
        // An empty folder more or less is not worth another message.
        let _ = std::fs::remove_dir_all(dir.path());
        return Err(error.into());
    }
    Ok((dir, engine))
}

fn show(loaded: &Loaded, facts: Facts) -> Result<ExitCode, CliError> {
    let text = dry_run::text(loaded, &Renderer::new(facts)).map_err(|(step, error)| {
        let source = &loaded.pipeline.source;
        let step = loaded.pipeline.step(step);
        let script = step.action.script();
        let at = script.map_or(step.at, |script| locate(source, &script.text, error.range.clone()));
        CliError::from(Problems::from(
            Problem::at(error.mistake.into(), source, at, error.message).maybe_help(error.help),
        ))
    })?;
    std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn settings(args: &Run, loaded: &Loaded) -> Settings {
    let defaults = Settings::default();
    let max_parallel = args.max_parallel.or(loaded.pipeline.max_parallel).unwrap_or(defaults.max_parallel);
    let partial = if args.keep_partial { Partial::MoveAside } else { Partial::Remove };
    Settings { max_parallel, partial, ..defaults }
}
