//! The main flows on the engines that people have, as an ordinary user, on both lanes.

use std::os::unix::fs::MetadataExt as _;

use crate::support::fleet::{Fleet, IMAGE, user};
use crate::support::processes::eventually;
use crate::support::server::{Server, signal};
use crate::support::{Place, Ran};

const LANES: [&str; 2] = ["fifo", "attach"];

/// The engines, as the page calls them.
const ENGINES: [&str; 7] = [
    "Docker 20.10",
    "Docker 26.1",
    "Docker 20.10 with userns-remap",
    "Docker 20.10, rootless",
    "Podman 4.3",
    "Podman 4.3, rootless",
    "Podman 5.4",
];

#[test]
#[ignore = "needs root, Docker and Podman"]
fn docker() {
    all(&Fleet::docker());
}

#[test]
#[ignore = "needs root, Docker and Podman"]
fn newer_docker() {
    all(&Fleet::newer_docker());
}

#[test]
#[ignore = "needs root, Docker and Podman"]
fn remapped_docker() {
    all(&Fleet::remapped_docker());
}

#[test]
#[ignore = "needs root, Docker and Podman"]
fn rootless_docker() {
    all(&Fleet::rootless_docker());
}

#[test]
#[ignore = "needs root, Docker and Podman"]
fn podman() {
    all(&Fleet::podman());
}

#[test]
#[ignore = "needs root, Docker and Podman"]
fn newer_podman() {
    all(&Fleet::newer_podman());
}

#[test]
#[ignore = "needs root, Docker and Podman"]
fn rootless_podman() {
    all(&Fleet::rootless_podman());
}

