//! `concurrency`: a name that one run or step of this user has at a time.

use std::process::{Command, Stdio};

use crate::support::processes::{eventually, lives, signal};
use crate::support::{Place, Ran, Running};

/// A run that holds the name until the named pipe `go` is opened; it notes when it starts and ends.
const HOLDS: &str = "
params: {who: {type: string, default: x}}
concurrency: deploy/{{ who }}
steps:
  - {name: work, run: 'echo start $PIPE_RUN_ID >> log; : < go; echo end $PIPE_RUN_ID >> log'}
  - {name: clean, run: 'echo clean {{ who }} >> log', finally: true}
";

/// A place with a folder of its own for names.
fn place(pipeline: &str) -> Place {
    let place = Place::with(pipeline);
    place.sh("mkfifo go; mkdir -m 700 runtime");
    place
}

fn command(place: &Place, args: &[&str]) -> Command {
    let mut command = place.command(&[&["run", "--format", "plain"], args].concat());
    command.env("XDG_RUNTIME_DIR", place.join("runtime"));
    command
}

/// A run that is followed by its standard output.
fn follow(place: &Place) -> Running {
    Running::of(command(place, &[]).stdout(Stdio::piped()).spawn().unwrap())
}

/// A run whose messages are followed, which come on standard error.
fn waits(place: &Place) -> Running {
    waits_in(place, "pipeline.yml")
}

fn waits_in(place: &Place, file: &str) -> Running {
    let mut command = place.command_with_messages(&["run", file]);
    Running::of(command.env("XDG_RUNTIME_DIR", place.join("runtime")).spawn().unwrap())
}

