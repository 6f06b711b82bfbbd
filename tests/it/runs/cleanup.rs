//! Finally steps: they run on every ending, and what they are told is true.

use crate::support::{Place, Ran};

/// A pipeline with this body, and finally steps that note what they are told.
fn place(body: &str) -> Place {
    Place::with(&format!(
        "steps:
{body}
  - {{name: down, finally: true, run: 'echo \"$PIPE_OUTCOME:$PIPE_CAUSE\" > down'}}
  - name: tell
    finally: true
    run: echo \"{{{{ run.outcome }}}}:{{{{ run.cause }}}}\" > tell
    depends_on: down
  - {{name: red, finally: true, if: failure(), run: touch red}}
"
    ))
}

/// What the finally steps were told.
#[track_caller]
fn told(place: &Place) -> String {
    let down = place.read("down");
    assert_eq!(down, place.read("tell"), "the variable and the template say the same");
    down.trim_end().to_owned()
}

#[test]
fn they_run_after_a_green_body_and_after_a_red_one() {
    let green = place("  - {name: work, run: 'true'}");
    green.pipe(&["run"]).code(0);
    assert_eq!(told(&green), "succeeded:");
    assert!(!green.has("red"));
    let red = place("  - {name: work, run: exit 3}\n  - {name: beside, run: sleep 60}");
    red.pipe(&["run"]).code(1).says("`work` failed: exit code 3");
    assert_eq!(told(&red), "failed:work");
    assert!(red.has("red"));
}

#[test]
fn an_ignored_failure_is_no_failure_of_the_run() {
    let place = place("  - {name: work, run: exit 3, on_error: ignore}");
    place.pipe(&["run"]).code(0);
    assert_eq!(told(&place), "succeeded:");
    assert!(!place.has("red"));
}

/// A body that waits, run until it does; then these signals, each when the run has said that.
fn interrupted(place: &Place, signals: &[(&str, &str)]) -> Ran {
    let mut run = place.follow(&["run"]);
    for (wait_for, signal) in signals {
        run.wait_for(wait_for);
        run.signal(signal);
    }
    run.end()
}

#[test]
fn the_first_signal_stops_the_body_and_leaves_them_alone() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let place = place("  - {name: work, run: echo here; sleep 60}");
        interrupted(&place, &[("here", signal)]).code(code);
        assert!(told(&place).starts_with("cancelled:"), "{}", told(&place));
        place.is_deserted();
    }
}

#[test]
fn the_second_signal_kills_the_body_and_leaves_them_alone() {
    let place =
        place("  - {name: work, run: 'trap \"echo asked\" TERM; echo here; while :; do sleep 0.1; done'}");
    interrupted(&place, &[("| here", "INT"), ("| asked", "INT")]).code(130);
    assert!(told(&place).starts_with("cancelled:"), "{}", told(&place));
    place.is_deserted();
}

#[test]
fn the_third_signal_stops_them_and_the_fourth_kills_them() {
    let file = "steps:
  - {name: work, run: 'trap \"echo asked\" TERM; echo here; while :; do sleep 0.1; done'}
  - {name: down, finally: true, run: 'trap \"echo told\" TERM; echo cleaning; while :; do sleep 0.1; done'}
  - {name: after, finally: true, run: touch after, depends_on: down}
";
    let place = Place::with(file);
    let signals = [("| here", "INT"), ("| asked", "INT"), ("| cleaning", "INT"), ("| told", "INT")];
    interrupted(&place, &signals).code(130);
    assert_eq!(place.outcome("down"), "cancelled");
    assert!(!place.has("after"), "nothing starts once the ladder is climbed");
    place.is_deserted();
}

#[test]
fn a_signal_in_the_phase_is_the_end_of_a_green_run_and_stops_nothing() {
    let place = Place::with(
        "steps:
  - {name: work, run: 'true'}
  - {name: down, finally: true, run: 'echo cleaning; until [ -e go ]; do sleep 0.01; done; touch done'}
",
    );
    let mut run = place.follow(&["run"]);
    run.wait_for("| cleaning");
    run.signal("INT");
    run.wait_for("Ctrl-C");
    place.write("go", "");
    run.end().code(130);
    assert!(place.has("done"));
}

