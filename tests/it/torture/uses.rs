//! Moves some steps of a case into files of their own, which it uses. They stay what they were: a file that
//! is used means its steps. What it costs is added to the case: what one of them waits for, all of them wait
//! for.

use pipe_runner::pipeline::Verdict;

use super::case::{Case, Condition, OnError, Used};
use crate::support::dice::Dice;

/// The most steps of one file.
const MOST: u64 = 3;

/// Moves steps of half of the cases.
pub fn add(dice: &mut Dice, case: &mut Case) {
    if dice.one_in(2) {
        return;
    }
    for _ in 0..1 + dice.below(3) {
        let first = dice.below(case.steps.len() as u64) as usize;
        let most = 1 + dice.below(MOST) as usize;
        let may = |step: &usize| may_move(case, *step);
        let steps: Vec<usize> = (first..case.steps.len()).filter(may).take(most).collect();
        if steps.is_empty() {
            continue;
        }
        let mut moved = case.clone();
        if move_out(dice, &mut moved, &steps) && is_in_order(&moved) {
            *case = moved;
        }
    }
}

/// Lets a file stand between some of the files and the case.
pub fn wrap(dice: &mut Dice, case: &mut Case) {
    for used in &mut case.uses {
        used.is_wrapped = dice.one_in(3);
    }
}

/// Whether a step can stand in another file.
fn may_move(case: &Case, step: usize) -> bool {
    let it = &case.steps[step];
    let asks_group = matches!(it.condition, Some(Condition::AsksGroup { .. }));
    // A file sees its own services only.
    !it.is_fed && it.group.is_none() && it.service.is_none() && !asks_group && case.used(step).is_none()
}

/// Moves steps into a file; false if that would be another pipeline, or none.
fn move_out(dice: &mut Dice, case: &mut Case, steps: &[usize]) -> bool {
    let is_inside = |step: &usize| steps.contains(step);
    let is_mixed = steps.iter().any(|&step| case.steps[step].is_finally != case.steps[steps[0]].is_finally);
    for &step in steps {
        let it = &case.steps[step];
        // Values come in before the run only, and conditions ask inside.
        let asks_inside = case.asked(step).iter().all(is_inside);
        let waits_inside = it.depends_on.iter().all(is_inside);
        if !it.takes.iter().all(is_inside) || !asks_inside || (is_mixed && it.is_finally && !waits_inside) {
            return false;
        }
    }
    let is_finally = !is_mixed && case.steps[steps[0]].is_finally;
    // A file that is used at the end has a body of its own, whose steps ask what those of any body may ask.
    if is_finally && steps.iter().any(|&step| asks_as_clean_up(case, step)) {
        return false;
    }
    let has_turn = |case: &Case, step: usize| !is_mixed || !case.steps[step].is_finally;
    let body: Vec<usize> = steps.iter().copied().filter(|&step| has_turn(case, step)).collect();
    let mut before: Vec<usize> = body.iter().flat_map(|&step| case.steps[step].depends_on.clone()).collect();
    before.retain(|step| !is_inside(step));
    for &step in &body {
        depend(case, step, &before);
    }
    if !give(dice, case, steps, &body) {
        return false;
    }
    let is_asked =
        steps.iter().all(|&step| case.steps[step].condition.is_none()) && !is_mixed && dice.one_in(2);
    let condition = if is_asked { condition(dice, case, steps) } else { None };
    for &step in steps {
        case.steps[step].condition = case.steps[step].condition.or(condition);
    }
    let max_parallel = dice.one_in(4).then(|| 1 + dice.below(2) as usize);
    case.uses.push(Used { steps: steps.to_vec(), condition, is_finally, max_parallel, is_wrapped: false });
    true
}

/// Whether the condition of a step is one that only finally steps may have.
fn asks_as_clean_up(case: &Case, step: usize) -> bool {
    match case.steps[step].condition {
        Some(Condition::AsksBody(_) | Condition::Asks { verdict: Verdict::Cancelled, .. }) => true,
        Some(Condition::Asks { verdict: Verdict::Failure, of }) => case.steps[of].on_error != OnError::Ignore,
        Some(
            Condition::Asks { verdict: Verdict::Success | Verdict::Skipped, .. }
            | Condition::AsksGroup { .. }
            | Condition::Early(_)
            | Condition::Value { .. },
        )
        | None => false,
    }
}

/// Lets others wait for all of the steps: those that take values of one, and some of those that wait for one.
fn give(dice: &mut Dice, case: &mut Case, steps: &[usize], body: &[usize]) -> bool {
    for other in (0..case.steps.len()).filter(|step| !steps.contains(step)) {
        let taken: Vec<usize> =
            case.steps[other].takes.iter().copied().filter(|it| steps.contains(it)).collect();
        // Its file would have to say what else the value is.
        if taken.iter().any(|&giver| case.may_be_passed_over(giver)) {
            return false;
        }
        let it = &case.steps[other];
        let is_behind = it.is_finally == case.steps[body[0]].is_finally
            && body.iter().any(|step| it.depends_on.contains(step));
        if !taken.is_empty() || (is_behind && dice.one_in(3)) {
            depend(case, other, body);
        }
    }
    true
}

fn depend(case: &mut Case, step: usize, before: &[usize]) {
    let depends_on = &mut case.steps[step].depends_on;
    depends_on.extend(before.iter().copied().filter(|&it| it != step));
    depends_on.sort_unstable();
    depends_on.dedup();
}

/// A condition that stands where the file is used.
fn condition(dice: &mut Dice, case: &Case, steps: &[usize]) -> Option<Condition> {
    let is_finally = case.steps[steps[0]].is_finally;
    let may_ask = |other: &usize| {
        let it = &case.steps[*other];
        !it.is_fed && !steps.contains(other) && (is_finally || !it.is_finally)
    };
    let others: Vec<usize> = (0..steps[0]).filter(may_ask).collect();
    if others.is_empty() || dice.one_in(2) {
        return Some(Condition::Early(dice.one_in(2)));
    }
    let of = *dice.of(&others);
    let verdicts: &[Verdict] = match (is_finally, case.steps[of].on_error) {
        (true, _) => &[Verdict::Success, Verdict::Failure, Verdict::Cancelled, Verdict::Skipped],
        (false, OnError::Ignore) => &[Verdict::Success, Verdict::Failure, Verdict::Skipped],
        (false, OnError::Stop | OnError::Continue) => &[Verdict::Success, Verdict::Skipped],
    };
    Some(Condition::Asks { verdict: *dice.of(verdicts), of })
}

/// Whether no steps wait for each other.
fn is_in_order(case: &Case) -> bool {
    let mut left: Vec<usize> = (0..case.steps.len()).collect();
    loop {
        let is_free = |&step: &usize| !case.before(step).iter().any(|before| left.contains(before));
        let (free, rest): (Vec<usize>, Vec<usize>) = left.iter().partition(|step| is_free(step));
        if free.is_empty() || rest.is_empty() {
            return rest.is_empty();
        }
        left = rest;
    }
}
