//! The images of a run: each is fetched or built once, however many steps wait for it. One that could not be
//! had is asked for again by the next step: an earlier step may have made it meanwhile.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use super::engine::{Engine, is_connection, is_gone};
use super::{Notify, build, pull};
use crate::executor::{ImageSource, ImageSpec, StartError};
use crate::pipeline::Pull;

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
            let mut found = self.found.lock();
            Arc::clone(found.entry(image.clone()).or_default())
        };
        cell.get_or_try_init(|| self.get(image)).await.cloned()
    }

    /// Forgets an image that the engine does not have any more, so that the next attempt fetches or builds it
    /// again.
    pub(super) async fn forget_if_gone(&self, image: &ImageSpec, name: &str) {
        if self.engine.docker().inspect_image(name).await.is_err_and(|error| is_gone(&error)) {
            self.found.lock().remove(image);
        }
    }

    /// Does something about images ahead of the steps.
    pub(super) fn ahead(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.ahead.lock().spawn(work);
    }

    /// Stops fetching ahead: the run is over.
    pub(super) fn stop(&self) {
        self.ahead.lock().abort_all();
    }

    async fn get(&self, image: &ImageSpec) -> Result<String, StartError> {
        let name = match &image.source {
            ImageSource::Built { .. } => return build::build(&self.engine, image, &self.notify).await,
            ImageSource::Named(name) => self.locked.get(name).unwrap_or(name),
        };
        let mut unfit = String::new();
        if image.pull != Pull::Always {
            match self.engine.docker().inspect_image(name).await {
                Ok(found) if fits(&found, image.platform.as_deref()) => return Ok(name.clone()),
                Ok(found) => unfit = misfit(name, &found, image),
                Err(error) if is_connection(&error) => return Err(self.engine.lost(error).into()),
                Err(_) => {}
            }
            if image.pull == Pull::Never {
                let why = if unfit.is_empty() { format!("there is no image `{name}` here") } else { unfit };
                return Err(StartError::Step(format!("{why}, and `pull: never` forbids to fetch it")));
            }
        }
        let pulled = pull::pull(&self.engine, name, image.platform.as_deref(), &self.notify).await;
        let name = match pulled {
            Err(StartError::Step(why)) if !unfit.is_empty() => {
                return Err(StartError::Step(format!("{unfit}, and {why}")));
            }
            pulled => pulled?,
        };
        // A registry that has a single one for all platforms hands it out whatever was asked for.
        match self.engine.docker().inspect_image(&name).await {
            Ok(found) if !fits(&found, image.platform.as_deref()) => {
                Err(StartError::Step(misfit(&name, &found, image)))
            }
            _ => Ok(name),
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
