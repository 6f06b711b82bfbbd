//! From a step to what an executor starts: templates rendered, environment complete.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use super::container::ContainerRenderer;
use super::{GangOrder, Job, RunPaths, gang, variables, workplace};
use crate::executor::{
    ContainerSpec, ImageSpec, InputSource, InputSpec, Program, ServiceSpec, SharedSpec, StdoutSpec, StepSpec,
};
use tokio::time::Instant;

use crate::pipeline::{Action, BodyEnd, Endpoints, Input, Pipeline, Step, StepId, StreamId, Template};
use crate::plan::Decisions;
use crate::template::{Scope, StepOutputs, StepOutputsMode};

/// What an attempt is started with.
pub(super) struct Request {
    pub(super) step: StepId,
    /// From 1.
    pub(super) number: u32,
    /// What each input of the step is, in order.
    pub(super) inputs: Vec<InputSource>,
    /// When it times out.
    pub(super) deadline: Option<Instant>,
    pub(super) seen: Seen,
}

/// What the texts of a step see of the run.
#[derive(Clone, Default)]
pub(super) struct Seen {
    /// The outputs of the steps that it depends on.
    pub(super) given: Arc<StepOutputs>,
    /// How the ordinary steps have ended, for a `finally` step.
    pub(super) body: Option<Arc<BodyEnd>>,
    /// What it would have read and nothing makes.
    pub(super) absent: Arc<BTreeSet<StreamId>>,
    /// Where services are found; a placeholder stands for each address where that is not known.
    pub(super) endpoints: Option<Arc<Endpoints>>,
}

/// The paths of the files that are made for an attempt.
pub(super) struct AttemptPaths<'a> {
    pub(super) outputs: &'a Path,
    pub(super) script: Option<&'a Path>,
    pub(super) secrets: Option<&'a Path>,
}

/// A step with its texts rendered, without what differs from attempt to attempt.
pub(super) struct Rendered {
    pub(super) program: Program,
    /// Variables that the file sets, and those for inputs and secrets.
    pub(super) env: Vec<(OsString, OsString)>,
    pub(super) working_dir: PathBuf,
    /// The container that it runs in: its own, or a shared one.
    pub(super) container: Option<ContainerSpec>,
    pub(super) shared: Option<SharedSpec>,
    /// Patterns of the artifacts that it declares.
    pub(super) produces: Vec<String>,
    /// The base of relative patterns: the folder of this machine that is its working directory.
    pub(super) products_dir: PathBuf,
}

/// Renders a step that is no feed, with what it sees of the run. Rendering may take long, so it runs on a
/// thread of its own; the future may be dropped at any time.
///
/// # Errors
/// What is wrong with the step, in a sentence.
pub(super) async fn render(job: &Arc<Job>, id: StepId, seen: &Seen) -> Result<Rendered, String> {
    let step = job.pipeline.step(id);
    if step.templates().all(|template| template.compiled.is_none()) {
        return render_here(job, step, seen, None);
    }
    // If this future is dropped, the thread stops after the current text.
    let waits = Arc::new(());
    let (job, seen, waiter) = (Arc::clone(job), seen.clone(), Arc::downgrade(&waits));
    let work = move || render_here(&job, job.pipeline.step(id), &seen, Some(&waiter));
    let broken = |error| Err(format!("its templates cannot be rendered: {error}"));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(broken)
}

