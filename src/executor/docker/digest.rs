//! What an image's name means today: the digest that a registry gives it, or else what the engine has under that name.

use super::engine::{Engine, is_connection};
use super::pull::with_tag;
use super::{auth, image::Missing};
use crate::executor::EngineError;

/// An image that a name means, for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// `repository@sha256:…`, or the image's own id if no registry has it.
    pub reference: String,
    /// Whether only this engine has it, so that the reference means nothing elsewhere.
    pub is_local: bool,
}

/// Why the digest of an image is not known.
#[derive(Debug, thiserror::Error)]
pub enum DigestError {
    /// There is no such image, or it may not be asked for.
    #[error("{0}")]
    Missing(String),
    /// The engine cannot tell.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Engine {
    /// Looks up an image, first at its registry, then here.
    ///
    /// # Errors
    /// If neither has it; in the registry's words.
    pub async fn digest(&self, name: &str) -> Result<Digest, DigestError> {
        let name = with_tag(name);
        let repository = repository(&name);
        let pinned = |digest: &str| Digest { reference: format!("{repository}@{digest}"), is_local: false };
        let credentials = auth::credentials(self, &name).await;
        let refused = match self.docker().inspect_registry_image(&name, credentials).await {
            Ok(found) => match found.descriptor.digest {
                Some(digest) => return Ok(pinned(&digest)),
                None => Missing::Step(format!("the registry of `{name}` tells no digest")),
            },
            Err(error) => Missing::of(self, &format!("the image `{name}` is not known"), &error),
        };
        let here = match self.docker().inspect_image(&name).await {
            Ok(here) => here,
            Err(error) if is_connection(&error) => return Err(self.lost(&error).into()),
            Err(_) => {
                return Err(match refused {
                    Missing::Step(why) => DigestError::Missing(why),
                    Missing::Engine(error) => error.into(),
                });
            }
        };
        let digests = here.repo_digests.unwrap_or_default();
        let digest =
            digests.iter().find_map(|known| known.split_once('@').filter(|(of, _)| *of == repository));
        match (digest, here.id) {
            (Some((_, digest)), _) => Ok(pinned(digest)),
            (None, Some(id)) => Ok(Digest { reference: id, is_local: true }),
            (None, None) => {
                Err(DigestError::Missing(format!("the engine tells no id of the image `{name}`")))
            }
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
