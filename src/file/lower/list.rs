//! The steps of a file so far, and what their names stand for.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use crate::file::raw::{RawOutput, RawStep};
use crate::pipeline::{Call, CallId, Group, GroupId, OutputRef, Span, Step, StepId, Template};
use crate::template::Names;

use super::calls::splice::Splice;

/// The steps so far, with what they were made from.
pub(super) struct Steps<'r> {
    pub list: Vec<Step>,
    /// Where each step comes from, at the same position.
    pub raw: Vec<Written<'r>>,
    /// Steps by name; of two with one name the first.
    pub by_name: HashMap<Cow<'r, str>, StepId>,
    pub groups: Vec<Group>,
    pub groups_by_name: HashMap<Cow<'r, str>, GroupId>,
    /// The services by name, with those of files that are used.
    pub services: HashMap<Cow<'r, str>, StepId>,
    pub calls: Vec<Call>,
    pub calls_by_name: HashMap<String, CallId>,
    /// The steps of each call that this file makes.
    pub splices: Vec<Splice<'r>>,
    /// Names of groups of which some values are not known yet, and of steps whose files cannot be read.
    pub open: Vec<String>,
    /// What steps of a group render on their own, by its position.
    pub texts: Vec<MemberTexts>,
}

/// Where a step comes from.
#[derive(Clone, Copy)]
pub(super) enum Written<'r> {
    /// It is written in this file, with these keys.
    Here(&'r RawStep),
    /// It comes from another file, by a call: its position among the splices.
    Called(usize),
}

impl<'r> Steps<'r> {
    /// The keys of a step that is written in this file.
    pub fn keys(&self, id: StepId) -> Option<&'r RawStep> {
        match self.raw.get(id.index())? {
            Written::Here(raw) => Some(raw),
            Written::Called(_) => None,
        }
    }

    /// Where this file says that there is a step: at its name, or at that of the step with `uses`.
    pub fn written_at(&self, id: StepId) -> Option<Span> {
        let step = self.list.get(id.index())?;
        Some(self.outermost_call(step).map_or(step.at, |call| call.caller.at))
    }

    /// The call of this file that a step comes from.
    pub fn outermost_call(&self, step: &Step) -> Option<&Call> {
        let call = |id: CallId| self.calls.get(id.index());
        std::iter::successors(step.call.and_then(call), |inner| inner.caller.call.and_then(call)).last()
    }

    /// Whether a step is the first of those that a call has brought.
    pub fn is_first_of(&self, splice: usize, id: StepId) -> bool {
        self.splices.get(splice).is_some_and(|splice| splice.first() == id)
    }

    /// Whether a step comes from another file. It has been looked at there.
    pub fn is_called(&self, id: StepId) -> bool {
        matches!(self.raw.get(id.index()), Some(Written::Called(_)))
    }
}

impl Steps<'_> {
    /// The steps that a name stands for.
    pub fn ids(&self, name: &str) -> Option<&[StepId]> {
        if let Some(step) = self.by_name.get(name) {
            return Some(std::slice::from_ref(step));
        }
        let group = self.groups_by_name.get(name)?;
        self.groups.get(group.index()).map(|group| group.members.as_slice())
    }

    /// The steps without which there is no such output.
    pub fn sources(&self, read: &OutputRef) -> Vec<StepId> {
        match self.calls_by_name.get(&read.step) {
            Some(call) => self.sources_of_call(*call, read.key.as_deref()),
            None => self.by_name.get(read.step.as_str()).copied().into_iter().collect(),
        }
    }

    /// The same, of an output of a call, or of all: those that make it, or the one that shows that the call has run.
    pub fn sources_of_call(&self, id: CallId, key: Option<&str>) -> Vec<StepId> {
        let makers = self.makers(id, key);
        if !makers.is_empty() {
            return makers;
        }
        let splice = self.splices.binary_search_by_key(&id.index(), |splice| splice.call.index());
        splice.ok().and_then(|at| self.splices.get(at)?.always()).into_iter().collect()
    }

    /// The steps whose own outputs an output of a call cannot do without; through files that its file uses.
    fn makers(&self, id: CallId, key: Option<&str>) -> Vec<StepId> {
        let Some(call) = self.calls.get(id.index()) else { return Vec::new() };
        let outputs = call.file.outputs.iter().filter(|output| key.is_none_or(|key| key == output.name));
        let reads = outputs.flat_map(|output| &output.value.outputs).filter(|read| !read.is_optional);
        let makers = |read: &OutputRef| {
            let name = call.name_of(&read.step);
            match self.call_within(id, &name) {
                Some(inner) => self.makers(inner, read.key.as_deref()),
                None => self.by_name.get(name.as_str()).copied().into_iter().collect(),
            }
        };
        reads.flat_map(makers).collect()
    }

    /// The call of this name in the file of another call. Such calls come right behind that one.
    fn call_within(&self, around: CallId, name: &str) -> Option<CallId> {
        let first = around.index() + 1;
        let is_within = |call: &&Call| call.caller.call.is_some_and(|call| call.index() >= around.index());
        let mut within = self.calls.get(first..)?.iter().take_while(is_within);
        within.position(|call| call.caller.name == name).map(|at| CallId::new(first + at))
    }

    /// The names of the calls of a matrix.
    pub fn calls_called(&self, name: &str) -> impl Iterator<Item = &str> {
        let group = self.groups_by_name.get(name).copied();
        let of_group = move |call: &&Call| group.is_some() && call.caller.group() == group;
        self.calls.iter().filter(of_group).map(|call| call.caller.name.as_str())
    }

    /// Every name that stands for steps.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        let groups = self.groups.iter().map(|group| group.name.as_str());
        let steps = self.list.iter().filter(|step| !step.role.is_beside());
        steps.map(|step| step.name.as_str()).chain(groups)
    }

    /// Whether a name may be that of a step whose values are not known yet, or whose file cannot be read.
    pub fn is_open(&self, name: &str) -> bool {
        let rest = |open: &String| name.strip_prefix(open.as_str());
        self.open.iter().filter_map(rest).any(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// Takes up a group. Texts of its steps that they render on their own may have these names.
    pub fn add_group(&mut self, group: Group, names: Names) {
        self.groups.push(group);
        self.texts.push(MemberTexts::new(names));
    }

    pub fn into_parts(self) -> (Vec<Step>, Vec<Group>, Vec<Call>) {
        (self.list, self.groups, self.calls)
    }
}

/// The texts of one matrix that its steps render on their own.
pub(super) struct MemberTexts {
    /// What they may name.
    pub names: Names,
    /// Those that were compiled, by where they stand.
    pub compiled: HashMap<(usize, usize), Option<Template>>,
}

impl MemberTexts {
    pub fn new(of_step: Names) -> Self {
        Self { names: Names { matrix: of_step.matrix, ..Names::default() }, compiled: HashMap::new() }
    }
}

/// The streams that steps of a matrix make, each its own, by the name that is written.
pub(super) fn stream_groups<'r>(entries: impl Iterator<Item = &'r RawStep>) -> BTreeSet<String> {
    let written = |raw: &'r RawStep| match raw.output.value()? {
        RawOutput::Name(name) => Some(name.text.as_str()),
        RawOutput::Full(keys) => keys.name.value().map(String::as_str),
    };
    let of_matrix = entries.filter(|raw| !raw.matrix.is_missing());
    of_matrix.filter_map(written).filter(|name| !name.contains("{{")).map(str::to_owned).collect()
}
