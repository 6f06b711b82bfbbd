//! Services in containers: when they are ready, how steps find them, and what is left of them.

use std::process::Command;

use crate::support::containers::Lane;
use crate::support::processes::eventually;
use crate::support::{Place, Ran};

const LANES: [Lane; 2] = [Lane::Fifo, Lane::Attach];

/// A server of the files in the working directory.
const SERVE: &str = "image: 'alpine:3.20', run: 'exec httpd -f -p 7000 -h .', ports: [7000]";
const STEP: &str = "image: 'alpine:3.20', services: db";

/// A pipeline in which `SERVE` is the server, and `STEP` a step in a container that uses it.
fn place(text: &str) -> Place {
    Place::with(&text.replace("SERVE", SERVE).replace("STEP", STEP))
}

impl Place {
    /// What the engine has of the only run: containers, or networks.
    fn of_run(&self, list: &[&str]) -> String {
        let run = self.run_dir();
        let label = format!("label=pipe.run={}", run.file_name().unwrap().to_str().unwrap());
        let output =
            Command::new("docker").args(list).args(["--quiet", "--filter", &label]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The container of a step of the only run.
    fn container_of(&self, step: &str) -> String {
        let step = format!("label=pipe.step={step}");
        self.of_run(&["ps", "--filter", &step]).trim().to_owned()
    }

    fn left(&self) -> String {
        self.of_run(&["ps", "--all"]) + &self.of_run(&["network", "ls"])
    }

    /// Runs, and sees to it that nothing is left.
    #[track_caller]
    fn run_clean(&self, args: &[&str]) -> Ran {
        let ran = self.pipe(&[&["run"], args].concat());
        assert!(self.has(".pipe/runs"), "no run began:\n{}", ran.stderr);
        assert_eq!(self.left(), "", "{}", ran.stdout);
        ran
    }
}

#[test]
#[ignore = "needs Docker"]
fn a_step_on_the_host_and_a_step_in_a_container_each_have_an_address_that_is_right() {
    let place = place(
        r#"
services: {db: {SERVE}}
steps:
  - name: here
    services: db
    run: |
      test {{ services.db.host }} = 127.0.0.1 -a {{ services.db.port }} = "$PIPE_SERVICE_DB_PORT"
      busybox wget -q -O here http://{{ services.db.host }}:{{ services.db.port }}/hello
  - name: there
    STEP
    run: |
      test {{ services.db.host }}:{{ services.db.port }} = db:7000
      wget -q -O there http://db:7000/hello
  - {name: own, STEP, network: own, run: 'wget -q -O own http://db:7000/hello'}
  - {name: machine, STEP, network: host, run: 'wget -q -O machine http://127.0.0.1:{{ services.db.port }}/hello'}
"#
        .replace("    STEP\n", "    image: alpine:3.20\n    services: db\n")
        .as_str(),
    );
    place.write("hello", "hello");
    place.run_clean(&[]).code(0);
    assert_eq!(["here", "there", "own", "machine"].map(|name| place.read(name)), ["hello"; 4]);
}

#[test]
#[ignore = "needs Docker"]
fn steps_of_a_shared_container_use_its_services() {
    let place = place(
        "
services: {db: {SERVE}}
containers: {ci: {image: 'alpine:3.20', services: db}}
steps:
  - {name: get, container: ci, run: 'wget -q -O got http://{{ services.db.host }}:{{ services.db.port }}/hello'}
",
    );
    place.write("hello", "hello");
    place.run_clean(&[]).code(0);
    assert_eq!(place.read("got"), "hello");
}

#[test]
#[ignore = "needs Docker"]
fn a_service_finds_the_services_that_it_uses() {
    let place = place(
        "
services:
  db: {SERVE}
  api: {STEP, run: 'wget -q -O from-db http://db:7000/hello && exec httpd -f -p 7001 -h .', ports: [7001]}
steps:
  - {name: get, image: 'alpine:3.20', services: api, run: 'wget -q -O got http://api:7001/from-db'}
",
    );
    place.write("hello", "hello");
    place.run_clean(&[]).code(0);
    assert_eq!(place.read("got"), "hello");
}

#[test]
#[ignore = "needs Docker"]
fn a_service_that_no_step_uses_is_not_pulled() {
    let place = place(
        "
services: {db: {image: 'localhost:1/never:1', ports: [7000]}}
steps:
  - {name: other, run: touch ran}
  - {name: test, services: db, if: 'false', run: touch tested}
",
    );
    let ran = place.run_clean(&[]).code(0);
    assert!(
        place.has("ran") && !place.has("tested") && !ran.stderr.contains("localhost:1"),
        "{}",
        ran.stderr
    );
}

#[test]
#[ignore = "needs Docker"]
fn a_service_is_ready_when_it_listens_and_not_before() {
    let place = place(
        "
services:
  db: {image: 'alpine:3.20', ports: [7000], run: 'until [ -e go ]; do sleep 0.1; done; touch went; exec httpd -f -p 7000 -h .'}
steps:
  - {name: first, run: 'sleep 1; touch go'}
  - {name: here, services: db, run: 'test -e went && busybox wget -q -O here http://127.0.0.1:{{ services.db.port }}/go'}
",
    );
    place.run_clean(&[]).code(0);
    assert!(place.has("here"));
}

#[test]
#[ignore = "needs Docker"]
fn a_service_says_how_it_is_known_to_be_ready_or_the_run_says_what_to_write() {
    let file = |health: &str| {
        place(&format!(
            "
services: {{db: {{image: 'alpine:3.20', run: 'sleep 1000'{health}}}}}
steps: [{{name: test, STEP, run: touch tested}}]
"
        ))
    };
    let unknown = file("");
    unknown
        .run_clean(&[])
        .code(1)
        .says("no way to tell when `db` is ready: neither it nor its image has a healthcheck, and it has no ports")
        .says("healthcheck: none");
    assert_eq!((unknown.outcome("db"), unknown.outcome("test")), ("failed".into(), "skipped".into()));
    let at_once = file(", healthcheck: none");
    at_once.run_clean(&[]).code(0);
    assert!(at_once.has("tested"));
}

#[test]
#[ignore = "needs Docker"]
fn an_image_without_a_shell_takes_a_check_in_words_and_no_text() {
    let file = |test: &str| {
        let place = place(&format!(
            "
services: {{db: {{image: 'pipe-test/no-shell:1', args: [waits], healthcheck: {{test: {test}}}}}}}
steps: [{{name: test, STEP, run: touch tested}}]
"
        ));
        // Its program waits for a writer.
        place.sh("mkfifo waits");
        place.write(
            "pipeline.yml",
            place.read("pipeline.yml").replace("[waits]", &format!("['{}']", place.join("waits").display())),
        );
        place
    };
    let words = file("[CMD, /wc, /etc/hosts]");
    words.run_clean(&[]).code(0);
    assert!(words.has("tested"));
    let text = file("/wc /etc/hosts");
    text.run_clean(&[]).code(1).says("the image has no sh").says("write `test: [CMD, …]`");
}

#[test]
#[ignore = "needs Docker"]
fn a_check_that_hangs_is_cut_and_counts_as_failing() {
    let place = place(
        "
services:
  db:
    image: alpine:3.20
    run: 'while true; do ps -o args | grep [s]leep.4711 | sort | uniq -c > hanging; sleep 0.1; done'
    healthcheck: {test: 'echo >> checks; sleep 4711', timeout: 300ms, interval: 1s, retries: 4}
steps: [{name: test, STEP, run: touch tested}]
",
    );
    place.run_clean(&[]).code(1).says("not ready within 4s; the last check said: no answer within 300ms");
    assert!(!place.has("tested") && place.read("checks").lines().count() > 2);
    // None of those that were cut was there when the last one was.
    assert!(
        matches!(place.read("hanging").split_whitespace().next(), None | Some("1")),
        "{}",
        place.read("hanging")
    );
}

#[test]
#[ignore = "needs Docker"]
fn a_secret_in_what_a_check_says_is_masked() {
    let place = place(
        "
params: {password: {type: secret, env: PASSWORD}}
services:
  db: {image: 'alpine:3.20', run: 'sleep 1000', healthcheck: {test: 'echo refused {{.password}}; false', retries: 1}}
steps: [{name: test, STEP, run: touch tested}]
",
    );
    let ran = Ran::of(place.command(&["run"]).env("PASSWORD", "hunter-2").output().unwrap());
    let ran = ran.code(1).says("the last check said: refused ***");
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("hunter-2"));
    assert!(!std::fs::read_to_string(place.run_dir().join("events.jsonl")).unwrap().contains("hunter-2"));
}

#[test]
#[ignore = "needs Docker"]
fn a_port_that_is_taken_is_told_of() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let place = place(&format!(
        "
services: {{db: {{image: 'alpine:3.20', run: 'exec httpd -f -p 7000', ports: ['{port}:7000']}}}}
steps: [{{name: test, services: db, run: touch tested}}]
"
    ));
    place.run_clean(&[]).code(1).says(&format!("port {port} of this machine is in use"));
    // Without a step on this machine, nothing is published.
    place.write("pipeline.yml", place.read("pipeline.yml").replace("services: db", STEP));
    let ran = place.pipe(&["run"]).code(0);
    assert!(place.has("tested"), "{}", ran.stdout);
}

