//! Building an image from a folder, as `docker build` does.
//!
//! What the engine is sent of the folder is decided here (`ignore`, `context`), and is the same for each way
//! to build.

mod archive;
mod buildkit;
mod classic;
mod context;
mod ignore;
mod job;
mod made;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use self::context::Walk;
use self::job::Job;
pub use self::made::{BuiltImage, built_images};
use super::Notify;
use super::engine::{Engine, Since, is_connection, words};
use crate::executor::{ImageSource, ImageSpec, StartError};

/// The label of an image that was built here; its value is the image's name.
pub(super) const LABEL: &str = "pipe.build";
/// The name of all images that were built here; their tags differ.
pub(super) const REPOSITORY: &str = "pipe-build";
/// The last lines of a failed build that are worth showing.
const LINES: usize = 12;

/// Why there is no image.
enum Failure {
    /// The folder cannot be sent.
    Folder(Box<dyn Error + Send + Sync>),
    /// What is in front of the engine lets no session through, without which there is no BuildKit.
    NoSession(String),
    /// The engine says so.
    Refused(String),
    /// The engine is gone.
    Lost(String),
}

/// Builds an image; what the engine knows it by. The engine's own cache makes a second build quick, and gives
/// the same image.
pub(super) async fn build(engine: &Engine, image: &ImageSpec, notify: &Notify) -> Result<String, StartError> {
    let ImageSource::Built { context, .. } = &image.source else {
        return Err(StartError::Step("there is nothing to build".into()));
    };
    let job = Arc::new(Job::of(image).map_err(|error| StartError::Step(error.to_string()))?);
    notify(format!("building the image of {}", context.display()));
    let mut log = Vec::new();
    let built = match engine.buildkit() {
        None => classic::build(engine, &job, &mut log).await,
        Some(Since::Docker18) => buildkit::build(engine, &job, Walk::OldBuildKit, &mut log).await,
        Some(Since::Docker23) => buildkit::build(engine, &job, Walk::BuildKit, &mut log).await,
    };
    let built = match built {
        Err(Failure::NoSession(why)) => {
            notify(format!("building without BuildKit: the engine opens no session for it ({why})"));
            classic::build(engine, &job, &mut log).await
        }
        built => built,
    };
    built.map(|id| id.unwrap_or_else(|| job.tag.clone())).map_err(|why| missing(engine, context, why, &log))
}

fn missing(engine: &Engine, context: &Path, why: Failure, log: &[String]) -> StartError {
    let last = log.get(log.len().saturating_sub(LINES)..).unwrap_or_default().join("\n");
    let what = format!("the image of {} cannot be built", context.display());
    if let Failure::Refused(why) = &why
        && let Some(error) = engine.full(&what, why)
    {
        return error.into();
    }
    match why {
        Failure::Folder(why) => StartError::Step(format!("{what}: {why}")),
        Failure::NoSession(why) => StartError::Step(format!("{what}: {why}")),
        Failure::Refused(why) if why.is_empty() => {
            StartError::Step(format!("{what}: the engine does not say why\n{last}").trim_end().to_owned())
        }
        Failure::Refused(why) if last.is_empty() => StartError::Step(format!("{what}: {why}")),
        Failure::Refused(why) => StartError::Step(format!("{what}: {why}\n{last}")),
        Failure::Lost(error) => engine.lost(error).into(),
    }
}

impl Failure {
    fn folder(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Folder(error.into())
    }
}

impl From<bollard::errors::Error> for Failure {
    fn from(error: bollard::errors::Error) -> Self {
        if is_connection(&error) { Self::Lost(error.to_string()) } else { Self::Refused(words(&error)) }
    }
}
