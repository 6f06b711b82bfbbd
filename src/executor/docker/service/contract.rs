//! Services on a real engine: what the executor promises of them.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::executor::docker::{DockerExecutor, Engine, LaneChoice, Setup};
use crate::executor::{
    Answer, ContainerSpec, Executor, Exit, HoldGuard, ImageSource, ImageSpec, Probe, Program, RunningStep,
    ServiceSpec, StartError, StdoutSpec, StepSpec, Stop,
};
use crate::pipeline::{Pull, Resources, Shell};
use crate::reaper::Reaper;

/// Long enough for anything, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run of this process.
struct Run {
    executor: DockerExecutor,
    dir: tempfile::TempDir,
    label: String,
}

impl Run {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let pipes = dir.path().join("pipes");
        std::fs::create_dir(&pipes).unwrap();
        let run = dir.path().file_name().unwrap().to_string_lossy().trim_start_matches('.').to_owned();
        let label = format!("label=pipe.run={run}");
        let setup = Setup {
            run,
            pipes,
            lane: LaneChoice::Auto,
            locked: std::collections::HashMap::new(),
            notify: Arc::new(|_| ()),
            reaper: Reaper::default(),
        };
        Self { executor: DockerExecutor::new(Engine::connect().await.unwrap(), setup), dir, label }
    }

    fn outputs(&self, name: &str) -> PathBuf {
        let outputs = self.dir.path().join(format!("{name}-outputs"));
        std::fs::write(&outputs, "").unwrap();
        outputs
    }

    fn spec(&self, name: &str, image: &str, program: Program) -> StepSpec {
        let container = ContainerSpec {
            image: ImageSpec {
                source: ImageSource::Named(image.into()),
                pull: Pull::Missing,
                platform: None,
            },
            user: None,
            network: None,
            mounts: Vec::new(),
            resources: Resources::default(),
        };
        StepSpec {
            name: name.into(),
            attempt: 1,
            program,
            container: Some(container),
            shared: None,
            service: None,
            services: Vec::new(),
            env: Vec::new(),
            working_dir: "/".into(),
            inputs: Vec::new(),
            stdout: StdoutSpec::Log,
            terminal: false,
            outputs: self.outputs(name),
            script: None,
            secrets: None,
        }
    }

    fn service(&self, name: &str, text: &str, published: &[(u16, Option<u16>)]) -> StepSpec {
        let service = ServiceSpec { alias: name.into(), published: published.to_vec() };
        StepSpec { service: Some(service), ..self.spec(name, "alpine:3.20", script(text)) }
    }

    async fn start(&self, spec: StepSpec) -> Result<RunningStep, StartError> {
        self.executor.start(spec, HoldGuard::new().0).await
    }

    /// Runs a script as a user of services, and returns how it ended.
    async fn user(&self, name: &str, services: &[&str], network: Option<&str>, text: &str) -> Exit {
        let services: Vec<String> = services.iter().map(|name| (*name).to_owned()).collect();
        let mut spec = StepSpec { services, ..self.spec(name, "alpine:3.20", script(text)) };
        spec.container.as_mut().unwrap().network = network.map(str::to_owned);
        let running = self.start(spec).await.unwrap();
        running.handle.wait().await.unwrap()
    }

    /// Ends the run: nothing of it may be left.
    async fn end(self) {
        self.executor.close().await.unwrap();
        for what in [&["ps", "--all", "--quiet"][..], &["network", "ls", "--quiet"]] {
            assert_eq!(docker(&[what, &["--filter", &self.label]].concat()), "", "{what:?}");
        }
    }
}

fn script(text: &str) -> Program {
    Program::Script { shell: Shell::Posix("sh".into()), text: text.into() }
}

