//! Groups of steps as a plan names them.

use std::collections::BTreeSet;

use crate::pipeline::{Call, CallId, Group, GroupId, GroupKind, Member, Pipeline, StepId};

/// Returns the names of steps, in their order; all steps of a group have the group's.
pub(super) fn names(pipeline: &Pipeline, steps: &[StepId]) -> Vec<String> {
    let all: BTreeSet<StepId> = steps.iter().copied().collect();
    let is_whole = |group: &GroupId| {
        let members = &pipeline.group(*group).members;
        members.len() > 1 && members.iter().all(|member| all.contains(member))
    };
    let mut names = Vec::new();
    for step in steps {
        let whole = pipeline.groups_of(pipeline.step(*step)).filter(is_whole).last();
        match whole {
            None => names.push(pipeline.step(*step).name.clone()),
            Some(group) if pipeline.group(group).members.first() == Some(step) => {
                names.push(label(pipeline, group));
            }
            Some(_) => {}
        }
    }
    names
}

/// Returns what stands for all steps of a group: `test ×4`, or `protect` for a file that is used once.
fn label(pipeline: &Pipeline, id: GroupId) -> String {
    let group = pipeline.group(id);
    match (group.kind, calls_of(pipeline, id).count()) {
        (GroupKind::Matrix, _) => group.label(),
        (GroupKind::Files, 0) => group.name.clone(),
        (GroupKind::Files, calls) => format!("{} ×{calls}", group.name),
    }
}

/// Returns the calls of a file that a matrix makes.
fn calls_of(pipeline: &Pipeline, group: GroupId) -> impl Iterator<Item = &Call> {
    pipeline.calls.iter().filter(move |call| call.caller.group() == Some(group))
}

/// Returns a line for each file that a step uses, and for each matrix: `test ×4: python 3.12 3.13 · os alpine bookworm (max 2)`.
/// Of the calls that a matrix makes, the first stands for the others.
pub(super) fn lines(pipeline: &Pipeline) -> Vec<String> {
    let is_first = |call: &Call| {
        let first = |group| calls_of(pipeline, group).next();
        call.caller.group().and_then(first).is_none_or(|first| first.caller.name == call.caller.name)
    };
    let is_shown = |call: Option<CallId>| pipeline.calls_around(call).all(|(_, around)| is_first(around));
    let files = pipeline.calls.iter().filter(|call| is_shown(call.caller.call) && is_first(call));
    let matrices = pipeline.groups.iter().filter(|group| {
        let first = group.members.first().map(|step| pipeline.step(*step));
        group.kind == GroupKind::Matrix && first.is_none_or(|step| is_shown(step.call))
    });
    let files = files.map(|call| match call.caller.group() {
        None => file(pipeline, call),
        Some(group) => of_matrix(pipeline, group, call),
    });
    files.chain(matrices.map(|group| line(pipeline, group))).collect()
}

/// Returns a line for a file that a step uses: `protect (lib/protect.yml): its timeout counts only where it runs by
/// itself`.
fn file(pipeline: &Pipeline, call: &Call) -> String {
    format!("{}{}{}", call.label(), most(pipeline.group(call.group)), idle(call))
}

/// Returns a line for a file that a matrix uses: `seal ×2 (lib/seal.yml): os alpine bookworm`.
fn of_matrix(pipeline: &Pipeline, id: GroupId, first: &Call) -> String {
    let callers = calls_of(pipeline, id).map(|call| &call.caller);
    let axes = axes(callers.filter_map(|caller| caller.member.as_deref()));
    let (label, path) = (label(pipeline, id), first.file.path.display());
    format!("{label} ({path}): {axes}{}{}", most(pipeline.group(id)), idle(first))
}

fn idle(call: &Call) -> String {
    match call.file.idle_keys.as_slice() {
        [] => String::new(),
        [key] => format!(": its {key} counts only where it runs by itself"),
        keys => format!(": its {} count only where it runs by itself", keys.join(" and ")),
    }
}

fn most(group: &Group) -> String {
    group.max_parallel.map_or_else(String::new, |most| format!(" (max {most})"))
}

/// The gangs of one step that a plan shows of a group.
const SHOWN: usize = 8;

/// What a plan shows of a gang.
pub(super) enum Fold<'p> {
    /// All of it.
    Shown,
    /// Nothing.
    Hidden,
    /// How many steps of its group are not shown.
    More {
        /// Their number.
        count: usize,
        /// The group's name.
        group: &'p str,
    },
}

/// Counts the steps of groups that stand alone.
pub(super) struct Folds<'p> {
    pipeline: &'p Pipeline,
    /// By group: how many there are, and how many have been looked at.
    counts: Vec<(usize, usize)>,
}

