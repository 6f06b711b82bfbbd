//! From an order back to its gang.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

use super::record::{ContextRecord, OptionsRecord};
use super::{Order, OrderError, OrderSecrets};
use crate::event::channel::{Receiver, channel};
use crate::event::mask::Masker;
use crate::file::{EarlyRequest, LoadOptions, Parsed};
use crate::pipeline::{
    CallId, Destination, Feed, FileEnvironment, ParamValue, Pipeline, Source, StepId, Values,
};
use crate::plan::{Decisions, Plan};
use crate::reaper::Reaper;
use crate::runner::{Deaths, GangOrder, Job, NameFolder, Past, RunPaths, Settings};
use crate::template::{CallContext, RunContext, TemplateRenderer, groups};

/// A gang as a pod runs it.
pub struct OpenedOrder {
    /// The gang.
    pub gang: GangOrder,
    /// The events of its job, masked.
    pub events: Receiver,
}

impl Order {
    /// Parses and plans again. `folder` is one that all containers of the pod share; what the runner makes for steps lies
    /// there. Of a member no retry is left: a further round is another order.
    ///
    /// # Errors
    /// A secret is missing, or what comes of it is not what the client has.
    pub fn open(&self, secrets: &OrderSecrets, folder: &Path) -> Result<OpenedOrder, OrderError> {
        let (mut pipeline, templates) = self.pipeline(secrets)?;
        let member = |name: &String| {
            let found = pipeline.steps().find(|(_, step)| step.name == *name).map(|(id, _)| id);
            found.ok_or_else(|| OrderError::Differs(format!("it has no step `{name}`")))
        };
        let steps = self.members.iter().map(member).collect::<Result<Vec<_>, _>>()?;
        let passed_over = self.passed_over.iter().map(member).collect::<Result<BTreeSet<_>, _>>()?;
        let left_out = self.left_out.iter().map(member).collect::<Result<BTreeSet<_>, _>>()?;
        self.settle(&mut pipeline, &templates, &steps)?;
        let plan = Plan::new(&pipeline);
        let plan = plan.map_err(|_| OrderError::Differs("its steps wait for each other".into()))?;
        let decisions = Decisions::known(&pipeline, |step| !left_out.contains(&step));
        let unknown = || OrderError::Differs("the end of the ordinary steps has another form".into());
        let body = self.body.as_ref().map(|body| body.end().ok_or_else(unknown)).transpose()?;
        let (events, receiver) = channel(Masker::new(&templates.all_values())?);
        let job = Job {
            pipeline: Arc::new(pipeline),
            plan: Arc::new(plan),
            templates,
            events,
            place: self.paths(secrets, folder),
            past: Past::default(),
            asked: None,
            settings: Settings { names: NameFolder::at(folder.join("names")), ..self.settings.settings() },
            // A pod is removed as a whole.
            reaper: Reaper::default(),
        };
        let gang = GangOrder {
            job: Arc::new(job),
            steps,
            round: self.round,
            given: self
                .given
                .iter()
                .map(|(step, outputs)| (step.clone(), Arc::new(outputs.clone())))
                .collect(),
            body: body.map(Arc::new),
            decisions: Arc::new(decisions),
            passed_over,
            endpoints: Arc::default(),
            deaths: watch::channel(Deaths::new()).1,
        };
        Ok(OpenedOrder { gang, events: receiver })
    }

    fn paths(&self, secrets: &OrderSecrets, folder: &Path) -> RunPaths {
        RunPaths {
            id: self.place.run.clone(),
            working_dir: self.place.working_dir.clone(),
            run_dir: self.place.run_dir.clone(),
            streams_dir: folder.join("streams"),
            outputs_dir: folder.join("outputs"),
            key: secrets.fingerprint_key(),
            secrets_dir: self.place.has_secrets.then(|| folder.join("secrets")),
        }
    }

    /// Parses the files, with the values that are there.
    fn pipeline(&self, secrets: &OrderSecrets) -> Result<(Pipeline, TemplateRenderer), OrderError> {
        let nothing = || OrderError::Differs("it has no file".into());
        let (top, _) = self.files.split_first().ok_or_else(nothing)?;
        let texts = self.files.iter().map(|file| (file.path.clone(), file.text.clone())).collect();
        let options = options(&self.options, texts);
        let facts = Facts::of(self, secrets)?;
        let source = Source::new(&top.path, top.text.as_str());
        let Parsed { pipeline, problems, .. } =
            crate::file::parse(&source, &options, &|request| facts.early(request));
        let mut pipeline = match (pipeline, problems.into_iter().next()) {
            (Some(pipeline), None) => pipeline,
            (_, problem) => {
                let what = problem.map_or_else(|| "it is empty".to_owned(), |problem| problem.message);
                return Err(OrderError::Differs(what));
            }
        };
        self.compare(&pipeline)?;
        pipeline.environment = FileEnvironment { variables: self.context.variables.clone() };
        for (call, facts) in pipeline.calls.iter_mut().zip(&self.calls) {
            call.environment = Arc::new(FileEnvironment { variables: facts.context.variables.clone() });
        }
        let mut templates = TemplateRenderer::new(RunContext {
            groups: groups(&pipeline),
            ..facts.context(&pipeline.name, &self.context, facts.top.clone())
        });
        for (call, (values, facts)) in pipeline.calls.iter().zip(facts.calls.into_iter().zip(&self.calls)) {
            templates.add_call(CallContext {
                name: call.caller.name.clone(),
                file: Arc::clone(&call.file),
                pipeline_dir: facts.context.pipeline_dir.clone(),
                env: Arc::new(values.env),
                values: values.values,
            });
        }
        Ok((pipeline, templates))
    }

