//! From a step to what an executor starts: templates rendered, environment complete.

use std::ffi::OsString;
use std::path::PathBuf;

use super::Shared;
use super::attempt::Request;
use super::container::Placing;
use super::files::Files;
use crate::executor::{ContainerSpec, ImageSpec, InputSpec, Program, StdinSpec, StepSpec};
use crate::pipeline::{Action, EnvVar, Input, ParamValue, Step, Template};
use crate::template::{Around, Given, Renderer, StepOutputs};

/// A step with its texts rendered, without what differs from attempt to attempt.
pub(super) struct Rendered {
    pub(super) program: Program,
    /// Variables that the file sets, and those for inputs and secrets.
    pub(super) env: Vec<(OsString, OsString)>,
    pub(super) working_dir: PathBuf,
    pub(super) container: Option<ContainerSpec>,
    /// Patterns of files that it has to leave behind.
    pub(super) produces: Vec<String>,
}

/// Renders a step that is no feed, with what other steps have given.
///
/// # Errors
/// What is wrong with the step, in a sentence.
pub(super) fn render(shared: &Shared, step: &Step, given: &StepOutputs) -> Result<Rendered, String> {
    let around = Around { step: Some(step), outputs: Given::These(given) };
    let text =
        |template: &Template| shared.templates.render(template, around).map_err(|error| error.to_string());
    let texts = |texts: &[Template]| texts.iter().map(text).collect::<Result<Vec<_>, _>>();
    let working_dir = match &step.working_dir {
        Some(dir) => shared.place.working_dir.join(PathBuf::from(text(dir)?)),
        None => shared.place.working_dir.clone(),
    };
    let paths = step.input_paths();
    let mut env: Vec<(OsString, OsString)> =
        paths.map(|(name, path)| (Input::variable(name).into(), path.into())).collect();
    for EnvVar { name, value } in &step.env {
        env.push((name.into(), text(value)?.into()));
    }
    for param in step.action.script().iter().flat_map(|script| &script.text.secrets) {
        if let Some(ParamValue::Secret(secret)) = shared.values.get(param) {
            env.push((Renderer::secret_variable(param).into(), secret.reveal().into()));
        }
    }
    let program = match &step.action {
        Action::Run(script) => Program::Script { shell: script.shell.clone(), text: text(&script.text)? },
        Action::Exec(exec) => Program::Exec {
            entrypoint: exec.entrypoint.as_deref().map(texts).transpose()?,
            args: texts(&exec.args)?,
        },
        Action::Feed(_) => Program::Exec { entrypoint: None, args: Vec::new() },
    };
    let placing = placing(shared, around.outputs);
    let container =
        step.container.as_ref().map(|container| placing.container(step, container)).transpose()?;
    Ok(Rendered { program, env, working_dir, container, produces: texts(&step.produces)? })
}

impl Rendered {
    /// What an attempt is started with.
    pub(super) fn attempt(self, shared: &Shared, step: &Step, request: &Request, files: &Files) -> StepSpec {
        let own = [
            ("PIPE_RUN_ID", shared.place.id.clone()),
            ("PIPE_STEP", step.name.clone()),
            ("PIPE_ATTEMPT", request.number.to_string()),
        ];
        let own = own.into_iter().map(|(name, value)| (name.into(), value.into()));
        let mut stdin = StdinSpec::Null;
        let mut inputs = Vec::new();
        for (position, from) in request.inputs.iter().enumerate() {
            match step.input_number(position) {
                0 => stdin = from.clone(),
                number => inputs.push(InputSpec { number, from: from.clone() }),
            }
        }
        StepSpec {
            name: step.name.clone(),
            attempt: request.number,
            program: self.program,
            container: self.container,
            env: own.chain(self.env).collect(),
            working_dir: self.working_dir,
            stdin,
            inputs,
            outputs: files.outputs.path().to_owned(),
            secrets: files.secrets.as_ref().map(|secrets| secrets.dir().to_owned()),
        }
    }
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
