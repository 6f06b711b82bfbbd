//! Groups of many steps, which have one row together.

use super::View;
use crate::pipeline::{GroupId, Outcome, Step, StepId};
use crate::render::style::Tone;
use crate::render::{StepState, human, text};

/// Steps of a group that have a row each.
const FEW: usize = 6;

/// The failed steps that a row names.
const NAMED: usize = 3;

impl View<'_> {
    /// Returns the group of a step, if it has one row for all of its steps.
    pub(super) fn large_group(&self, step: &Step) -> Option<GroupId> {
        let group = step.group()?;
        (self.report.pipeline.group(group).members.len() > FEW).then_some(group)
    }

    /// Returns the number of rows that large groups spare.
    pub(super) fn spared(&self) -> usize {
        let pipeline = &self.report.pipeline;
        let large = pipeline.groups.iter().filter(|group| group.members.len() > FEW);
        let of = |members: &[StepId]| {
            let streams = members.iter().filter(|step| pipeline.step(**step).output.is_some()).count();
            members.len() - 1 + streams
        };
        large.map(|group| of(&group.members)).sum()
    }

    /// Returns the row of a group: `⠹ test   3 of 8, 2 running, 1 failed: test.3.12.alpine`.
    pub(super) fn group(&self, id: GroupId) -> String {
        let group = self.report.pipeline.group(id);
        let (mut done, mut running, mut failed) = (0, 0, Vec::new());
        for step in &group.members {
            match self.report.steps.get(step.index()).map(|known| &known.state) {
                None | Some(StepState::Waiting) => {}
                Some(StepState::Running { .. } | StepState::Retrying { .. }) => running += 1,
                Some(StepState::Finished { outcome, .. }) => {
                    done += 1;
                    if outcome.is_failure() || matches!(outcome, Outcome::Ignored(_)) {
                        failed.push(*step);
                    }
                }
            }
        }
        let all = group.members.len();
        let (mark, tone) = match (failed.is_empty(), running, done) {
            (false, ..) => ("✗", Tone::Bad),
            (true, 0, 0) => ("·", Tone::Faint),
            (true, 0, done) if done == all => ("✓", Tone::Good),
            (true, ..) => (self.wheel(), Tone::Busy),
        };
        let mut notes = vec![format!("{done} of {all}")];
        notes.extend((running > 0).then(|| format!("{running} running")));
        if !failed.is_empty() {
            let named = failed.iter().take(NAMED).map(|step| self.report.pipeline.step(*step).name.as_str());
            let more = if failed.len() > NAMED { ", …" } else { "" };
            notes.push(format!("{} failed: {}{more}", failed.len(), human::list(named)));
        }
        let name = self.padded(&group.name, super::STEP_INDENT);
        let note = text::one_line(&notes.join(", "));
        format!("  {} {name} {:>8}  {note}", self.palette.paint(tone, mark), "")
    }
}
