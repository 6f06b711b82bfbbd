//! The steps of a file so far, and what their names stand for.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use crate::file::raw::{RawOutput, RawStep};
use crate::pipeline::{Group, GroupId, Step, StepId, Template};
use crate::template::Names;

/// The steps so far, with what they were made from.
pub(super) struct Steps<'r> {
    pub list: Vec<Step>,
    /// The keys of each step, at the same position.
    pub raw: Vec<&'r RawStep>,
    /// Steps by name; of two with one name the first.
    pub by_name: HashMap<Cow<'r, str>, StepId>,
    pub groups: Vec<Group>,
    pub groups_by_name: HashMap<&'r str, GroupId>,
    /// Names of groups of which some values are not known yet.
    pub open: Vec<String>,
    /// What steps of a group render on their own, by its position.
    pub texts: Vec<MemberTexts>,
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

    /// Every name that stands for steps.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        let groups = self.groups.iter().map(|group| group.name.as_str());
        self.list.iter().map(|step| step.name.as_str()).chain(groups)
    }

    /// Whether a name may be that of a step whose values are not known yet.
    pub fn is_open(&self, name: &str) -> bool {
        self.open.iter().any(|open| name.strip_prefix(open).is_some_and(|rest| rest.starts_with('.')))
    }

    pub fn into_parts(self) -> (Vec<Step>, Vec<Group>) {
        (self.list, self.groups)
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
