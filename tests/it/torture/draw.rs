//! Draws cases. The same seed gives the same case.

use super::case::{
    Case, Demise, Ending, Fault, How, Kind, LINE, MOST_LINES, Moment, Moves, OnError, Output, Read, Step,
};
use super::{language, services, uses};
use crate::support::containers::Lane;
use crate::support::dice::Dice;

/// Bytes of one stream, at most.
const MOST_BYTES: u64 = 4 << 20;

/// The case of a seed.
pub fn case(seed: u64) -> Case {
    let mut dice = Dice(seed);
    let in_containers = dice.one_in(16);
    let most = if in_containers { 5 } else { *dice.of(&[3, 8, 30]) };
    let steps = 1 + dice.below(most) as usize;
    let faulty = *dice.of(&[0, 1, 1, 3]);
    let policies = *dice.of(&[
        &[OnError::Stop][..],
        &[OnError::Continue],
        &[OnError::Continue, OnError::Ignore],
        &[OnError::Stop, OnError::Continue, OnError::Ignore],
    ]);
    let mut case = Case {
        steps: Vec::new(),
        uses: Vec::new(),
        services: Vec::new(),
        max_parallel: *dice.of(&[1, 2, 4, 16, 16]),
        lane: *dice.of(&[Lane::Fifo, Lane::Fifo, Lane::Attach]),
        ending: ending(&mut dice, steps),
        disk: dice.one_in(12).then(|| 16 << dice.below(8)),
        keep_partial: dice.one_in(5),
    };
    let mut sizes = Vec::new();
    for _ in 0..steps {
        let mut step = step(&mut dice, &case.steps, &mut sizes);
        step.in_container = in_containers && !dice.one_in(3);
        step.on_error = *dice.of(policies);
        case.steps.push(step);
    }
    for _ in 0..faulty {
        let step = dice.below(steps as u64) as usize;
        spoil(&mut dice, &mut case.steps[step]);
    }
    // Chance of its own: what a seed has drawn so far stays what it was.
    add(&mut Dice(!seed), &mut case);
    move_away(&mut Dice(seed ^ 0x6d6f_7665), &mut case);
    language::add(&mut Dice(seed ^ 0x6c61_6e67), &mut case);
    share(&mut Dice(seed ^ 0x7368_6172), &mut case);
    services::add(&mut Dice(seed ^ 0x7365_7276), &mut case);
    services::contain(&mut Dice(seed ^ 0x636f_6e74), &mut case);
    uses::add(&mut Dice(seed ^ 0x7573_6573), &mut case);
    uses::wrap(&mut Dice(seed ^ 0x7772_6170), &mut case);
    case
}

/// Lets some steps run in one container.
fn share(dice: &mut Dice, case: &mut Case) {
    let rarely = *dice.of(&[1, 2, 1000]);
    for step in case.steps.iter_mut().filter(|step| step.in_container) {
        step.is_sharing = dice.one_in(rarely);
    }
}

/// Lets the work of some steps leave the group that it was started in.
fn move_away(dice: &mut Dice, case: &mut Case) {
    // Values do not stand in the script of another shell.
    let may =
        |step: &&mut Step| !step.is_fed && !step.in_container && step.takes.is_empty() && !step.tells_secret;
    for step in case.steps.iter_mut().filter(may) {
        step.moves = dice.one_in(4).then(|| *dice.of(&[Moves::Timeout, Moves::Session, Moves::Job]));
    }
}

/// Adds what else a pipeline may have.
fn add(dice: &mut Dice, case: &mut Case) {
    for step in 0..case.steps.len() {
        let waited_for = case.steps.iter().any(|it| it.depends_on.contains(&step));
        let is_read = case.readers(step).next().is_some();
        if dice.one_in(5) && is_read && !waited_for && case.steps[step].reads.is_empty() {
            feed(&mut case.steps[step]);
            continue;
        }
        case.steps[step].gives = dice.one_in(3);
        case.steps[step].tells_secret = dice.one_in(10);
        // Whether one that is ignored has given anything is another question.
        let is_sure =
            |&other: &usize| case.steps[other].gives && case.steps[other].on_error != OnError::Ignore;
        case.steps[step].takes = case.steps[step].depends_on.iter().copied().filter(is_sure).collect();
    }
    if case.has_containers() && dice.one_in(3) {
        let after = 1 + dice.below(2 + 3 * case.steps.len() as u64) as usize;
        let how = *dice.of(&[Demise::Killed, Demise::Stopped]);
        case.ending = Ending::Engine { after, how, at_once: dice.one_in(2) };
    }
}

