//! `finally: true`: steps that run when all others have ended, and what they cannot be joined to.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::file::Code;
use crate::file::raw::{RawOnError, RawRetry, RawStep, RawThen};
use crate::file::yaml::{Early, locate};
use crate::pipeline::{
    Dependency, EarlySetting, EndRef, Need, OnError, OutputRef, Policy, PolicyKey, Role, RunOutput, Span,
    Step, StepId, Stream, Text,
};

use super::Lowering;
use super::steps::Steps;

/// How long a `finally` step may take that has no `timeout`: "always" is not "for ever".
const TIMEOUT: Duration = Duration::from_secs(5 * 60);

impl Lowering<'_> {
    /// When a step runs. Its texts may name more, if that is after all others.
    pub(super) fn role(&mut self, raw: &RawStep) -> Role {
        let is_finally = raw.finally.value().copied().unwrap_or_default();
        self.names.role = if is_finally { Role::Finally } else { Role::Ordinary };
        self.names.role
    }

    /// The policy of a step in its role: a `finally` step stops no other, and has a limit.
    pub(super) fn in_role(
        &mut self,
        raw: &RawStep,
        role: Role,
        (policy, early): (Policy, Vec<EarlySetting>),
    ) -> (Policy, Vec<EarlySetting>) {
        if role == Role::Ordinary {
            return (policy, early);
        }
        self.stops_nothing(raw);
        self.at_the_end((policy, early))
    }

    /// Reports what would stop others at a `finally` step.
    fn stops_nothing(&mut self, raw: &RawStep) {
        let stop =
            raw.on_error.get().filter(|(on_error, _)| matches!(on_error, Early::Value(RawOnError::Stop)));
        let then = match raw.retry.value() {
            Some(RawRetry::Full(keys)) => keys.then.get().filter(|(then, _)| **then == RawThen::Stop),
            Some(RawRetry::Count(_)) | None => None,
        };
        if let Some(at) = stop.map(|(_, at)| at).or(then.map(|(_, at)| at)) {
            let message = "a step with `finally: true` runs when nothing is left that it could stop";
            let problem = self.at(Code::FinallyPolicy, at, message);
            self.report(
                problem.help("leave it out: the others run to their ends, and the run fails all the same"),
            );
        }
    }

    /// The policy that a step has if it is a `finally` step.
    pub(super) fn at_the_end(
        &self,
        (policy, early): (Policy, Vec<EarlySetting>),
    ) -> (Policy, Vec<EarlySetting>) {
        let is_limited = early.iter().any(|setting| setting.key == PolicyKey::Timeout);
        let on_error = match policy.on_error {
            OnError::Stop | OnError::Continue => OnError::Continue,
            OnError::Ignore => OnError::Ignore,
        };
        let timeout = policy.timeout.or_else(|| (!is_limited).then_some(TIMEOUT));
        (Policy { timeout, on_error, ..policy }, early)
    }

    /// Checks what joins `finally` steps to others, and takes out what cannot be: their order comes from their
    /// role.
    pub(super) fn part(&mut self, steps: &mut Steps<'_>, streams: &mut [Stream], outputs: &[RunOutput]) {
        if steps.list.iter().all(|step| step.role == Role::Ordinary) {
            return;
        }
        let roles: Vec<Role> = steps.list.iter().map(|step| step.role).collect();
        let is_no_body = |(role, step): (&Role, &Step)| {
            *role == Role::Finally || role.is_beside() || step.action.is_feed()
        };
        if roles.iter().zip(&steps.list).all(is_no_body) {
            let at = steps.written_at(StepId::new(0)).unwrap_or_default();
            let problem =
                self.at(Code::NoSteps, at, "all steps have `finally: true`: nothing comes before them");
            self.report(problem.help("add a step without it; `finally` steps run when it has ended"));
        }
        let role = |id: StepId| roles.get(id.index()).copied().unwrap_or_default();
        // What comes from another file has been looked at there.
        for index in 0..steps.list.len() {
            if steps.is_called(StepId::new(index)) {
                continue;
            }
            self.ends_asked_for(StepId::new(index), steps);
            self.maybe_gone(StepId::new(index), steps);
            self.order_between(StepId::new(index), steps, &role);
        }
        self.streams_between(steps, streams, &role);
        self.outputs_between(steps, outputs, &role);
        // A stream from outside that only `finally` steps read is fed to them.
        for stream in streams.iter() {
            let is_later =
                !stream.readers.is_empty() && stream.readers.iter().all(|id| role(*id) == Role::Finally);
            if let Some(step) = steps.list.get_mut(stream.producer.index())
                && step.action.is_feed()
                && is_later
            {
                step.role = Role::Finally;
            }
        }
    }

    /// `steps.NAME.outcome`: whether there is such a step; another `finally` step has to end first.
    fn ends_asked_for(&mut self, id: StepId, steps: &mut Steps<'_>) {
        let Some(step) = steps.list.get(id.index()) else { return };
        let asked = |text: &'_ Text| {
            let at = |end: &EndRef| locate(self.source, text.at, &text.source, end.range.clone());
            text.ends.iter().filter_map(|end| Some((end.step.clone()?, at(end)))).collect::<Vec<_>>()
        };
        let asked: Vec<(String, Span)> = step.templates().flat_map(|text| asked(text)).collect();
        for (name, at) in asked {
            match steps.by_name.get(name.as_str()).copied() {
                Some(other) if other == id => {
                    let problem = self.at(
                        Code::SelfDependency,
                        at,
                        format!("the step `{name}` asks how it has ended itself"),
                    );
                    self.report(problem.help("that is known once it has run: ask in a later step"));
                }
                Some(other) => {
                    let Some(step) = steps.list.get_mut(id.index()) else { continue };
                    if step.depends_on.iter().all(|dependency| dependency.step != other) {
                        step.depends_on.push(Dependency { step: other, at, need: Need::Order });
                    }
                }
                None => {
                    let names = steps.list.iter().map(|step| step.name.as_str());
                    let help = self.nearest.help(&name, names);
                    let problem = self.at(Code::UnknownStep, at, format!("there is no step `{name}`"));
                    self.report(problem.maybe_help(help));
                }
            }
        }
    }

    /// Values in `finally` steps, and in what only they use: whichever step's they are, it may not have come so far.
    fn maybe_gone(&mut self, id: StepId, steps: &Steps<'_>) {
        let Some(step) = steps.list.get(id.index()) else { return };
        let why = match step.role {
            Role::Finally => "a `finally` step runs in any case",
            Role::Service | Role::Container if is_for_clean_up(id, steps) => {
                "only `finally` steps use it, which run in any case"
            }
            Role::Service | Role::Container | Role::Ordinary => return,
        };
        let mut problems = Vec::new();
        for text in step.templates() {
            for OutputRef { step: of, key, range, is_optional } in &text.outputs {
                // Without a key they are what there is.
                let (Some(key), false) = (key, is_optional) else { continue };
                let at = locate(self.source, text.at, &text.source, range.clone());
                let message =
                    format!("`{of}` may not have come so far as to set `{key}` when `{}` runs", step.name);
                let problem = self.at(Code::MaybeMissing, at, message);
                let help = format!("write `steps.{of}.outputs.{key} | default('')`: {why}");
                problems.push(problem.help(help));
            }
        }
        problems.dedup_by(|one, other| one.span == other.span);
        problems.into_iter().for_each(|problem| self.report(problem));
    }

    /// What comes before what.
    fn order_between(&mut self, id: StepId, steps: &mut Steps<'_>, role: &impl Fn(StepId) -> Role) {
        // A service waits for steps that run in their turn, as these do.
        let own = if role(id).is_beside() { Role::Ordinary } else { role(id) };
        let written: Vec<Span> =
            steps.keys(id).map(|raw| raw.depends_on.entries()).into_iter().flatten().map(|it| it.1).collect();
        let Some(step) = steps.list.get_mut(id.index()) else { return };
        let (kept, out): (Vec<Dependency>, Vec<Dependency>) = std::mem::take(&mut step.depends_on)
            .into_iter()
            .partition(|dependency| role(dependency.step) == own);
        step.depends_on = kept;
        let name = step.name.clone();
        let mut said = Vec::new();
        for Dependency { step: other, at, need: _ } in out {
            // A group is named once, and means all of its steps.
            if said.contains(&at) {
                continue;
            }
            said.push(at);
            let other = steps.list.get(other.index()).map_or("", |step| step.name.as_str());
            match own {
                // What it reads or asks of ordinary steps is known when it runs.
                Role::Finally if !written.contains(&at) => {}
                Role::Finally => {
                    let message = format!("`{other}` is over anyway when `{name}` runs");
                    let problem = self.at(Code::FinallyOrder, at, message);
                    self.report(problem.help(
                        "leave it out: a step with `finally: true` runs when all others have ended; it depends on others \
                         of its kind only",
                    ));
                }
                Role::Ordinary | Role::Service | Role::Container => {
                    let message =
                        format!("`{other}` runs when all others have ended, so `{name}` cannot wait for it");
                    match role(id) {
                        Role::Service => {
                            let problem = self.at(Code::FinallyOrder, at, message);
                            self.report(
                                problem.help("take it out: a service starts before the steps that use it"),
                            );
                        }
                        Role::Ordinary | Role::Finally | Role::Container => {
                            self.after_all(at, message, &name)
                        }
                    }
                }
            }
        }
    }

    fn streams_between(
        &mut self,
        steps: &mut Steps<'_>,
        streams: &mut [Stream],
        role: &impl Fn(StepId) -> Role,
    ) {
        for (index, step) in steps.list.iter_mut().enumerate() {
            let id = StepId::new(index);
            if role(id) == Role::Finally {
                continue;
            }
            let Step { name, inputs, .. } = step;
            inputs.retain(|input| {
                let Some(stream) = streams.get_mut(input.port.stream.index()) else { return true };
                if role(stream.producer) != Role::Finally {
                    return true;
                }
                stream.readers.retain(|reader| *reader != id);
                let message = format!(
                    "the stream `{}` is made when all others have ended, so `{name}` cannot read it",
                    stream.name
                );
                self.after_all(input.port.at, message, name);
                false
            });
        }
    }

    fn outputs_between(&mut self, steps: &Steps<'_>, outputs: &[RunOutput], role: &impl Fn(StepId) -> Role) {
        for RunOutput { name, value, .. } in outputs {
            let values = value.outputs.iter().map(|read| (&read.step, &read.range));
            let members = value.members.iter().map(|read| (&read.group, &read.range));
            for (of, range) in values.chain(members) {
                if steps.ids(of).is_some_and(|ids| ids.iter().any(|id| role(*id) == Role::Finally)) {
                    let at = locate(self.source, value.at, &value.source, range.clone());
                    let message = format!("the output `{name}` reads `{of}`, which only cleans up");
                    let problem = self.at(Code::FinallyOrder, at, message);
                    self.report(problem.help("let a step without `finally: true` set the value"));
                }
            }
        }
    }

    fn after_all(&mut self, at: Span, message: String, name: &str) {
        let problem = self.at(Code::FinallyOrder, at, message);
        self.report(
            problem.help(format!("write `finally: true` at `{name}` too, or take it out of the other")),
        );
    }
}

/// Returns whether all users of a service or shared container are `finally` steps, in the end.
fn is_for_clean_up(id: StepId, steps: &Steps<'_>) -> bool {
    let mut known = BTreeSet::from([id]);
    let mut roles = BTreeSet::new();
    let mut open = vec![id];
    while let Some(used) = open.pop() {
        let users = steps.list.iter().enumerate().filter(|(_, step)| step.uses(used));
        for (user, step) in users.map(|(index, step)| (StepId::new(index), step)) {
            if !step.role.is_beside() {
                roles.insert(step.role);
            } else if known.insert(user) {
                open.push(user);
            }
        }
    }
    roles.into_iter().eq([Role::Finally])
}
