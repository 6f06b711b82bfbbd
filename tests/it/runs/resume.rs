//! Going on from an earlier run: what succeeded and has not changed is not done again.

use std::fs;

use crate::support::{Place, Ran};
use serde_json::Value;

/// Three steps in a row with values and files, and a gang beside them. Each notes that it ran.
const CHAIN: &str = "
on_error: continue
params: {word: hello, token: {type: secret, env: TOKEN}}
steps:
  - name: first
    run: echo first >> ran; echo {{ word }} > a; echo \"length=$(wc -c < a)\" >> \"$PIPE_OUTPUT\"
    produces: a
  - name: second
    run: echo second >> ran; echo {{ steps.first.outputs.length }} > b; [ ! -e broken ]
    env: {SECRET: '{{ token }}'}
    produces: b
  - {name: third, run: 'echo third >> ran; cat a b > c', depends_on: second, produces: c}
  - {name: make, run: 'echo make >> ran; seq 1000', output: numbers}
  - {name: sum, run: 'echo sum >> ran; sha256sum > sum', input: numbers, produces: sum}
";

fn chain() -> Place {
    Place::with(CHAIN)
}

fn run(place: &Place, args: &[&str]) -> Ran {
    let mut command = place.command(&[&["run"], args].concat());
    Ran::of(command.env("TOKEN", "canary-1234").output().unwrap())
}