/// Lets a stream come from outside.
fn feed(step: &mut Step) {
    let lines = step.output.as_ref().map_or(0, |output| output.lines);
    let output = Output { lines, store: false, checksum: false, out: false };
    *step = Step { is_fed: true, output: Some(output), ..Step::default() };
}

fn ending(dice: &mut Dice, steps: usize) -> Ending {
    if dice.one_in(2) {
        return Ending::Itself;
    }
    let how = *dice.of(&[How::Int, How::IntTwice, How::Term, How::Kill, How::Kill]);
    Ending::Signal { after: 1 + dice.below(2 + 3 * steps as u64) as usize, how }
}

/// A step that can stand after `earlier`, whose streams have these sizes.
fn step(dice: &mut Dice, earlier: &[Step], sizes: &mut Vec<u64>) -> Step {
    let mut streams: Vec<usize> = (0..earlier.len()).filter(|&step| earlier[step].output.is_some()).collect();
    let mut step = Step {
        retries: if dice.one_in(5) { 1 + dice.below(2) as u32 } else { 0 },
        timeout: dice.one_in(10).then_some(3_600_000),
        produces: dice.one_in(3),
        ignores_term: dice.one_in(150),
        leaves_process: dice.one_in(100),
        ..Step::default()
    };
    let mut passed = 0;
    for _ in 0..*dice.of(&[0, 1, 1, 1, 1, 2, 3]) {
        if streams.is_empty() {
            break;
        }
        let from = streams.swap_remove(dice.below(streams.len() as u64) as usize);
        let read = read(dice, from, sizes[from], passed);
        passed += read.take.unwrap_or(sizes[from]).min(sizes[from]);
        step.reads.push(read);
    }
    while !earlier.is_empty() && dice.one_in(5) {
        step.depends_on.push(dice.below(earlier.len() as u64) as usize);
    }
    step.depends_on.sort_unstable();
    step.depends_on.dedup();
    if dice.one_in(2) || (step.reads.is_empty() && dice.one_in(2)) {
        let output = output(dice);
        sizes.push(passed + output.lines * LINE);
        step.output = Some(output);
    } else {
        sizes.push(0);
    }
    step
}

fn read(dice: &mut Dice, from: usize, size: u64, passed: u64) -> Read {
    let too_much = passed + size > MOST_BYTES;
    let leaves = too_much || dice.one_in(6);
    Read {
        from,
        take: leaves.then(|| if too_much { dice.below(1000) } else { dice.below(size + 1) }),
        buffer: dice.one_in(8).then(|| *dice.of(&["1KiB", "64KiB", "1MiB"])),
        must_stay: dice.one_in(10),
    }
}

fn output(dice: &mut Dice) -> Output {
    let most = *dice.of(&[1, 100, 8192, 8194, 20_000, MOST_LINES]);
    Output { lines: dice.below(most), store: dice.one_in(8), checksum: dice.one_in(8), out: dice.one_in(6) }
}

/// Lets something go wrong in a step.
fn spoil(dice: &mut Dice, step: &mut Step) {
    let kind = *dice.of(&[Kind::Exit(1), Kind::Exit(7), Kind::Exit(0), Kind::Kill, Kind::Hang]);
    // A step that leaves with success in the middle is another step.
    let kind = if kind == Kind::Exit(0) { Kind::Exit(75) } else { kind };
    let moment = *dice.of(&[Moment::Start, Moment::Middle, Moment::End]);
    let attempts = *dice.of(&[1, 1, 2, 100]);
    step.fault = Some(Fault { kind, moment, attempts });
    if kind == Kind::Hang {
        let limit = Some(100 + dice.below(900));
        if step.retries > 0 { step.attempt_timeout = limit } else { step.timeout = limit }
    }
}
