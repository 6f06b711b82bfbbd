//! `pipe run`.

use std::process::ExitCode;
use std::sync::Arc;

use crate::cli::args::Run;
use crate::cli::error::{CliError, exit_code};
use crate::cli::load::{Loaded, load_with};
use crate::cli::screen::Screen;
use crate::cli::{commands::dry_run, signals};
use crate::event::{EventKind, RunEnd, channel};
use crate::executor::docker::{DockerExecutor, Engine};
use crate::executor::host::HostExecutor;
use crate::executor::{EngineError, Places};
use crate::history::RunDir;
use crate::pipeline::Destination;
use crate::runner::{self, Job, RunPlace, Settings};
use crate::spec::{Problem, Problems, locate};
use crate::template::{Facts, Renderer};

pub(in crate::cli) fn run(args: &Run) -> Result<ExitCode, CliError> {
    let loaded = load_with(&args.target, Some(&args.params), &args.containers)?;
    let started_at = jiff::Zoned::now();
    if args.dry_run {
        let facts = loaded.facts("RUN-ID", &started_at);
        let values = loaded.values(&args.params, facts.clone())?;
        return show(&loaded, Facts { values, ..facts });
    }
    let failed = |error| EngineError::new("cannot start the runtime", error);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    let (end, screen) = runtime.block_on(run_to_end(args, &loaded, &started_at))?;
    // The last senders of events go with the runtime, and so the screen ends.
    runtime.shutdown_background();
    screen.join();
    Ok(exit_code(&end))
}

/// Makes the run. Signals are listened for before there is anything that they could leave half done.
async fn run_to_end(
    args: &Run,
    loaded: &Loaded,
    started_at: &jiff::Zoned,
) -> Result<(RunEnd, Screen), CliError> {
    let signals = signals::listen().map_err(|error| EngineError::new("cannot listen for signals", error))?;
    let engine = match loaded.pipeline.steps.iter().any(|step| step.container.is_some()) {
        true => Some(Engine::connect().await?),
        false => None,
    };
    let dir = RunDir::create(&loaded.working_dir, started_at)?;
    let facts = loaded.facts(dir.id(), started_at);
    let values = loaded.values(&args.params, facts.clone())?;
    let templates = Renderer::new(Facts { values: values.clone(), ..facts });
    let (events, receiver) = channel::channel();
    let stdout_is_taken =
        loaded.pipeline.streams.iter().any(|stream| stream.out == Some(Destination::Stdout));
    let screen = Screen::start(receiver, &dir, args.format, stdout_is_taken)?;
    let docker = engine.map(|engine| docker(args, engine, &dir, &events)).transpose()?;
    let executor = Places::new(HostExecutor::new(), docker);
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
        },
        settings: settings(args, loaded),
    };
    Ok((runner::run(job, signals).await, screen))
}

/// Where containers run, with a folder for their pipes.
fn docker(
    args: &Run,
    engine: Engine,
    dir: &RunDir,
    events: &channel::Sender,
) -> Result<DockerExecutor, CliError> {
    let pipes = dir.path().join("pipes");
    let failed = |error| EngineError::new(format!("cannot make {}", pipes.display()), error);
    std::fs::create_dir(&pipes).map_err(failed)?;
    let events = events.clone();
    let notify = move |note| events.send(EventKind::Note(note));
    let lane = args.containers.stream_lane.choice();
    Ok(DockerExecutor::new(engine, dir.id(), pipes, lane, Arc::new(notify)))
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
    Settings { max_parallel, ..defaults }
}