fn render_here(
    job: &Job,
    step: &Step,
    Seen { given, body, absent, endpoints }: &Seen,
    waiter: Option<&Weak<()>>,
) -> Result<Rendered, String> {
    let addresses = endpoints.as_ref().map(|endpoints| job.pipeline.addresses(step, endpoints));
    let body = body.as_deref();
    let around = Scope {
        step: Some(step),
        outputs: StepOutputsMode::These(given),
        addresses: addresses.as_ref(),
        body,
        absent: Some(absent),
        waiter,
        ..Scope::default()
    };
    let text = |template: &Template| {
        let rendered = job.templates.render(template, around);
        rendered.map_err(|error| error.sentence(&job.pipeline.source, template))
    };
    let texts = |texts: &[Template]| texts.iter().map(text).collect::<Result<Vec<_>, _>>();
    let placing = placing(job, around);
    let working_dir = match &step.working_dir {
        Some(_) if step.is_in_container() => placing.working_dir(step)?,
        Some(dir) => job.place.working_dir.join(text(dir)?),
        // A service that is the program of an image runs where its image has it run.
        None if step.is_of_image() => PathBuf::new(),
        None => job.place.working_dir.clone(),
    };
    let env = variables::of(job, step, around)?;
    let program = match &step.action {
        Action::Run(script) => Program::Script { shell: script.shell.clone(), text: text(&script.text)? },
        Action::Exec(exec) => Program::Exec {
            entrypoint: exec.entrypoint.as_deref().map(texts).transpose()?,
            args: texts(&exec.args)?,
        },
        Action::Wait => Program::Wait,
        Action::Feed(_) => Program::Exec { entrypoint: None, args: Vec::new() },
    };
    let container = placing.place(step)?;
    if let Some(container) = &container {
        check_network(&job.pipeline, step, container)?;
    }
    let shared = match step.shared {
        Some(usage) => {
            let user = step.user.as_ref().map(text).transpose()?;
            Some(SharedSpec { name: job.pipeline.step(usage.step).name.clone(), user })
        }
        None => None,
    };
    let produces = texts(&step.produces)?;
    let products_dir = workplace::here(&working_dir, container.as_ref())?;
    if let (None, Some(product)) = (&products_dir, produces.iter().find(|product| !product.starts_with('/')))
    {
        return Err(format!(
            "`{product}` would be in its image: its working directory {} is no folder of this machine; mount one there",
            working_dir.display()
        ));
    }
    let products_dir = products_dir.unwrap_or_else(|| job.place.working_dir.clone());
    Ok(Rendered { program, env, working_dir, container, shared, produces, products_dir })
}

/// Checks that the file says the network of a step's container, if that is one which decides how services are found.
fn check_network(pipeline: &Pipeline, step: &Step, container: &ContainerSpec) -> Result<(), String> {
    let has_services = step.service.is_some() || pipeline.services_of(step).next().is_some();
    let owner = step.shared.map_or(step, |usage| pipeline.step(usage.step));
    let written = owner.container.as_ref().and_then(|container| container.network.as_ref());
    let decides = |network: &&str| matches!(*network, "host" | "none");
    match container.network.as_deref().filter(decides) {
        Some(network) if has_services && !written.is_some_and(|written| written.is_literally(network)) => {
            Err(format!(
                "its `network` is `{network}` once its values are known, and where services are found hangs on that: \
                 write `network: {network}` without an expression"
            ))
        }
        Some(_) | None => Ok(()),
    }
}

impl Rendered {
    /// Returns what an executor starts.
    pub(super) fn attempt(self, job: &Job, request: Request, paths: AttemptPaths<'_>) -> StepSpec {
        let step = job.pipeline.step(request.step);
        let own = [
            ("PIPE_RUN_ID", job.place.id.clone()),
            ("PIPE_STEP", step.name.clone()),
            ("PIPE_ATTEMPT", request.number.to_string()),
        ];
        let own = own.into_iter().map(|(name, value)| (name.into(), value.into()));
        let numbered = request.inputs.into_iter().enumerate();
        let inputs = numbered.map(|(position, source)| InputSpec { fd: step.input_number(position), source });
        StepSpec {
            name: step.name.clone(),
            attempt: request.number,
            program: self.program,
            container: self.container.filter(|_| self.shared.is_none()),
            shared: self.shared,
            service: service(&job.pipeline, request.step),
            services: step.services.iter().map(|usage| job.pipeline.alias(usage.step).to_owned()).collect(),
            env: own.chain(self.env).collect(),
            working_dir: self.working_dir,
            inputs: inputs.collect(),
            terminal: step.terminal,
            stdout: if step.output.is_some() { StdoutSpec::Stream } else { StdoutSpec::Log },
            outputs: paths.outputs.to_owned(),
            script: paths.script.map(Path::to_owned),
            secrets: paths.secrets.map(Path::to_owned),
        }
    }
}

