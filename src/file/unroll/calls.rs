//! A called file as a part of the pipeline that calls it: every position shifted, every name with the caller's before
//! it.

use std::sync::Arc;

use crate::pipeline::{
    Call, CallId, Dependency, Group, GroupId, Input, Member, Pipeline, Port, Step, StepId, Stream, StreamId,
    Usage,
};

/// Where the parts of a called file go.
#[derive(Debug, Clone, Copy)]
pub struct Shift<'a> {
    /// The caller's name.
    pub caller: &'a str,
    /// The call, and the group of its steps.
    pub call: CallId,
    pub group: GroupId,
    /// How many steps, groups and calls stand before those of the file.
    pub steps: usize,
    pub groups: usize,
    pub calls: usize,
}

impl Shift<'_> {
    fn name(&self, name: &str) -> String {
        format!("{}.{name}", self.caller)
    }

    fn step_id(&self, id: StepId) -> StepId {
        StepId::new(self.steps + id.index())
    }

    fn group_id(&self, id: GroupId) -> GroupId {
        GroupId::new(self.groups + id.index())
    }

    fn call_id(&self, id: CallId) -> CallId {
        CallId::new(self.calls + id.index())
    }

    fn usage(&self, usage: Usage) -> Usage {
        Usage { step: self.step_id(usage.step), ..usage }
    }

    /// Returns a step of the file. The streams that it reads and makes keep their positions.
    pub fn step(&self, step: &Step) -> Step {
        let Step {
            name,
            call,
            member,
            depends_on,
            services,
            shared,
            // They name no place in the pipeline, or are moved by `join`.
            inputs: _,
            output: _,
            description: _,
            at: _,
            role: _,
            condition: _,
            service: _,
            user: _,
            admission: _,
            action: _,
            container: _,
            kubernetes: _,
            env: _,
            secrets: _,
            working_dir: _,
            produces: _,
            terminal: _,
            policy: _,
            early: _,
        } = step;
        let member = member.as_ref().map(|member| {
            let Member { group, matrix } = &**member;
            Box::new(Member { group: self.group_id(*group), matrix: matrix.clone() })
        });
        let dependency = |Dependency { step, at, need }: &Dependency| Dependency {
            step: self.step_id(*step),
            at: *at,
            need: *need,
        };
        Step {
            name: self.name(name),
            call: Some(call.map_or(self.call, |call| self.call_id(call))),
            member,
            depends_on: depends_on.iter().map(dependency).collect(),
            services: services.iter().map(|usage| self.usage(*usage)).collect(),
            shared: shared.map(|usage| self.usage(usage)),
            ..step.clone()
        }
    }

    /// Returns a group of the file.
    pub fn inner_group(&self, group: &Group) -> Group {
        let Group { name, at, kind, within, members, max_parallel, params } = group;
        Group {
            name: self.name(name),
            at: *at,
            kind: *kind,
            within: Some(within.map_or(self.group, |within| self.group_id(within))),
            members: members.iter().map(|step| self.step_id(*step)).collect(),
            max_parallel: *max_parallel,
            params: params.clone(),
        }
    }

    /// Returns a call that the file makes.
    pub fn inner_call(&self, call: &Call) -> Call {
        Call {
            caller: self.step(&call.caller),
            group: self.group_id(call.group),
            file: Arc::clone(&call.file),
            arguments: Arc::clone(&call.arguments),
            environment: Arc::clone(&call.environment),
        }
    }

    /// Returns a stream of the file.
    pub fn stream(&self, stream: &Stream) -> Stream {
        let Stream { name, at, producer, readers, out, store, checksum, broken_pipe } = stream;
        Stream {
            name: self.name(name),
            at: *at,
            producer: self.step_id(*producer),
            readers: readers.iter().map(|step| self.step_id(*step)).collect(),
            out: out.clone(),
            store: *store,
            checksum: *checksum,
            broken_pipe: broken_pipe.clone(),
        }
    }
}

/// Moves a step's streams to where they stand in the pipeline that calls. Of what the file does not make itself,
/// `bound` says what it is; an input that is nothing is taken out.
pub fn join(step: &mut Step, of_file: &Pipeline, streams: usize, bound: impl Fn(usize) -> Option<StreamId>) {
    let made = of_file.streams.len();
    let place = |id: StreamId| match id.index().checked_sub(made) {
        None => Some(StreamId::new(streams + id.index())),
        Some(free) => bound(free),
    };
    step.inputs = std::mem::take(&mut step.inputs)
        .into_iter()
        .filter_map(|input| {
            Some(Input { port: Port { stream: place(input.port.stream)?, ..input.port }, ..input })
        })
        .collect();
    step.output = step.output.and_then(|port| Some(Port { stream: place(port.stream)?, ..port }));
}
