//! Conditions: what a step that is passed over means for the steps around it.

use crate::support::Place;

/// The outcome of a step, and why it did not run: `skipped without dump`.
fn end(place: &Place, step: &str) -> String {
    let journal = place.journal();
    let end = journal.iter().find(|record| record["event"] == "step-finished" && record["step"] == step);
    let end = end.unwrap_or_else(|| panic!("{step} has no end"));
    let mut text = end["outcome"].as_str().unwrap().to_owned();
    for key in ["condition", "without", "dependency"] {
        if let Some(why) = end[key].as_str() {
            text += &format!(" {key} {why}");
        }
    }
    text
}

#[test]
fn order_goes_on_and_data_does_not() {
    let place = Place::with(
        r#"
params: {release: {type: bool, default: false}}
steps:
  - {name: build, run: touch built}
  - {name: sign, if: release, run: 'echo key=1 >> "$PIPE_OUTPUT"', depends_on: build}
  - {name: upload, run: test -e built, depends_on: sign}
  - {name: verify, run: "echo {{ steps.sign.outputs.key }}"}
  - {name: guess, run: "test {{ steps.sign.outputs.key | default('none') }} = none"}
  - {name: tell, run: touch told, depends_on: verify}
"#,
    );
    place.pipe(&["run"]).code(0);
    assert!(end(&place, "sign").starts_with("skipped condition release is false"));
    assert_eq!(end(&place, "verify"), "skipped without sign");
    for step in ["build", "upload", "guess", "tell"] {
        assert_eq!(end(&place, step), "succeeded", "{step}");
    }
}

#[test]
fn a_step_that_is_passed_over_keeps_its_place_behind_a_failure() {
    let place = Place::with(
        r"
on_error: continue
steps:
  - {name: build, run: exit 3}
  - {name: sign, if: false, run: touch signed, depends_on: build}
  - {name: upload, run: touch uploaded, depends_on: sign}
",
    );
    place.pipe(&["run"]).code(1);
    assert_eq!(end(&place, "sign"), "skipped dependency build");
    assert!(end(&place, "upload").starts_with("skipped dependency"));
    assert!(!place.has("uploaded"));
}

#[test]
fn a_failure_is_no_question_for_a_condition() {
    let place = Place::with(
        r"
on_error: continue
steps:
  - {name: test, run: exit 1}
  - {name: deploy, if: true, run: touch deployed, depends_on: test}
  - {name: lint, run: exit 1, on_error: ignore}
  - {name: red, if: failure('lint'), run: touch red}
  - {name: green, if: success('lint'), run: touch green}
",
    );
    place.pipe(&["run"]).code(1);
    assert_eq!(end(&place, "deploy"), "skipped dependency test");
    assert_eq!(end(&place, "red"), "succeeded");
    assert!(end(&place, "green").starts_with("skipped condition"));
    assert!(place.has("red") && !place.has("green") && !place.has("deployed"));
}

#[test]
fn readers_go_with_their_producer_live_and_stored() {
    let place = Place::with(
        r"
steps:
  - {name: dump, if: false, run: seq 1000, output: rows}
  - {name: live, run: wc -l, input: rows}
  - {name: before, run: 'true', depends_on: dump}
  - {name: stored, run: wc -l, input: rows, depends_on: before}
  - {name: other, run: seq 10, output: numbers}
  - {name: both, run: 'cat; cat {{ inputs.rows }}', input: numbers, inputs: {rows: rows}}
",
    );
    place.pipe(&["run"]).code(0);
    for step in ["live", "stored", "both"] {
        assert_eq!(end(&place, step), "skipped without dump", "{step}");
    }
    assert_eq!(end(&place, "other"), "succeeded", "its bytes are thrown away");
    assert_eq!(place.sh("find .pipe -path '*streams*' -type f | wc -l").trim(), "0");
}

#[test]
fn one_reader_less_changes_nothing_for_the_others() {
    let place = Place::with(
        r"
steps:
  - {name: dump, run: seq 100000, output: rows}
  - {name: off, if: false, run: cat > off, input: rows}
  - {name: sum, run: sha256sum > sum, input: rows}
",
    );
    let ran = place.pipe(&["run"]).code(0);
    assert_eq!(place.read("sum"), place.sh("seq 100000 | sha256sum"));
    assert!(!ran.stdout.contains("`off` left"), "{}", ran.stdout);
    assert!(!place.has("off"));
}

#[test]
fn what_no_reader_is_left_for_is_thrown_away_unless_it_is_wanted() {
    let file = |store: bool| {
        format!(
            "params: {{encrypt: {{type: bool, default: false}}}}
steps:
  - {{name: dump, run: seq 100000, output: {{name: rows, store: {store}}}}}
  - {{name: seal, if: encrypt, run: gzip > sealed, input: rows}}
"
        )
    };
    let kept = |place: &Place| place.sh("find .pipe -path '*streams*' -type f | wc -l").trim() == "1";
    let place = Place::with(&file(false));
    place.pipe(&["run"]).code(0);
    assert!(!kept(&place), "the clear text is on the disk");
    let journal = place.journal();
    let stream = journal.iter().find(|record| record["event"] == "stream-finished").unwrap();
    assert_eq!((&stream["discarded"], &stream["bytes"]), (&true.into(), &588_895.into()), "{stream}");

    let place = Place::with(&file(true));
    place.pipe(&["run"]).code(0);
    assert!(kept(&place));
    let place = Place::with(&file(false));
    place.pipe(&["run", "--out", "rows=out"]).code(0);
    assert_eq!(place.read("out"), place.sh("seq 100000"));
}

