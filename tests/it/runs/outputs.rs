//! Values that steps give: from `$PIPE_OUTPUT` into later steps, the summary and the journal.

use crate::support::Place;
use crate::support::containers::{IN_CONTAINER, Lane};

const VERSION: &str = "
outputs:
  version: '{{ steps.read-version.outputs.version }}'
  notes: 'made by {{ steps.read-version.outputs.author | upper }}: {{ steps.read-version.outputs.notes }}'
steps:
  - name: use
    run: printf '%s\\n' {{ steps.read-version.outputs.version }} \"{{ steps.read-version.outputs.notes }}\" \"$AUTHOR\" > used
    env: {AUTHOR: '{{ steps.read-version.outputs.author }}'}
  - name: read-version
    run: |
      echo 'version=1.2; rm -rf ~' >> \"$PIPE_OUTPUT\"
      echo author=ann >> \"$PIPE_OUTPUT\"
      printf 'notes<<EOF\\n$(touch planted)\\n`touch planted` \"quoted\"\\nEOF\\n' >> \"$PIPE_OUTPUT\"
";

#[test]
fn what_a_step_gives_orders_and_reaches_later_steps_as_data() {
    let place = Place::with(VERSION);
    let ran = place.pipe(&["run"]).code(0).says("→  version  1.2; rm -rf ~").says("… (2 lines)");
    assert_eq!(place.read("used"), "1.2; rm -rf ~\n$(touch planted)\n`touch planted` \"quoted\"\nann\n");
    assert!(!place.has("planted"));
    assert!(ran.stdout.find("read-version * succeeded") < ran.stdout.find("use          * started"));

    let journal = place.journal();
    let gave = journal.iter().find(|record| record["step"] == "read-version" && !record["outputs"].is_null());
    assert_eq!(gave.unwrap()["outputs"]["author"], "ann");
    let end = &journal.last().unwrap()["outputs"];
    assert_eq!(end["version"], "1.2; rm -rf ~");
    assert_eq!(end["notes"], "made by ANN: $(touch planted)\n`touch planted` \"quoted\"");
    let started = &journal[0]["steps"][0];
    assert_eq!((&started["name"], &started["depends_on"][0]), (&"use".into(), &"read-version".into()));
    assert!(!place.run_dir().join("outputs").exists(), "nothing is left of the files");
}

#[test]
fn before_the_run_a_word_stands_for_each_value() {
    let place = Place::with(VERSION);
    place.pipe(&["run", "--dry-run"]).code(0).says("'<version of read-version>'");
    place.pipe(&["plan"]).code(0).says("after read-version");
    place.pipe(&["validate", "--strict"]).code(0);
}

#[test]
fn what_is_wrong_with_the_names_is_said_by_validate() {
    let place = Place::with(
        "
params: {a: '{{ steps.build.outputs.x }}'}
outputs: {a-b: '{{ steps.bild.outputs.x }}'}
steps:
  - {name: build, run: 'echo {{ steps.build.outputs.x }}'}
  - {name: test, run: 'echo {{ steps.build.output.x }} {{ steps }}'}
  - {name: last, run: 'echo {{ steps.tset.outputs.x }}'}
",
    );
    let ran = place.pipe(&["validate"]).code(2);
    for part in [
        "no step has run yet, so that none has outputs",
        "write `a_b`",
        "there is no step `bild`",
        "did you mean `build`?",
        "the step `build` reads its own outputs",
        "`steps.build.output.x` is not defined",
        "there is `steps.build.outputs.KEY`",
        "write `steps.NAME.outputs.KEY`",
        "there is no step `tset`",
    ] {
        assert!(ran.stderr.contains(part), "{part} is not in:\n{}", ran.stderr);
    }
    let cycle = "steps:\n  - {name: a, run: 'echo {{ steps.b.outputs.x }}'}\n  - {name: b, run: 'true', depends_on: a}\n";
    Place::with(cycle).pipe(&["validate"]).code(2).says("these steps wait for each other: `a` → `b` → `a`");
}

