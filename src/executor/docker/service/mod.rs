//! Services in containers: what they have beside other containers, how they are asked whether they are ready, and where
//! they are found.
//!
//! The engine's own word on the health of a container is never asked, and it makes no checks: its first look comes
//! after an interval, and not every engine looks. A check is a program in the container ([`exec`]); a port is asked by
//! a look at what listens in the container's network ([`sockets`]). A connection to a published port would say nothing:
//! engines accept it while nothing listens behind it. In the network of this machine there is nothing between: there, a
//! port that processes of this machine use has to accept a connection, as that of a service without a container.

#[cfg(test)]
mod contract;
mod exec;
mod sockets;

use std::collections::BTreeMap;
use std::time::Duration;

use bollard::models::{ContainerInspectResponse, HealthConfig, PortBinding};

use self::exec::Ended;
use super::container::Container;
use super::engine::{EngineRefusal, is_connection};
use super::sight;
use crate::executor::probe::{Said, port_answers_here};
use crate::executor::{Answer, Probe, SystemError};
use crate::pipeline::Check;

/// The times of a HEALTHCHECK that says none.
const USUAL: (Duration, Duration, u32) = (Duration::from_secs(30), Duration::from_secs(30), 3);

impl Container {
    /// Makes a check. Dropping the future ends its program.
    pub(super) async fn ask(&self, probe: &Probe) -> Result<Answer, SystemError> {
        let words = match probe {
            Probe::Port(port) => return self.ask_port(*port).await,
            Probe::Shell(text) => vec!["sh".to_owned(), "-c".into(), text.clone()],
            Probe::Words(words) => words.clone(),
        };
        let program = words.first().cloned().unwrap_or_default();
        let (ended, output) = exec::run(self, words).await?;
        Ok(match ended {
            Ended::Code(code) => {
                let mut said = Said::default();
                said.add(&output);
                said.answer(code)
            }
            Ended::NoProgram => Answer::Never(format!(
                "the image has no {program}; write `test: [CMD, …]` with a program that it has, or leave the check to \
                 `ports`"
            )),
            Ended::Refused(why) => Answer::NotYet(why),
        })
    }

    async fn ask_port(&self, port: u16) -> Result<Answer, SystemError> {
        let found = self.inspect().await?;
        let mode = found.host_config.as_ref().and_then(|host| host.network_mode.as_deref());
        let is_on_host = mode == Some("host");
        let seen = sight::first_process(self.engine(), &found).and_then(sockets::read);
        let tables = match seen {
            Some(tables) => tables,
            None => {
                let words = std::iter::once("cat").chain(sockets::TABLES).map(str::to_owned).collect();
                match exec::run(self, words).await? {
                    // One of the tables may be missing.
                    (Ended::Code(_), tables) => String::from_utf8_lossy(&tables).into_owned(),
                    (Ended::NoProgram, _) => {
                        return Ok(Answer::Never(
                            "its ports cannot be looked at from here, and its image has no `cat` to look at them from \
                             inside; write a `healthcheck`"
                                .into(),
                        ));
                    }
                    (Ended::Refused(why), _) => return Ok(Answer::NotYet(why)),
                }
            }
        };
        match sockets::answer(&tables, port, is_on_host) {
            Answer::Ready if is_on_host && self.is_reached_here(port) => Ok(port_answers_here(port).await),
            answer => Ok(answer),
        }
    }

    /// Returns the check that its image brings along.
    pub(super) async fn image_check(&self) -> Result<Option<(Probe, Check)>, SystemError> {
        let Some(image) = self.inspect().await?.image else { return Ok(None) };
        let image = self.engine().docker().inspect_image(&image).await;
        let check = image.map_err(|error| self.unknown(error))?.config.and_then(|config| config.healthcheck);
        Ok(check.and_then(check_of))
    }

    /// Returns the ports of this machine that lead to its own.
    pub(super) async fn published_ports(&self) -> Result<BTreeMap<u16, u16>, SystemError> {
        let ports = self.inspect().await?.network_settings.and_then(|settings| settings.ports);
        let published = |(port, bindings): (String, Option<Vec<PortBinding>>)| {
            let own = port.strip_suffix("/tcp")?.parse().ok()?;
            let here = bindings?.into_iter().find_map(|binding| binding.host_port?.parse().ok())?;
            Some((own, here))
        };
        Ok(ports.into_iter().flatten().filter_map(published).collect())
    }

