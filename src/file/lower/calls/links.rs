//! `depends_on` and `if` of a step with `uses`: they hold for each of its steps.

use std::collections::BTreeSet;

use super::Lowering;
use crate::file::Code;
use crate::file::lower::matrix::slugged;
use crate::file::lower::steps::Steps;
use crate::pipeline::{CallId, Dependency, Need, Role, Span, Step, StepId};

impl Lowering<'_> {
    /// Adds what comes before a call to each of its steps.
    pub(in crate::file::lower) fn depend_call(&mut self, steps: &mut Steps<'_>, position: usize) {
        let Some(splice) = steps.splices.get(position) else { return };
        let (range, call) = (splice.steps.clone(), splice.call);
        let Some(caller) = steps.calls.get(call.index()).map(|call| call.caller.clone()) else { return };
        let own: BTreeSet<StepId> = range.clone().map(StepId::new).collect();
        let before = self.before_call(steps, position, &caller, &own);
        if before.is_empty() {
            return;
        }
        for step in steps.list.get_mut(range).into_iter().flatten() {
            // A `finally` step of the file waits for all others anyway. A service starts no sooner than its users may.
            let is_service = step.role == Role::Service && caller.role == Role::Ordinary;
            if step.role == caller.role || is_service {
                add(&mut step.depends_on, &before);
            }
        }
    }

    fn before_call(
        &mut self,
        steps: &mut Steps<'_>,
        position: usize,
        caller: &Step,
        own: &BTreeSet<StepId>,
    ) -> Vec<Dependency> {
        let mut before: Vec<Dependency> = Vec::new();
        let Some(raw) = steps.splices.get(position).map(|splice| splice.raw) else { return before };
        for (text, at) in raw.depends_on.entries() {
            let is_plain = !(text.contains("{{") || text.contains("{%"));
            let name = match is_plain || caller.member.is_none() {
                true => Some(text.clone()),
                false => self.name_with(&slugged(caller), &mut steps.texts, text, at),
            };
            let Some(name) = name else { continue };
            let Some(named) = steps.ids(&name).map(<[StepId]>::to_vec) else {
                if !steps.is_open(&name) {
                    self.unknown_dependency(&name, at, steps);
                }
                continue;
            };
            if named.iter().any(|step| own.contains(step)) {
                let problem =
                    self.at(Code::SelfDependency, at, format!("the steps of `{name}` depend on themselves"));
                self.report(problem.help("remove it from `depends_on`"));
                continue;
            }
            let found: Vec<Dependency> =
                named.iter().map(|step| Dependency { step: *step, at, need: Need::Order }).collect();
            let roles = found.iter().filter_map(|dependency| steps.list.get(dependency.step.index()));
            match roles.map(|step| step.role).find(|role| *role != caller.role) {
                None => add(&mut before, &found),
                Some(_) => self.other_phase(caller, &name, at),
            }
        }
        let asked = self.asked_of_caller(caller, own, steps);
        add(&mut before, &asked);
        before
    }

    /// What the condition of the caller reads and asks.
    fn asked_of_caller(
        &mut self,
        caller: &Step,
        own: &BTreeSet<StepId>,
        steps: &Steps<'_>,
    ) -> Vec<Dependency> {
        let Some(condition) = &caller.condition else { return Vec::new() };
        self.never(caller, steps);
        let mut found = self.read_by(&condition.text, steps);
        found.extend(self.asked_by(None, &condition.text, steps));
        if let Some(Dependency { at, .. }) = found.iter().find(|needed| own.contains(&needed.step)) {
            let message = format!("`{}` asks how its own steps have ended", caller.name);
            let problem = self.at(Code::SelfDependency, *at, message);
            self.report(problem.help("that is known once they have run: ask in a later step"));
        }
        let role = |id: StepId| steps.list.get(id.index()).map(|step| step.role);
        found.retain(|needed| !own.contains(&needed.step) && role(needed.step) == Some(caller.role));
        found
    }

    fn other_phase(&mut self, caller: &Step, name: &str, at: Span) {
        let own = &caller.name;
        let problem = match caller.role {
            Role::Finally => self
                .at(Code::FinallyOrder, at, format!("`{name}` is over anyway when `{own}` runs"))
                .help("leave it out: a step with `finally: true` runs when all others have ended"),
            Role::Ordinary | Role::Service | Role::Container => self
                .at(
                    Code::FinallyOrder,
                    at,
                    format!("`{name}` runs when all others have ended, so `{own}` cannot wait for it"),
                )
                .help(format!("write `finally: true` at `{own}` too, or take it out of the other")),
        };
        self.report(problem);
    }

    /// What the value of a call needs: the steps without which there is none, and that the call has ended.
    pub(in crate::file::lower) fn outputs_of_call(
        &mut self,
        id: CallId,
        key: Option<&str>,
        (at, is_optional): (Span, bool),
        steps: &Steps<'_>,
    ) -> Vec<Dependency> {
        let Some(call) = steps.calls.get(id.index()) else { return Vec::new() };
        let (name, path) = (&call.caller.name, call.file.path.display());
        let outputs = &call.file.outputs;
        if let Some(key) = key.filter(|key| outputs.iter().all(|output| output.name != **key)) {
            let names = outputs.iter().map(|output| output.name.as_str());
            let help = match outputs.is_empty() {
                true => {
                    Some(format!("`{path}` has no `outputs`; name the value there: `outputs: {{{key}: …}}`"))
                }
                false => self.nearest.help(key, names),
            };
            let problem = self.at(Code::UndefinedName, at, format!("`{name}` has no output `{key}`"));
            self.report(problem.maybe_help(help));
            return Vec::new();
        }
        let sources = steps.sources_of_call(id, key);
        let need = if is_optional { Need::Order } else { Need::Values };
        let members = steps.groups.get(call.group.index()).map(|group| group.members.as_slice());
        let of = |step: &StepId| match sources.contains(step) {
            true => Dependency { step: *step, at, need },
            false => Dependency { step: *step, at, need: Need::Order },
        };
        members.unwrap_or_default().iter().map(of).collect()
    }

    /// Reports outputs of a step of another file that are read from outside.
    pub(in crate::file::lower) fn inside(&mut self, step: StepId, at: Span, steps: &Steps<'_>) {
        let Some(step) = steps.list.get(step.index()) else { return };
        let Some(call) = steps.outermost_call(step) else { return };
        let (name, path, caller) = (&step.name, call.file.path.display(), &call.caller.name);
        let inner = name.strip_prefix(&format!("{caller}.")).unwrap_or(name);
        let message = format!("`{name}` is a step of `{path}`, and its outputs are read in that file only");
        let problem = self.at(Code::UndefinedName, at, message);
        self.report(problem.help(format!(
            "name the value under `outputs` there, `outputs: {{k: \"{{{{ steps.{inner}.outputs.k }}}}\"}}`, and read `steps.{caller}.outputs.k`"
        )));
    }
}

/// Adds dependencies to others, each step once.
fn add(all: &mut Vec<Dependency>, more: &[Dependency]) {
    for dependency in more {
        match all.iter_mut().find(|known| known.step == dependency.step) {
            Some(known) => known.need = known.need.max(dependency.need),
            None => all.push(*dependency),
        }
    }
}