#[test]
#[ignore = "needs Docker"]
fn a_service_that_dies_taints_its_users_and_no_reader_sees_an_end() {
    for lane in LANES {
        let place = place(
            "
services: {db: {SERVE}}
steps:
  - {name: make, STEP, run: 'echo some; touch started; sleep 1000', output: bytes}
  - {name: read, image: 'alpine:3.20', run: 'touch reads; cat > /dev/null; touch saw-eof', input: bytes}
  - {name: here, run: 'touch reads-here; cat > /dev/null; touch saw-eof', input: bytes}
  - {name: late, STEP, depends_on: read, run: touch late}
",
        );
        let run = place.follow(&["run", "--stream-lane", lane.name()]);
        let all = ["started", "reads", "reads-here"];
        eventually(|| all.iter().all(|name| place.has(name)), || "the gang does not start".into());
        place.sh(&format!("docker kill {}", place.container_of("db")));
        run.end().code(1).says("db");
        assert!(!place.has("saw-eof") && !place.has("late"));
        let outcomes = ["db", "make", "read", "here", "late"].map(|step| place.outcome(step));
        assert_eq!(outcomes, ["failed", "tainted", "tainted", "tainted", "skipped"]);
        assert_eq!(place.left(), "");
    }
}

#[test]
#[ignore = "needs Docker"]
fn a_service_that_ends_by_itself_has_failed() {
    for (script, why) in [
        ("exit 0", "it ended, with exit code 0, before the steps that use it"),
        ("tail /dev/zero", "out of memory"),
        ("exit 9", "exit code 9"),
    ] {
        let place = place(
            &"
services:
  db:
    image: alpine:3.20
    resources: {memory: 32MiB}
    run: 'until [ -e started ]; do sleep 0.1; done; SCRIPT'
    healthcheck: none
steps: [{name: test, STEP, run: 'touch started; sleep 1000'}]
"
            .replace("SCRIPT", script),
        );
        place.run_clean(&[]).code(1).says(why);
        assert_eq!((place.outcome("db"), place.outcome("test")), ("failed".into(), "tainted".into()));
    }
}

