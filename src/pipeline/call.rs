//! Calls: files that steps use, whose steps stand in the pipeline like its own.
//!
//! A name that a text of a called file has is one of that file. In the pipeline the steps and streams of a call have
//! the caller's name before their own: `protect.seal`.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use super::{
    CallId, Condition, EnvFile, FileEnvironment, GroupId, OutputRef, Param, Pipeline, RunOutput, Span, Step,
    Template, Text,
};

/// One use of another file.
#[derive(Debug, Clone)]
pub struct Call {
    /// The step with `uses`: its name, its condition, its values of a matrix, and the call that it stands in. It runs
    /// nothing itself.
    pub caller: Step,
    /// The group of its steps.
    pub group: GroupId,
    /// The file.
    pub file: Arc<CalledFile>,
    /// The values that it is given, in the order written.
    pub arguments: Arc<[Argument]>,
    /// What the file's own `env_file` adds to the environment; empty until it is read.
    pub environment: Arc<FileEnvironment>,
}

/// A file that is called, as far as its steps do not say it.
#[derive(Debug, Clone)]
pub struct CalledFile {
    /// Its path, as the file that calls it leads to it.
    pub path: Arc<Path>,
    /// `name:`, or the file's stem.
    pub name: String,
    /// Declared parameters, in the order of the file.
    pub params: Vec<Param>,
    /// `env_file:`, in order.
    pub env_files: Vec<EnvFile>,
    /// What it gives back, in the order of the file.
    pub outputs: Vec<RunOutput>,
    /// The text that makes the `max_parallel` of its group when a run begins.
    pub early_max_parallel: Option<Template>,
    /// Keys of it that count only where it runs by itself.
    pub idle_keys: Vec<&'static str>,
}

/// A value for a param of a called file.
#[derive(Debug, Clone)]
pub struct Argument {
    /// The param's name.
    pub param: String,
    /// Where the value stands.
    pub at: Span,
    /// The value, in the names of the caller.
    pub value: ArgumentValue,
}

/// How a value is handed to a called file.
#[derive(Debug, Clone)]
pub enum ArgumentValue {
    /// As a text, which the param's type reads.
    Text(Template),
    /// As several texts.
    List(Vec<String>),
    /// As the value of a param of the caller, whatever that is.
    Whole {
        /// The caller's param.
        param: String,
    },
}

impl Call {
    /// Returns the call's own name for a step or a stream of the called file.
    pub fn name_of(&self, inner: &str) -> String {
        format!("{}.{inner}", self.caller.name)
    }

    /// Returns what stands for its steps in a drawing: `protect (lib/protect.yml)`.
    pub fn label(&self) -> String {
        format!("{} ({})", self.caller.name, self.file.path.display())
    }
}

impl ArgumentValue {
    /// Returns the names of the caller's params that it reads.
    pub fn params(&self) -> impl Iterator<Item = &String> {
        let (text, whole) = match self {
            Self::Text(text) => (Some(text), None),
            Self::Whole { param } => (None, Some(param)),
            Self::List(_) => (None, None),
        };
        text.into_iter().flat_map(|text| text.params.iter().chain(&text.secrets)).chain(whole)
    }
}

impl Pipeline {
    /// Returns the call behind an id of this pipeline.
    pub fn call(&self, id: CallId) -> &Call {
        &self.calls[id.index()]
    }

    /// Returns the params that texts of a call's file, or of the top file, may name.
    pub fn params_in(&self, call: Option<CallId>) -> &[Param] {
        call.map_or(&self.params, |call| &self.call(call).file.params)
    }

    /// Returns what the `env_file` of a call's file, or of the top file, adds to the environment.
    pub fn environment_in(&self, call: Option<CallId>) -> &FileEnvironment {
        call.map_or(&self.environment, |call| &self.call(call).environment)
    }

