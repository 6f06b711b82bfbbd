//! Engines that do not create or start a container: why not.

use bollard::errors::Error;

use super::engine::{Engine, UNSEEN, is_connection, words};
use super::publish::taken_port;
use crate::executor::StartError;

/// The first program of each container on Podman, which is a package of its own.
const INIT: &str = "catatonit";

/// Says why a container of a step cannot be created or started, in words that say what to do.
pub(super) fn of(engine: &Engine, step: &str, image: &str, what: &str, error: Error) -> StartError {
    if is_connection(&error) {
        return engine.lost(error).into();
    }
    let text = words(&error);
    let cannot = format!("the container of step `{step}` cannot {what}");
    if let Some(error) = engine.full(&cannot, &text) {
        return error.into();
    }
    if text.contains("No such image") || text.contains("no such image") {
        return StartError::Step(format!(
            "the image `{image}` was removed after the run had found it, and before the container was made: run it \
             again, or let the step have `retry`"
        ));
    }
    if let Some(port) = taken_port(&text) {
        return StartError::Step(format!(
            "port {port} of this machine is in use: write another one, or the service's own port alone, for which a \
             free one is taken"
        ));
    }
    if let Some((_, path)) = text.split_once(UNSEEN) {
        let path = path.trim_start_matches([':', ' ']);
        return StartError::Step(format!(
            "there is nothing at {path} that could be mounted into its container: make it first"
        ));
    }
    let missing = text.contains("executable file not found") || text.contains("no such file or directory");
    StartError::Step(match text.split('"').nth(1) {
        Some(INIT) => format!(
            "the engine has no `{INIT}`, with which Podman starts every container: install it beside Podman"
        ),
        Some(program) if missing && text.contains("exec") => no_program(image, program),
        _ if text.contains("exec format error") => {
            format!("the image `{image}` is made for another platform: {text}")
        }
        _ => format!("its container cannot {what}: {text}"),
    })
}

/// Returns the message about a program that an image does not have.
pub(super) fn no_program(image: &str, program: &str) -> String {
    format!(
        "the image `{image}` has no `{program}`: choose an image that has it, or name a program that is there with \
         `entrypoint`"
    )
}
