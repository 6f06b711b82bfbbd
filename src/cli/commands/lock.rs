//! `pipe lock`: writes the digests of images beside the pipeline file.

use std::process::ExitCode;

use crate::cli::args::LockArgs;
use crate::cli::containers::{ResolvedPipeline, runtime};
use crate::cli::error::CliError;
use crate::cli::load::{Params, load_with};
use crate::cli::lock_file::LockFile;
use crate::cli::stdio;
use crate::executor::StartError;
use crate::executor::docker::{Digest, Engine};
use crate::file::MissingSecrets;
use crate::template::StepOutputsMode;

pub(in crate::cli) fn run(args: &LockArgs) -> Result<ExitCode, CliError> {
    let loaded =
        load_with(&args.target, Params::All(&args.params), args.containers.places(), MissingSecrets::Hide)?;
    let images = ResolvedPipeline::of(&loaded, StepOutputsMode::Nothing)?.named_images()?;
    let mut lock = LockFile::beside(loaded.pipeline.source.path())?;
    runtime()?.block_on(async {
        if images.is_empty() {
            stdio::print("no step names an image: nothing to lock\n")?;
            return Ok(ExitCode::SUCCESS);
        }
        let engine = Engine::connect().await?;
        for image in images {
            let digest = Digest::of(&engine, &image.name).await.map_err(|error| match error {
                StartError::Step(why) => CliError::usage(format!("{}: {why}", image.place), None),
                StartError::System(error) => error.into(),
            })?;
            let only = if digest.is_local { " (only this engine has it)" } else { "" };
            stdio::print(format!("{} is {}{only}\n", image.name, digest.reference))?;
            lock.images.insert(image.name, digest.reference);
        }
        lock.write()?;
        stdio::print(format!("written to {}\n", lock.path().display()))?;
        Ok(ExitCode::SUCCESS)
    })
}
