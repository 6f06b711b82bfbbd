//! What an image's name means today: the digest that a registry gives it, or else what the engine has under
//! that name.

use super::auth;
use super::engine::{Engine, is_connection};
use super::pull::with_tag;
use crate::executor::StartError;

/// An image that a name means, for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// `repository@sha256:…`, or the image's own id if no registry has it.
    pub reference: String,
    /// Whether only this engine has it, so that the reference means nothing elsewhere.
    pub is_local: bool,
}

impl Digest {
    /// Looks up an image, first at its registry, then here.
    ///
    /// # Errors
    /// If neither has it; in the registry's words.
    pub async fn of(engine: &Engine, name: &str) -> Result<Self, StartError> {
        let name = with_tag(name);
        let repository = repository(&name);
        let pinned = |digest: &str| Digest { reference: format!("{repository}@{digest}"), is_local: false };
        let credentials = auth::credentials(engine, &name).await;
        let refused = match engine.docker().inspect_registry_image(&name, credentials).await {
            Ok(found) => match found.descriptor.digest {
                Some(digest) => return Ok(pinned(&digest)),
                None => StartError::Step(format!("the registry of `{name}` tells no digest")),
            },
            Err(error) => engine.blame(&format!("the image `{name}` is not known"), error),
        };
        let here = match engine.docker().inspect_image(&name).await {
            Ok(here) => here,
            Err(error) if is_connection(&error) => return Err(engine.lost(error).into()),
            Err(_) => return Err(refused),
        };
        let digests = here.repo_digests.unwrap_or_default();
        let digest =
            digests.iter().find_map(|known| known.split_once('@').filter(|(of, _)| *of == repository));
        match (digest, here.id) {
            (Some((_, digest)), _) => Ok(pinned(digest)),
            (None, Some(id)) => Ok(Digest { reference: id, is_local: true }),
            (None, None) => Err(StartError::Step(format!("the engine tells no id of the image `{name}`"))),
        }
    }
}

/// An image's name without its tag or digest.
fn repository(name: &str) -> &str {
    let name = name.split_once('@').map_or(name, |(repository, _)| repository);
    match name.rsplit_once(':') {
        // Else it is the port of a registry.
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_a_name_without_tag_and_digest() {
        assert_eq!(repository("alpine:3.20"), "alpine");
        assert_eq!(repository("here.test:5000/a/b:1"), "here.test:5000/a/b");
        assert_eq!(repository("here.test:5000/a/b"), "here.test:5000/a/b");
        assert_eq!(repository("alpine:3.20@sha256:00"), "alpine");
    }
}
