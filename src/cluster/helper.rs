//! The image with `pipe` in it, which pods need: the version of the program that asks.

use crate::pipeline::Kubernetes;

/// The image that this program was released with, without a tag; a build of one's own knows none.
const RELEASED: Option<&str> = option_env!("PIPE_IMAGE");

/// Returns the image: the file's, else that of the release.
pub fn helper_image(kubernetes: &Kubernetes) -> Option<String> {
    let released = || {
        let name = RELEASED.filter(|name| !name.is_empty())?;
        Some(format!("{name}:{}", env!("CARGO_PKG_VERSION")))
    };
    kubernetes.helper_image.clone().or_else(released)
}
