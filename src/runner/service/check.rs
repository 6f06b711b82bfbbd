//! What says that a service is ready: its check, that of its image, or its ports.

use super::readiness::{self, Verdict};
use super::{ServiceOrder, Unready};
use crate::executor::{Answer, Probe, StepHandle, SystemError};
use crate::pipeline::{Check, CheckTest, Endpoint, Readiness, Template};
use crate::template::{Scope, StepOutputs, StepOutputsMode};

/// The checks of a service, rendered.
pub(super) struct Checks {
    /// It is ready at once.
    at_once: bool,
    /// What the file says.
    own: Option<Probe>,
    ports: Vec<u16>,
    /// What the file says of the times.
    times: Option<Check>,
}

impl Checks {
    /// Renders the check of a service.
    ///
    /// # Errors
    /// What is wrong with its templates, in a sentence.
    pub(super) fn of(order: &ServiceOrder, given: &StepOutputs) -> Result<Self, String> {
        let job = &order.job;
        let step = job.pipeline.step(order.step);
        let addresses = job.pipeline.addresses(step, &order.endpoints);
        let scope = Scope {
            step: Some(step),
            addresses: Some(&addresses),
            outputs: StepOutputsMode::These(given),
            body: order.body.as_deref(),
            ..Scope::default()
        };
        let text = |template: &Template| {
            let rendered = job.templates.render(template, scope);
            rendered.map_err(|error| error.sentence(&job.pipeline.source, template))
        };
        let Some(service) = &step.service else {
            return Ok(Self { at_once: true, own: None, ports: Vec::new(), times: None });
        };
        let (at_once, times) = match &service.readiness {
            Readiness::Found => (false, None),
            Readiness::Check(check) => (false, Some((**check).clone())),
            Readiness::AtOnce => (true, None),
        };
        let own = match times.as_ref().and_then(|check| check.test.as_ref()) {
            Some(CheckTest::Shell(script)) => Some(Probe::Shell(text(script)?)),
            Some(CheckTest::Words(words)) => {
                Some(Probe::Words(words.iter().map(text).collect::<Result<_, _>>()?))
            }
            None => None,
        };
        let ports = service.ports.iter().map(|port| port.number).collect();
        Ok(Self { at_once, own, ports, times })
    }

    /// Waits until the service is ready. Returns where it is found.
    pub(super) async fn until_ready(self, name: &str, handle: &dyn StepHandle) -> Result<Endpoint, Unready> {
        if !self.at_once {
            let (probes, times) = self.probes(name, handle).await?;
            let verdict = readiness::ask(&times, || all(handle, &probes)).await?;
            match verdict {
                Verdict::Ready => {}
                Verdict::Late(said) => return Err(Unready::Failed(late(&times, &said))),
                Verdict::Never(why) => {
                    return Err(Unready::Failed(format!("whether `{name}` is ready cannot be told: {why}")));
                }
            }
        }
        let mut published = handle.published().await?;
        // A process of this machine is found at its own ports.
        for port in self.ports {
            published.entry(port).or_insert(port);
        }
        Ok(Endpoint { published })
    }

    /// Returns what is asked: the first that there is of the file's check, the image's, and the ports. The times are
    /// the file's where it says any, else those of the check.
    async fn probes(&self, name: &str, handle: &dyn StepHandle) -> Result<(Vec<Probe>, Check), Unready> {
        let times = || self.times.clone().unwrap_or_else(|| Check::new(None));
        if let Some(own) = &self.own {
            return Ok((vec![own.clone()], times()));
        }
        if let Some((of_image, its_times)) = handle.own_check().await? {
            return Ok((vec![of_image], self.times.clone().unwrap_or(its_times)));
        }
        if self.ports.is_empty() {
            return Err(Unready::Failed(format!(
                "no way to tell when `{name}` is ready: neither it nor its image has a healthcheck, and it has no ports; \
                 write `healthcheck: {{test: …}}`, or `healthcheck: none` to take it as ready at once"
            )));
        }
        Ok((self.ports.iter().copied().map(Probe::Port).collect(), times()))
    }
}

/// Asks everything in turn, up to the first that does not say yes.
async fn all(handle: &dyn StepHandle, probes: &[Probe]) -> Result<Answer, SystemError> {
    for probe in probes {
        match handle.probe(probe).await? {
            Answer::Ready => {}
            answer @ (Answer::NotYet(_) | Answer::Never(_)) => return Ok(answer),
        }
    }
    Ok(Answer::Ready)
}

/// Says that a service has had all its time.
fn late(times: &Check, said: &str) -> String {
    let patience = humantime::format_duration(readiness::patience(times));
    let said = said.trim();
    let said = if said.is_empty() { "nothing" } else { said };
    format!("not ready within {patience}; the last check said: {said}")
}
