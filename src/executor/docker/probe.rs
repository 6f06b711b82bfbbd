//! Checks of a service in a container, and where it is found. The engine's own word on its health is never asked:
//! its first look comes after an interval, and not every engine looks.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::exec::StartExecResults;
use bollard::models::{ContainerInspectResponse, ExecConfig, HealthConfig};
use futures::StreamExt;
use tokio::time::sleep;

use super::container::Container;
use super::engine::{EngineRefusal, is_connection, words};
use super::hex;
use crate::executor::probe::Said;
use crate::executor::{Answer, Probe, SystemError, port_answers};
use crate::processes::{self, Signs};

/// The variable by which the processes of a check are known.
const MARK: &str = "PIPE_CHECK";
/// Pause between two looks at an exec whose outputs have ended.
const PAUSE: Duration = Duration::from_millis(10);
/// Exit codes of an exec whose program cannot be run, or is not there.
const NO_PROGRAM: [i64; 2] = [126, 127];

impl Container {
    /// Makes a check. Dropping the future kills its processes.
    pub(super) async fn ask(&self, probe: &Probe) -> Result<Answer, SystemError> {
        let words = match probe {
            Probe::Port(port) => return self.ask_port(*port).await,
            Probe::Shell(text) => vec!["sh".to_owned(), "-c".into(), text.clone()],
            Probe::Words(words) => words.clone(),
        };
        let program = words.first().cloned().unwrap_or_default();
        let mark = hex::random().map_err(|error| SystemError::new("cannot make a random number", error))?;
        let mark = format!("{MARK}={mark}");
        let config = ExecConfig {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            env: Some(vec![mark.clone()]),
            cmd: Some(words),
            ..ExecConfig::default()
        };
        let docker = self.engine().docker();
        let exec = match docker.create_exec(self.name(), config).await {
            Ok(exec) => exec.id,
            Err(error) => return self.unasked(&program, error),
        };
        let hunt = Hunt { container: self, mark, is_over: false };
        match docker.start_exec(&exec, None).await {
            Ok(StartExecResults::Attached { output, input: _ }) => hunt.follow(&exec, &program, output).await,
            Ok(StartExecResults::Detached) => Ok(Answer::NotYet(String::new())),
            Err(error) => self.unasked(&program, error),
        }
    }

    /// Returns what it says of a check that cannot be made.
    fn unasked(&self, program: &str, error: bollard::errors::Error) -> Result<Answer, SystemError> {
        if is_connection(&error) {
            return Err(self.engine().lost(error));
        }
        let said = words(&error);
        Ok(if is_missing(&said) { no_program(program) } else { Answer::NotYet(said) })
    }

    async fn ask_port(&self, port: u16) -> Result<Answer, SystemError> {
        if !self.engine().is_on_this_kernel() {
            return Ok(Answer::Never(
                "its address cannot be reached from here, since its engine is on another machine; write a `healthcheck`"
                    .into(),
            ));
        }
        // A published port would accept a connection while nothing listens behind it.
        Ok(match address(&self.inspect().await?) {
            Some(address) => port_answers(SocketAddr::new(address, port)).await,
            None => Answer::Never(
                "its container has no address that can be reached from here; write a `healthcheck`".into(),
            ),
        })
    }

    /// Returns the check that its image brings along.
    pub(super) async fn image_probe(&self) -> Result<Option<Probe>, SystemError> {
        let Some(image) = self.inspect().await?.image else { return Ok(None) };
        let image = self.engine().docker().inspect_image(&image).await;
        let check = image.map_err(|error| self.unknown(error))?.config.and_then(|config| config.healthcheck);
        Ok(check.and_then(probe_of))
    }