#[test]
fn order_among_them_means_ended() {
    let place = Place::with(
        "steps:
  - {name: work, run: 'true'}
  - {name: first, finally: true, run: exit 4}
  - {name: second, finally: true, run: touch second, depends_on: first}
",
    );
    place.pipe(&["run"]).code(1).says("`first` failed: exit code 4");
    assert!(place.has("second"));
}

#[test]
fn the_cause_of_a_red_run_stays_that_of_its_body() {
    let place = Place::with(
        "steps:
  - {name: work, run: exit 3}
  - {name: down, finally: true, run: exit 4}
",
    );
    let ran =
        place.pipe(&["run"]).code(1).says("`work` failed: exit code 3").says("`down` failed: exit code 4");
    let last = ran.stdout.lines().last().unwrap_or_default().to_owned();
    assert!(last.starts_with("failed: `work` exit code 3"), "{last}");
}

#[test]
fn their_retries_are_not_cut_by_the_end_of_the_body() {
    let place = Place::with(
        "steps:
  - {name: work, run: exit 3}
  - {name: down, finally: true, run: 'echo $PIPE_ATTEMPT >> attempts; [ $PIPE_ATTEMPT = 3 ]', retry: {count: 2, delay: 1ms}}
  - {name: loose, finally: true, run: exit 5, on_error: ignore}
",
    );
    place.pipe(&["run"]).code(1).says("`work` failed");
    assert_eq!(place.read("attempts"), "1\n2\n3\n");
    assert_eq!((place.outcome("down"), place.outcome("loose")), ("succeeded".into(), "ignored".into()));
}

#[test]
fn streams_of_the_body_are_read_when_they_are_whole() {
    let file = |code: u8| {
        format!(
            "steps:
  - {{name: dump, run: 'seq 100000; exit {code}', output: rows}}
  - {{name: beside, run: cat > beside, input: rows}}
  - {{name: keep, finally: true, run: 'sha256sum > sum; touch end', input: rows}}
"
        )
    };
    let place = Place::with(&file(0));
    place.pipe(&["run"]).code(0);
    assert_eq!(place.read("sum"), place.sh("seq 100000 | sha256sum"));
    let place = Place::with(&file(1));
    place.pipe(&["run"]).code(1);
    assert!(!place.has("end"), "it has seen a false end");
    let journal = place.journal();
    let end =
        journal.iter().find(|record| record["event"] == "step-finished" && record["step"] == "keep").unwrap();
    assert_eq!((&end["outcome"], &end["without"]), (&"skipped".into(), &"dump".into()));
}

#[test]
fn each_of_them_has_an_end_though_the_clean_up_is_abandoned_before_it_begins() {
    let place = Place::with(
        "steps:
  - {name: dump, run: 'trap \"echo asked >&2\" TERM; echo here >&2; while :; do sleep 0.1; done', output: rows}
  - {name: beside, run: cat, input: rows}
  - {name: keep, finally: true, run: cat > keep, input: rows}
  - {name: down, finally: true, run: touch down}
",
    );
    let mut run = place.follow(&["run"]);
    run.wait_for("| here");
    run.signal("INT");
    run.wait_for("| asked");
    run.signal("INT");
    run.signal("INT");
    run.end().code(130);
    assert_eq!(place.outcome("keep"), "skipped");
    place.outcome("down");
    place.is_deserted();
}

#[test]
fn streams_among_them_keep_every_promise() {
    let place = Place::with(
        "max_parallel: 1
steps:
  - {name: work, run: 'true'}
  - {name: tar, finally: true, run: 'seq 100000; exit 6', output: log}
  - {name: upload, finally: true, run: 'cat > /dev/null; touch end', input: log}
",
    );
    place.pipe(&["run"]).code(1);
    assert!(!place.has("end"), "it has seen a false end");
    assert_eq!((place.outcome("tar"), place.outcome("upload")), ("failed".into(), "tainted".into()));
}

