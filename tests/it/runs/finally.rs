//! Steps that run when all others have ended: on every ending but SIGKILL.

use crate::support::Place;

/// Stops when it is told to, and is cleaned up after.
const CLOUD: &str = "
steps:
  - {name: up, run: 'echo id=vm-7 >> $PIPE_OUTPUT; touch vm'}
  - {name: tests, run: 'echo ready; while [ ! -e go ]; do sleep 0.05; done; exit $(cat go)', depends_on: up}
  - {name: skipped, run: 'true', depends_on: tests}
  - name: down
    finally: true
    run: |
      rm -f vm
      echo \"$PIPE_OUTCOME/$PIPE_CAUSE\" > told
      echo {{ run.outcome }} {{ run.cause }} {{ steps.tests.outcome }} {{ steps.skipped.outcome }} >> told
      echo {{ steps.up.outputs.id | default('none') }} {{ steps.tests.outputs.x | default('none') }} >> told
      echo cleaning
      while [ -e hold ]; do sleep 0.05; done
  - {name: red, finally: true, if: failure(), depends_on: down, run: touch red}
  - {name: green, finally: true, if: success(), depends_on: down, run: touch green}
";

#[test]
fn a_run_is_cleaned_up_however_it_ends() {
    let place = Place::with(CLOUD);
    place.write("go", "0");
    let ran = place.pipe(&["run", "--format", "plain"]).code(0).says("* finally: down, red, green");
    assert!(ran.stdout.contains("\nfinally\n"), "a block of their own:\\n{}", ran.stdout);
    assert_eq!(place.read("told"), "succeeded/\nsucceeded  succeeded succeeded\nvm-7 none\n");
    assert!(!place.has("vm") && !place.has("red") && place.has("green"));
    let phase = place.journal().into_iter().find(|record| record["event"] == "phase").unwrap();
    assert_eq!((&phase["name"], &phase["outcome"]), (&"finally".into(), &"succeeded".into()));

    let place = Place::with(CLOUD);
    place.write("go", "3");
    place
        .pipe(&["run", "--format", "plain"])
        .code(1)
        .says("(the run failed: tests)")
        .says("failed: exit code 3");
    assert_eq!(place.read("told"), "failed/tests\nfailed tests failed skipped\nvm-7 none\n");
    assert!(!place.has("vm") && place.has("red") && !place.has("green"));
    place.pipe(&["show", "last"]).code(0).says("finally\n").says("down");
}

#[test]
fn one_interrupt_stops_the_body_and_the_clean_up_is_whole() {
    let place = Place::with(CLOUD);
    let mut run = place.follow(&["run"]);
    run.wait_for("tests   | ready");
    run.signal("INT");
    run.wait_for("cleaning up: down, red, green; Ctrl-C twice more abandons it");
    run.end().code(130);
    assert_eq!(place.read("told"), "cancelled/\ncancelled  cancelled skipped\nvm-7 none\n");
    assert!(!place.has("vm") && !place.has("red") && !place.has("green"));
}

#[test]
fn the_third_interrupt_stops_the_clean_up_and_the_fourth_kills_it() {
    let place = Place::with(&CLOUD.replace("echo cleaning\n", "trap '' TERM; echo cleaning\n"));
    place.write("hold", "");
    let mut run = place.follow(&["run"]);
    run.wait_for("tests   | ready");
    run.signal("INT");
    run.wait_for("down    | cleaning");
    run.signal("INT");
    run.wait_for("cleaning up: down, red, green; Ctrl-C again abandons it");
    run.signal("INT");
    run.wait_for("the clean-up is abandoned: down, red, green; Ctrl-C again kills it");
    run.signal("INT");
    run.end().code(130);
    assert_eq!([place.outcome("down"), place.outcome("red")], ["cancelled", "skipped"]);
}

#[test]
fn clean_up_runs_by_hand_and_after_what_is_asked_for() {
    let place = Place::with(CLOUD);
    place.pipe(&["run", "--only", "down"]).code(0);
    assert_eq!(place.read("told"), "succeeded/\nsucceeded  left-out left-out\nnone none\n");

    let place = Place::with(CLOUD);
    place.pipe(&["run", "--to", "up"]).code(0);
    assert!(!place.has("vm") && place.has("green"));
    place.pipe(&["run", "--to", "down"]).code(2).says("`--only down` runs it alone");
}

#[test]
fn what_a_killed_run_has_left_is_cleaned_up_by_the_one_that_goes_on_from_it() {
    let place = Place::with(CLOUD);
    let mut run = place.follow(&["run"]);
    run.wait_for("tests   | ready");
    run.signal("KILL");
    run.end();
    assert!(place.has("vm"));
    place.pipe(&["show", "last"]).code(0).says("died");
    place.write("go", "0");
    place.pipe(&["run", "--resume", "last"]).code(0);
    assert_eq!(place.read("told"), "succeeded/\nsucceeded  succeeded succeeded\nvm-7 none\n");
    assert!(!place.has("vm"));
    // Nothing has changed, and the clean-up runs again.
    std::fs::remove_file(place.join("told")).unwrap();
    place.pipe(&["run", "--resume", "last"]).code(0);
    assert!(place.has("told"));
}

#[test]
fn a_broken_stream_of_the_body_is_not_read() {
    let text = "
steps:
  - {name: dump, run: 'echo half; echo whole; exit 1', output: data}
  - {name: pack, run: 'cat > seen; echo end >> seen', input: data, output: packed}
  - {name: save, finally: true, run: 'cat > saved; echo end >> saved', input: packed}
";
    let place = Place::with(text);
    place.pipe(&["run"]).code(1);
    assert!(!place.has("saved"));
    assert_eq!(place.outcome("save"), "skipped");
    let place = Place::with(&text.replace("exit 1", "exit 0").replace("cat > seen; echo end >> seen", "cat"));
    place.pipe(&["plan"]).code(0).says("finally, when all others have ended").says("stored for save");
    place.pipe(&["run"]).code(0);
    assert_eq!(place.read("saved"), "half\nwhole\nend\n");
}

#[test]
fn a_run_that_takes_too_long_is_stopped_and_cleaned_up() {
    let place = Place::with(&format!("params: {{limit: 300ms}}\ntimeout: '{{{{ limit }}}}'{CLOUD}"));
    place.pipe(&["run"]).code(1).says("the run took longer than 300 ms");
    assert_eq!([place.outcome("tests"), place.outcome("down")], ["cancelled", "succeeded"]);
    assert!(place.read("told").starts_with("failed/the run took longer than 300 ms\nfailed "));
    place.pipe(&["runs"]).code(0).says("the run took longer than 300 ms");
}

#[test]
fn a_run_that_took_too_long_goes_on_with_what_was_cut() {
    let place = Place::with(
        "
timeout: 2s
steps:
  - {name: quick, run: echo >> quick}
  - {name: slow, depends_on: quick, run: 'echo >> slow; test -e enough || sleep 1000'}
  - {name: down, finally: true, run: echo >> down}
",
    );
    place.pipe(&["run"]).code(1).says("the run took longer than 2 s");
    place.write("enough", "");
    place.pipe(&["run", "--resume", "last"]).code(0);
    for (file, lines) in [("quick", 1), ("slow", 2), ("down", 2)] {
        assert_eq!(place.read(file).lines().count(), lines, "{file}");
    }
}