#[test]
#[ignore = "needs Docker"]
fn an_interrupt_while_a_service_starts_leaves_nothing() {
    let place = place(
        "
services: {db: {image: 'alpine:3.20', run: 'sleep 1000', healthcheck: {test: 'touch checked; false'}}}
steps: [{name: test, STEP, run: touch tested}]
",
    );
    let run = place.follow(&["run"]);
    eventually(|| place.has("checked"), || "no check is made".into());
    run.signal("INT");
    run.end().code(130);
    assert!(!place.has("tested"));
    assert_eq!((place.left(), place.outcome("test")), (String::new(), "skipped".into()));
}

#[test]
#[ignore = "needs Docker"]
fn what_is_killed_leaves_neither_container_nor_network_nor_process() {
    let place = place(
        "
services:
  db: {SERVE}
  here: {run: 'echo $$ > pid; sleep 1000', healthcheck: none}
steps:
  - {name: test, services: [db, here], run: 'touch started; sleep 1000'}
",
    );
    let run = place.follow(&["run"]);
    eventually(|| place.has("started"), || "the step does not start".into());
    assert_ne!(place.of_run(&["network", "ls"]), "");
    run.signal("KILL");
    run.end();
    let pid = place.read("pid").trim().parse().unwrap();
    eventually(
        || place.left().is_empty() && !crate::support::processes::lives(pid),
        || format!("left: {}", place.left()),
    );
}

