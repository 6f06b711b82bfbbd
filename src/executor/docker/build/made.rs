//! The images that builds have made, which stay until they are asked to go.

use std::collections::HashSet;

use bollard::query_parameters::{ListContainersOptionsBuilder, ListImagesOptionsBuilder, RemoveImageOptions};

use super::{LABEL, REPOSITORY};
use crate::executor::SystemError;
use crate::executor::docker::engine::{Engine, EngineRefusal, is_gone};

/// An image that a build has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltImage {
    /// What the engine calls it; its id if it has lost its name to a later one.
    pub name: String,
    /// Its size in bytes. Layers may be shared with other images.
    pub size: u64,
    /// Whether a container is made of it, running or not.
    pub is_used: bool,
}

impl BuiltImage {
    /// Removes its name, and with the last name the image.
    ///
    /// # Errors
    /// If the engine does not.
    pub async fn remove(&self, engine: &Engine) -> Result<(), SystemError> {
        match engine.docker().remove_image(&self.name, None::<RemoveImageOptions>, None).await {
            Ok(_) => Ok(()),
            Err(error) if is_gone(&error) => Ok(()),
            Err(error) => Err(SystemError::new(
                format!("cannot remove the image {}", self.name),
                EngineRefusal::from(error),
            )),
        }
    }
}

/// All images that builds have made, of all folders. One that has got another name since is its owner's, and
/// keeps that.
///
/// # Errors
/// If the engine does not tell.
pub async fn built_images(engine: &Engine) -> Result<Vec<BuiltImage>, SystemError> {
    let failed =
        |error| SystemError::new("cannot list the images that were built", EngineRefusal::from(error));
    let all = ListContainersOptionsBuilder::default().all(true).build();
    let containers = engine.docker().list_containers(Some(all)).await.map_err(failed)?;
    let used: HashSet<String> = containers.into_iter().filter_map(|container| container.image_id).collect();
    let images = engine.docker().list_images(Some(ListImagesOptionsBuilder::default().build())).await;
    let images = images.map_err(failed)?.into_iter().flat_map(|image| {
        let (size, is_used) = (u64::try_from(image.size).unwrap_or_default(), used.contains(&image.id));
        let names = names(&image.repo_tags, image.labels.contains_key(LABEL), image.id);
        names.into_iter().map(move |name| BuiltImage { name, size, is_used })
    });
    Ok(images.collect())
}

/// The names by which an image is to go: those that builds have given it, or its id if it is a build's and
/// has no name.
fn names(tags: &[String], is_labelled: bool, id: String) -> Vec<String> {
    let tags: Vec<&String> = tags.iter().filter(|tag| !tag.starts_with("<none>")).collect();
    if tags.is_empty() && is_labelled {
        return vec![id];
    }
    tags.into_iter().filter(|tag| is_built(tag)).cloned().collect()
}

/// Whether a name is one that builds give. Podman puts in front of it where it would be looked for.
fn is_built(tag: &str) -> bool {
    let Some((repository, _)) = tag.rsplit_once(':') else { return false };
    let place = repository.strip_suffix(REPOSITORY);
    place.is_some_and(|place| place.is_empty() || place == "localhost/" || place.ends_with("/library/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_build_has_made_is_listed() {
        let names = |tags: &[&str], is_labelled| {
            let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
            names(&tags, is_labelled, "sha256:1".to_owned())
        };
        assert_eq!(names(&["pipe-build:1", "mine:2"], true), ["pipe-build:1"]);
        for name in ["localhost/pipe-build:1", "hub.test/library/pipe-build:1"] {
            assert_eq!(names(&[name], true), [name], "as Podman writes it");
        }
        assert_eq!(names(&["pipe-build:1"], false), ["pipe-build:1"], "of an earlier `pipe`");
        assert_eq!(names(&["mine:2"], true), Vec::<String>::new(), "made of one that a build has made");
        assert_eq!(names(&["here/pipe-build:1", "pipe-build-2:1"], true), Vec::<String>::new());
        assert_eq!(names(&["<none>:<none>"], true), ["sha256:1"]);
        assert_eq!((names(&[], true), names(&[], false)), (vec!["sha256:1".to_owned()], vec![]));
    }
}