    /// Returns the ports of this machine that lead to its own.
    pub(super) async fn published_ports(&self) -> Result<BTreeMap<u16, u16>, SystemError> {
        let ports = self.inspect().await?.network_settings.and_then(|settings| settings.ports);
        let published = |(port, bindings): (String, Option<Vec<bollard::models::PortBinding>>)| {
            let own = port.strip_suffix("/tcp")?.parse().ok()?;
            let there = bindings?.into_iter().find_map(|binding| binding.host_port?.parse().ok())?;
            Some((own, there))
        };
        Ok(ports.into_iter().flatten().filter_map(published).collect())
    }

    async fn inspect(&self) -> Result<ContainerInspectResponse, SystemError> {
        let answer = self.engine().docker().inspect_container(self.name(), None).await;
        answer.map_err(|error| self.unknown(error))
    }

    fn unknown(&self, error: bollard::errors::Error) -> SystemError {
        match is_connection(&error) {
            true => self.engine().lost(error),
            false => SystemError::new(
                format!("cannot look at the container {}", self.name()),
                EngineRefusal::from(error),
            ),
        }
    }
}

/// A check that runs. Engines have no way to end one, so that its processes are looked for by their mark.
struct Hunt<'c> {
    container: &'c Container,
    mark: String,
    is_over: bool,
}

impl Hunt<'_> {
    async fn follow(
        mut self,
        exec: &str,
        program: &str,
        mut output: impl futures::Stream<Item = Result<LogOutput, bollard::errors::Error>> + Unpin,
    ) -> Result<Answer, SystemError> {
        let mut said = Said::default();
        while let Some(Ok(piece)) = output.next().await {
            said.add(&piece.into_bytes());
        }
        let engine = self.container.engine();
        let code = loop {
            match engine.docker().inspect_exec(exec).await {
                Ok(state) if state.running == Some(true) => sleep(PAUSE).await,
                Ok(state) => break state.exit_code.unwrap_or(-1),
                Err(error) if is_connection(&error) => return Err(engine.lost(error)),
                // It has gone with its container.
                Err(error) => return Ok(Answer::NotYet(words(&error))),
            }
        };
        self.is_over = true;
        let answer = said.answer(i32::try_from(code).unwrap_or(-1));
        Ok(match answer {
            Answer::NotYet(words) if NO_PROGRAM.contains(&code) && is_missing(&words) => no_program(program),
            answer => answer,
        })
    }
}

impl Drop for Hunt<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mark = std::mem::take(&mut self.mark);
        if self.container.engine().is_on_this_kernel() && processes::are_visible() {
            let signs = Signs { mark: mark.clone().into(), ..Signs::default() };
            for process in processes::find([&signs]).into_iter().flatten() {
                process.signal(rustix::process::Signal::KILL);
            }
        }
        self.container.kill_inside(mark);
    }
}

/// Returns whether a check that could not be run had no program.
fn is_missing(said: &str) -> bool {
    said.contains("executable file") || said.contains("no such file") || said.contains("not found in $PATH")
}

fn no_program(program: &str) -> Answer {
    Answer::Never(format!(
        "the image has no {program}; write `test: [CMD, …]` with a program that it has, or leave the check to `ports`"
    ))
}

/// Returns the address of a container.
fn address(container: &ContainerInspectResponse) -> Option<IpAddr> {
    let mode = container.host_config.as_ref().and_then(|config| config.network_mode.as_deref());
    if mode == Some("host") {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    let networks = container.network_settings.as_ref()?.networks.as_ref()?;
    let mut addresses = networks.values().filter_map(|network| network.ip_address.as_deref()?.parse().ok());
    addresses.next()
}

/// Returns the check of an image's HEALTHCHECK.
fn probe_of(check: HealthConfig) -> Option<Probe> {
    let mut words = check.test?.into_iter();
    match words.next()?.as_str() {
        "CMD" => Some(Probe::Words(words.collect())),
        "CMD-SHELL" => Some(Probe::Shell(words.collect::<Vec<_>>().join(" "))),
        // It inherits, or has none.
        _ => None,
    }
}
