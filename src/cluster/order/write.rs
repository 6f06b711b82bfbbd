//! From a gang to its order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::record::{
    BodyRecord, CallFacts, ContextRecord, FileText, OptionsRecord, PlaceRecord, SettingsRecord, StartRecord,
    ValueRecord,
};
use super::{ORDER_PROTOCOL, Order, OrderError, PROGRAM};
use crate::file::LoadOptions;
use crate::pipeline::{
    Action, CallId, Destination, Feed, Outputs, ParamKind, ParamValue, Pipeline, SourceFile, Step, StepId,
    Template,
};
use crate::runner::{GangOrder, Job};
use crate::template::TemplateRenderer;

impl Order {
    /// Writes the order for a gang. `options` are those that its pipeline was read with.
    ///
    /// # Errors
    /// A member cannot run in a pod, or a path is not text.
    pub fn of(gang: &GangOrder, options: &LoadOptions) -> Result<Self, OrderError> {
        let GangOrder { job, steps, round, given, body, decisions, passed_over, endpoints: _, deaths: _ } =
            gang;
        let pipeline = &*job.pipeline;
        for step in steps.iter().map(|step| pipeline.step(*step)) {
            fits(step)?;
            if step.output.is_some_and(|port| pipeline.stream(port.stream).out.is_some()) {
                let why = "what goes out (`--out`) does not leave a pod";
                return Err(OrderError::Unfit { step: step.name.clone(), why });
            }
        }
        let name = |id: StepId| pipeline.step(id).name.clone();
        let calls = (0..pipeline.calls.len()).map(CallId::new).map(|call| CallFacts {
            params_at: pipeline.call(call).file.params.first().map(|param| param.at.start),
            given: pipeline.call(call).arguments.iter().map(|argument| argument.param.clone()).collect(),
            context: context(job, Some(call)),
        });
        let outputs = |(step, outputs): (&String, &Arc<Outputs>)| (step.clone(), (**outputs).clone());
        Ok(Self {
            protocol: ORDER_PROTOCOL,
            version: PROGRAM.to_owned(),
            files: files(pipeline)?,
            options: record(options)?,
            place: PlaceRecord {
                run: job.place.id.clone(),
                working_dir: text(&job.place.working_dir)?,
                run_dir: text(&job.place.run_dir)?,
                has_secrets: steps.iter().any(|step| !pipeline.step(*step).secrets.is_empty()),
            },
            context: context(job, None),
            calls: calls.collect(),
            steps: pipeline.steps.iter().map(|step| step.name.clone()).collect(),
            streams: pipeline.streams.iter().map(|stream| stream.name.clone()).collect(),
            members: steps.iter().map(|step| name(*step)).collect(),
            round: *round,
            time_left: BTreeMap::new(),
            given: given.iter().map(outputs).collect(),
            body: body.as_deref().map(BodyRecord::of),
            left_out: pipeline
                .steps()
                .filter(|(id, _)| !decisions.runs(*id))
                .map(|(id, _)| name(id))
                .collect(),
            passed_over: passed_over.iter().map(|step| name(*step)).collect(),
            settings: SettingsRecord::of(&job.settings),
        })
    }
}

/// Refuses what a pod cannot do.
fn fits(step: &Step) -> Result<(), OrderError> {
    let why = match &step.action {
        Action::Feed(_) => Some("what comes from outside (`--in`) does not reach a pod"),
        Action::Wait => Some("a pod has no shared containers"),
        Action::Run(_) | Action::Exec(_) => None,
    };
    let why = why
        .or(step.terminal.then_some("a pod has no terminal"))
        .or(step.shared.map(|_| "a pod has no shared containers"))
        .or((!step.services.is_empty()).then_some("services are not reached from a pod"));
    match why {
        Some(why) => Err(OrderError::Unfit { step: step.name.clone(), why }),
        None => Ok(()),
    }
}

