//! From a step to what an executor starts: templates rendered, environment complete.

use std::ffi::OsString;
use std::path::PathBuf;

use super::Shared;
use super::container::Placing;
use crate::executor::{ImageSpec, Program, StdinSpec, StepSpec};
use crate::pipeline::{Action, EnvVar, ParamValue, Step, Template};
use crate::template::Renderer;

/// Renders one attempt of a step that is no feed.
///
/// # Errors
/// What is wrong with the step, in a sentence.
pub(super) fn render(
    shared: &Shared,
    step: &Step,
    attempt: u32,
    stdin: StdinSpec,
) -> Result<StepSpec, String> {
    let text = |template: &Template| {
        shared.templates.render(template, Some(&step.name)).map_err(|error| error.to_string())
    };
    let working_dir = match &step.working_dir {
        Some(dir) => shared.place.working_dir.join(PathBuf::from(text(dir)?)),
        None => shared.place.working_dir.clone(),
    };
    let own = [
        ("PIPE_RUN_ID", shared.place.id.clone()),
        ("PIPE_STEP", step.name.clone()),
        ("PIPE_ATTEMPT", attempt.to_string()),
    ];
    let mut env: Vec<(OsString, OsString)> =
        own.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    for EnvVar { name, value } in &step.env {
        env.push((name.into(), text(value)?.into()));
    }
    for param in step.action.script().iter().flat_map(|script| &script.text.secrets) {
        if let Some(ParamValue::Secret(secret)) = shared.values.get(param) {
            env.push((Renderer::secret_variable(param).into(), secret.reveal().into()));
        }
    }
    let words = |words: &[Template]| words.iter().map(text).collect::<Result<Vec<_>, _>>();
    let program = match &step.action {
        Action::Run(script) => Program::Script { shell: script.shell.clone(), text: text(&script.text)? },
        Action::Exec(exec) => Program::Exec {
            entrypoint: exec.entrypoint.as_deref().map(words).transpose()?,
            args: words(&exec.args)?,
        },
        Action::Feed(_) => Program::Exec { entrypoint: None, args: Vec::new() },
    };
    let placing = placing(shared);
    let container =
        step.container.as_ref().map(|container| placing.container(step, container)).transpose()?;
    Ok(StepSpec { name: step.name.clone(), attempt, program, container, env, working_dir, stdin })
}

/// The images of the steps that run in containers, one for each. One whose name cannot be rendered is told by its step.
pub(super) fn images(shared: &Shared) -> Vec<ImageSpec> {
    let placing = placing(shared);
    let image = |step: &Step| placing.image(step, step.container.as_ref()?).ok();
    shared.pipeline.steps.iter().filter_map(image).collect()
}

fn placing(shared: &Shared) -> Placing<'_> {
    Placing {
        pipeline: &shared.pipeline,
        values: &shared.values,
        templates: &shared.templates,
        working_dir: &shared.place.working_dir,
    }
}
