//! Which cluster is asked, and what it says when it does not answer.

use std::path::PathBuf;

use crate::cli::error::CliError;
use crate::cluster::api::{AccessRequest, ApiError};
use crate::executor::SystemError;

/// Returns where a cluster is looked for: where kubectl looks as well.
pub(super) fn request(context: Option<String>, namespace: Option<String>) -> AccessRequest {
    let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    AccessRequest {
        context,
        namespace,
        kubeconfig: text("KUBECONFIG"),
        home: std::env::var_os("HOME").map(PathBuf::from),
        in_cluster: text("KUBERNETES_SERVICE_HOST").zip(text("KUBERNETES_SERVICE_PORT")),
    }
}

/// Returns the error for a question that has no answer.
pub(super) fn no_answer(error: ApiError) -> CliError {
    match error {
        ApiError::System(error) => error.into(),
        error @ (ApiError::Refused(_) | ApiError::Busy { .. }) => {
            SystemError::new("cannot ask the cluster", error.to_string()).into()
        }
    }
}
