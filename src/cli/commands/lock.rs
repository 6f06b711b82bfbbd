//! `pipe lock`: what the names of images mean today is written beside the pipeline file.

use std::io::Write as _;
use std::process::ExitCode;

use crate::cli::args::Lock;
use crate::cli::containers::{Placed, runtime};
use crate::cli::error::CliError;
use crate::cli::load::load_with;
use crate::cli::lock_file::LockFile;
use crate::executor::docker::{DigestError, Engine};
use crate::spec::MissingSecrets;
use crate::template::Given;

pub(in crate::cli) fn run(args: &Lock) -> Result<ExitCode, CliError> {
    let loaded = load_with(&args.target, Some(&args.params), &args.containers, MissingSecrets::Hide)?;
    let images = Placed::of(&loaded, Given::Nothing)?.named_images()?;
    let mut lock = LockFile::beside(&loaded.pipeline.source.path)?;
    runtime()?.block_on(async {
        let mut out = std::io::stdout();
        if images.is_empty() {
            writeln!(out, "no step names an image: nothing to lock")?;
            return Ok(ExitCode::SUCCESS);
        }
        let engine = Engine::connect().await?;
        for image in images {
            let digest = engine.digest(&image.name).await.map_err(|error| match error {
                DigestError::Missing(why) => CliError::usage(format!("{}: {why}", image.place), None),
                DigestError::Engine(error) => error.into(),
            })?;
            let only = if digest.is_local { " (only this engine has it)" } else { "" };
            writeln!(out, "{} is {}{only}", image.name, digest.reference)?;
            lock.images.insert(image.name, digest.reference);
        }
        lock.write()?;
        writeln!(out, "written to {}", lock.path().display())?;
        Ok(ExitCode::SUCCESS)
    })
}
