//! What a step that is passed over takes along.

use super::{Need, Step, StepId, Stream};

/// Returns for each step the one that it is passed over with, where the steps of which `is_first` holds are: such a
/// step itself, or one whose stream or values it needs.
pub fn passed_over_with(
    steps: &[Step],
    streams: &[Stream],
    is_first: impl Fn(StepId) -> bool,
) -> Vec<Option<StepId>> {
    let mut reasons: Vec<Option<StepId>> = vec![None; steps.len()];
    let first: Vec<StepId> = (0..steps.len()).map(StepId::new).filter(|id| is_first(*id)).collect();
    if first.is_empty() {
        return reasons;
    }
    let mut users: Vec<Vec<StepId>> = vec![Vec::new(); steps.len()];
    for (index, step) in steps.iter().enumerate() {
        let values = step.depends_on.iter().filter(|dependency| dependency.need == Need::Values);
        let producers =
            step.inputs.iter().filter_map(|input| Some(streams.get(input.port.stream.index())?.producer));
        for needed in values.map(|dependency| dependency.step).chain(producers) {
            users.get_mut(needed.index()).into_iter().for_each(|users| users.push(StepId::new(index)));
        }
    }
    // Those that are first have themselves for a reason, whatever else they need.
    for id in &first {
        reasons.get_mut(id.index()).into_iter().for_each(|reason| *reason = Some(*id));
    }
    let mut open = first;
    while let Some(id) = open.pop() {
        let reason = reasons.get(id.index()).copied().flatten();
        for user in users.get(id.index()).into_iter().flatten() {
            if let Some(other) = reasons.get_mut(user.index()).filter(|other| other.is_none()) {
                *other = reason;
                open.push(*user);
            }
        }
    }
    reasons
}
