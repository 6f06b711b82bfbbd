//! `uses`: a step that stands for all steps of another file. The file is lowered once, by itself; each use of it is a
//! copy with names of its own.

mod arguments;
mod links;
pub(super) mod names;
pub(super) mod splice;
mod streams;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use self::splice::{CalledFileParts, Splice};
use super::conditions::may_be_passed_over;
use super::list::{Steps, Written};
use super::matrix::empty_condition;
use super::{Lowered, Lowering, Place, lower_file};
use crate::file::params::value::{self, Raw};
use crate::file::raw::{RawPipeline, RawStep};
use crate::file::unroll::Shift;
use crate::file::uses::FileIndex;
use crate::file::{Code, EarlyRequest, LoadOptions};
use crate::pipeline::{
    Action, Argument, ArgumentValue, Call, CallId, CalledFile, Exec, FileEnvironment, Group, GroupId,
    Pipeline, Role, Span, Step, StepId, Values, passed_over_with,
};
use crate::template::{Names, Scope};

/// The files that were lowered already, where that does not hang on what they are given.
#[derive(Default)]
pub(super) struct Called(RefCell<HashMap<FileIndex, Rc<CalledFileParts>>>);

impl Lowering<'_> {
    /// Adds the steps of the file that a step uses; with a matrix, once for each combination.
    pub(super) fn call<'r>(
        &mut self,
        raw: &'r RawStep,
        whole: Span,
        steps: &mut Steps<'r>,
        options: &LoadOptions,
    ) {
        self.only_keys_of_calls(raw);
        let before = steps.groups.len();
        let name = self.step_name(raw, whole, steps);
        let is_named = steps.groups_by_name.get(name) == Some(&GroupId::new(before));
        let at = raw.name.at().unwrap_or(whole);
        let role = self.role(raw);
        let matrix = (!raw.matrix.is_missing()).then(|| self.matrix_of(raw).0);
        self.names.inputs.clear();
        self.names.matrix = matrix.as_ref().map(|matrix| matrix.kinds.clone());
        let condition = self.condition(raw);
        let given: Arc<[Argument]> = self.written_arguments(raw).unwrap_or_default().into();
        let names = self.names.clone();
        self.names.matrix = None;

        let exec = Action::Exec(Exec { entrypoint: None, args: Vec::new() });
        let base = Step { role, condition, ..Step::new(name, at, exec) };
        let file = raw.uses.at().and_then(|at| self.place.files.used_at(at));
        let callers = match &matrix {
            None => vec![base],
            Some(matrix) => {
                let params = matrix.params.clone();
                let max_parallel = raw.matrix.value().and_then(|matrix| self.matrix_max_parallel(matrix));
                let members = matrix.members(GroupId::new(before));
                let is_empty = members.is_empty();
                // Without a combination, the one call is the group itself.
                if !is_empty {
                    let group = Group { max_parallel, params, ..Group::of_files(name, at) };
                    steps.add_group(group, names);
                }
                if matrix.is_open() {
                    steps.open.push(name.to_owned());
                }
                match is_empty {
                    true => vec![Step { condition: Some(empty_condition(at)), ..base }],
                    false => members
                        .into_iter()
                        .map(|(part, member)| Step {
                            name: format!("{name}.{part}"),
                            member: Some(Box::new(member)),
                            ..base.clone()
                        })
                        .collect(),
                }
            }
        };
        for (position, caller) in callers.into_iter().enumerate() {
            let Some(of) = file.and_then(|file| self.called(file, &caller, &given, options)) else {
                // Nothing is said of names behind it.
                steps.open.push(name.to_owned());
                if steps.groups.len() == before {
                    steps.add_group(Group::of_files(name, at), Names::default());
                }
                return;
            };
            if position == 0 {
                self.check_arguments(raw, &of.file, &given);
                self.no_second_clean_up(raw, &of, role);
            }
            self.splice(raw, caller, of, Arc::clone(&given), is_named, steps);
        }
    }

    /// Reports keys that say something about a step of its own.
    fn only_keys_of_calls(&mut self, raw: &RawStep) {
        let path = raw.uses.value().cloned().unwrap_or_default();
        for (key, at) in raw.keys_of_its_own() {
            let problem = self.at(Code::UsesKey, at, format!("`{key}` belongs to the steps in `{path}`"));
            self.report(
                problem.help(format!("write it there, or hand a value in by `with`; take `{key}` out here")),
            );
        }
    }

    /// Reports what goes with `uses` alone, at a step that uses nothing.
    pub(super) fn only_with_uses(&mut self, raw: &RawStep) {
        if let Some(at) = raw.with.at() {
            let problem =
                self.at(Code::UsesKey, at, "`with` hands values to a file, and this step uses none");
            self.report(
                problem.help("add `uses: ./lib/steps.yml`, or let the script name the params: `{{ level }}`"),
            );
        }
    }

    /// Reports a file that cleans up itself, used to clean up: nothing comes after that.
    fn no_second_clean_up(&mut self, raw: &RawStep, of: &CalledFileParts, role: Role) {
        let own = of.lowered.pipeline.steps.iter().find(|step| step.role == Role::Finally);
        let (Role::Finally, Some(own), Some(at)) = (role, own, raw.finally.at()) else { return };
        let path = of.file.path.display();
        let message =
            format!("`{path}` has `finally` steps itself, and nothing comes after those of this file");
        let problem = self.at(Code::FinallyOrder, at, message).also(own.at, "one of them");
        self.report(problem.help("leave `finally: true` out here: they run at the end all the same"));
    }

    /// A file as this caller sees it: the same for all, unless which steps it has hangs on what it is given.
    fn called(
        &mut self,
        file: FileIndex,
        caller: &Step,
        arguments: &[Argument],
        options: &LoadOptions,
    ) -> Option<Rc<CalledFileParts>> {
        if let Some(known) = self.place.called.0.borrow().get(&file) {
            return Some(Rc::clone(known));
        }
        let Place { files, called, early, root, .. } = self.place;
        let own = self.params.clone();
        // What the caller gives is worked out in its names, and the rest as in any file.
        let values = |request: &EarlyRequest<'_>| {
            let passed = passed(own.as_ref()?, request, caller, arguments, early)?;
            root(&EarlyRequest { passed: Some(&passed), ..*request })
        };
        let place = Place { files, file, called, early: &values, root };
        let options = LoadOptions { feeds: Vec::new(), outs: Vec::new(), ..options.clone() };
        let lowered = lower_file(place, &options, self.problems)?;
        let (raw, _) = files.raw(file)?.get()?;
        let (file_of, always) = (self.file_of(file, raw, &lowered), always(&lowered.pipeline));
        let parts = Rc::new(CalledFileParts { file: Arc::new(file_of), lowered, always });
        self.hangs_on_values.set(self.hangs_on_values.get() || parts.lowered.hangs_on_values);
        if !parts.lowered.hangs_on_values {
            self.place.called.0.borrow_mut().insert(file, Rc::clone(&parts));
        }
        Some(parts)
    }

    fn file_of(&self, file: FileIndex, raw: &RawPipeline, lowered: &Lowered) -> CalledFile {
        let idle = [
            ("timeout", raw.timeout.is_missing()),
            ("concurrency", raw.concurrency.is_missing()),
            ("history", raw.history.is_missing()),
            ("kubernetes", raw.kubernetes.is_missing()),
        ];
        let Pipeline { name, params, env_files, outputs, early_max_parallel, .. } = &lowered.pipeline;
        CalledFile {
            path: self.place.files.path(file).into(),
            name: name.clone(),
            params: params.clone(),
            env_files: env_files.clone(),
            outputs: outputs.clone(),
            early_max_parallel: early_max_parallel.clone(),
            idle_keys: idle.into_iter().filter(|(_, is_missing)| !is_missing).map(|(key, _)| key).collect(),
        }
    }

    /// Puts the steps of a file in the place of the one that uses it.
    fn splice<'r>(
        &mut self,
        raw: &'r RawStep,
        caller: Step,
        of: Rc<CalledFileParts>,
        arguments: Arc<[Argument]>,
        is_named: bool,
        steps: &mut Steps<'r>,
    ) {
        let inner = &of.lowered.pipeline;
        let (call, group) = (CallId::new(steps.calls.len()), GroupId::new(steps.groups.len()));
        let name = caller.name.clone();
        let shift = Shift {
            caller: &name,
            call,
            group,
            steps: steps.list.len(),
            groups: steps.groups.len() + 1,
            calls: steps.calls.len() + 1,
        };
        let outer = caller.group();
        let (first, at, role) = (steps.list.len(), caller.at, caller.role);
        let of_call = Group { within: outer, max_parallel: inner.max_parallel, ..Group::of_files(&name, at) };
        self.add_called_group(of_call, is_named, steps);
        for inner in &inner.groups {
            self.add_called_group(shift.inner_group(inner), is_named, steps);
        }
        let environment = Arc::new(FileEnvironment::default());
        steps.calls_by_name.insert(name.clone(), call);
        steps.calls.push(Call { caller, group, file: Arc::clone(&of.file), arguments, environment });
        steps.calls.extend(inner.calls.iter().map(|call| shift.inner_call(call)));
        let position = steps.splices.len();
        for inner in &inner.steps {
            let mut step = shift.step(inner);
            if role == Role::Finally && !step.role.is_beside() {
                step.role = role;
                (step.policy, step.early) = self.at_the_end((step.policy, step.early));
            }
            let id = StepId::new(steps.list.len());
            if step.role == Role::Service {
                steps.services.entry(step.name.clone().into()).or_insert(id);
            } else if is_named {
                self.add_name(step.name.clone().into(), at, id, steps);
            }
            steps.list.push(step);
            steps.raw.push(Written::Called(position));
        }
        let range = first..steps.list.len();
        // Who waits for the group waits for those of its steps that come in their turn.
        let is_member = |id: &StepId| steps.list.get(id.index()).is_some_and(|step| step.role == role);
        let members: Vec<StepId> = range.clone().map(StepId::new).filter(is_member).collect();
        for group in [Some(group), outer].into_iter().flatten() {
            if let Some(group) = steps.groups.get_mut(group.index()) {
                group.members.extend_from_slice(&members);
            }
        }
        // A name with a `?` is that of a step whose values are not known yet.
        if of.lowered.pipeline.steps.iter().any(|step| step.name.contains('?')) {
            steps.open.push(name);
        }
        steps.splices.push(Splice { raw, call, steps: range, of, streams: 0 });
    }
}

