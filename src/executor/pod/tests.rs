//! The executor's contract, against wrappers that do as the test says.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::pin::pin;

use futures::poll;
use tokio::sync::mpsc;

use super::message::{ConductorMessage, Hello, Launch, WrapperMessage};
use super::wire::{Connection, Mailbox};
use super::*;
use crate::executor::{InputSource, InputSpec, Program, StdoutSpec};
use crate::pipeline::Shell;

/// A wrapper that says what the test has it say.
struct Puppet {
    connection: Connection,
    mailbox: Mailbox,
}

impl Puppet {
    async fn call(socket: &Path, step: &str) -> Self {
        let connection = Connection::to(socket).unwrap();
        let puppet = Self { mailbox: connection.mailbox(), connection };
        let (step, token) = (step.to_owned(), Some("t".to_owned()));
        puppet
            .say(WrapperMessage::Hello(Hello { protocol: WRAPPER_PROTOCOL, step, pid: 1, uid: 0, token }))
            .await;
        puppet
    }

    async fn say(&self, message: WrapperMessage) {
        self.connection.send(&message.encode(), &[]).await.unwrap();
    }

    async fn hear(&mut self) -> (ConductorMessage, Vec<OwnedFd>) {
        let (bytes, ends) = self.mailbox.next().await.unwrap().expect("the conductor is there");
        (ConductorMessage::decode(&bytes).unwrap(), ends)
    }

    async fn launched(&mut self) -> (Launch, Vec<OwnedFd>) {
        let (ConductorMessage::Go(launch), ends) = self.hear().await else { panic!("it does not start") };
        (launch, ends)
    }
}

/// A pod with one step, and what is noticed about it.
async fn pod() -> (PodExecutor, Puppet, mpsc::UnboundedReceiver<PodNotice>) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("socket");
    let gathering = Gathering::at(&socket).unwrap();
    let (notices, noticed) = mpsc::unbounded_channel();
    let steps = ["step".to_owned()];
    let (executor, puppet) =
        tokio::join!(gathering.all(&steps, Some("t"), &notices), Puppet::call(&socket, "step"));
    assert!(!socket.exists());
    (executor.unwrap(), puppet, noticed)
}

fn spec() -> StepSpec {
    StepSpec {
        name: "step".into(),
        attempt: 1,
        program: Program::Script { shell: Shell::Auto, text: "cat".into() },
        container: None,
        shared: None,
        service: None,
        services: Vec::new(),
        env: vec![("A".into(), "b".into())],
        working_dir: "/".into(),
        inputs: vec![InputSpec { fd: 0, source: InputSource::Pipe }],
        stdout: StdoutSpec::Stream,
        terminal: false,
        outputs: "/outputs".into(),
        script: None,
        secrets: None,
    }
}

/// Starts the step; returns its launch with the descriptors as well.
async fn started(executor: &PodExecutor, puppet: &mut Puppet) -> (RunningStep, Launch, Vec<OwnedFd>) {
    let start = executor.start(spec(), HoldGuard::new().0);
    let wrapper = async {
        let launched = puppet.launched().await;
        puppet.say(WrapperMessage::Started { pid: 2 }).await;
        launched
    };
    let (running, (launch, ends)) = tokio::join!(start, wrapper);
    (running.unwrap_or_else(|error| panic!("{error}")), launch, ends)
}

#[tokio::test]
async fn a_step_is_handed_over_and_ends_as_its_wrapper_says() {
    let (executor, mut puppet, _noticed) = pod().await;
    let (running, launch, ends) = started(&executor, &mut puppet).await;
    assert_eq!(launch.words, ["sh", "-ec", "cat"]);
    assert_eq!(launch.env, [("PIPE_OUTPUT".into(), "/outputs".into()), ("A".into(), "b".into())]);
    assert_eq!((ends.len(), running.inputs.len(), running.stdout.is_some()), (4, 1, true));
    running.handle.stop(Stop::Terminate).await.unwrap();
    assert_eq!(puppet.hear().await.0, ConductorMessage::Terminate);
    puppet.say(WrapperMessage::Exited(7)).await;
    assert_eq!(running.handle.wait().await.unwrap(), Exit::Code(7));
    assert_eq!(running.handle.wait().await.unwrap(), Exit::Code(7), "waiting again gives the same answer");
}

