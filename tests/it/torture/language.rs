//! Draws what a pipeline says beside steps, order and streams: matrices, conditions, finally steps.

use pipe_runner::pipeline::Verdict;

use super::case::{Case, Condition, Ending, How, OnError, Step};
use crate::support::dice::Dice;

/// Adds some of it to half of the cases.
pub fn add(dice: &mut Dice, case: &mut Case) {
    if dice.one_in(2) {
        return;
    }
    if dice.one_in(3) {
        multiply(dice, case);
    }
    if dice.one_in(2) {
        part(dice, case);
    }
    if !dice.one_in(4) {
        let rarely = *dice.of(&[2, 4, 8]);
        for step in 0..case.steps.len() {
            if !case.steps[step].is_fed && dice.one_in(rarely) {
                case.steps[step].condition = condition(dice, case, step);
            }
        }
    }
}

/// Makes members of a group out of one or two steps: each once or twice more, at the end.
fn multiply(dice: &mut Dice, case: &mut Case) {
    for _ in 0..1 + dice.below(2) {
        let step = dice.below(case.steps.len() as u64) as usize;
        if case.steps[step].is_fed || case.steps[step].group.is_some() {
            continue;
        }
        case.steps[step].group = Some(step);
        // A template does not stand in the script of another shell.
        case.steps[step].moves = None;
        for _ in 0..1 + dice.below(2) {
            let mut member = case.steps[step].clone();
            if dice.one_in(3) {
                member.on_error = *dice.of(&[OnError::Stop, OnError::Continue, OnError::Ignore]);
            }
            case.steps.push(member);
        }
        // Who waits for one of them may wait for all.
        let members: Vec<usize> = case.members(step).collect();
        for other in &mut case.steps {
            if other.depends_on.contains(&step) && dice.one_in(2) {
                other.depends_on.extend(&members);
                other.depends_on.sort_unstable();
                other.depends_on.dedup();
            }
        }
    }
    // A value of one whose failure is ignored may be missing.
    for step in 0..case.steps.len() {
        let takes = std::mem::take(&mut case.steps[step].takes);
        let is_sure = |&giver: &usize| case.steps[giver].on_error != OnError::Ignore;
        let takes = takes.into_iter().filter(is_sure).collect();
        case.steps[step].takes = takes;
    }
}

/// Makes finally steps of the last ones.
fn part(dice: &mut Dice, case: &mut Case) {
    let first = 1 + dice.below(case.steps.len() as u64) as usize;
    let is_early = |step: &usize| case.steps[*step].group.is_some_and(|group| group < first);
    let late: Vec<usize> = (first..case.steps.len()).filter(|step| !is_early(step)).collect();
    // What is fed is no step.
    if (0..case.steps.len()).all(|step| case.steps[step].is_fed || late.contains(&step)) {
        return;
    }
    for &step in &late {
        let it = &mut case.steps[step];
        if it.is_fed {
            continue;
        }
        it.is_finally = true;
        it.depends_on.retain(|before| late.contains(before));
        it.takes.clear();
        if it.on_error == OnError::Stop {
            it.on_error = OnError::Continue;
        }
    }
    // A step of the body depends on no finally step, and reads from none.
    let is_finally: Vec<bool> = case.steps.iter().map(|step| step.is_finally).collect();
    for step in case.steps.iter_mut().filter(|step| !step.is_finally) {
        step.depends_on.retain(|&before| !is_finally[before]);
        step.reads.retain(|read| !is_finally[read.from]);
        step.takes.retain(|&giver| !is_finally[giver]);
    }
    for step in case.steps.iter_mut().filter(|step| step.is_finally) {
        step.depends_on.retain(|&before| is_finally[before]);
    }
    // What is fed to finally steps alone is fed when they run.
    for feed in (0..case.steps.len()).filter(|&step| case.steps[step].is_fed).collect::<Vec<_>>() {
        let readers: Vec<&Step> =
            case.steps.iter().filter(|step| step.reads.iter().any(|read| read.from == feed)).collect();
        case.steps[feed].is_finally = !readers.is_empty() && readers.iter().all(|step| step.is_finally);
    }
    if let Ending::Signal { how: how @ How::IntTwice, .. } = &mut case.ending {
        *how = *dice.of(&[How::IntTwice, How::IntFourTimes]);
    }
}

/// A condition that a step may have.
fn condition(dice: &mut Dice, case: &Case, step: usize) -> Option<Condition> {
    let it = &case.steps[step];
    let first = it.group.unwrap_or(step);
    let givers: Vec<usize> = it.takes.iter().copied().filter(|&giver| case.steps[giver].gives).collect();
    // Members are equal but for what a condition says of their number.
    if it.group.is_none() && !givers.is_empty() && dice.one_in(2) {
        return Some(Condition::Value { giver: *dice.of(&givers), holds: dice.one_in(2) });
    }
    let may_ask = |other: &usize| {
        let other = &case.steps[*other];
        !other.is_fed && (it.is_finally || !other.is_finally)
    };
    let others: Vec<usize> = (0..first).filter(may_ask).collect();
    if it.group.is_none() && it.is_finally && dice.one_in(3) {
        return Some(Condition::AsksBody(*dice.of(&[
            Verdict::Success,
            Verdict::Failure,
            Verdict::Cancelled,
        ])));
    }
    if it.group.is_some() || others.is_empty() || dice.one_in(2) {
        return Some(Condition::Early(dice.one_in(2)));
    }
    let of = *dice.of(&others);
    let asked = &case.steps[of];
    if let Some(group) = asked.group
        && dice.one_in(2)
    {
        let verdict = *dice.of(&[Verdict::Success, Verdict::Skipped]);
        return Some(Condition::AsksGroup { verdict, of: group });
    }
    let may_fail = it.is_finally || asked.on_error == OnError::Ignore;
    let verdicts: &[Verdict] = match (it.is_finally, may_fail) {
        (true, _) => &[Verdict::Success, Verdict::Failure, Verdict::Cancelled, Verdict::Skipped],
        (false, true) => &[Verdict::Success, Verdict::Failure, Verdict::Skipped],
        (false, false) => &[Verdict::Success, Verdict::Skipped],
    };
    Some(Condition::Asks { verdict: *dice.of(verdicts), of })
}