/// The position of a step that runs whenever a file is used, one that reads nothing of the caller first.
fn always(pipeline: &Pipeline) -> Option<usize> {
    let may = |step: &Step| {
        let asks = step.admission.as_ref().is_some_and(|admission| admission.confirm.is_some());
        asks || may_be_passed_over(step, &pipeline.calls)
    };
    let reasons = passed_over_with(&pipeline.steps, &pipeline.streams, |id| may(pipeline.step(id)));
    let is_bound =
        |step: &Step| step.inputs.iter().any(|input| input.port.stream.index() >= pipeline.streams.len());
    let steps = pipeline.steps.iter().zip(reasons).enumerate();
    let always = steps.filter(|(_, (step, reason))| step.role == Role::Ordinary && reason.is_none());
    always.min_by_key(|(_, (step, _))| is_bound(step)).map(|(position, _)| position)
}

/// The values that a caller gives to a file, of those that are asked for. Nothing where one is not known.
fn passed(
    own: &Pipeline,
    request: &EarlyRequest<'_>,
    caller: &Step,
    arguments: &[Argument],
    early: &super::EarlyValues<'_>,
) -> Option<Values> {
    let given: Vec<&Argument> =
        arguments.iter().filter(|argument| request.needed.contains(&argument.param)).collect();
    let read: BTreeSet<String> = given.iter().flat_map(|argument| argument.value.params()).cloned().collect();
    let needed = crate::file::params::with_defaults(&own.params, read);
    let renderer = early(&EarlyRequest { pipeline: own, needed: &needed, passed: None })?;
    let mut values = Values::new();
    for Argument { param: name, at: _, value } in given {
        let Some(param) = request.pipeline.params.iter().find(|param| param.name == *name) else { continue };
        let value = match value {
            ArgumentValue::Whole { param } => renderer.values().get(param).cloned()?,
            ArgumentValue::List(items) => value::check(&param.kind, &Raw::List(items.clone())).ok()?,
            ArgumentValue::Text(text) => {
                let text = renderer.render(text, Scope { step: Some(caller), ..Scope::default() }).ok()?;
                value::check(&param.kind, &Raw::Text(text)).ok()?
            }
        };
        values.insert(name.clone(), value);
    }
    Some(values)
}

#[cfg(test)]
mod tests;