/// A flow by its name.
type Flow = (&'static str, fn(&Fleet, &str));

const FLOWS: [Flow; 13] = [
    ("backup with --docker", backup),
    ("fan-out", fan_out),
    ("failing producer", failing_producer),
    ("early leaver", early_leaver),
    ("retry", retry),
    ("interrupt", interrupt),
    ("SIGKILL", kill),
    ("build", build),
    ("secrets", secrets),
    ("outputs", outputs),
    ("owners", owners),
    ("services", services),
    ("shared container", shared_container),
];

/// Every flow has to do on every engine, or its test fails: so the table has no gaps.
#[test]
fn the_page_shows_what_is_tried() {
    let mut table = format!("| engine | lanes | {} |\n", FLOWS.map(|(name, _)| name).join(" | "));
    table += &format!("|---|---|{}\n", "---|".repeat(FLOWS.len()));
    for engine in ENGINES {
        table += &format!("| {engine} | {} | {} |\n", LANES.join(", "), ["yes"; FLOWS.len()].join(" | "));
    }
    let page = include_str!("../../../docs/reference/engines.md");
    assert!(
        page.contains(&table),
        "docs/reference/engines.md lacks this table:
{table}"
    );
}

fn all(fleet: &Fleet) {
    assert!(ENGINES.contains(&fleet.name()));
    for lane in LANES {
        for (name, flow) in FLOWS {
            eprintln!("{}, {lane} lane: {name}", fleet.name());
            flow(fleet, lane);
            assert_eq!(fleet.left(), "", "left by: {name}, {lane} lane, {}", fleet.name());
        }
    }
}

/// A pipeline whose steps have a container where it says `IMAGE`.
fn place(text: &str) -> Place {
    Place::with(&text.replace("IMAGE", &format!("image: '{IMAGE}', network: none")))
}

#[track_caller]
fn run(fleet: &Fleet, place: &Place, lane: &str, args: &[&str]) -> Ran {
    let args = [&["run", "--format", "plain", "--stream-lane", lane], args].concat();
    Ran::of(fleet.command(place, &args).output().unwrap())
}

fn backup(fleet: &Fleet, lane: &str) {
    let place = place(
        "
params: {source: {type: path, default: ./src}}
steps:
  - {name: archive, network: none, run: 'tar -c {{.source}}', output: tar}
  - {name: compress, network: none, run: gzip > src.tar.gz, input: tar}
  - {name: sum, network: none, run: sha256sum > sum, input: tar}
",
    );
    place.write("src/a file", "some text");
    run(fleet, &place, lane, &["--docker", "--image", IMAGE]).code(0);
    place.sh("gunzip -c src.tar.gz | sha256sum -c sum");
}

fn fan_out(fleet: &Fleet, lane: &str) {
    let place = place(
        "
steps:
  - {name: make, IMAGE, run: seq 1 200000, output: numbers}
  - {name: one, IMAGE, run: sha256sum > one, input: numbers}
  - {name: two, IMAGE, run: sha256sum > two, input: numbers}
  - {name: here, run: sha256sum > here, input: numbers}
",
    );
    run(fleet, &place, lane, &[]).code(0);
    let expected = place.sh("seq 1 200000 | sha256sum");
    assert_eq!([place.read("one"), place.read("two"), place.read("here")], [expected.as_str(); 3]);
    let lanes: Vec<String> = place.lanes();
    assert!(lanes.iter().all(|used| used == lane), "{}: {lanes:?}", fleet.name());
}

fn failing_producer(fleet: &Fleet, lane: &str) {
    let place = place(
        "
steps:
  - {name: make, IMAGE, run: seq 1 20000; exit 7, output: numbers}
  - {name: one, IMAGE, run: cat > /dev/null; touch saw-eof, input: numbers}
  - {name: here, run: cat > /dev/null; touch saw-eof, input: numbers}
",
    );
    run(fleet, &place, lane, &[]).code(1).says("`make` failed: exit code 7");
    assert!(!place.has("saw-eof"));
    assert_eq!([place.outcome("one"), place.outcome("here")], ["tainted"; 2]);
}

fn early_leaver(fleet: &Fleet, lane: &str) {
    let place = place(
        "
steps:
  - {name: make, IMAGE, run: seq 1 200000, output: numbers}
  - {name: head, run: head -n 1 > first, input: numbers}
  - {name: count, IMAGE, run: wc -l > count, input: numbers}
",
    );
    run(fleet, &place, lane, &[]).code(0);
    assert_eq!((place.read("first").trim(), place.read("count").trim()), ("1", "200000"));
}

fn retry(fleet: &Fleet, lane: &str) {
    let place = place(
        "
steps:
  - {name: make, IMAGE, run: 'test -e again || { echo half; touch again; exit 4; }; echo whole', output: text, retry: {count: 1, delay: 1ms}}
  - {name: read, IMAGE, run: cat > got, input: text}
",
    );
    run(fleet, &place, lane, &[]).code(0);
    assert_eq!(place.read("got"), "whole\n");
}

const ENDLESS: &str = "
steps:
  - {name: make, IMAGE, run: echo ready >&2; cat /dev/zero, output: zeros}
  - {name: read, IMAGE, run: echo ready >&2; cat > /dev/null; touch saw-eof, input: zeros}
";

fn interrupt(fleet: &Fleet, lane: &str) {
    let place = place(ENDLESS);
    let mut command = fleet.command(&place, &["run", "--format", "plain", "--stream-lane", lane]);
    let run = Server::start(&mut command, &["| ready", "| ready"]);
    signal("INT", run.pid());
    run.end().code(130);
    assert!(!place.has("saw-eof"));
}

fn kill(fleet: &Fleet, lane: &str) {
    let place = place(ENDLESS);
    let mut command = fleet.command(&place, &["run", "--format", "plain", "--stream-lane", lane]);
    let run = Server::start(&mut command, &["| ready", "| ready"]);
    signal("KILL", run.pid());
    eventually(|| fleet.left().is_empty(), || format!("left: {}", fleet.left()));
    drop(run);
    // On the other lane the engine learns of the end first, as docs/how-to/containers.md says.
    assert!(lane == "attach" || !place.has("saw-eof"));
    Ran::of(fleet.command(&place, &["clean"]).output().unwrap()).code(0);
}

fn build(fleet: &Fleet, lane: &str) {
    let place = Place::with("steps: [{name: only, build: {context: .}, network: none, run: cat /made}]");
    place.write("Dockerfile", format!("FROM {IMAGE}\nCOPY text /made\n"));
    place.write("text", "from the context");
    run(fleet, &place, lane, &[]).code(0).says("| from the context");
}

fn secrets(fleet: &Fleet, lane: &str) {
    let place = place(
        r#"
params: {password: {type: secret, env: PASSWORD}}
steps:
  - {name: only, IMAGE, secrets: [password], run: 'test "$(cat "$PIPE_SECRETS/password")" = hunter-2 && echo {{.password}}'}
"#,
    );
    let args = ["run", "--format", "plain", "--stream-lane", lane];
    let ran = Ran::of(fleet.command(&place, &args).env("PASSWORD", "hunter-2").output().unwrap()).code(0);
    assert!(!ran.stdout.contains("hunter-2") && ran.stdout.contains("| ***"), "{}", ran.stdout);
}

fn outputs(fleet: &Fleet, lane: &str) {
    let place = place(
        "
steps:
  - {name: give, IMAGE, run: 'echo version=1.10 >> $PIPE_OUTPUT'}
  - {name: take, IMAGE, depends_on: give, run: 'echo got {{ steps.give.outputs.version }}'}
",
    );
    run(fleet, &place, lane, &[]).code(0).says("| got 1.10");
}

fn owners(fleet: &Fleet, lane: &str) {
    let place = place(
        "steps: [{name: only, IMAGE, run: mkdir -p made/deep; touch made/deep/file, produces: made/deep/file}]",
    );
    run(fleet, &place, lane, &[]).code(0);
    for made in ["made", "made/deep", "made/deep/file"] {
        let about = place.join(made).metadata().unwrap();
        assert_eq!((about.uid(), about.gid()), (user(), user()), "{made}, {}", fleet.name());
    }
}

/// One service is ready when it listens, the other when its check says so. Where containers can join no
/// network, as with rootless Podman here, they share that of the machine.
fn services(fleet: &Fleet, lane: &str) {
    let joins = fleet.network() != "none";
    let text = "
services:
  web: {IMAGE, run: 'sleep 1; exec httpd -f -p 7000 -h .', ports: [7000]}
  db: {IMAGE, run: 'sleep 1; touch up; sleep 1000', healthcheck: {test: test -e up}}
steps:
  - name: here
    services: [web, db]
    # If it is refused, what listens then is told.
    run: busybox wget -q -O here http://{{ services.web.host }}:{{ services.web.port }}/up ||
      { cat /proc/net/tcp /proc/net/tcp6; exit 1; }
  - name: there
    IMAGE
    services: [web, db]
    run: wget -q -O there http://{{ services.web.host }}:{{ services.web.port }}/up
";
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let network = if joins { "" } else { ", network: host" };
    let own = format!("    image: '{IMAGE}'{}", network.replace(", ", "\n    "));
    let text = text.replace("    IMAGE", &own).replace("IMAGE", &format!("image: '{IMAGE}'{network}"));
    let place = Place::with(&text.replace("7000", &port.to_string()));
    run(fleet, &place, lane, &[]).code(0);
    assert!(place.has("here") && place.has("there"), "{}", fleet.name());
}

fn shared_container(fleet: &Fleet, lane: &str) {
    let place = place(
        "
containers: {ci: {IMAGE}}
steps:
  - {name: tools, container: ci, run: 'echo tool > /tmp/tool; sleep 4021 >/dev/null 2>&1 &'}
  - {name: make, container: ci, depends_on: tools, run: 'cat /tmp/tool; seq 1 20000', output: text}
  - {name: within, container: ci, run: wc -l > within, input: text}
  - {name: here, run: wc -l > here, input: text}
  - {name: slow, container: ci, depends_on: tools, on_error: ignore, timeout: 1s, run: 'setsid sleep 4022 & sleep 4023'}
  - {name: look, container: ci, depends_on: slow, run: ps -o args > left}
",
    );
    run(fleet, &place, lane, &[]).code(0).says("in ci");
    assert_eq!([place.read("within").trim(), place.read("here").trim()], ["20001"; 2], "{}", fleet.name());
    let left = place.read("left");
    assert!(left.contains("sleep 4021"), "{}: {left}", fleet.name());
    assert!(!left.contains("sleep 4022") && !left.contains("sleep 4023"), "{}: {left}", fleet.name());
}