    /// Checks that the pipeline has the steps, streams and calls that the client has.
    fn compare(&self, pipeline: &Pipeline) -> Result<(), OrderError> {
        let differs = |what: &str| Err(OrderError::Differs(format!("it has other {what}")));
        if !pipeline.steps.iter().map(|step| &step.name).eq(&self.steps) {
            return differs("steps");
        }
        if !pipeline.streams.iter().map(|stream| &stream.name).eq(&self.streams) {
            return differs("streams");
        }
        if pipeline.calls.len() != self.calls.len() {
            return differs("calls");
        }
        Ok(())
    }

    /// Fills in what templates make of the members' settings. What the client decides by itself is left out.
    fn settle(
        &self,
        pipeline: &mut Pipeline,
        templates: &TemplateRenderer,
        members: &[StepId],
    ) -> Result<(), OrderError> {
        (pipeline.early_max_parallel, pipeline.early_timeout, pipeline.concurrency) = (None, None, None);
        for call in pipeline.calls.iter_mut().filter(|call| call.file.early_max_parallel.is_some()) {
            Arc::make_mut(&mut call.file).early_max_parallel = None;
        }
        for (index, step) in pipeline.steps.iter_mut().enumerate() {
            step.admission = None;
            if !members.contains(&StepId::new(index)) {
                step.early.clear();
            }
        }
        let problems = crate::file::settle(pipeline, templates);
        if let Some(problem) = problems.into_iter().next() {
            return Err(OrderError::Differs(problem.message));
        }
        for step in &mut pipeline.steps {
            // The limit of an attempt is still kept.
            step.policy.retry.iter_mut().for_each(|retry| retry.count = 0);
            if let Some(left) = self.time_left.get(&step.name) {
                step.policy.timeout = Some(std::time::Duration::from_millis(*left));
            }
        }
        Ok(())
    }
}

fn options(record: &OptionsRecord, texts: BTreeMap<PathBuf, String>) -> LoadOptions {
    let OptionsRecord { feeds, outs, containers, cluster, image } = record;
    let is_standard = |path: &PathBuf| path.as_os_str() == "-";
    let feed = |path: &PathBuf| if is_standard(path) { Feed::Stdin } else { Feed::File(path.clone()) };
    let out = |path: &PathBuf| match is_standard(path) {
        true => Destination::Stdout,
        false => Destination::File(path.clone()),
    };
    LoadOptions {
        feeds: feeds.iter().map(|(name, path)| (name.clone(), feed(path))).collect(),
        outs: outs.iter().map(|(name, path)| (name.clone(), out(path))).collect(),
        containers: *containers,
        cluster: *cluster,
        image: image.clone(),
        texts: Some(Arc::new(texts)),
    }
}

/// What texts see, with the secrets among it.
#[derive(Clone)]
struct Seen {
    env: BTreeMap<String, String>,
    values: Values,
}

/// What the texts of all files see.
struct Facts<'o> {
    order: &'o Order,
    top: Seen,
    calls: Vec<Seen>,
}

impl<'o> Facts<'o> {
    fn of(order: &'o Order, secrets: &OrderSecrets) -> Result<Self, OrderError> {
        let seen = |call: Option<CallId>, record: &ContextRecord| {
            let mut values: Values = record
                .values
                .iter()
                .map(|(name, value)| (name.clone(), value.clone().into_value()))
                .collect();
            for name in &record.secrets {
                values.insert(name.clone(), ParamValue::Secret(secrets.param(call, name)?));
            }
            let mut env = record.env.clone();
            for name in &record.secret_env {
                env.insert(name.clone(), secrets.variable(call, name)?.reveal().to_owned());
            }
            Ok(Seen { env, values })
        };
        let of_call =
            |(index, call): (usize, &super::CallFacts)| seen(Some(CallId::new(index)), &call.context);
        Ok(Self {
            order,
            top: seen(None, &order.context)?,
            calls: order.calls.iter().enumerate().map(of_call).collect::<Result<_, OrderError>>()?,
        })
    }

    fn context(&self, pipeline: &str, record: &ContextRecord, seen: Seen) -> RunContext {
        let Seen { env, values } = seen;
        RunContext {
            pipeline: pipeline.to_owned(),
            pipeline_dir: record.pipeline_dir.clone(),
            run_id: self.order.place.run.clone(),
            started_at: self.order.context.started.as_ref().and_then(|started| started.time()),
            env,
            values,
            ..RunContext::default()
        }
    }

    /// Gives the values that a matrix reads. Of a file that is called it has to be found out for which call: for any
    /// that is given the same.
    fn early(&self, request: &EarlyRequest<'_>) -> Option<TemplateRenderer> {
        let EarlyRequest { pipeline, needed, passed } = *request;
        let Some(passed) = passed else {
            let is_known = needed.iter().all(|name| self.top.values.contains_key(name));
            let context = || self.context(&pipeline.name, &self.order.context, self.top.clone());
            return is_known.then(|| TemplateRenderer::new(context()));
        };
        let first = pipeline.params.first().map(|param| param.at.start);
        let is_given = |facts: &super::CallFacts, seen: &Seen| {
            let given = facts.given.iter().filter(|name| needed.contains(*name));
            given.eq(passed.keys()) && passed.iter().all(|(name, value)| seen.values.get(name) == Some(value))
        };
        let is_known = |seen: &Seen| needed.iter().all(|name| seen.values.contains_key(name));
        let mut calls = self.order.calls.iter().zip(&self.calls);
        let (facts, seen) = calls
            .find(|(facts, seen)| facts.params_at == first && is_given(facts, seen) && is_known(seen))?;
        Some(TemplateRenderer::new(self.context(&pipeline.name, &facts.context, seen.clone())))
    }
}
