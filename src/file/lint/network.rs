//! Steps that wait for other machines: `curl` that takes an error page for success, and waits without end.

use super::commands::Command;
use super::{ReadStep, Scene, programs};
use crate::file::{Code, Diagnostic};
use crate::pipeline::Role;

pub(super) fn check(scene: &Scene<'_>, found: &mut Vec<Diagnostic>) {
    for script in &scene.scripts {
        let curls = script.commands.iter().filter(|command| takes_errors_for_success(command));
        found.extend(curls.map(|command| without_fail(scene, script, command)));
        // One is enough: the limit is the step's.
        let is_limited = scene.pipeline.timeout.is_some() || scene.pipeline.early_timeout.is_some();
        let endless = endless(script).filter(|_| !is_limited);
        found.extend(endless.map(|command| without_timeout(scene, script, command)));
    }
}

fn takes_errors_for_success(command: &Command) -> bool {
    // A script that asks for the status checks it itself.
    const LONG: [&str; 6] = ["fail", "fail-with-body", "fail-early", "write-out", "version", "help"];
    command.program() == "curl"
        && !command.arguments().is_empty()
        && !command.has_option(&LONG, "fwKVh", programs::CURL_VALUED)
        && !command.has_option(&["config"], "", "")
        && !command.has_unclear_argument()
}

fn without_fail(scene: &Scene<'_>, script: &ReadStep<'_>, command: &Command) -> Diagnostic {
    let message = "`curl` counts a server's error page as success";
    scene
        .warning(Code::CurlWithoutFail, script.text, command.range(), message)
        .help("write `curl -f` (or `--fail-with-body`), so that a status of 400 or more fails the step")
}

/// The first command that nothing limits.
fn endless<'s>(script: &'s ReadStep<'_>) -> Option<&'s Command> {
    let policy = &script.step.policy;
    // A person sits at the terminal, who sees that nothing happens. A service ends when its users have.
    let is_limited = script.step.terminal
        || script.step.role == Role::Service
        || policy.timeout.is_some()
        || policy.retry.as_ref().is_some_and(|retry| retry.timeout.is_some());
    let waits = |command: &&Command| programs::is_network(command) && !programs::has_own_limit(command);
    script.commands.iter().find(waits).filter(|_| !is_limited)
}

fn without_timeout(scene: &Scene<'_>, script: &ReadStep<'_>, command: &Command) -> Diagnostic {
    let message =
        format!("`{}` may wait without end: nothing limits `{}`", command.program(), script.step.name);
    scene
        .warning(Code::MissingTimeout, script.text, command.range(), message)
        .help("add `timeout: 10m` to the step, to `defaults` or at the top, or `timeout: 30s` to its `retry`")
}
