//! Readers that do something outside while the stream that they read may be made a second time.

use super::commands::{Command, Mode};
use super::{ReadStep, Scene, programs};
use crate::file::{Code, Diagnostic};
use crate::pipeline::{Stream, StreamId};

pub(super) fn check(scene: &Scene<'_>, found: &mut Vec<Diagnostic>) {
    for script in &scene.scripts {
        let retried = script.step.inputs.iter().find_map(|input| retried(scene, input.port.stream));
        found.extend(retried.and_then(|stream| warning(scene, script, stream)));
    }
}

/// The stream, if the step that makes it is tried again. A step that has an input itself is started again
/// with those who made it, so only the nearest one counts: the others are reported at their own readers.
fn retried<'p>(scene: &Scene<'p>, stream: StreamId) -> Option<&'p Stream> {
    let stream = scene.pipeline.stream(stream);
    scene.pipeline.step(stream.producer).policy.retry.is_some().then_some(stream)
}

fn warning(scene: &Scene<'_>, script: &ReadStep<'_>, stream: &Stream) -> Option<Diagnostic> {
    let (command, effect) = script.commands.iter().find_map(|command| Some((command, effect(command)?)))?;
    let producer = &scene.pipeline.step(stream.producer).name;
    let reader = &script.step.name;
    let program = command.program();
    let what = if program.is_empty() { effect.to_owned() } else { format!("`{program}` {effect}") };
    let message = format!("{what} here, and does so again whenever `{producer}` is retried");
    let help = format!(
        "a retry of `{producer}` starts `{reader}` again as well: let it write to a file, and do the rest in a step that \
         depends on it"
    );
    let at = command.redirections.first().map(|redirection| &redirection.target).or(command.words.first())?;
    let range = if programs::effect(command).is_some() { command.range() } else { at.range.clone() };
    Some(scene.warning(Code::RetriedReader, script.text, range, message).help(help))
}

fn effect(command: &Command) -> Option<&'static str> {
    let appends = command
        .redirections
        .iter()
        .any(|redirection| redirection.mode == Mode::Append && !redirection.target.text.starts_with("/dev/"));
    programs::effect(command).or_else(|| appends.then_some("appends to a file"))
}