#[test]
#[ignore = "needs Docker"]
fn a_service_is_up_until_the_last_finally_step_has_ended() {
    let place = place(
        "
services: {db: {SERVE}}
steps:
  - {name: test, STEP, run: 'touch started; sleep 1000'}
  - {name: save, STEP, finally: true, run: 'wget -q -O saved http://db:7000/hello'}
",
    );
    place.write("hello", "hello");
    let run = place.follow(&["run"]);
    eventually(|| place.has("started"), || "the step does not start".into());
    run.signal("INT");
    run.end().code(130);
    assert_eq!((place.read("saved"), place.outcome("db")), ("hello".into(), "succeeded".into()));
    assert_eq!(place.left(), "");
}

#[test]
#[ignore = "needs Docker"]
fn two_runs_at_once_have_networks_and_ports_of_their_own() {
    let text = "
services: {db: {SERVE}}
steps:
  - {name: here, services: db, run: 'touch up; until [ -e go ]; do sleep 0.1; done; busybox wget -q -O here http://127.0.0.1:{{ services.db.port }}/own'}
  - {name: there, STEP, run: 'until [ -e go ]; do sleep 0.1; done; wget -q -O there http://db:7000/own'}
";
    let places = ["one", "two"].map(|own| {
        let place = place(text);
        place.write("own", own);
        place
    });
    let runs = places.each_ref().map(|place| place.follow(&["run"]));
    for place in &places {
        eventually(|| place.has("up"), || "the step does not start".into());
    }
    places.iter().for_each(|place| place.write("go", ""));
    for (run, (place, own)) in runs.into_iter().zip(places.iter().zip(["one", "two"])) {
        run.end().code(0);
        assert_eq!((place.read("here"), place.read("there")), (own.into(), own.into()));
        assert_eq!(place.left(), "");
    }
}

#[test]
#[ignore = "needs Docker"]
fn a_service_that_does_not_end_is_killed_and_has_done_well() {
    let place = place(
        "
services: {db: {image: 'alpine:3.20', run: \"trap '' TERM; touch up; while true; do sleep 1; done\", healthcheck: {test: test -e up}}}
steps: [{name: test, STEP, run: touch tested}]
",
    );
    place.run_clean(&[]).code(0);
    assert_eq!(place.outcome("db"), "succeeded");
    assert!(place.journal().iter().all(|record| record["leaky"] != true));
}

#[test]
fn a_container_without_a_network_uses_no_services() {
    let place = place("services: {db: {SERVE}}\nsteps: [{name: test, STEP, network: none, run: 'true'}]\n");
    place.pipe(&["validate"]).code(2).says("service-network");
}
