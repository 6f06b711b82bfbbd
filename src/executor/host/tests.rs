//! The executor's contract on real processes.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::executor::{Answer, Exit, InputSpec, Probe, ServiceSpec, Stop};
use crate::pipeline::Shell;

/// By its file for values a step's processes are known: no two steps share one.
fn spec(script: &str) -> StepSpec {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    StepSpec {
        name: "step".into(),
        attempt: 1,
        program: Program::Script { shell: Shell::Posix("sh".into()), text: script.into() },
        container: None,
        shared: None,
        service: None,
        services: Vec::new(),
        env: Vec::new(),
        working_dir: std::env::temp_dir(),
        inputs: Vec::new(),
        stdout: StdoutSpec::Log,
        terminal: false,
        outputs: std::env::temp_dir().join(format!("outputs-{}-{next}", std::process::id())),
        script: None,
        secrets: None,
    }
}

/// Only stdin.
fn stdin(source: InputSource) -> Vec<InputSpec> {
    vec![InputSpec { fd: 0, source }]
}

async fn start(spec: StepSpec) -> RunningStep {
    HostExecutor::new(Reaper::default()).start(spec, HoldGuard::new().0).await.unwrap()
}

/// Reads a pipe to its end, away from the runtime.
async fn text(fd: OwnedFd) -> String {
    let read = move || {
        let mut text = String::new();
        File::from(fd).read_to_string(&mut text).unwrap();
        text
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

#[tokio::test]
async fn a_step_ends_by_code_or_by_signal() {
    assert_eq!(start(spec("exit 7")).await.handle.wait().await.unwrap(), Exit::Code(7));
    assert_eq!(start(spec("kill -9 $$")).await.handle.wait().await.unwrap(), Exit::Signal(9));
    let step = start(spec("true")).await;
    assert_eq!(step.handle.wait().await.unwrap(), Exit::Code(0));
    assert_eq!(step.handle.wait().await.unwrap(), Exit::Code(0), "waiting again gives the same answer");
}

#[tokio::test]
async fn stdin_is_empty_unless_fed() {
    let step = start(spec("cat; echo end")).await;
    assert_eq!(text(step.log).await, "end\n");

    let mut fed = start(StepSpec { inputs: stdin(InputSource::Pipe), ..spec("cat; echo end") }).await;
    let mut stdin = File::from(fed.inputs.remove(0).unwrap().fd);
    stdin.write_all(b"fed ").unwrap();
    drop(stdin);
    assert_eq!(text(fed.log).await, "fed end\n");
}

#[tokio::test]
async fn a_file_as_stdin_is_read_from_its_start() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "kept").unwrap();
    let step = start(StepSpec { inputs: stdin(InputSource::File(file.path().into())), ..spec("cat") }).await;
    assert_eq!(text(step.log).await, "kept");
}

#[tokio::test]
async fn stopping_reaches_every_process_of_the_step() {
    let step = start(spec("sleep 1000 & sleep 1000; wait")).await;
    step.handle.stop(Stop::Terminate).await.unwrap();
    assert_eq!(step.handle.wait().await.unwrap(), Exit::Signal(15));
    assert_eq!(text(step.log).await, "", "the pipe ends only once both sleeps are gone");
    step.handle.stop(Stop::Kill).await.unwrap();
}

/// Scripts whose process `READ` has left the step's group; it says `ready`, and `told` when it is asked to
/// end.
#[cfg(target_os = "linux")]
const ELSEWHERE: &[&str] = &[
    "setsid -w sh -c READ; echo on",
    "setsid sh -c READ & wait",
    "timeout 1000 sh -c READ; echo on",
    "(setsid sh -c READ &); sleep 1000",
    "env -i PATH=\"$PATH\" setsid -w sh -c READ",
    "env -i PATH=\"$PATH\" setsid -f sh -c READ; sleep 1000",
];

#[cfg(target_os = "linux")]
fn elsewhere(script: &str) -> StepSpec {
    let read = "'trap \"echo told; exit\" TERM; echo ready; while :; do sleep 0.02; done'";
    // A shell tells on stderr that something was killed.
    StepSpec { stdout: StdoutSpec::Stream, ..spec(&script.replace("READ", read)) }
}

