use std::os::fd::OwnedFd;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::collections::HashMap;
use crate::executor::*;
use crate::executor::docker::*;
use crate::pipeline::*;
use crate::reaper::Reaper;

struct Scene { exec: DockerExecutor, dir: tempfile::TempDir }

fn spec(dir: &std::path::Path, name: &str, program: Program) -> StepSpec {
    let outputs = dir.join("outputs").join(format!("{name}-1-output"));
    std::fs::write(&outputs, "").unwrap();
    StepSpec { name: name.into(), attempt: 1, program, container: None, service: None, shared: Some(SharedSpec { name: "ci".into(), user: None }),
        env: vec![], working_dir: "/".into(), inputs: vec![], stdout: StdoutSpec::Log, terminal: false, outputs, script: None, secrets: None }
}
fn script(text: &str) -> Program { Program::Script { shell: Shell::Auto, text: text.into() } }

async fn scene(lane: LaneChoice, image: &str) -> (Scene, Result<RunningStep, StartError>) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("pipes")).unwrap();
    std::fs::create_dir(dir.path().join("outputs")).unwrap();
    let engine = Engine::connect().await.unwrap();
    let setup = Setup { run: format!("probe-{}", dir.path().file_name().unwrap().to_str().unwrap().trim_start_matches('.')), pipes: dir.path().join("pipes"), lane, locked: HashMap::new(), notify: Arc::new(|m| eprintln!("note {m}")), reaper: Reaper::default() };
    let exec = DockerExecutor::new(engine, setup);
    let mut s = spec(dir.path(), "ci", Program::Wait);
    s.outputs = dir.path().join("outputs"); s.shared = None;
    s.container = Some(ContainerSpec { image: ImageSpec { source: ImageSource::Named(image.into()), pull: Pull::Missing, platform: None }, user: None, network: Some("none".into()), mounts: vec![], resources: Resources { memory: Some(64<<20), ..Resources::default() } });
    let t = std::time::Instant::now();
    let running = exec.start(s, HoldGuard::new().0).await;
    eprintln!("container in {:?}", t.elapsed());
    (Scene { exec, dir }, running)
}
fn text(fd: OwnedFd) -> String { let mut s = String::new(); std::fs::File::from(fd).read_to_string(&mut s).unwrap(); s }

async fn run(scene: &Scene, name: &str, sh: &str) -> (Exit, String) {
    let t = std::time::Instant::now();
    let r = scene.exec.start(spec(scene.dir.path(), name, script(sh)), HoldGuard::new().0).await;
    let r = match r { Ok(r) => r, Err(e) => { eprintln!("{name}: {e}"); panic!() } };
    let s = t.elapsed();
    let log = r.log;
    let log = tokio::task::spawn_blocking(move || text(log));
    let exit = r.handle.wait().await.unwrap();
    let said = log.await.unwrap();
    eprintln!("{name}: start {s:?} all {:?}: {exit:?} {said:?}", t.elapsed());
    drop(r.handle);
    (exit, said)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore]
async fn probe() {
    for lane in [LaneChoice::Auto, LaneChoice::Attach] {
        let (scene, ci) = scene(lane, "alpine:3.20").await;
        let ci = ci.unwrap_or_else(|e| panic!("{e}"));
        run(&scene, "one", "echo hello; echo err >&2; touch /tmp/x; pwd").await;
        run(&scene, "two", "ls /tmp; echo a=b > $PIPE_OUTPUT; exit 3").await;
        eprintln!("{:?}", std::fs::read_to_string(scene.dir.path().join("outputs/two-1-output")));
        run(&scene, "oom", "tail /dev/zero").await;
        run(&scene, "k137", "exit 137").await;
        for i in 0..5 { run(&scene, &format!("noop{i}"), ":").await; }
        // bg
        run(&scene, "bg", "(setsid sleep 1000 >/dev/null 2>&1 </dev/null &) ; (sleep 1001 >/dev/null 2>&1 &); :").await;
        let out = run(&scene, "ps", "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; done; echo").await.1;
        assert!(out.contains("sleep 1000") && out.contains("sleep 1001"));
        // stop
        let r = scene.exec.start(spec(scene.dir.path(), "long", script("(setsid sleep 2000 >/dev/null 2>&1 </dev/null &) ; env -i sleep 2001 & trap '' TERM; while :; do sleep 2002; done")), HoldGuard::new().0).await.unwrap_or_else(|e| panic!("{e}"));
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let t = std::time::Instant::now();
        r.handle.stop(Stop::Terminate).await.unwrap();
        eprintln!("term {:?}", t.elapsed());
        r.handle.stop(Stop::Kill).await.unwrap();
        eprintln!("{:?}", r.handle.wait().await);
        r.handle.gone().await;
        eprintln!("gone {:?}", t.elapsed());
        let out = run(&scene, "ps2", "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; done; echo").await.1;
        assert!(out.contains("sleep 1000") && !out.contains("sleep 200"), "{out}");
        drop(r);
        // killed container
        let r = scene.exec.start(spec(scene.dir.path(), "dies", script("kill -9 -1; sleep 100")), HoldGuard::new().0).await.unwrap_or_else(|e| panic!("{e}"));
        eprintln!("ci: {:?}", ci.handle.wait().await);
        r.handle.stop(Stop::Kill).await.unwrap();
        eprintln!("dies: {:?}", r.handle.wait().await);
        drop(r); drop(ci);
        scene.exec.close().await.unwrap();
        assert_eq!(std::fs::read_dir(scene.dir.path().join("pipes")).unwrap().count(), 0);
    }
    let (_s, ci) = scene(LaneChoice::Auto, "pipe-test/no-shell:1").await;
    eprintln!("{}", ci.err().unwrap());
    let _ = PathBuf::new();
}