#[tokio::test]
async fn the_wrapper_lets_go_at_the_word_of_the_keepalive() {
    let (executor, mut puppet, _noticed) = pod().await;
    let (mut running, _, ends) = started(&executor, &mut puppet).await;
    let InputPipe { keepalive, fd } = running.inputs.remove(0).unwrap();
    drop(keepalive);
    assert_eq!(puppet.hear().await.0, ConductorMessage::Eof(0));
    // This side has no further end: the wrapper's and the one that is handed out are the last.
    let mut ends = ends.into_iter();
    let (reader, held) = (ends.next().unwrap(), ends.next().unwrap());
    drop(fd);
    rustix::io::ioctl_fionbio(&reader, true).unwrap();
    let read = |reader: &OwnedFd| rustix::io::read(reader, &mut [0; 1][..]);
    assert_eq!(
        read(&reader),
        Err(rustix::io::Errno::AGAIN),
        "the reader sees an end that the wrapper holds back"
    );
    drop(held);
    assert_eq!(read(&reader), Ok(0));
}

#[tokio::test]
async fn a_lost_reader_has_ended_only_when_nothing_reads_its_pipe() {
    let (executor, mut puppet, mut noticed) = pod().await;
    let (running, _, mut ends) = started(&executor, &mut puppet).await;
    let reader = ends.remove(0);
    drop((ends, puppet));
    let mut wait = pin!(running.handle.wait());
    for _ in 0..20 {
        assert!(poll!(&mut wait).is_pending() && noticed.is_empty(), "a process still has the reading end");
        tokio::task::yield_now().await;
    }
    drop(reader);
    assert_eq!(wait.await.unwrap(), Exit::Signal(9));
    assert_eq!(noticed.recv().await, Some(PodNotice::Lost { step: "step".into() }));
}

#[tokio::test]
async fn a_start_that_is_dropped_kills_and_holds_its_guard_until_the_end() {
    let (executor, mut puppet, _noticed) = pod().await;
    let (guard, released) = HoldGuard::new();
    let mut start = executor.start(spec(), guard);
    assert!(poll!(&mut start).is_pending());
    let _launched = puppet.launched().await;
    drop(start);
    assert_eq!(puppet.hear().await.0, ConductorMessage::Kill);
    let mut released = pin!(released.wait());
    assert!(poll!(&mut released).is_pending());
    puppet.say(WrapperMessage::Started { pid: 2 }).await;
    puppet.say(WrapperMessage::Killed(9)).await;
    released.await;
}

#[tokio::test]
async fn a_step_that_is_dropped_is_killed_and_one_that_has_ended_is_not() {
    let (executor, mut puppet, _noticed) = pod().await;
    let (running, _, _ends) = started(&executor, &mut puppet).await;
    drop(running.handle);
    assert_eq!(puppet.hear().await.0, ConductorMessage::Kill);

    let (executor, mut puppet, _noticed) = pod().await;
    let (running, _, _ends) = started(&executor, &mut puppet).await;
    puppet.say(WrapperMessage::Exited(0)).await;
    running.handle.wait().await.unwrap();
    drop(running.handle);
    let (closed, (bye, _)) = tokio::join!(executor.close(), async {
        let heard = puppet.hear().await;
        puppet.connection.hang_up();
        heard
    });
    closed.unwrap();
    assert_eq!(bye, ConductorMessage::Bye);
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let (executor, mut puppet, mut noticed) = pod().await;
    let said =
        async |executor: &PodExecutor, spec: StepSpec| match executor.start(spec, HoldGuard::new().0).await {
            Ok(_) => "it runs".to_owned(),
            Err(error) => error.to_string(),
        };
    let unknown = said(&executor, StepSpec { name: "other".into(), ..spec() }).await;
    assert!(unknown.ends_with("the pod has no container for it"), "{unknown}");
    let program = Program::Exec { entrypoint: None, args: vec!["x".into()] };
    assert!(said(&executor, StepSpec { program, ..spec() }).await.starts_with("it has no `entrypoint`"));
    let (why, _) = tokio::join!(said(&executor, spec()), async {
        puppet.launched().await;
        puppet.say(WrapperMessage::NotStarted("there is no `sh` in its image".into())).await;
    });
    assert_eq!(why, "there is no `sh` in its image");
    let again = said(&executor, spec()).await;
    assert!(again.ends_with("it has run there before, and a container runs once"), "{again}");
    puppet.say(WrapperMessage::Signalled(15)).await;
    assert_eq!(noticed.recv().await, Some(PodNotice::Terminated { step: "step".into(), signal: 15 }));
}