/// The journal of the newest run. A record that a kill has cut, at the end of a page, is none.
fn newest(place: &Place) -> Vec<Value> {
    let mut runs: Vec<_> =
        fs::read_dir(place.join(".pipe/runs")).unwrap().map(|it| it.unwrap().path()).collect();
    runs.sort_by_key(|run| fs::metadata(run.join("events.jsonl")).unwrap().modified().unwrap());
    let text = fs::read_to_string(runs.last().unwrap().join("events.jsonl")).unwrap();
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_succeeded_is_not_done_again() {
    let place = chain();
    place.write("broken", "");
    run(&place, &[]).code(1);
    assert_eq!(place.ran(), "first make second sum");
    fs::remove_file(place.join("broken")).unwrap();
    let resumed = run(&place, &["--resume", "last"]).code(0);
    assert_eq!(place.ran(), "second third");
    resumed.says("`second` runs: it has not succeeded in run").says("`third` runs: ").says("done before");
    assert_eq!(place.read("c"), "hello\n6\n");
    run(&place, &["--resume", "last"]).code(0).says("succeeded: 0 steps").says("5 done before");
    assert_eq!(place.ran(), "", "and a run that reused steps can be gone on from as well");
}

#[test]
fn whatever_has_changed_is_done_again_with_what_depends_on_it() {
    let place = chain();
    run(&place, &[]).code(0);
    place.ran();
    let again = |args: &[&str], expected: &str, why: &str| {
        run(&place, &[&["--resume", "last"], args].concat()).code(0).says(why);
        assert_eq!(place.ran(), expected, "{why}");
    };
    again(&["-p", "word=other"], "first second third", "`first` runs: its command has changed");
    fs::remove_file(place.join("b")).unwrap();
    again(&["-p", "word=other"], "second third", "`second` runs: `b`, which it made, is gone");
    fs::write(place.join("sum"), "tampered").unwrap();
    again(&["-p", "word=other"], "make sum", "`sum` runs: `sum`, which it made, has changed");
    let text = place.read("pipeline.yml").replace("seq 1000'", "seq 1000; true'");
    place.write("pipeline.yml", text);
    again(&["-p", "word=other"], "make sum", "`make` runs: its command has changed");
    let mut command = place.command(&["run", "--resume", "last", "-p", "word=other"]);
    Ran::of(command.env("TOKEN", "another-secret").output().unwrap())
        .code(0)
        .says("`second` runs: its environment has changed");
    assert_eq!(place.ran(), "second third");
    let journals = place.sh("cat .pipe/runs/*/events.jsonl");
    assert!(!journals.contains("canary") && !journals.contains("another-secret"));
}

#[test]
fn steps_can_be_chosen() {
    let place = chain();
    run(&place, &["--only", "second"])
        .code(2)
        .says("`first` is left out, and no earlier run has its value `length`");
    assert_eq!(place.ran(), "");
    run(&place, &[]).code(0);
    place.ran();
    run(&place, &["--only", "third", "--resume", "last"]).code(0).says("4 left out");
    assert_eq!(place.ran(), "third");
    run(&place, &["--from", "second", "--resume", "last"])
        .code(0)
        .says("`third` runs: it comes after `second`");
    assert_eq!(place.ran(), "second third");
    run(&place, &["--only", "second"]).code(0).says("`first` is left out: its values are those of run ");
    assert_eq!(place.ran(), "second");
    run(&place, &["--only", "sum"])
        .code(0)
        .says("3 left out")
        .says("`make` runs: `sum` reads its stream `numbers`");
    assert_eq!(place.ran(), "make sum", "a producer comes along");
    run(&place, &["--only", "make"]).code(0).says("4 left out").says("kept in ");
    assert_eq!(place.ran(), "make", "a reader does not");
    run(&place, &["--to", "second"]).code(0).says("`first` runs: `second` needs it");
    assert_eq!(place.ran(), "first second");
    run(&place, &["--from", "second", "--to", "third"]).code(0);
    assert_eq!(place.ran(), "second third");
    run(&place, &["--to", "third", "--resume", "last"]).code(0).says("3 done before, 2 left out");
    assert_eq!(place.ran(), "");
    run(&place, &["--only", "secnd"]).code(2).says("did you mean `second`?");
    run(&place, &["--resume", "nonsense"]).code(2).says("`pipe runs`");
    run(&place, &["--only", "sum", "--to", "sum"]).code(2);
    run(&place, &["--from", "third", "--to", "first"])
        .code(2)
        .says("no step lies between `third` and `first`");
    chain().pipe(&["validate"]).code(0);
    run(&chain(), &["--resume", "last"]).code(2);
}

#[test]
fn a_partial_run_in_between_undoes_nothing() {
    let place = Place::with(
        "
steps:
  - {name: fetch, run: echo fetch >> ran}
  - {name: build, run: echo build >> ran, depends_on: fetch}
  - {name: test, run: 'echo test >> ran; [ ! -e broken ]', depends_on: build}
  - {name: pack, run: echo pack >> ran, depends_on: test}
",
    );
    place.write("broken", "");
    run(&place, &[]).code(1);
    fs::remove_file(place.join("broken")).unwrap();
    place.ran();
    run(&place, &["--only", "test"]).code(0);
    place.ran();
    place.pipe(&["runs"]).code(0).says("1 of 4 steps");
    run(&place, &["--resume", "last"]).code(0).says("succeeded: 1 step in").says("3 done before");
    assert_eq!(place.ran(), "pack");
    run(&place, &["--only", "fetch"]).code(0);
    place.ran();
    run(&place, &["--resume", "last"])
        .code(0)
        .says("`build` runs: `fetch`, which it depends on, has run since");
    assert_eq!(place.ran(), "build pack test");
    run(&place, &["--only", "test"]).code(0);
    place.write("broken", "");
    run(&place, &["--only", "build", "test"]).code(1);
    place.ran();
    fs::remove_file(place.join("broken")).unwrap();
    run(&place, &["--resume", "last"]).code(0).says("`test` runs: it has not succeeded in run ");
    assert_eq!(place.ran(), "pack test");
}

#[test]
fn plans_drawings_and_dry_runs_show_the_choice() {
    let place = chain();
    for command in [&["plan"][..], &["graph"], &["run", "--dry-run"]] {
        let show = |args: &[&str]| {
            let mut command = place.command(&[command, args].concat());
            Ran::of(command.env("TOKEN", "canary-1234").output().unwrap())
        };
        show(&["--only", "third"]).code(0).says("third runs: it was asked for").says("left out");
        show(&["--to", "third"]).code(0).says("second runs: `third` needs it");
        show(&["--only", "thrd"]).code(2).says("did you mean `third`?");
        show(&["--only", "second"]).code(2).says("no earlier run has its value `length`");
        show(&["--resume", "last"]).code(2);
    }
    run(&place, &[]).code(0);
    for command in [&["plan"][..], &["graph"], &["run", "--dry-run"]] {
        let args = [command, &["--resume", "last", "-p", "word=other"]].concat();
        let shown = Ran::of(place.command(&args).env("TOKEN", "canary-1234").output().unwrap());
        shown.code(0).says("first runs: its command has changed").says("done before");
    }
    assert_eq!(fs::read_dir(place.join(".pipe/runs")).unwrap().count(), 1);
}

#[test]
fn streams_that_are_kept_are_taken_over_and_others_made_again() {
    let text = |store: &str| {
        format!(
            "
steps:
  - {{name: make, run: 'echo make >> ran; seq 1000', output: {{name: numbers{store}}}}}
  - {{name: read, run: 'echo read >> ran; wc -l > lines; [ ! -e broken ]', input: numbers, depends_on: make}}
"
        )
    };
    for (store, expected) in [(", store: true", "read"), ("", "make read")] {
        let place = Place::with(&text(store));
        place.write("broken", "");
        run(&place, &[]).code(1);
        place.ran();
        fs::remove_file(place.join("broken")).unwrap();
        run(&place, &["--resume", "last"]).code(0);
        assert_eq!(place.ran(), expected);
        assert_eq!(place.read("lines").trim(), "1000");
    }
}

/// The steps of a kind of record in a journal.
fn steps(journal: &[Value], event: &str) -> Vec<String> {
    let of_kind = journal.iter().filter(|it| it["event"] == event);
    of_kind.map(|it| it["step"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_backup_that_was_killed_goes_on_from_every_step() {
    let root = env!("CARGO_MANIFEST_DIR");
    let place = || {
        let place = Place::new();
        place.sh(&format!(
            "cp -R '{root}/examples' . && mkdir src && cp -R '{root}/src/plan' '{root}/src/cli' src && find src -exec touch -d @0 {{}} +"
        ));
        place
    };
    let artefacts =
        "cd backup && sha256sum src-full.tar.gz src-full.tar.sha256 src-full.count remote/src-full.tar.gz";
    let undisturbed = place();
    undisturbed.pipe(&["run", "examples/backup.yml"]).code(0);
    let expected = undisturbed.sh(artefacts);
    let all = steps(&newest(&undisturbed), "step-finished").len();
    let together = ["list-files", "create-archive", "compress", "checksum", "count"];
    for stop_after in 1..=all {
        let place = place();
        let mut command = place.command(&["run", "examples/backup.yml", "--format", "json"]);
        let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
        let ends = lines.map(Result::unwrap).filter(|line| line.contains("\"event\":\"step-finished\""));
        assert_eq!(ends.take(stop_after).count(), stop_after);
        child.kill().unwrap();
        child.wait().unwrap();
        let done = steps(&newest(&place), "step-finished");
        assert!(done.len() >= stop_after);
        place.pipe(&["run", "examples/backup.yml", "--resume", "last"]).code(0);
        assert_eq!(place.sh(artefacts), expected, "after {done:?}");
        let again = steps(&newest(&place), "step-started");
        let is_whole = together.iter().all(|step| done.iter().any(|other| other == step));
        let final_steps = done.iter().filter(|step| is_whole || !together.contains(&step.as_str()));
        for step in final_steps {
            assert!(!again.contains(step), "{step} was done, and is done again: {done:?}, {again:?}");
        }
    }
}
