//! Texts of called files: each is rendered with the values of its call, and its names are those of its file.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use super::RunContext;
use super::file_renderer::FileRenderer;
use crate::pipeline::{CallId, CalledFile, Values};

/// What the texts of a called file can see.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// The caller's name, which its steps have before their own.
    pub name: String,
    /// The file.
    pub file: Arc<CalledFile>,
    /// `pipeline.dir`: the folder of the file.
    pub pipeline_dir: String,
    /// `env.NAME`: the host's environment with what the file's `env_file` adds.
    pub env: Arc<BTreeMap<String, String>>,
    /// The values of its params.
    pub values: Values,
}

/// The calls of a run.
#[derive(Default)]
pub(super) struct Calls {
    /// In the order of their ids.
    list: Vec<Call>,
    pub(super) by_name: HashMap<String, CallId>,
}

struct Call {
    context: CallContext,
    /// Made for the first text that has an expression.
    renderer: OnceLock<FileRenderer>,
}

impl Calls {
    pub(super) fn add(&mut self, context: CallContext) {
        self.by_name.insert(context.name.clone(), CallId::new(self.list.len()));
        self.list.push(Call { context, renderer: OnceLock::new() });
    }

    /// Returns the name that a text means, as the run knows it.
    pub(super) fn name_in<'n>(&self, call: Option<CallId>, name: &'n str) -> Cow<'n, str> {
        match call.and_then(|call| self.list.get(call.index())) {
            None => Cow::Borrowed(name),
            Some(call) => Cow::Owned(format!("{}.{name}", call.context.name)),
        }
    }

    pub(super) fn contexts(&self) -> impl Iterator<Item = &CallContext> {
        self.list.iter().map(|call| &call.context)
    }

    pub(super) fn context(&self, call: CallId) -> Option<&CallContext> {
        self.list.get(call.index()).map(|call| &call.context)
    }

    /// Returns what renders the texts of a call's file. What belongs to the run is that of `top`.
    pub(super) fn renderer(&self, call: CallId, top: &RunContext) -> Option<&FileRenderer> {
        let call = self.list.get(call.index())?;
        let make = || {
            let CallContext { name: _, file, pipeline_dir, env, values } = &call.context;
            FileRenderer::new(RunContext {
                pipeline: file.name.clone(),
                pipeline_dir: pipeline_dir.clone(),
                run_id: top.run_id.clone(),
                started_at: top.started_at.clone(),
                env: BTreeMap::clone(env),
                values: values.clone(),
                ..RunContext::default()
            })
        };
        Some(call.renderer.get_or_init(make))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