fn lines(place: &Place) -> Vec<String> {
    // What a run with another name does has no place among them.
    let log = place.read("log");
    let lines = log.lines().filter(|line| !line.ends_with(" y"));
    lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn two_runs_with_one_name_run_one_after_the_other() {
    let place = place(HOLDS);
    let mut first = follow(&place);
    first.wait_for("work");
    let mut second = waits(&place);
    let said = second.wait_for("waits for run ");
    assert!(said.contains(&format!("(pid {}), 1 before it", first.id())), "{said}");
    let other = Ran::of(command(&place, &["--only", "clean", "-p", "who=y"]).output().unwrap());
    assert_eq!(other.code, Some(0), "another name is free: {}", other.stderr);
    place.sh(": > go");
    first.end().code(0);
    place.sh(": > go");
    second.end().code(0);
    assert_eq!(lines(&place), ["start", "end", "clean", "start", "end", "clean"]);
}

/// The reaper holds the name as long as something of the run may be left.
#[test]
fn the_next_one_waits_for_the_reaper_of_a_killed_run() {
    const STEP: &str =
        "steps: [{name: work, concurrency: deploy, run: 'echo $$ > pid; : < go; echo went >> log'}]";
    for pipeline in [HOLDS, STEP] {
        let pipeline = pipeline.replace("echo start", "echo $$ > pid; echo start");
        let place = place(&pipeline);
        // A run of the same file would wait for the clean-up itself.
        place.write("other.yml", pipeline);
        let mut first = follow(&place);
        first.wait_for("work");
        let is_there = || place.has("pid") && place.read("pid").ends_with('\n');
        eventually(is_there, || "the step does not start".into());
        let step: u32 = place.read("pid").trim().parse().unwrap();
        let reaper = first.reaper().to_string();
        signal("STOP", &reaper);
        first.signal("KILL");
        first.end();
        let mut second = waits_in(&place, "other.yml");
        second.wait_for("waits for ");
        assert!(lives(step), "the reaper has killed it");
        signal("CONT", &reaper);
        second.wait_for("* started");
        assert!(!lives(step), "two hold the name");
        place.sh(": > go");
        second.end().code(0);
    }
}

#[test]
fn a_killed_run_lets_the_next_one_go_on() {
    let place = place(HOLDS);
    let mut first = follow(&place);
    first.wait_for("work");
    let mut second = waits(&place);
    second.wait_for("waits for run ");
    first.signal("KILL");
    second.wait_for("work");
    place.sh(": > go");
    second.end().code(0);
}

#[test]
fn a_signal_while_it_waits_ends_it_and_nothing_runs() {
    let place = place(HOLDS);
    let mut first = follow(&place);
    first.wait_for("work");
    let mut second = waits(&place);
    second.wait_for("waits for run ");
    second.signal("INT");
    second.end().code(130).says("ended by SIGINT, before anything ran");
    place.sh(": > go");
    first.end().code(0);
    assert_eq!(lines(&place), ["start", "end", "clean"]);
}

#[test]
fn cancel_in_progress_stops_the_holder_whose_finally_steps_run() {
    let place = place(&HOLDS.replace("deploy/{{ who }}", "{group: deploy, cancel_in_progress: true}"));
    let mut first = follow(&place);
    first.wait_for("work");
    let mut second = waits(&place);
    second.wait_for("stops, and waits for run ");
    first.end().code(143);
    second.wait_for("work");
    place.sh(": > go");
    second.end().code(0);
    assert_eq!(lines(&place), ["start", "clean", "start", "end", "clean"]);
}

#[test]
fn a_name_that_is_empty_or_a_folder_that_cannot_be_written_is_told_before_anything_runs() {
    let place = place("params: {who: ''}\nconcurrency: '{{ who }}'\nsteps: [{name: a, run: 'true'}]\n");
    let ran = Ran::of(command(&place, &[]).output().unwrap()).code(2);
    ran.says("error[bad-concurrency]: the name of `concurrency` is empty once its values are known");
    let ran =
        Ran::of(command(&place, &["-p", "who=a"]).env("XDG_RUNTIME_DIR", "/dev/null").output().unwrap());
    ran.code(3).says("/dev/null/pipe/locks");
}

#[test]
fn a_step_does_not_wait_for_its_own_run() {
    let place = place(
        "concurrency: x\nparams: {name: x}\nsteps: [{name: a, run: 'true', concurrency: '{{ name }}'}]\n",
    );
    let ran = Ran::of(command(&place, &[]).output().unwrap()).code(2);
    ran.says("error[concurrency-self]: `a` would wait for its own run");
}

#[test]
fn a_step_says_what_it_waits_for() {
    let place = place("steps: [{name: a, run: ': < go', concurrency: db}]\n");
    let mut first = follow(&place);
    first.wait_for("a ");
    let mut second = follow(&place);
    let said = second.wait_for("waits for ");
    assert!(
        said.contains("`a` waits for `a` of run ") && said.contains("which has `db`; 1 before it"),
        "{said}"
    );
    place.sh(": > go");
    first.end().code(0);
    place.sh(": > go");
    second.end().code(0);
    let plan = place.pipe(&["plan"]).code(0);
    assert!(plan.stdout.contains("   a has `db` for itself\n"), "{}", plan.stdout);
}

/// The values of a matrix come from a file of variables, and the steps of a region are one at a time.
#[test]
fn steps_of_a_matrix_hold_names_of_their_values() {
    let place = place(
        "
env_file: .env
params: {hosts: {type: list, env: HOSTS}}
steps:
  - name: push
    matrix: {region: [eu, us], host: '{{ hosts }}'}
    concurrency: 'deploy-{{ matrix.region }}'
    run: 'mkdir {{ matrix.region }}; echo {{ matrix.host }} >> log-{{ matrix.region }}; rmdir {{ matrix.region }}'
  - {name: ask, confirm: Go on?, run: 'true'}
",
    );
    place.write(".env", "HOSTS=[\"a\", \"b\", \"c\"]\n");
    Ran::of(command(&place, &[]).output().unwrap()).code(0);
    for region in ["eu", "us"] {
        assert_eq!(place.read(&format!("log-{region}")), "a\nb\nc\n", "in the order of the file");
    }
    for format in ["text", "mermaid", "dot", "svg"] {
        let drawn = place.pipe(&["graph", "--format", format]).code(0);
        assert!(drawn.stdout.contains("before it starts"), "{format}: {}", drawn.stdout);
    }
}