/// Returns what an executor is given for the first attempt of a member that is no feed. Nothing is made for it: where its
/// files would be, stands the folder that they would be in.
///
/// # Errors
/// What is wrong with the step, in a sentence.
pub async fn first_attempt(order: &GangOrder, id: StepId) -> Result<StepSpec, String> {
    let GangOrder { job, given, body, passed_over, endpoints, .. } = order;
    let step = job.pipeline.step(id);
    let producer = |input: &Input| job.pipeline.stream(input.port.stream).producer;
    let absent = step.inputs.iter().filter(|input| passed_over.contains(&producer(input)));
    let seen = Seen {
        given: Arc::new(given.clone()),
        body: body.clone(),
        absent: Arc::new(absent.map(|input| input.port.stream).collect()),
        endpoints: Some(Arc::clone(endpoints)),
    };
    let rendered = render(job, id, &seen).await?;
    let source = |input: &Input| match order.steps.contains(&producer(input)) {
        true => InputSource::Pipe,
        false => InputSource::File(gang::stored_path(job, input.port.stream)),
    };
    let inputs = step.inputs.iter().map(source).collect();
    let request = Request { step: id, number: order.round, inputs, deadline: None, seen };
    let RunPaths { outputs_dir, secrets_dir, .. } = &job.place;
    let secrets = secrets_dir.as_deref().filter(|_| !step.secrets.is_empty());
    Ok(rendered.attempt(job, request, AttemptPaths { outputs: outputs_dir, script: None, secrets }))
}

/// Returns what makes a step a service. The ports of one in a container are published if a process of this machine
/// uses it.
fn service(pipeline: &Pipeline, id: StepId) -> Option<ServiceSpec> {
    let service = pipeline.step(id).service.as_ref()?;
    let is_reached = pipeline.steps().any(|(_, user)| user.uses(id) && pipeline.is_on_host(user));
    let ports = service.ports.iter().filter(|_| is_reached);
    Some(ServiceSpec {
        alias: pipeline.alias(id).to_owned(),
        published: ports.map(|port| (port.number, port.published)).collect(),
    })
}

/// Returns the images of the steps that run, and in containers, one for each. An image whose name cannot be
/// rendered, or not yet, is left out; its step reports it.
pub(super) async fn images(job: &Arc<Job>, decisions: &Arc<Decisions>) -> Vec<ImageSpec> {
    if job.pipeline.steps.iter().all(|step| step.container.is_none()) {
        return Vec::new();
    }
    let decisions = Arc::clone(decisions);
    let waits = Arc::new(());
    let (job, waiter) = (Arc::clone(job), Arc::downgrade(&waits));
    let work = move || {
        let placing = placing(&job, Scope { waiter: Some(&waiter), ..Scope::default() });
        let image = |step: &Step| placing.image(step, step.container.as_ref()?).ok();
        let running = job.pipeline.steps().filter(|(id, _)| decisions.runs(*id));
        running.filter_map(|(_, step)| image(step)).collect()
    };
    // The step that needs an image reports its failure.
    tokio::task::spawn_blocking(work).await.unwrap_or_default()
}

fn placing<'a>(job: &'a Job, scope: Scope<'a>) -> ContainerRenderer<'a> {
    ContainerRenderer {
        pipeline: &job.pipeline,
        templates: &job.templates,
        working_dir: &job.place.working_dir,
        scope,
    }
}