#[test]
fn a_bad_line_fails_the_step_and_a_missing_key_the_one_that_reads_it() {
    let bad = "steps:\n  - {name: a, run: 'echo hello > $PIPE_OUTPUT'}\n";
    let place = Place::with(bad);
    place
        .pipe(&["run"])
        .code(1)
        .says("`a` failed: invalid outputs: line 1 in $PIPE_OUTPUT is neither `key=value`");
    let failure =
        &place.journal().into_iter().find(|record| record["step"] == "a" && !record["failure"].is_null());
    assert_eq!(failure.as_ref().unwrap()["failure"]["kind"], "outputs");

    let large = "steps:\n  - {name: a, run: \"head -c 2000000 /dev/zero | tr '\\\\0' x > $PIPE_OUTPUT\"}\n";
    Place::with(large).pipe(&["run"]).code(1).says("more than 1 MiB");

    let missing = "
on_error: continue
steps:
  - {name: a, run: 'echo one=1 > $PIPE_OUTPUT'}
  - {name: b, run: 'echo {{ steps.a.outputs.two | default(\"none\") }}{{ steps.a.outputs.one }}'}
  - {name: c, run: 'echo {{ steps.a.outputs.two }}'}
";
    let ran = Place::with(missing).pipe(&["run"]).code(1);
    ran.says("none1").says("could not start: `a` did not set the output `two`; it gave `one`");

    let of_run = "outputs: {two: '{{ steps.a.outputs.two }}'}\nsteps:\n  - {name: a, run: 'true'}\n";
    let place = Place::with(of_run);
    place.pipe(&["run"]).code(1).says("the output `two`: `a` did not set the output `two`; it gave none");
    assert_eq!(place.journal().last().unwrap()["end"], "no-output");
}

#[test]
fn each_attempt_starts_with_nothing_and_only_the_last_counts() {
    let place = Place::with(
        "
steps:
  - name: flaky
    run: |
      test ! -s \"$PIPE_OUTPUT\"
      echo \"n$PIPE_ATTEMPT=$PIPE_ATTEMPT\" >> \"$PIPE_OUTPUT\"
      [ \"$PIPE_ATTEMPT\" = 3 ]
    retry: {count: 2, delay: 0s}
  - {name: show, run: 'echo {{ steps.flaky.outputs | length }}: {{ steps.flaky.outputs.n3 }}'}
",
    );
    place.pipe(&["run"]).code(0).says("show  | 1: 3");
}

#[test]
fn a_producer_whose_values_will_not_do_taints_its_readers() {
    let place = Place::with(
        "
steps:
  - {name: make, run: 'seq 100000; echo oops > $PIPE_OUTPUT', output: numbers}
  - {name: read, run: 'cat > copy && touch finished', input: numbers}
",
    );
    place.pipe(&["run"]).code(1).says("invalid outputs");
    assert_eq!(place.outcome("read"), "tainted");
    assert!(!place.has("finished"));
}

#[test]
fn an_ignored_failure_gives_what_it_gave() {
    let place = Place::with(
        "
steps:
  - {name: probe, run: 'echo state=down > $PIPE_OUTPUT; exit 3', on_error: ignore}
  - {name: show, run: 'echo it is {{ steps.probe.outputs.state }}'}
",
    );
    place.pipe(&["run"]).code(0).says("it is down");
}

#[test]
#[ignore = "needs Docker"]
fn containers_give_values_on_both_lanes_as_every_user() {
    for lane in [Lane::Fifo, Lane::Attach] {
        let place = Place::with(&format!(
            "
outputs: {{all: '{{{{ steps.one.outputs.who }}}} {{{{ steps.two.outputs.who }}}}'}}
steps:
  - name: one
    run: 'echo \"who=$(id -u)\" >> \"$PIPE_OUTPUT\"'
{IN_CONTAINER}
    user: '4321:4321'
  - name: two
    run: 'echo \"who=after {{{{ steps.one.outputs.who }}}}\" >> \"$PIPE_OUTPUT\"'
{IN_CONTAINER}
"
        ));
        place.pipe(&["run", "--stream-lane", lane.name()]).code(0).says("→  all  4321 after 4321");
    }
}
