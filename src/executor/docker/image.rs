//! The images of a run: each is fetched or built once, however many steps wait for it. One that could not be had is asked
//! for again by the next step: an earlier step may have made it meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use super::engine::{Engine, is_connection, words};
use super::{Notify, build, pull};
use crate::executor::{EngineError, ImageSource, ImageSpec, StartError};
use crate::pipeline::Pull;

/// What the engine knows an image by, or why there is none.
type Found = Result<String, Missing>;

/// Why there is no image.
#[derive(Debug, Clone)]
pub(super) enum Missing {
    /// The step is at fault.
    Step(String),
    /// The engine is.
    Engine(EngineError),
}

pub(super) struct Images {
    engine: Engine,
    /// What to use in place of a name.
    locked: HashMap<String, String>,
    notify: Notify,
    found: Mutex<HashMap<ImageSpec, Arc<OnceCell<String>>>>,
    /// Images that are fetched before a step asks.
    ahead: Mutex<JoinSet<()>>,
}

impl Images {
    pub(super) fn new(engine: Engine, locked: HashMap<String, String>, notify: Notify) -> Self {
        Self { engine, locked, notify, found: Mutex::default(), ahead: Mutex::default() }
    }

    /// Sees to it that the engine has an image; what it is known by.
    pub(super) async fn ensure(&self, image: &ImageSpec) -> Result<String, StartError> {
        let cell = {
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(found.entry(image.clone()).or_default())
        };
        match cell.get_or_try_init(|| self.get(image)).await {
            Ok(name) => Ok(name.clone()),
            Err(Missing::Step(why)) => Err(StartError::Step(why)),
            Err(Missing::Engine(error)) => Err(error.into()),
        }
    }

    /// Does something about images ahead of the steps.
    pub(super) fn ahead(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner).spawn(work);
    }

    /// Nobody will ask any more.
    pub(super) fn stop(&self) {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }

    async fn get(&self, image: &ImageSpec) -> Found {
        let name = match &image.source {
            ImageSource::Built { .. } => return build::build(&self.engine, image, &self.notify).await,
            ImageSource::Named(name) => self.locked.get(name).unwrap_or(name),
        };
        let mut unfit = String::new();
        if image.pull != Pull::Always {
            match self.engine.docker().inspect_image(name).await {
                Ok(found) if fits(&found, image.platform.as_deref()) => return Ok(name.clone()),
                Ok(found) => unfit = misfit(name, &found, image),
                Err(error) if is_connection(&error) => return Err(Missing::Engine(self.engine.lost(&error))),
                Err(_) => {}
            }
            if image.pull == Pull::Never {
                let why = if unfit.is_empty() { format!("there is no image `{name}` here") } else { unfit };
                return Err(Missing::Step(format!("{why}, and `pull: never` forbids to fetch it")));
            }
        }
        let pulled = pull::pull(&self.engine, name, image.platform.as_deref(), &self.notify).await;
        let name = match pulled {
            Err(Missing::Step(why)) if !unfit.is_empty() => {
                return Err(Missing::Step(format!("{unfit}, and {why}")));
            }
            pulled => pulled?,
        };
        // A registry that has a single one for all platforms hands it out whatever was asked for.
        match self.engine.docker().inspect_image(&name).await {
            Ok(found) if !fits(&found, image.platform.as_deref()) => {
                Err(Missing::Step(misfit(&name, &found, image)))
            }
            _ => Ok(name),
        }
    }
}

impl Missing {
    /// What the engine says about an image, or that it is gone itself.
    pub(super) fn of(engine: &Engine, what: &str, error: &bollard::errors::Error) -> Self {
        match is_connection(error) {
            true => Self::Engine(engine.lost(error)),
            false => Self::Step(format!("{what}: {}", words(error))),
        }
    }
}

/// What is wrong with an image that does not fit.
fn misfit(name: &str, found: &bollard::models::ImageInspect, image: &ImageSpec) -> String {
    let parts = [&found.os, &found.architecture, &found.variant];
    let is: Vec<&str> =
        parts.into_iter().filter_map(Option::as_deref).filter(|part| !part.is_empty()).collect();
    let wanted = image.platform.as_deref().unwrap_or_default();
    format!("the image `{name}` is for {}, and not for {wanted}", is.join("/"))
}

/// Whether an image is for a platform, `os/architecture` with a variant or without.
fn fits(image: &bollard::models::ImageInspect, platform: Option<&str>) -> bool {
    let Some(platform) = platform else { return true };
    let mut wanted = platform.split('/');
    let same =
        |wanted: Option<&str>, is: &Option<String>| wanted.is_none_or(|wanted| is.as_deref() == Some(wanted));
    same(wanted.next(), &image.os)
        && same(wanted.next(), &image.architecture)
        && same(wanted.next(), &image.variant)
}
