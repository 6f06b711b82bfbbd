//! Services of this machine and in containers: some steps use one, which may die at a random moment or never
//! get ready.

use serde_json::Value;

use super::case::{Case, Doom, OnError, Service};
use super::check::is;
use super::outcomes::Outcomes;
use crate::support::containers::WITH_NETWORK;
use crate::support::dice::Dice;

/// Adds services to a third of the cases.
pub fn add(dice: &mut Dice, case: &mut Case) {
    if !dice.one_in(3) {
        return;
    }
    for _ in 0..1 + dice.below(2) {
        let doom = match dice.below(6) {
            0 | 1 => Some(Doom::Dies { after: dice.below(800) }),
            2 => Some(Doom::NeverReady),
            3 => Some(Doom::EndsAtOnce),
            _ => None,
        };
        let on_error = *dice.of(&[OnError::Stop, OnError::Continue]);
        // What a service of this machine needs is no network of a container.
        let may = |step: &usize| {
            let it = &case.steps[*step];
            !it.is_fed && !it.in_container && it.service.is_none()
        };
        let users: Vec<usize> = (0..case.steps.len()).filter(may).filter(|_| dice.one_in(3)).collect();
        if users.is_empty() {
            continue;
        }
        case.services.push(Service { in_container: false, doom, on_error });
        for user in users {
            // Members of a group are equal.
            let first = case.steps[user].group.unwrap_or(user);
            let group = case.steps[first].group;
            let same: Vec<usize> = match group {
                Some(first) => case.members(first).collect(),
                None => vec![user],
            };
            for step in same {
                case.steps[step].service = Some(case.services.len() - 1);
            }
        }
    }
}

/// Puts some services into containers, and lets steps in containers use these, too.
pub fn contain(dice: &mut Dice, case: &mut Case) {
    for service in 0..case.services.len() {
        if !dice.one_in(5) {
            continue;
        }
        case.services[service].in_container = true;
        for step in &mut case.steps {
            let has_own = step.in_container && !step.is_sharing;
            if has_own && step.group.is_none() && step.service.is_none() && dice.one_in(2) {
                step.service = Some(service);
            }
        }
    }
}

/// The services of a case, as its file has them.
pub fn yaml(case: &Case) -> String {
    let services = case.services.iter().enumerate().map(|(number, service)| {
        let word = match service.on_error {
            OnError::Stop => "stop",
            OnError::Continue | OnError::Ignore => "continue",
        };
        let live = match service.doom {
            None | Some(Doom::NeverReady) => "sleep 1000 & wait".to_owned(),
            Some(Doom::Dies { after }) => format!("sleep {}.{:03}; exit 9", after / 1000, after % 1000),
            Some(Doom::EndsAtOnce) => "exit 8".to_owned(),
        };
        // What gets ready has half a minute for it, however busy the machine is.
        let (test, retries) = match service.doom {
            None | Some(Doom::Dies { .. }) => (format!("test -e up.{number}"), 600),
            Some(Doom::NeverReady | Doom::EndsAtOnce) => ("false".to_owned(), 4),
        };
        let place = if service.in_container { WITH_NETWORK } else { "" };
        format!(
            "  v{number}:\n{place}    on_error: {word}\n    healthcheck: {{test: \"{test}\", interval: 50ms, retries: {retries}}}\n    run: |\n      \
             trap 'rm -f up.{number}; exit 0' TERM\n      touch up.{number}\n      {live}\n"
        )
    });
    let services: String = services.collect();
    if services.is_empty() { services } else { format!("services:\n{services}") }
}

impl Outcomes<'_> {
    /// The last record of a service, if there is one.
    fn end_of(&self, service: usize) -> Option<&Value> {
        let of_service = |record: &&Value| {
            record["event"] == "step-finished" && Case::service(&record["step"]) == Some(service)
        };
        self.seen.records.iter().find(of_service)
    }

    fn has_failed(&self, service: usize) -> bool {
        self.end_of(service).is_some_and(|end| end["outcome"] == "failed")
    }

    /// Whether a service has failed.
    pub fn has_lost_service(&self) -> bool {
        (0..self.case.services.len()).any(|service| self.has_failed(service))
    }

    /// Whether a service has failed before the finally steps had their turn.
    pub fn has_lost_service_in_body(&self) -> bool {
        let body = self.seen.records.iter().take_while(|record| record["event"] != "phase");
        let is_lost = |record: &Value| {
            record["event"] == "step-finished"
                && Case::service(&record["step"]).is_some()
                && record["outcome"] == "failed"
        };
        body.into_iter().any(is_lost)
    }

    /// A step, or a step whose stream it reads, has lost its service.
    pub fn undone(&self, step: usize, service: usize) -> Result<(), String> {
        let it = &self.case.steps[step];
        let uses = |step: usize| self.case.steps[step].service == Some(service);
        let is_due = uses(step) || it.reads.iter().any(|read| self.undone(read.from, service).is_ok());
        is(is_due, || format!("it has nothing to do with v{service}"))?;
        let was_stopped = self.end_of(service).is_some_and(|end| end["outcome"] != "succeeded");
        is(was_stopped, || format!("but v{service} did not fail"))
    }

    /// Each service has one end, which fits what becomes of it, and was up before each of its users.
    pub fn the_services(&self) -> Result<(), String> {
        for (number, service) in self.case.services.iter().enumerate() {
            let ends = self.seen.records.iter().filter(|record| {
                record["event"] == "step-finished" && Case::service(&record["step"]) == Some(number)
            });
            let count = ends.count();
            is(count == 1, || format!("v{number} has {count} ends"))?;
            is(service.doom.is_some() || !self.has_failed(number), || format!("v{number} has failed"))?;
        }
        for step in 0..self.case.steps.len() {
            let unready = self.seen.place.has(&format!("unready.{step}"));
            is(!unready, || format!("s{step} has started before its service was ready"))?;
        }
        Ok(())
    }
}
