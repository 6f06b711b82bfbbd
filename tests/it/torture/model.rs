//! What can be said about a case without running it.

use super::case::{Case, Condition, Kind, Moment, Read};

/// What every step's stream holds when it is whole; nothing for a step without one.
pub fn streams(case: &Case) -> Vec<Vec<u8>> {
    let mut streams: Vec<Vec<u8>> = Vec::new();
    for (index, step) in case.steps.iter().enumerate() {
        let mut bytes = Vec::new();
        if let Some(output) = &step.output {
            for read in &step.reads {
                let from = &streams[read.from];
                let most = read.take.and_then(|take| usize::try_from(take).ok()).unwrap_or(usize::MAX);
                bytes.extend_from_slice(&from[..from.len().min(most)]);
            }
            let first = Case::first_line(index);
            (first..first + output.lines).for_each(|line| bytes.extend(format!("{line}\n").bytes()));
        }
        streams.push(bytes);
    }
    streams
}

impl Case {
    /// Whether all readers of a step's stream may leave it before its end, so that SIGPIPE may end the step.
    pub fn may_be_abandoned(&self, step: usize) -> bool {
        let Some(output) = &self.steps[step].output else { return false };
        // Who fails leaves, and so does who falls with another.
        let may_fall = |reader: usize| self.kin(reader).into_iter().any(|kin| self.is_frail(kin));
        let kept = output.out || output.store || self.readers(step).next().is_none();
        let leaves = |(reader, read): (usize, &Read)| {
            read.take.is_some()
                || may_fall(reader)
                || self.may_be_passed_over(reader)
                || self.may_be_abandoned(reader)
        };
        !kept && self.readers(step).all(leaves)
    }

    /// The steps that come before this one.
    pub fn before(&self, step: usize) -> Vec<usize> {
        let it = &self.steps[step];
        let others = it.depends_on.iter().copied().chain(it.reads.iter().map(|read| read.from));
        others.chain(it.takes.iter().copied()).chain(self.asked(step)).collect()
    }

    /// Whether a condition may take a step away.
    pub fn may_be_passed_over(&self, step: usize) -> bool {
        let it = &self.steps[step];
        let needed = it.reads.iter().map(|read| read.from).chain(it.takes.iter().copied());
        it.condition.is_some() || needed.into_iter().any(|needed| self.may_be_passed_over(needed))
    }

    /// What the condition of a step asks about.
    pub fn asked(&self, step: usize) -> Vec<usize> {
        match self.steps[step].condition {
            Some(Condition::Asks { of, .. }) => vec![of],
            Some(Condition::AsksGroup { of, .. }) => self.members(of).collect(),
            Some(Condition::Value { giver, .. }) => vec![giver],
            Some(Condition::Early(_) | Condition::AsksBody(_)) | None => Vec::new(),
        }
    }

    /// Whether a step fails for having left one of its streams early.
    fn leaves_elsewhere(&self, step: usize) -> bool {
        self.steps[step].reads.iter().any(|read| read.must_stay && read.take.is_some())
    }

    /// Whether the fault of a step strikes in this attempt, if that comes to it.
    pub fn strikes(&self, step: usize, attempt: u64) -> Option<Kind> {
        let fault = self.steps[step].fault.as_ref()?;
        (u64::from(fault.attempts) >= attempt).then_some(fault.kind)
    }

    /// Whether this attempt of a step cannot succeed.
    pub fn must_fail(&self, step: usize, attempt: u64) -> bool {
        let at_start = self.steps[step].fault.as_ref().is_some_and(|fault| fault.moment == Moment::Start);
        self.strikes(step, attempt).is_some() && (at_start || !self.may_be_abandoned(step))
    }

    /// Whether a step has a fault, a limit that it may not hold, or a promise that it may break.
    pub fn is_frail(&self, step: usize) -> bool {
        let it = &self.steps[step];
        let limited = [it.timeout, it.attempt_timeout].into_iter().flatten().any(|limit| limit < 60_000);
        it.fault.is_some()
            || limited
            || self.is_doomed(step)
            || self.leaves_elsewhere(step)
            || self.may_lack_room(step)
    }

    /// Whether a step writes to a disk that may be full.
    pub fn may_lack_room(&self, step: usize) -> bool {
        self.disk.is_some() && self.steps[step].gives
    }

    /// The steps that have to do with this one, over streams and order.
    pub fn kin(&self, step: usize) -> Vec<usize> {
        let mut is_kin = vec![false; self.steps.len()];
        is_kin[step] = true;
        loop {
            let before = is_kin.clone();
            for index in 0..self.steps.len() {
                for other in self.before(index) {
                    is_kin[index] |= is_kin[other];
                    is_kin[other] |= is_kin[index];
                }
            }
            if before == is_kin {
                return (0..is_kin.len()).filter(|&step| is_kin[step]).collect();
            }
        }
    }
}