/// The texts of all files. The folder of a link is that of the file that it leads to: such a path is told as that one.
fn files(pipeline: &Pipeline) -> Result<Vec<FileText>, OrderError> {
    let one = |(index, file): (usize, &SourceFile)| {
        let is_link = file.path().symlink_metadata().is_ok_and(|found| found.is_symlink());
        let real = (index == 0 && is_link).then(|| file.path().canonicalize().ok()).flatten();
        let path = text(real.as_deref().unwrap_or(file.path()))?;
        Ok(FileText { path, text: file.text().to_owned() })
    };
    pipeline.source.files().iter().enumerate().map(one).collect()
}

fn text(path: &Path) -> Result<PathBuf, OrderError> {
    path.to_str().map(PathBuf::from).ok_or_else(|| OrderError::Path(path.to_owned()))
}

fn record(options: &LoadOptions) -> Result<OptionsRecord, OrderError> {
    // The texts are those of the pipeline.
    let LoadOptions { feeds, outs, containers, cluster, image, texts: _ } = options;
    let feed = |(name, feed): &(String, Feed)| {
        let path = match feed {
            Feed::Stdin => PathBuf::from("-"),
            Feed::File(path) => text(path)?,
        };
        Ok((name.clone(), path))
    };
    let out = |(name, out): &(String, Destination)| {
        let path = match out {
            Destination::Stdout => PathBuf::from("-"),
            Destination::File(path) => text(path)?,
        };
        Ok((name.clone(), path))
    };
    Ok(OptionsRecord {
        feeds: feeds.iter().map(feed).collect::<Result<_, OrderError>>()?,
        outs: outs.iter().map(out).collect::<Result<_, OrderError>>()?,
        containers: *containers,
        cluster: *cluster,
        image: image.clone(),
    })
}

fn context(job: &Job, call: Option<CallId>) -> ContextRecord {
    let (pipeline, templates) = (&*job.pipeline, &job.templates);
    let secret_env = secret_variables(pipeline, templates, call);
    let open = |name: &String| !secret_env.contains(name);
    let env = variables(pipeline, call).into_iter().filter(open);
    let taken = secret_takers(pipeline, call);
    let values = templates.values_in(call);
    ContextRecord {
        started: templates.started_at().filter(|_| call.is_none()).map(StartRecord::of),
        pipeline_dir: templates.pipeline_dir_in(call).to_owned(),
        env: env.filter_map(|name| Some((name.clone(), templates.variable(call, &name)?))).collect(),
        // A container does not see one that a secret takes.
        variables: pipeline
            .environment_in(call)
            .variables
            .iter()
            .filter(|(name, _)| !taken.contains(name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        values: values
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), ValueRecord::of(value)?)))
            .collect(),
        secrets: values
            .iter()
            .filter(|(_, value)| matches!(value, ParamValue::Secret(_)))
            .map(|(name, _)| name.clone())
            .collect(),
        secret_env,
    }
}

/// The variables that texts of a call's file, or of the top file, name, in a step or in what makes its settings.
fn variables(pipeline: &Pipeline, call: Option<CallId>) -> BTreeSet<String> {
    let steps = pipeline.steps.iter().filter(|step| step.call == call);
    let texts = steps.flat_map(|step| step.templates().chain(step.early.iter().map(|early| &early.text)));
    let names = |text: &Template| text.env.iter().map(|read| read.name.clone()).collect::<Vec<_>>();
    texts.flat_map(names).collect()
}

/// Those of them that a secret param takes, of whatever file, and that are set.
pub(super) fn secret_variables(
    pipeline: &Pipeline,
    templates: &TemplateRenderer,
    call: Option<CallId>,
) -> BTreeSet<String> {
    let calls = (0..pipeline.calls.len()).map(|call| Some(CallId::new(call)));
    let all = std::iter::once(None).chain(calls);
    let taken: BTreeSet<&str> = all.flat_map(|call| secret_takers(pipeline, call)).collect();
    let named = variables(pipeline, call).into_iter();
    let is_secret = |name: &String| taken.contains(name.as_str()) && templates.variable(call, name).is_some();
    named.filter(is_secret).collect()
}

/// The variables that secret params take.
fn secret_takers(pipeline: &Pipeline, call: Option<CallId>) -> BTreeSet<&str> {
    let secret = pipeline.params_in(call).iter().filter(|param| param.kind == ParamKind::Secret);
    secret.filter_map(|param| param.env.as_deref()).collect()
}