fn docker(args: &[&str]) -> String {
    let output = std::process::Command::new("docker").args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Asks as long as such answers come, and returns the first other one.
async fn asked(service: &RunningStep, probe: &Probe, goes_on: impl Fn(&Answer) -> bool) -> Answer {
    let asks = async {
        loop {
            let answer = service.handle.probe(probe).await.unwrap();
            if !goes_on(&answer) {
                return answer;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, asks).await.expect("the service gets ready")
}

/// Asks until a service is ready.
async fn ready(service: &RunningStep, probe: &Probe) {
    asked(service, probe, |answer| *answer != Answer::Ready).await;
}

/// Says hello to each connection.
const HELLO: &str = "while true; do echo hello | nc -l -p 7000; done";
const ASK: &str = r#"test "$(nc db 7000 </dev/null)" = hello"#;

#[tokio::test]
#[ignore = "needs Docker"]
async fn users_find_a_service_by_its_name_beside_their_own_network() {
    let run = Run::new().await;
    let db = run.start(run.service("db", HELLO, &[])).await.unwrap();
    ready(&db, &Probe::Port(7000)).await;
    assert_eq!(db.handle.published().await.unwrap(), std::collections::BTreeMap::new());
    for (user, network) in [("a", None), ("b", Some("mine")), ("c", Some("bridge"))] {
        assert_eq!(run.user(user, &["db"], network, ASK).await, Exit::Code(0), "{network:?}");
    }
    assert_eq!(
        run.user("d", &[], None, &format!("! {ASK}")).await,
        Exit::Code(0),
        "it does not use the service"
    );
    drop(db);
    run.end().await;
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_network_that_keeps_a_user_from_its_services_is_told_of() {
    let run = Run::new().await;
    for network in ["none", "container:other"] {
        let mut spec =
            StepSpec { services: vec!["db".into()], ..run.spec("user", "alpine:3.20", script("")) };
        spec.container.as_mut().unwrap().network = Some(network.into());
        let Err(StartError::Step(why)) = run.start(spec).await else { panic!("it starts") };
        assert!(why.starts_with(&format!("`network: {network}` keeps it from its services")), "{why}");
    }
    run.end().await;
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_port_is_ready_when_something_listens_behind_it_and_not_when_it_is_published() {
    let run = Run::new().await;
    let text = format!("until [ -e /tmp/go ]; do sleep 0.1; done; {HELLO}");
    let db = run.start(run.service("db", &text, &[(7000, None)])).await.unwrap();
    let here = db.handle.published().await.unwrap()[&7000];
    // The engine accepts, with nothing behind it.
    TcpStream::connect(("127.0.0.1", here)).unwrap();
    let nothing = Answer::NotYet("port 7000: nothing listens there".into());
    assert_eq!(db.handle.probe(&Probe::Port(7000)).await.unwrap(), nothing);
    assert_eq!(db.handle.probe(&Probe::Shell("touch /tmp/go".into())).await.unwrap(), Answer::Ready);
    ready(&db, &Probe::Port(7000)).await;
    let mut said = String::new();
    std::io::Read::read_to_string(&mut TcpStream::connect(("127.0.0.1", here)).unwrap(), &mut said).unwrap();
    assert_eq!(said, "hello\n");
    drop(db);
    run.end().await;
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn in_the_network_of_this_machine_a_port_has_to_accept_where_its_users_look() {
    let run = Run::new().await;
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (published, elsewhere) in [
        (vec![(free, None)], Answer::NotYet(format!("port {free} refused the connection"))),
        // Its users are containers alone, which may look there.
        (Vec::new(), Answer::Ready),
    ] {
        let text = format!(
            "httpd -f -p 127.0.0.2:{free} & until [ -e /tmp/go ]; do sleep 0.1; done; kill $!; \
             exec httpd -f -p 127.0.0.1:{free}"
        );
        let mut spec = run.service(&format!("db{}", published.len()), &text, &published);
        spec.container.as_mut().unwrap().network = Some("host".into());
        let db = run.start(spec).await.unwrap();
        let nothing = Answer::NotYet(format!("port {free}: nothing listens there"));
        let probe = Probe::Port(free);
        assert_eq!(asked(&db, &probe, |answer| *answer == nothing).await, elsewhere);
        assert_eq!(db.handle.probe(&Probe::Shell("touch /tmp/go".into())).await.unwrap(), Answer::Ready);
        ready(&db, &probe).await;
        db.handle.stop(Stop::Kill).await.unwrap();
        db.handle.wait().await.unwrap();
    }
    run.end().await;
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_port_that_is_taken_fails_the_service() {
    let run = Run::new().await;
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let started = run.start(run.service("db", HELLO, &[(7000, Some(port))])).await;
    let Err(StartError::Step(why)) = started else { panic!("it starts") };
    assert!(why.starts_with(&format!("port {port} of this machine is in use: ")), "{why}");
    drop(other);
    let again = StepSpec { attempt: 2, ..run.service("db", HELLO, &[(7000, Some(port))]) };
    let db = run.start(again).await.unwrap();
    assert_eq!(db.handle.published().await.unwrap()[&7000], port);
    drop(db);
    run.end().await;
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_check_is_a_program_in_the_container() {
    let run = Run::new().await;
    let db = run.start(run.service("db", "sleep 1000", &[])).await.unwrap();
    let ask = |text: &'static str| db.handle.probe(Box::leak(Box::new(Probe::Shell(text.into()))));
    assert_eq!(ask("test -e /etc/hosts").await.unwrap(), Answer::Ready);
    let no_response = Answer::NotYet("no response".into());
    assert_eq!(ask("echo trying; echo no response; exit 3").await.unwrap(), no_response);
    assert_eq!(ask("echo no response >&2; echo trying; exit 3").await.unwrap(), no_response);
    assert_eq!(
        ask("no-such-program").await.unwrap(),
        Answer::NotYet("sh: no-such-program: not found".into())
    );
    let words = Probe::Words(vec!["no-such-program".into()]);
    let Answer::Never(why) = db.handle.probe(&words).await.unwrap() else { panic!("it waits") };
    assert!(why.starts_with("the image has no no-such-program; write `test: [CMD, …]`"), "{why}");
    drop(db);
    run.end().await;
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn an_image_without_a_shell_takes_checks_in_words() {
    let run = Run::new().await;
    // It waits for a writer.
    let pipe = run.dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let program = Program::Exec { entrypoint: None, args: vec!["/pipe".into()] };
    let mut spec = run.spec("db", "pipe-test/no-shell:1", program);
    spec.service = Some(ServiceSpec { alias: "db".into(), published: Vec::new() });
    spec.container.as_mut().unwrap().mounts = vec![crate::executor::MountSpec {
        source: crate::executor::MountFrom::Path(pipe),
        target: "/pipe".into(),
        read_only: false,
    }];
    let db = run.start(spec).await.unwrap();
    let words = Probe::Words(vec!["/wc".into(), "/etc/hosts".into()]);
    assert_eq!(db.handle.probe(&words).await.unwrap(), Answer::Ready);
    let text = db.handle.probe(&Probe::Shell("true".into())).await.unwrap();
    let Answer::Never(why) = text else { panic!("{text:?}") };
    assert!(why.starts_with("the image has no sh; write `test: [CMD, …]`"), "{why}");
    drop(db);
    run.end().await;
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_check_that_is_cut_leaves_no_process_behind() {
    let run = Run::new().await;
    let db = run.start(run.service("db", "sleep 1000", &[])).await.unwrap();
    let hangs = Probe::Shell("sleep 4711 & touch /tmp/hangs; sleep 4712".into());
    let begun = Probe::Shell("test -e /tmp/hangs".into());
    tokio::select! {
        answer = db.handle.probe(&hangs) => panic!("{answer:?}"),
        () = ready(&db, &begun) => {}
    }
    let gone = Probe::Shell("! ps -o args | grep -q '[s]leep 471'".into());
    ready(&db, &gone).await;
    let lives = Probe::Shell("ps -o args | grep -q '[s]leep 1000'".into());
    assert_eq!(db.handle.probe(&lives).await.unwrap(), Answer::Ready, "the service itself goes on");
    drop(db);
    run.end().await;
}

/// An image that is removed when this goes.
struct Image(String);

impl Image {
    fn build(dir: &Path, lines: &str) -> Self {
        std::fs::write(dir.join("Dockerfile"), format!("FROM alpine:3.20\n{lines}\n")).unwrap();
        let name = format!("pipe-test/{}", dir.file_name().unwrap().to_str().unwrap().trim_matches('.'));
        let name = name.to_lowercase();
        docker(&["build", "--quiet", "--tag", &name, dir.to_str().unwrap()]);
        Self(name)
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        docker(&["image", "rm", "--force", &self.0]);
    }
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn an_image_brings_its_check_its_user_and_its_signal_along() {
    let run = Run::new().await;
    let folder = tempfile::tempdir().unwrap();
    let image = Image::build(
        folder.path(),
        "HEALTHCHECK --interval=7s --retries=2 CMD test -e /tmp/ready\nUSER 1234\nSTOPSIGNAL SIGINT\nWORKDIR /tmp\n\
         ENTRYPOINT [\"sh\", \"-c\", \"trap 'exit 5' INT; touch there; while true; do sleep 0.1; done\"]",
    );
    let program = Program::Exec { entrypoint: None, args: Vec::new() };
    let mut spec = run.spec("db", &image.0, program);
    spec.service = Some(ServiceSpec { alias: "db".into(), published: Vec::new() });
    spec.working_dir = PathBuf::new();
    let db = run.start(spec).await.unwrap();
    let (probe, times) = db.handle.own_check().await.unwrap().unwrap();
    assert_eq!(probe, Probe::Shell("test -e /tmp/ready".into()));
    assert_eq!((times.interval, times.retries), (Duration::from_secs(1), 14));
    assert!(matches!(db.handle.probe(&probe).await.unwrap(), Answer::NotYet(_)));
    ready(&db, &Probe::Shell("test $(id -u) = 1234 && test -e /tmp/there && touch /tmp/ready".into())).await;
    assert_eq!(db.handle.probe(&probe).await.unwrap(), Answer::Ready);
    let engine = docker(&["ps", "--filter", &run.label, "--format", "{{.Status}}"]);
    assert!(!engine.contains("health"), "the engine asks as well: {engine}");
    db.handle.stop(Stop::Terminate).await.unwrap();
    assert_eq!(db.handle.wait().await.unwrap(), Exit::Code(5));
    drop(db);
    run.end().await;
}
