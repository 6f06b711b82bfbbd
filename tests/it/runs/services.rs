//! Services that are processes of this machine: how long they live, and how steps find them.

use crate::support::Place;

/// A server of the files beside it, at the port that it is given. It writes `up` to the file `log` when it
/// listens, and
/// `down` when it is told to stop.
const SERVER: &str = r#"
import http.server, sys, signal
port = int(sys.argv[1])
def stop(*_):
    open("log", "a").write("down\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
server = http.server.HTTPServer(("127.0.0.1", port), http.server.SimpleHTTPRequestHandler)
open("log", "a").write("up\n")
server.serve_forever()
"#;

/// A port that is free now.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A folder with a pipeline and the server; `@PORT@` stands for a free port.
fn place(pipeline: &str) -> Place {
    let place = Place::with(&pipeline.replace("@PORT@", &free_port().to_string()));
    place.write("server.py", SERVER);
    place
}

#[test]
fn a_step_finds_a_service_of_this_machine_by_its_address() {
    let place = place(
        r#"
services:
  web: {run: exec python3 server.py @PORT@, ports: [@PORT@]}
steps:
  - name: get
    services: web
    env: {AT: "{{ services.web.host }}:{{ services.web.port }}"}
    run: |
      test "$AT" = "127.0.0.1:@PORT@" -a "$PIPE_SERVICE_WEB_HOST:$PIPE_SERVICE_WEB_PORT" = "$AT"
      python3 -c 'import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).status)' \
        "http://{{ services.web.host }}:{{ services.web.ports['@PORT@'] }}/server.py" > status
"#,
    );
    place.pipe(&["run"]).code(0);
    assert_eq!((place.read("status").trim(), place.read("log").as_str()), ("200", "up\ndown\n"));
}

/// A service that is up from `up NAME` to `down NAME` in the file `log`.
fn logged(name: &str, more: &str) -> String {
    let script = format!("trap 'echo down {name} >> log; exit' TERM; echo up {name} >> log; touch {name}.up");
    format!(
        "{name}: {{run: \"{script}; sleep 1000 & wait\", healthcheck: {{test: test -e {name}.up}}{more}}}"
    )
}

/// Why a step did not run, by the journal: the step that it is because of.
fn because(place: &Place, step: &str) -> String {
    let journal = place.journal();
    let end = journal.iter().find(|record| record["event"] == "step-finished" && record["step"] == step);
    let end = end.unwrap();
    ["dependency", "producer"].iter().find_map(|key| end[key].as_str()).unwrap_or_default().to_owned()
}

#[test]
fn a_service_is_up_from_its_first_user_to_its_last_and_services_go_in_reverse() {
    let (db, api) = (logged("db", ""), logged("api", ", services: db"));
    let place = Place::with(&format!(
        r"
services:
  {db}
  {api}
steps:
  - {{name: before, run: echo before >> log}}
  - {{name: one, run: echo one >> log, services: api, depends_on: before}}
  - {{name: two, run: echo two >> log, services: [api, db], depends_on: one}}
  - {{name: after, run: echo after >> log, depends_on: two}}
"
    ));
    place.pipe(&["run"]).code(0);
    let log = place.read("log");
    let at = |line: &str| {
        let lines: Vec<usize> =
            log.lines().enumerate().filter(|(_, it)| *it == line).map(|(at, _)| at).collect();
        let [at] = lines.as_slice() else { panic!("`{line}` in:\n{log}") };
        *at
    };
    assert!(at("up db") < at("up api") && at("up api") < at("one"), "{log}");
    assert!(at("one") < at("two") && at("two") < at("down api"), "{log}");
    assert!(at("down api") < at("down db"), "{log}");
}

#[test]
fn a_check_decides_when_users_start_and_a_late_one_is_the_cause() {
    let place = Place::with(
        r#"
services:
  slow: {run: exec sleep 1000, healthcheck: {test: 'echo x >> checks; test "$(wc -l < checks)" -ge 3', interval: 50ms}}
  never: {run: exec sleep 1000, healthcheck: {test: echo loading 7 of 9; exit 1, interval: 10ms, retries: 3}}
on_error: continue
steps:
  - {name: user, run: wc -l < checks > seen, services: slow}
  - {name: waits, run: touch waited, services: never}
"#,
    );
    place.pipe(&["run"]).code(1).says("not ready within 30ms; the last check said: loading 7 of 9");
    assert_eq!((place.read("seen").trim(), place.outcome("never").as_str()), ("3", "failed"));
    assert_eq!((place.outcome("waits").as_str(), because(&place, "waits").as_str()), ("skipped", "never"));
    assert!(!place.has("waited"));
}

#[test]
fn a_service_that_ends_early_is_the_cause_and_its_users_are_tainted() {
    let place = Place::with(
        r"
services:
  db: {run: touch up; until test -e used; do sleep 0.01; done; echo disk full; exit 0, healthcheck: {test: test -e up}}
  bad: {run: echo no room >&2; exit 3, healthcheck: {test: test -e never}}
on_error: continue
steps:
  - {name: user, run: touch used; exec sleep 1000, services: db, output: rows}
  - {name: reader, run: cat; touch whole, input: rows}
  - {name: later, run: touch later, services: db, depends_on: user}
  - {name: waits, run: touch waited, services: bad}
",
    );
    place.pipe(&["run"]).code(1).says("disk full").says("no room");
    for step in ["user", "reader"] {
        assert_eq!(
            (place.outcome(step).as_str(), because(&place, step).as_str()),
            ("tainted", "db"),
            "{step}"
        );
    }
    assert_eq!((place.outcome("db").as_str(), place.outcome("bad").as_str()), ("failed", "failed"));
    assert_eq!((place.outcome("waits").as_str(), because(&place, "waits").as_str()), ("skipped", "bad"));
    assert!(!place.has("whole") && !place.has("later") && !place.has("waited"));
    assert_eq!(place.pipe(&["logs", "last", "db"]).stdout, "disk full\n");
}

#[test]
fn a_service_falls_with_the_step_that_it_waits_for_and_is_not_started_without_users() {
    let place = Place::with(
        r"
services:
  api: {run: touch started; exec sleep 1000, healthcheck: none, depends_on: build}
  idle: {run: touch idle; exec sleep 1000, healthcheck: none}
on_error: continue
steps:
  - {name: build, run: exit 3}
  - {name: test, run: touch tested, services: api}
  - {name: off, run: touch off, services: idle, if: false}
",
    );
    place.pipe(&["run"]).code(1);
    for step in ["api", "test"] {
        assert_eq!((place.outcome(step).as_str(), because(&place, step).as_str()), ("skipped", "build"));
    }
    assert_eq!(place.outcome("idle"), "skipped");
    assert!(!place.has("started") && !place.has("idle") && !place.has("tested"));
}

#[test]
fn a_service_is_started_again_until_it_was_ready_and_a_user_meets_it_as_it_is() {
    let place = Place::with(
        r#"
services:
  db:
    run: echo $PIPE_ATTEMPT >> starts; test $PIPE_ATTEMPT = 2; touch up; exec sleep 1000
    healthcheck: {test: test -e up, interval: 50ms}
    retry: {count: 2, delay: 10ms}
steps:
  - {name: user, run: echo x >> state; test "$(wc -l < state)" = 3, services: db, retry: {count: 2, delay: 10ms}}
"#,
    );
    place.pipe(&["run"]).code(0);
    assert_eq!(place.read("starts"), "1\n2\n");
}

#[test]
fn one_service_serves_all_steps_of_a_matrix_and_finally_steps_keep_it_up() {
    let db = logged("db", "");
    let place = Place::with(&format!(
        r"
services:
  {db}
steps:
  - {{name: test, matrix: {{part: [1, 2, 3, 4]}}, run: echo test >> log, services: db}}
  - {{name: fail, run: exit 1, depends_on: test}}
  - {{name: dump, finally: true, run: test -e db.up; echo dump >> log, services: db}}
"
    ));
    place.pipe(&["run"]).code(1);
    assert_eq!(place.read("log"), "up db\ntest\ntest\ntest\ntest\ndump\ndown db\n");
}

#[test]
fn an_interrupt_stops_a_service_that_starts_and_leaves_one_to_finally_steps() {
    let db = logged("db", "");
    let place = Place::with(&format!(
        r"
services:
  {db}
  slow: {{run: 'echo started; trap ''echo down slow >> log; exit'' TERM; sleep 1000 & wait', healthcheck: {{test: test -e never}}}}
steps:
  - {{name: test, run: echo running; exec sleep 1000, services: db}}
  - {{name: waits, run: touch waited, services: slow}}
  - {{name: dump, finally: true, run: test -e db.up; echo dump >> log, services: db}}
"
    ));
    let mut run = place.follow(&["run"]);
    // Both are up then: one is used, and the other one is asked again and again.
    run.wait_for("running");
    place.sh("until test -n \"$(cat .pipe/runs/*/logs/slow.log)\"; do sleep 0.01; done");
    run.signal("INT");
    run.end().code(130);
    let log = place.read("log");
    assert!(log.contains("down slow\n") && log.ends_with("dump\ndown db\n"), "{log}");
    assert!(!place.has("waited"));
}

#[test]
fn services_run_if_one_of_their_users_does() {
    let place = Place::with(
        r"
services:
  api: {run: echo api >> ran; touch up; exec sleep 1000, healthcheck: {test: test -e up}, depends_on: build}
steps:
  - {name: build, run: echo build >> ran}
  - {name: test, run: echo test >> ran, services: api}
  - {name: other, run: echo other >> ran; test -e good, on_error: continue}
",
    );
    place.pipe(&["run", "--only", "other"]).code(1);
    assert_eq!(place.ran(), "other");
    place.pipe(&["run", "--only", "test"]).code(0);
    assert_eq!(place.ran(), "api test");
    place.pipe(&["run", "--to", "test"]).code(0);
    assert_eq!(place.ran(), "api build test");
    place.pipe(&["run", "--from", "build"]).code(0);
    assert_eq!(place.ran(), "api build test");
    for flag in ["--only", "--to", "--from"] {
        place.pipe(&["run", flag, "api"]).code(2).says("`api` is a service").says("--");
    }
    place.pipe(&["run"]).code(1);
    place.ran();
    place.write("good", "");
    place.pipe(&["run", "--resume", "last"]).code(0);
    assert_eq!(place.ran(), "other");
}

#[test]
fn an_address_is_no_part_of_what_resume_compares() {
    let pipeline = |port: u16| {
        format!(
            r"
services:
  web: {{run: exec python3 server.py {port}, ports: {port}}}
steps:
  - {{name: get, run: 'echo {{{{ services.web.port }}}} $PIPE_SERVICE_WEB_PORT >> ports', services: web}}
  - {{name: other, run: test -e good}}
"
        )
    };
    let place = Place::with(&pipeline(free_port()));
    place.write("server.py", SERVER);
    place.pipe(&["run", "--only", "get"]).code(0);
    place.write("pipeline.yml", pipeline(free_port()));
    place.write("good", "");
    place.pipe(&["run", "--resume", "last"]).code(0).says("done before");
    assert_eq!(place.read("ports").lines().count(), 1);
    place.pipe(&["plan"]).code(0);
    place.pipe(&["run", "--dry-run"]).code(0).says("'<services.web.port>'");
}

#[test]
fn what_a_check_says_is_masked() {
    let place = Place::with(
        r#"
params: {token: {type: secret, env: TOKEN}}
services:
  db: {run: exec sleep 1000, healthcheck: {test: "echo wrong {{ token }}; exit 1", interval: 10ms, retries: 2}}
steps:
  - {name: user, run: "true", services: db}
"#,
    );
    let mut command = place.command(&["run"]);
    let ran = crate::support::Ran::of(command.env("TOKEN", "hunter2hunter2").output().unwrap());
    let ran = ran.code(1).says("the last check said: wrong ***");
    let journal = std::fs::read_to_string(place.run_dir().join("events.jsonl")).unwrap();
    assert!(!format!("{}{}{journal}", ran.stdout, ran.stderr).contains("hunter2"), "{journal}");
}

#[test]
fn a_file_that_is_used_has_services_of_its_own() {
    let place = Place::with(
        r"
services:
  db: {run: echo outer >> ran; touch outer.up; exec sleep 1000, healthcheck: {test: test -e outer.up}}
steps:
  - {name: one, uses: ./lib.yml, with: {at: a}}
  - {name: two, uses: ./lib.yml, with: {at: b}}
  - {name: own, run: test -e outer.up, services: db}
",
    );
    place.write(
        "lib.yml",
        r#"
params: {at: ""}
services:
  db: {run: "echo {{ at }} >> ran; touch {{ at }}.up; exec sleep 1000", healthcheck: {test: "test -e {{ at }}.up"}, ports: 80}
steps:
  - {name: test, run: "test -e {{ at }}.up; test {{ services.db.host }}:{{ services.db.port }} = $PIPE_SERVICE_DB_HOST:80", services: db}
"#,
    );
    place.pipe(&["run"]).code(0);
    assert_eq!(place.ran(), "a b outer");
    assert_eq!(
        (place.outcome("one.db").as_str(), place.outcome("two.db").as_str()),
        ("succeeded", "succeeded")
    );
    let outside = place.read("pipeline.yml").replace("services: db}", "services: one.db}");
    place.write("pipeline.yml", outside);
    place.pipe(&["validate"]).code(2).says("`one.db` is a service of a file that is used");
}

#[test]
fn a_service_without_anything_that_says_it_is_ready_fails_with_words() {
    let place =
        Place::with("services: {db: {run: exec sleep 1000}}\nsteps: [{name: a, run: make, services: db}]\n");
    place.pipe(&["run"]).code(1).says("no way to tell when `db` is ready").says("healthcheck: none");
}

/// Order goes on through what is passed over, and data does not: a service needs it for its users.
#[test]
fn a_service_that_needs_values_is_passed_over_with_its_users() {
    for condition in ["false", "steps.first.outputs.go == 'yes'"] {
        let place = Place::with(&format!(
            r#"
services:
  api:
    run: "touch started-{{{{ steps.build.outputs.x }}}}; exec sleep 1000"
    healthcheck: none
  other: {{run: exec sleep 1000, healthcheck: none, depends_on: build}}
steps:
  - {{name: first, run: 'echo go=no >> "$PIPE_OUTPUT"'}}
  - {{name: build, run: 'echo x=1 >> "$PIPE_OUTPUT"', if: "{condition}"}}
  - {{name: test, run: touch tested, services: api}}
  - {{name: orders, run: touch ordered, services: other}}
"#
        ));
        place.pipe(&["run"]).code(0);
        assert_eq!(place.outcome("test"), "skipped", "{condition}");
        assert!(!place.has("tested") && !place.has("started-1") && place.has("ordered"), "{condition}");
    }
}