#[test]
fn values_of_a_step_that_failed_are_not_there() {
    let file = |code: u8| {
        format!(
            "steps:
  - {{name: up, run: 'echo id=vm-7 >> \"$PIPE_OUTPUT\"; exit {code}'}}
  - name: down
    finally: true
    run: echo \"{{{{ steps.up.outputs.id | default('none') }}}} {{{{ steps.up.outcome }}}}\" > down
"
        )
    };
    let place = Place::with(&file(0));
    place.pipe(&["run"]).code(0);
    assert_eq!(place.read("down"), "vm-7 succeeded\n");
    let place = Place::with(&file(1));
    place.pipe(&["run"]).code(1);
    assert_eq!(place.read("down"), "none failed\n");
}

#[test]
fn where_nothing_was_started_there_is_nothing_to_clean_up() {
    let place = Place::with(
        "steps:
  - {name: work, if: false, run: 'true'}
  - {name: down, finally: true, run: touch down}
",
    );
    place.pipe(&["run"]).code(0);
    assert!(!place.has("down"));
}

#[test]
fn a_part_of_the_pipeline_is_cleaned_up_after_too() {
    let file = "steps:
  - {name: up, run: touch up}
  - {name: tests, run: touch tests, depends_on: up}
  - {name: down, finally: true, run: 'echo \"$PIPE_OUTCOME:$PIPE_CAUSE\" > down'}
";
    let place = Place::with(file);
    place.pipe(&["run", "--only", "tests"]).code(0);
    assert!(!place.has("up") && place.has("tests"));
    assert_eq!(place.read("down"), "succeeded:\n");
    let place = Place::with(file);
    place.pipe(&["run", "--only", "down"]).code(0);
    assert!(!place.has("up") && !place.has("tests"));
    assert_eq!(place.read("down"), "succeeded:\n");
}

#[test]
fn a_resumed_run_ends_in_them_again() {
    let place = Place::with(
        "steps:
  - {name: first, run: echo first >> ran}
  - {name: work, run: 'echo work >> ran; test -e good', depends_on: first}
  - {name: down, finally: true, run: echo down >> ran}
",
    );
    place.pipe(&["run"]).code(1);
    place.write("good", "");
    place.pipe(&["run", "--resume", "last"]).code(0);
    place.pipe(&["run", "--resume", "last"]).code(0);
    assert_eq!(place.read("ran"), "first\nwork\ndown\nwork\ndown\ndown\n");
}

#[test]
fn a_killed_pipe_runs_none_and_a_resumed_run_does() {
    let place = Place::with(
        "steps:
  - {name: work, run: 'echo here; test -e good || sleep 60'}
  - {name: down, finally: true, run: touch down}
",
    );
    let mut run = place.follow(&["run"]);
    run.wait_for("| here");
    run.signal("KILL");
    run.end();
    place.is_deserted();
    assert!(!place.has("down"));
    place.pipe(&["show"]).says("died");
    place.write("good", "");
    place.pipe(&["run", "--resume", "last"]).code(0);
    assert!(place.has("down"));
}

#[test]
fn secrets_reach_them_and_stay_hidden() {
    let place = Place::with(
        "params: {token: {type: secret, env: TOKEN}}
steps:
  - {name: work, run: 'true'}
  - {name: down, finally: true, if: token is not empty, secrets: token, run: 'cat \"$PIPE_SECRETS/token\"'}
",
    );
    let mut command = place.command(&["run"]);
    let ran = Ran::of(command.env("TOKEN", "canary-55019").output().unwrap()).code(0).says("***");
    assert!(!ran.stdout.contains("canary-55019"));
    assert_eq!(place.sh("grep -rl canary-55019 .pipe || true"), "");
}

#[test]
fn the_limit_of_the_run_ends_the_body_and_not_the_clean_up() {
    let place = Place::with(
        "timeout: 300ms
steps:
  - {name: dump, run: 'seq 1000; sleep 60', output: rows}
  - {name: read, run: 'cat > /dev/null; touch end', input: rows, on_error: ignore}
  - {name: down, finally: true, run: 'sleep 0.5; touch down'}
",
    );
    place.pipe(&["run"]).code(1).says("the run took longer than");
    assert!(place.has("down") && !place.has("end"));
    assert_eq!(place.outcome("dump"), "cancelled");
}