    /// Returns the signal that its image wants to be stopped by; nothing if it does not say, or the container is gone.
    pub(super) async fn stop_signal(&self) -> Option<String> {
        self.inspect().await.ok()?.config?.stop_signal.filter(|signal| !signal.is_empty())
    }

    async fn inspect(&self) -> Result<ContainerInspectResponse, SystemError> {
        let answer = self.engine().docker().inspect_container(self.name(), None).await;
        answer.map_err(|error| self.unknown(error))
    }

    fn unknown(&self, error: bollard::errors::Error) -> SystemError {
        match is_connection(&error) {
            true => self.engine().lost(error),
            false => {
                let what = format!("cannot look at the container {}", self.name());
                SystemError::new(what, EngineRefusal::from(error))
            }
        }
    }
}

/// Returns the check of an image's HEALTHCHECK. It has as long to succeed as the image says; but as an engine looks at
/// what runs for weeks, and here something waits, looks come as often as those of any service.
fn check_of(config: HealthConfig) -> Option<(Probe, Check)> {
    let mut words = config.test?.into_iter();
    let probe = match words.next()?.as_str() {
        "CMD" => Probe::Words(words.collect()),
        "CMD-SHELL" => Probe::Shell(words.collect::<Vec<_>>().join(" ")),
        // It inherits, or has none.
        _ => return None,
    };
    let (interval, limit, retries) = USUAL;
    let said = |nanoseconds: Option<i64>| {
        let nanoseconds = nanoseconds.and_then(|length| u64::try_from(length).ok()).filter(|it| *it > 0);
        nanoseconds.map(Duration::from_nanos)
    };
    let often = Check::new(None).interval;
    let interval = said(config.interval).unwrap_or(interval);
    let retries =
        config.retries.and_then(|it| u32::try_from(it).ok()).filter(|it| *it > 0).unwrap_or(retries);
    let patience = interval.saturating_mul(retries);
    let interval = interval.min(often);
    let looks = patience.as_millis().div_ceil(interval.as_millis().max(1));
    let times = Check {
        test: None,
        interval,
        timeout: said(config.timeout).unwrap_or(limit),
        retries: u32::try_from(looks).unwrap_or(u32::MAX),
        start_period: said(config.start_period).unwrap_or_default(),
    };
    Some((probe, times))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(test: &[&str]) -> HealthConfig {
        HealthConfig {
            test: Some(test.iter().map(|word| (*word).to_owned()).collect()),
            ..Default::default()
        }
    }

    #[test]
    fn an_image_says_how_it_is_checked() {
        let (probe, times) = check_of(image(&["CMD", "/bin/db", "ping"])).unwrap();
        assert_eq!(probe, Probe::Words(vec!["/bin/db".into(), "ping".into()]));
        let limit = Duration::from_secs(30);
        assert_eq!((times.interval, times.retries, times.timeout), (Duration::from_secs(1), 90, limit));
        let (probe, _) = check_of(image(&["CMD-SHELL", "ping || exit 1"])).unwrap();
        assert_eq!(probe, Probe::Shell("ping || exit 1".into()));
        for none in [&["NONE"][..], &[]] {
            assert!(check_of(image(none)).is_none());
        }
        assert!(check_of(HealthConfig::default()).is_none());
    }

    #[test]
    fn the_times_of_an_image_are_kept_and_looks_come_no_less_often_for_them() {
        let second = 1_000_000_000;
        let config = HealthConfig {
            interval: Some(10 * second),
            timeout: Some(2 * second),
            retries: Some(4),
            start_period: Some(5 * second),
            ..image(&["CMD", "x"])
        };
        let (_, times) = check_of(config).unwrap();
        let of = |seconds| Duration::from_secs(seconds);
        assert_eq!((times.interval, times.retries), (of(1), 40));
        assert_eq!((times.timeout, times.start_period), (of(2), of(5)));
        let often = HealthConfig { interval: Some(second / 5), retries: Some(3), ..image(&["CMD", "x"]) };
        let (_, times) = check_of(often).unwrap();
        assert_eq!((times.interval, times.retries), (Duration::from_millis(200), 3));
    }
}