impl<'p> Folds<'p> {
    pub(super) fn of(pipeline: &'p Pipeline, gangs: &[Vec<StepId>]) -> Self {
        let mut counts = vec![(0, 0); pipeline.groups.len()];
        for group in gangs.iter().filter_map(|gang| alone(pipeline, gang)) {
            counts[group.index()].0 += 1;
        }
        Self { pipeline, counts }
    }

    /// Looks at the next gang.
    pub(super) fn next(&mut self, gang: &[StepId]) -> Fold<'p> {
        let Some(group) = alone(self.pipeline, gang) else { return Fold::Shown };
        let (all, seen) = &mut self.counts[group.index()];
        *seen += 1;
        match *seen {
            ..=SHOWN => Fold::Shown,
            _ if *seen == SHOWN + 1 => {
                Fold::More { count: *all - SHOWN, group: &self.pipeline.group(group).name }
            }
            _ => Fold::Hidden,
        }
    }
}

/// Returns the group of a step that is a gang by itself, where a matrix has made many of its kind: the outermost.
fn alone(pipeline: &Pipeline, gang: &[StepId]) -> Option<GroupId> {
    let [step] = gang else { return None };
    let step = pipeline.step(*step);
    let callers = pipeline.calls_around(step.call).filter_map(|(_, call)| call.caller.group());
    callers.last().or_else(|| step.group())
}

fn line(pipeline: &Pipeline, group: &Group) -> String {
    let members = group.members.iter().filter_map(|step| pipeline.step(*step).member.as_deref());
    match axes(members) {
        axes if axes.is_empty() => format!("{}: its matrix has no combinations", group.name),
        axes => format!("{}: {axes}{}", group.label(), most(group)),
    }
}

/// Returns the axes of a matrix with their values: `python 3.12 3.13 · os alpine bookworm`.
fn axes<'m>(members: impl Iterator<Item = &'m Member>) -> String {
    let mut axes: Vec<(&str, Vec<&str>)> = Vec::new();
    for (axis, value) in members.flat_map(|member| &member.matrix) {
        let index = axes.iter().position(|(name, _)| name == axis).unwrap_or_else(|| {
            axes.push((axis, Vec::new()));
            axes.len() - 1
        });
        let value = value.spelled();
        if let Some((_, values)) = axes.get_mut(index).filter(|(_, values)| !values.contains(&value)) {
            values.push(value);
        }
    }
    let axes: Vec<String> = axes.iter().map(|(axis, values)| format!("{axis} {}", shown(values))).collect();
    axes.join(" · ")
}

/// Returns the values of an axis, as many as fit.
fn shown(values: &[&str]) -> String {
    const MOST: usize = 8;
    let first =
        values.iter().take(MOST).map(|value| crate::render::one_line(value)).collect::<Vec<_>>().join(" ");
    match values.len() {
        ..=MOST => first,
        all => format!("{first} … {} more", all - MOST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{LoadOptions, load};
    use crate::pipeline::Source;

    fn pipeline(text: &str) -> Pipeline {
        load(Source::new("p.yml", text), &LoadOptions::default()).unwrap()
    }

    #[test]
    fn a_group_has_a_line_with_its_axes() {
        let pipeline = pipeline(
            "params: {empty: {type: list, default: []}}\nsteps:\n  - {name: t, matrix: {v: ['3.12', 3], os: [a, b], max_parallel: 2}, run: make}\n  - {name: u, matrix: {n: '{{ range(20) }}'}, run: make}\n  - {name: e, matrix: {n: '{{ empty }}'}, run: make}",
        );
        assert_eq!(
            lines(&pipeline),
            [
                "t ×4: v 3.12 3 · os a b (max 2)",
                "u ×20: n 0 1 2 3 4 5 6 7 … 12 more",
                "e: its matrix has no combinations"
            ]
        );
    }

    #[test]
    fn all_steps_of_a_group_have_its_name() {
        let pipeline =
            pipeline("steps:\n  - {name: x, run: make}\n  - {name: t, matrix: {os: [a, b]}, run: make}");
        let ids: Vec<StepId> = (0..3).map(StepId::new).collect();
        assert_eq!(names(&pipeline, &ids), ["x", "t ×2"]);
        assert_eq!(names(&pipeline, &ids[..2]), ["x", "t.a"]);
    }

    #[test]
    fn eight_of_many_are_shown() {
        let pipeline = pipeline("steps: [{name: t, matrix: {n: '{{ range(20) }}'}, run: make}]");
        let gangs: Vec<Vec<StepId>> = (0..20).map(|step| vec![StepId::new(step)]).collect();
        let mut folds = Folds::of(&pipeline, &gangs);
        let seen = |fold: Fold<'_>| match fold {
            Fold::Shown => "s".to_owned(),
            Fold::Hidden => String::new(),
            Fold::More { count, group } => format!("+{count} {group}"),
        };
        let all: String = gangs.iter().map(|gang| seen(folds.next(gang))).collect();
        assert_eq!(all, "ssssssss+12 t");
    }
}