#[test]
fn a_condition_is_asked_once_however_often_the_step_is_tried() {
    let place = Place::with(
        r#"
steps:
  - {name: look, run: 'echo "go=yes" >> "$PIPE_OUTPUT"'}
  - name: work
    if: steps.look.outputs.go == 'yes'
    run: echo $PIPE_ATTEMPT >> attempts; [ $PIPE_ATTEMPT = 3 ]
    retry: {count: 2, delay: 1ms}
  - {name: never, if: steps.look.outputs.go != 'yes', run: exit 1, retry: {count: 2, delay: 1ms}, on_error: stop}
"#,
    );
    place.pipe(&["run"]).code(0);
    assert_eq!(place.read("attempts"), "1\n2\n3\n");
    assert!(end(&place, "never").starts_with("skipped condition"), "and its `on_error` is not asked");
}

#[test]
fn a_value_that_was_not_written_fails_the_step() {
    let place = Place::with(
        r"
steps:
  - {name: look, run: 'true'}
  - {name: work, if: steps.look.outputs.go == 'yes', run: touch worked}
",
    );
    place.pipe(&["run"]).code(1).says("`look` did not set the output `go`");
    assert_eq!(end(&place, "work"), "failed");
    assert!(!place.has("worked"));
}

#[test]
fn of_a_secret_a_condition_learns_one_bit() {
    let place = Place::with(
        r#"
params: {token: {type: secret, env: TOKEN, default: ""}}
steps:
  - {name: with, if: token is not empty, run: touch with}
  - {name: without, if: token is empty, run: touch without}
"#,
    );
    let run = |token: &str| {
        let mut command = place.command(&["run", "--format", "json"]);
        crate::support::Ran::of(command.env("TOKEN", token).output().unwrap()).code(0)
    };
    let ran = run("canary-77123");
    assert!(place.has("with") && !place.has("without"));
    assert!(!ran.stdout.contains("canary-77123"));
    assert_eq!(place.sh("grep -rl canary-77123 .pipe || true"), "");
    place.sh("rm -r .pipe with");
    run("");
    assert!(place.has("without") && !place.has("with"));
}

#[test]
fn steps_that_are_passed_over_take_no_slot() {
    let mut file = String::from("max_parallel: 1\nsteps:\n  - {name: first, run: 'true'}\n");
    for number in 0..50 {
        file += &format!("  - {{name: off-{number}, if: false, run: exit 1}}\n");
    }
    file += "  - {name: last, run: touch last}\n";
    let place = Place::with(&file);
    place.pipe(&["run"]).code(0).says("2 steps").says("50 skipped by condition");
    assert!(place.has("last"));
}

#[test]
fn a_run_of_nothing_is_said() {
    let place = Place::with("steps: [{name: off, if: false, run: touch off}]");
    place.pipe(&["run"]).code(0).says("nothing ran");
    assert!(!place.has("off"));
}

#[test]
fn a_signal_before_a_condition_is_asked_is_a_stop() {
    let place = Place::with(
        r#"
steps:
  - {name: slow, run: 'echo "go=no" >> "$PIPE_OUTPUT"; echo here; sleep 60'}
  - {name: work, if: steps.slow.outputs.go == 'yes', run: 'true'}
"#,
    );
    let mut run = place.follow(&["run"]);
    run.wait_for("here");
    run.signal("INT");
    run.end().code(130);
    assert_eq!(end(&place, "work"), "skipped", "not by its condition");
}

#[test]
fn a_resumed_run_decides_again() {
    let place = Place::with(
        r"
params: {pack: {type: bool, default: true}}
steps:
  - {name: first, run: echo first >> ran}
  - {name: dump, if: pack, run: 'echo dump >> ran; seq 10', output: rows}
  - {name: sum, run: 'echo sum >> ran; wc -l > sum', input: rows}
  - {name: last, run: echo last >> ran, depends_on: sum}
",
    );
    place.pipe(&["run"]).code(0);
    place.sh("rm ran");
    place.pipe(&["run", "--resume", "last", "-p", "pack=false"]).code(0);
    assert!(!place.has("ran"), "{}", place.read("ran"));
    place.pipe(&["run", "--resume", "last"]).code(0);
    let ran = place.sh("sort ran");
    assert!(ran.contains("dump") && ran.contains("sum") && !ran.contains("first"), "{ran}");
}

#[test]
fn what_is_asked_for_against_its_condition_is_refused() {
    let place = Place::with(
        "params: {release: {type: bool, default: false}}
steps:
  - {name: look, run: 'echo go=no >> \"$PIPE_OUTPUT\"'}
  - {name: deploy, if: release, run: touch deployed}
  - {name: later, if: steps.look.outputs.go == 'yes', run: touch later}
",
    );
    for flag in ["--only", "--to"] {
        place.pipe(&["run", flag, "deploy"]).code(2).says("you asked for `deploy`").says("release is false");
        place.pipe(&["run", flag, "deploy", "-p", "release=true"]).code(0);
    }
    place.pipe(&["run", "--to", "later"]).code(0);
    assert!(!place.has("later"));
}