/// Waits for a line of a step's output, away from the runtime, and gives the output back.
#[cfg(target_os = "linux")]
async fn until_ready(mut stdout: OwnedFd) -> OwnedFd {
    let read = move || {
        let mut said = Vec::new();
        let mut byte = [0];
        while !said.ends_with(b"ready\n") && rustix::io::read(&mut stdout, &mut byte).unwrap() > 0 {
            said.extend(byte);
        }
        stdout
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn stopping_reaches_what_has_left_the_group() {
    for script in ELSEWHERE {
        let step = start(elsewhere(script)).await;
        let stdout = until_ready(step.stdout.unwrap()).await;
        step.handle.stop(Stop::Terminate).await.unwrap();
        step.handle.wait().await.unwrap();
        step.handle.gone().await;
        assert_eq!(text(stdout).await.replace("on\n", ""), "told\n", "{script}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn killing_and_dropping_reach_it_as_well() {
    for script in ELSEWHERE {
        let step = start(elsewhere(script)).await;
        let stdout = until_ready(step.stdout.unwrap()).await;
        step.handle.stop(Stop::Kill).await.unwrap();
        step.handle.wait().await.unwrap();
        step.handle.gone().await;
        assert_eq!(text(stdout).await, "", "{script}");

        let step = start(elsewhere(script)).await;
        let stdout = until_ready(step.stdout.unwrap()).await;
        drop(step.handle);
        assert_eq!(text(stdout).await, "", "{script}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_stopped_process_sees_term() {
    let step = start(spec("trap 'echo told; exit' TERM; echo ready; kill -STOP $$; sleep 1000")).await;
    let stdout = until_ready(step.log).await;
    step.handle.stop(Stop::Terminate).await.unwrap();
    step.handle.gone().await;
    assert_eq!(text(stdout).await, "told\n");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn severing_a_pipe_kills_what_can_read_it() {
    let executor = HostExecutor::new(Reaper::default());
    let fed = StepSpec { inputs: stdin(InputSource::Pipe), ..spec("env -i setsid cat <&0 & exit 0") };
    let mut step = executor.start(fed, HoldGuard::new().0).await.unwrap();
    let inlet = step.inputs.remove(0).unwrap();
    assert_eq!(step.handle.wait().await.unwrap(), Exit::Code(0));
    drop(step.handle);
    executor.sever(inlet.inode().into_iter().collect()).await;
    assert!(File::from(inlet.fd).write_all(b"x").is_err(), "the pipe has a reader");
}

#[tokio::test]
async fn dropping_a_running_step_kills_it() {
    let RunningStep { log, handle, .. } = start(spec("sleep 1000 & sleep 1000")).await;
    drop(handle);
    assert_eq!(text(log).await, "");
}

#[tokio::test]
async fn the_step_dies_of_a_broken_pipe_like_in_a_shell() {
    let RunningStep { log, handle, .. } = start(spec("while :; do echo y; done")).await;
    drop(log);
    assert!(handle.wait().await.unwrap().is_broken_pipe());
}

#[tokio::test]
async fn environment_and_folder_are_as_asked() {
    let dir = tempfile::tempdir().unwrap();
    let asked = StepSpec {
        env: vec![("GREETING".into(), "first".into()), ("GREETING".into(), "a 'b' $c".into())],
        working_dir: dir.path().into(),
        ..spec("echo \"$GREETING\"; pwd")
    };
    let here = dir.path().canonicalize().unwrap();
    assert_eq!(text(start(asked).await.log).await, format!("a 'b' $c\n{}\n", here.display()));
}

#[tokio::test]
async fn a_log_keeps_the_order_of_both_outputs_and_a_stream_is_apart() {
    let script = "for i in 1 2 3; do echo out $i; echo err $i >&2; done";
    let step = start(spec(script)).await;
    assert!(step.stdout.is_none());
    assert_eq!(text(step.log).await, "out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n");
    let step = start(StepSpec { stdout: StdoutSpec::Stream, ..spec(script) }).await;
    assert_eq!(text(step.stdout.unwrap()).await, "out 1\nout 2\nout 3\n");
    assert_eq!(text(step.log).await, "err 1\nerr 2\nerr 3\n");
}

#[tokio::test]
async fn a_program_that_is_no_shell_finds_its_own_folder_in_pwd() {
    let dir = tempfile::tempdir().unwrap();
    let (real, link) = (dir.path().join("real"), dir.path().join("link"));
    std::fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let pwd = async |working_dir: &std::path::Path, env: Vec<(OsString, OsString)>| {
        let program = Program::Script { shell: Shell::Other(vec!["printenv".into()]), text: "PWD".into() };
        let asked = StepSpec { working_dir: working_dir.into(), env, program, ..spec("") };
        text(start(asked).await.log).await.trim_end().to_owned()
    };
    assert_eq!(
        pwd(&link, Vec::new()).await,
        link.to_str().unwrap(),
        "as a shell that went there would have it"
    );
    assert_eq!(pwd(&link.join("./"), Vec::new()).await, link.to_str().unwrap());
    let real = real.canonicalize().unwrap();
    assert_eq!(pwd(&real.join("../real"), Vec::new()).await, real.to_str().unwrap());
    assert_eq!(pwd(&real, vec![("PWD".into(), "/mine".into())]).await, "/mine", "the file has the last word");
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let why = |spec| async move {
        match HostExecutor::new(Reaper::default()).start(spec, HoldGuard::new().0).await {
            Err(StartError::Step(why)) => why,
            Err(StartError::System(error)) => panic!("blames the system: {error}"),
            Ok(_) => panic!("started"),
        }
    };
    let nowhere = StepSpec { working_dir: "/no/such/place".into(), ..spec("true") };
    assert_eq!(why(nowhere).await, "its working directory /no/such/place does not exist");
    let unknown = spec("true");
    let shell = Shell::Other(vec!["no-such-shell".into()]);
    let unknown = StepSpec { program: Program::Script { shell, text: "true".into() }, ..unknown };
    assert_eq!(why(unknown).await, "there is no `no-such-shell` on this machine's PATH");
    let endless = spec(&"#".repeat(4 << 20));
    assert!(why(endless).await.starts_with("its script and environment are longer"));
}

/// A check may end before its pipe is known to hold anything.
#[tokio::test]
async fn what_a_check_has_said_is_told_whenever_it_ends() {
    let service = ServiceSpec { alias: "db".into(), published: Vec::new() };
    let step = start(StepSpec { service: Some(service), ..spec("exec sleep 1000") }).await;
    let check = Probe::Shell("echo loading 7 of 9; exit 1".into());
    for _ in 0..30 {
        assert_eq!(step.handle.probe(&check).await.unwrap(), Answer::NotYet("loading 7 of 9".into()));
    }
    step.handle.stop(Stop::Kill).await.unwrap();
    step.handle.gone().await;
}
