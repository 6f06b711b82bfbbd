//! A scripted executor: each attempt does what its script says, and takes no real time. Its pipes are real,
//! and no process is.

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::act::{Act, ActEnd, Log, Scripts};
use crate::executor::{
    Answer, Executor, Exit, HoldGuard, InputPipe, InputSource, Keepalive, Probe, RunningStep, StartError,
    StdoutSpec, StepHandle, StepSpec, Stop, SystemError,
};
use crate::stream::pipe;

/// The executor.
#[derive(Debug, Default)]
pub(super) struct Fake(pub(super) Scripts);

impl Executor for Fake {
    fn start(&self, spec: StepSpec, guard: HoldGuard) -> BoxFuture<'_, Result<RunningStep, StartError>> {
        let act = self.0.next(&spec.name);
        Box::pin(async move {
            match act.end {
                ActEnd::NotStarted => Err(StartError::Step("it is not there".into())),
                ActEnd::SystemFails => Err(SystemError::new("cannot start anything", "no luck").into()),
                ActEnd::Panics => panic!("a bug in an executor"),
                ActEnd::Lingers(file) => {
                    tokio::spawn(async move {
                        sleep(act.takes).await;
                        std::fs::write(spec.working_dir.join(file), "half").unwrap();
                        drop(guard);
                    });
                    std::future::pending().await
                }
                ActEnd::Lost(made) => {
                    made.iter().for_each(|made| std::fs::write(spec.working_dir.join(made), "half").unwrap());
                    Ok(self.running(spec, act, None))
                }
                ActEnd::Exit(exit) => Ok(self.running(spec, act, Some(exit))),
            }
        })
    }
}

impl Fake {
    fn running(&self, spec: StepSpec, act: Act, exit: Option<Exit>) -> RunningStep {
        let log_pipe = ended_pipe();
        let stdout = match spec.stdout {
            StdoutSpec::Stream => Some(ended_pipe()),
            StdoutSpec::Log => None,
        };
        let stdin = (spec.stdin() == Some(&InputSource::Pipe)).then(|| pipe().unwrap());
        let (stdin_end, stdin) = stdin.map_or((None, None), |(reader, writer)| {
            (Some(Receiver::from_owned_fd(reader).unwrap()), Some(writer))
        });
        let (stops, mut asked) = mpsc::unbounded_channel();
        let (ended, end) = watch::channel(None);
        let has_terminal = spec.terminal;
        let (began, doing) = (Instant::now(), act.clone());
        let (log, name) = (Arc::clone(&self.0.log), spec.name.clone());
        log.lock().unwrap().start(&name, spec.terminal);
        tokio::spawn(async move {
            let act = doing;
            let mut until = Instant::now() + act.takes;
            let (mut exit, mut ended) = (exit, Some(ended));
            loop {
                tokio::select! {
                    () = sleep_until(until), if ended.is_some() => match exit {
                        Some(_) => break,
                        None => ended = None,
                    },
                    Some(how) = asked.recv() => {
                        let word = if how == Stop::Kill { "KILL" } else { "TERM" };
                        let at_end = if stdin_end.as_ref().is_some_and(has_ended) { " at its end" } else { "" };
                        log.lock().unwrap().stopped.push(format!("{name} {word}{at_end}"));
                        if ended.is_none() {
                            break;
                        }
                        exit = Some(Exit::Signal(if how == Stop::Kill { 9 } else { 15 }));
                        let patience = if how == Stop::Kill { Duration::ZERO } else { act.obeys_after };
                        until = Instant::now() + patience;
                    }
                }
            }
            drop(stdin_end);
            log.lock().unwrap().end(&name, has_terminal);
            if let Some(ended) = ended {
                ended.send_replace(exit);
            }
        });
        let holder = Holder { name: spec.name.clone(), log: Arc::clone(&self.0.log) };
        let stdin = stdin.map(|fd| InputPipe { keepalive: Keepalive::new(holder), fd });
        let handle = Box::new(FakeHandle { stops, end, began, act });
        let inputs = spec.inputs.iter().zip([stdin]).map(|(_, stdin)| stdin).collect();
        RunningStep { inputs, stdout, log: log_pipe, lane: None, handle }
    }
}

/// Returns the reading end of a pipe that has ended. It is of one pipe for all tests: a process that another test starts
/// would hold the other end of a new one open for a moment, and paused time does not wait for that.
fn ended_pipe() -> OwnedFd {
    static ENDED: LazyLock<OwnedFd> = LazyLock::new(|| {
        let (mut reader, writer) = std::io::pipe().unwrap();
        drop(writer);
        assert_eq!(reader.read(&mut [0]).unwrap(), 0, "it has ended for all processes");
        reader.into()
    });
    ENDED.try_clone().unwrap()
}

/// What holds a reader's pipe open elsewhere, as the wrapper of a container in another place would.
struct Holder {
    name: String,
    log: Arc<Mutex<Log>>,
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.log.lock().unwrap().pipes.push(format!("{} is let go", self.name));
    }
}

/// Whether no process can write to this pipe any more. Reads what there is.
fn has_ended(end: &Receiver) -> bool {
    loop {
        match end.try_read(&mut [0; 4096]) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

struct FakeHandle {
    stops: mpsc::UnboundedSender<Stop>,
    end: watch::Receiver<Option<Exit>>,
    began: Instant,
    act: Act,
}

impl StepHandle for FakeHandle {
    fn wait(&self) -> BoxFuture<'_, Result<Exit, SystemError>> {
        let mut end = self.end.clone();
        Box::pin(async move {
            let end = end.wait_for(Option::is_some).await.map(|end| *end);
            end.ok().flatten().ok_or_else(|| SystemError::new("cannot wait", "the process is lost"))
        })
    }

    fn is_ending(&self) -> bool {
        self.act.is_ending(self.began.elapsed())
    }

    fn stop(&self, how: Stop) -> BoxFuture<'_, Result<(), SystemError>> {
        let _ = self.stops.send(how);
        Box::pin(async { Ok(()) })
    }

    fn probe<'a>(&'a self, _: &'a Probe) -> BoxFuture<'a, Result<Answer, SystemError>> {
        Box::pin(async { Ok(self.act.answer(self.began.elapsed())) })
    }
}
