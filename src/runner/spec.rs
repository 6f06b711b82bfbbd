//! From a step to what an executor starts: templates rendered, environment complete.

use std::ffi::OsString;
use std::path::PathBuf;

use super::Shared;
use super::attempt::Request;
use super::container::Placing;
use super::outputs::OutputFile;
use super::secrets::SecretFiles;
use crate::executor::{ImageSpec, Program, StepSpec};
use crate::pipeline::{Action, EnvVar, ParamValue, Step, Template};
use crate::template::{Around, Given, Renderer};

/// Renders one attempt of a step that is no feed.
///
/// # Errors
/// What is wrong with the step, in a sentence.
pub(super) fn render(
    shared: &Shared,
    step: &Step,
    request: &Request,
    outputs: &OutputFile,
    secrets: Option<&SecretFiles>,
) -> Result<StepSpec, String> {
    let around = Around { step: Some(&step.name), outputs: Given::These(&request.given) };
    let text =
        |template: &Template| shared.templates.render(template, around).map_err(|error| error.to_string());
    let working_dir = match &step.working_dir {
        Some(dir) => shared.place.working_dir.join(PathBuf::from(text(dir)?)),
        None => shared.place.working_dir.clone(),
    };
    let own = [
        ("PIPE_RUN_ID", shared.place.id.clone()),
        ("PIPE_STEP", step.name.clone()),
        ("PIPE_ATTEMPT", request.number.to_string()),
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
    let placing = placing(shared, around.outputs);
    let container =
        step.container.as_ref().map(|container| placing.container(step, container)).transpose()?;
    Ok(StepSpec {
        name: step.name.clone(),
        attempt: request.number,
        program,
        container,
        env,
        working_dir,
        stdin: request.stdin.clone(),
        outputs: outputs.path().to_owned(),
        secrets: secrets.map(|secrets| secrets.dir().to_owned()),
    })
}

/// The images of the steps that run in containers, one for each. One whose name cannot be rendered, or not yet, is told by
/// its step.
pub(super) fn images(shared: &Shared) -> Vec<ImageSpec> {
    let placing = placing(shared, Given::Nothing);
    let image = |step: &Step| placing.image(step, step.container.as_ref()?).ok();
    shared.pipeline.steps.iter().filter_map(image).collect()
}

fn placing<'a>(shared: &'a Shared, outputs: Given<'a>) -> Placing<'a> {
    Placing {
        pipeline: &shared.pipeline,
        values: &shared.values,
        templates: &shared.templates,
        working_dir: &shared.place.working_dir,
        outputs,
    }
}
