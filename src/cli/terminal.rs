//! Checks, before anything runs, that there is a terminal for the steps that need one.

use super::error::CliError;
use super::load::Loaded;
use crate::executor::host::open_terminal;
use crate::file::{Code, Diagnostic, Diagnostics};
use crate::pipeline::Step;
use crate::plan::Decisions;

/// Returns whether this is a CI service, where no person is at a terminal.
pub(super) fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

/// Refuses a run in which a step needs the terminal where there is none.
pub(super) fn check(loaded: &Loaded, decisions: &Decisions) -> Result<(), CliError> {
    let steps = loaded.pipeline.steps().filter(|(id, _)| decisions.runs(*id));
    let asking: Vec<&Step> = steps.map(|(_, step)| step).filter(|step| step.terminal).collect();
    if asking.is_empty() {
        return Ok(());
    }
    let why = match (is_ci(), open_terminal()) {
        (false, Some(_)) => return Ok(()),
        (true, _) => "`CI` is set, so no prompt can be answered",
        (false, None) => "`pipe` was started without one",
    };
    let source = &loaded.pipeline.source;
    let problems = asking.into_iter().map(|step| {
        let message = format!("the step `{}` needs a terminal: {why}", step.name);
        Diagnostic::at(Code::NoTerminal, source, step.at, message).help(
            "run it from a terminal (over `ssh` with `-t`), or let it get its answers from variables or secrets and leave out \
             `terminal`",
        )
    });
    Diagnostics::of(problems.collect()).map_or(Ok(()), |problems| Err(problems.into()))
}
