//! Commands inside an `echo` into `$PIPE_OUTPUT`: should one fail, the `echo` succeeds all the same.

use super::commands::Command;
use super::{ReadStep, Scene};
use crate::file::{Code, Diagnostic};

pub(super) fn check(scene: &Scene<'_>, found: &mut Vec<Diagnostic>) {
    for script in &scene.scripts {
        found.extend(script.commands.iter().filter_map(|command| warning(scene, script, command)));
    }
}

fn warning(scene: &Scene<'_>, script: &ReadStep<'_>, command: &Command) -> Option<Diagnostic> {
    let prints = matches!(command.program(), "echo" | "printf");
    let word = command.arguments().iter().find(|word| word.runs).filter(|_| command.gives && prints)?;
    let program = command.program();
    let message = format!("`{program}` succeeds even if the command in `$( )` fails, and gives half a value");
    let help = format!(
        "run it on a line of its own before: `version=$(git describe)`, then `{program}` with `$version`"
    );
    Some(scene.warning(Code::LostFailure, script.text, word.range.clone(), message).help(help))
}
