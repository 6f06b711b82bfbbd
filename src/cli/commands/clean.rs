//! `pipe clean`: what runs have left behind in the engine, because they or it were killed, goes.

use std::io::Write as _;
use std::process::ExitCode;

use crate::cli::args::Clean;
use crate::cli::containers::runtime;
use crate::cli::error::CliError;
use crate::executor::EngineError;
use crate::executor::docker::{Engine, Leftover, leftovers};

pub(in crate::cli) fn run(args: &Clean) -> Result<ExitCode, CliError> {
    runtime()?.block_on(async {
        let engine = Engine::connect().await?;
        let (live, dead): (Vec<_>, Vec<_>) =
            leftovers(&engine).await?.into_iter().partition(|left| left.is_live);
        let mut failed = None;
        for left in &dead {
            failed = clean(&engine, left, args.dry_run).await?.or(failed);
        }
        let what = if args.dry_run { "would be removed" } else { "removed" };
        let mut line = format!("{} {what}", dead.len());
        if !live.is_empty() {
            line += &format!(", {} left alone: their runs go on, or are another machine's", live.len());
        }
        writeln!(std::io::stdout(), "{line}")?;
        failed.map_or(Ok(ExitCode::SUCCESS), |error: EngineError| Err(error.into()))
    })
}

/// Removes one and says so. One that cannot be removed does not keep the others.
async fn clean(engine: &Engine, left: &Leftover, dry: bool) -> Result<Option<EngineError>, CliError> {
    if !dry && let Err(error) = left.remove(engine).await {
        return Ok(Some(error));
    }
    writeln!(std::io::stdout(), "{} {} of the run {}", left.kind.noun(), left.name, left.run)?;
    Ok(None)
}
