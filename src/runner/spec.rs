//! From a step to what an executor starts: templates rendered, environment complete.

use std::ffi::OsString;
use std::path::PathBuf;

use super::Shared;
use crate::executor::{StdinSpec, StepSpec};
use crate::pipeline::{EnvVar, ParamValue, Script, Step, Template};
use crate::template::{Renderer, TemplateError};

/// Renders one attempt of a step that runs a script.
pub(super) fn render(
    shared: &Shared,
    step: &Step,
    script: &Script,
    attempt: u32,
    stdin: StdinSpec,
) -> Result<StepSpec, TemplateError> {
    let text = |template: &Template| shared.templates.render(template, Some(&step.name));
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
    for param in &script.text.secrets {
        if let Some(ParamValue::Secret(secret)) = shared.values.get(param) {
            env.push((Renderer::secret_variable(param).into(), secret.reveal().into()));
        }
    }
    let script_text = text(&script.text)?;
    Ok(StepSpec {
        name: step.name.clone(),
        attempt,
        shell: script.shell.clone(),
        script: script_text,
        env,
        working_dir,
        stdin,
    })
}
