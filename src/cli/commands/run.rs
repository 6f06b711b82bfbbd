//! `pipe run`.

use std::process::ExitCode;
use std::sync::Arc;

use crate::cli::args::Run;
use crate::cli::error::{CliError, exit_code};
use crate::cli::load::{Loaded, load};
use crate::cli::screen::Screen;
use crate::cli::{commands::dry_run, signals};
use crate::event::{RunEnd, channel};
use crate::executor::EngineError;
use crate::executor::host::HostExecutor;
use crate::history::RunDir;
use crate::pipeline::{Action, Destination};
use crate::runner::{self, Job, RunPlace, Settings};
use crate::spec::{Problem, Problems, locate};
use crate::template::{Facts, Renderer};

pub(in crate::cli) fn run(args: &Run) -> Result<ExitCode, CliError> {
    let loaded = load(&args.target)?;
    let started_at = jiff::Zoned::now();
    // Checked before anything is made; the run's id is known only after that.
    let facts = loaded.facts("RUN-ID", &started_at);
    let values = loaded.values(&args.params, facts.clone())?;
    if args.dry_run {
        return show(&loaded, Facts { values, ..facts });
    }
    let dir = RunDir::create(&loaded.working_dir, &started_at)?;
    let facts = loaded.facts(dir.id(), &started_at);
    let values = loaded.values(&args.params, facts.clone())?;
    let templates = Renderer::new(Facts { values: values.clone(), ..facts });
    let (events, receiver) = channel::channel();
    let stdout_is_taken =
        loaded.pipeline.streams.iter().any(|stream| stream.out == Some(Destination::Stdout));
    let screen = Screen::start(receiver, &dir, args.format, stdout_is_taken)?;
    let job = Job {
        pipeline: Arc::clone(&loaded.pipeline),
        plan: Arc::clone(&loaded.plan),
        values,
        templates,
        executor: Arc::new(HostExecutor::new()),
        events,
        place: RunPlace {
            id: dir.id().to_owned(),
            working_dir: loaded.working_dir.clone(),
            run_dir: dir.path().to_owned(),
            streams_dir: dir.streams_dir(),
        },
        settings: settings(args, &loaded),
    };
    let end = run_to_end(job)?;
    screen.join();
    Ok(exit_code(&end))
}

/// Runs the job on a runtime of its own. Dropping the runtime drops the last sender of events, so the screen ends.
fn run_to_end(job: Job) -> Result<RunEnd, CliError> {
    let failed = |error| EngineError::new("cannot start the runtime", error);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    let end = runtime.block_on(async {
        let signals =
            signals::listen().map_err(|error| EngineError::new("cannot listen for signals", error))?;
        Ok::<_, EngineError>(runner::run(job, signals).await)
    })?;
    runtime.shutdown_background();
    Ok(end)
}

fn show(loaded: &Loaded, facts: Facts) -> Result<ExitCode, CliError> {
    let text = dry_run::text(loaded, &Renderer::new(facts)).map_err(|(step, error)| {
        let source = &loaded.pipeline.source;
        let at = match &loaded.pipeline.step(step).action {
            Action::Run(script) => locate(source, &script.text, error.range.clone()),
            Action::Feed(_) => loaded.pipeline.step(step).at,
        };
        CliError::from(Problems::from(
            Problem::at("template", source, at, error.message).maybe_help(error.help),
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