    /// Returns the name in this pipeline of what a text of a call's file, or of the top file, names.
    pub fn name_in<'n>(&self, call: Option<CallId>, name: &'n str) -> Cow<'n, str> {
        call.map_or(Cow::Borrowed(name), |call| Cow::Owned(self.call(call).name_of(name)))
    }

    /// Returns the call of a name.
    pub fn call_named(&self, name: &str) -> Option<(CallId, &Call)> {
        let mut calls = self.calls.iter().enumerate();
        calls.find(|(_, call)| call.caller.name == name).map(|(index, call)| (CallId::new(index), call))
    }

    /// Returns the calls around what stands in one, the innermost first, that one included.
    pub fn calls_around(&self, call: Option<CallId>) -> impl Iterator<Item = (CallId, &Call)> {
        let of = |call: CallId| (call, self.call(call));
        std::iter::successors(call.map(of), move |(_, call)| call.caller.call.map(of))
    }

    /// Returns what the file calls two steps in which both are written, or their callers.
    pub fn side_by_side<'p>(&'p self, one: &'p Step, other: &'p Step) -> (&'p str, &'p str) {
        let chain = |step: &'p Step| {
            let mut chain: Vec<&'p Step> =
                self.calls_around(step.call).map(|(_, call)| &call.caller).collect();
            chain.reverse();
            chain.push(step);
            chain
        };
        let (one, other) = (chain(one), chain(other));
        let common = one.iter().zip(&other).take_while(|(one, other)| one.name == other.name).count();
        let common = common.min(one.len() - 1).min(other.len() - 1);
        let own = |chain: &[&'p Step]| -> &'p str {
            let name = chain[common].name.as_str();
            let around = common.checked_sub(1).map(|index| chain[index].name.as_str());
            around.and_then(|around| name.strip_prefix(around)?.strip_prefix('.')).unwrap_or(name)
        };
        (own(&one), own(&other))
    }

    /// Returns the conditions of a step in the order in which they are asked, each with the step that it was written
    /// for: those of the steps whose calls it comes from, and its own.
    pub fn conditions<'p>(&'p self, step: &'p Step) -> Vec<(&'p Step, &'p Condition)> {
        let callers = self.calls_around(step.call).map(|(_, call)| &call.caller);
        let steps = std::iter::once(step).chain(callers);
        let mut conditions: Vec<_> =
            steps.filter_map(|step| Some((step, step.condition.as_deref()?))).collect();
        conditions.reverse();
        conditions
    }

    /// Returns whether a step has a condition.
    pub fn is_conditional(&self, step: &Step) -> bool {
        step.condition.is_some()
            || self.calls_around(step.call).any(|(_, call)| call.caller.condition.is_some())
    }

    /// Returns the conditions of a step as one text, as the files say them.
    pub fn condition_text(&self, step: &Step) -> Option<String> {
        let texts: Vec<&str> =
            self.conditions(step).into_iter().map(|(_, condition)| condition.text.source.as_str()).collect();
        match texts.as_slice() {
            [] => None,
            [one] => Some((*one).to_owned()),
            all => Some(all.iter().map(|text| format!("({text})")).collect::<Vec<_>>().join(" and ")),
        }
    }

    /// Returns the groups that a step is in, the innermost first.
    pub fn groups_of(&self, step: &Step) -> impl Iterator<Item = GroupId> {
        let innermost = step.group().or_else(|| Some(self.call(step.call?).group));
        std::iter::successors(innermost, |group| self.group(*group).within)
    }

    /// Returns where a text reads outputs of steps: the name of each step in this pipeline, the key, and the place in
    /// the text. What it reads of a call are the outputs that the called file reads for it.
    pub fn outputs_read<'t>(&'t self, call: Option<CallId>, text: &'t Text) -> Vec<OutputRead<'t>> {
        let mut found = Vec::new();
        for read in &text.outputs {
            self.find_read(call, read, read, &mut found);
        }
        found
    }

    fn find_read<'t>(
        &'t self,
        call: Option<CallId>,
        read: &'t OutputRef,
        place: &'t OutputRef,
        found: &mut Vec<OutputRead<'t>>,
    ) {
        let step = self.name_in(call, &read.step);
        if let Some((id, call)) = (!self.calls.is_empty()).then(|| self.call_named(&step)).flatten() {
            let is_read = |output: &&RunOutput| read.key.as_ref().is_none_or(|key| *key == output.name);
            for output in call.file.outputs.iter().filter(is_read) {
                output.value.outputs.iter().for_each(|inner| self.find_read(Some(id), inner, place, found));
            }
            return;
        }
        found.push(OutputRead { step, key: read.key.as_deref(), is_optional: read.is_optional, place });
    }
}

/// An output of a step that a text reads.
#[derive(Debug, Clone)]
pub struct OutputRead<'t> {
    /// The step's name in the pipeline.
    pub step: Cow<'t, str>,
    /// The key; `None` is all outputs.
    pub key: Option<&'t str>,
    /// Whether there is another value where there is none.
    pub is_optional: bool,
    /// Where the text reads it.
    pub place: &'t OutputRef,
}
