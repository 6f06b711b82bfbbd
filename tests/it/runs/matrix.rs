//! Matrices, end to end: one step that is written, and many that run.

use std::fs;

use crate::support::{Place, Ran};

fn run(place: &Place, args: &[&str]) -> (String, Ran) {
    let shown = place.pipe(&[&["run"], args].concat());
    (place.ran(), shown)
}

const PYTHONS: &str = "
params: {pythons: {type: list, default: ['3.12', '3.13']}}
defaults: {shell: sh}
steps:
  - name: test
    matrix:
      python: '{{ pythons }}'
      os: [alpine, bookworm]
      exclude: [{python: '3.12', os: alpine}]
      include: [{python: '3.14', os: bookworm}]
    run: |
      echo $PIPE_STEP >> ran
      echo \"v={{ matrix.python }}\" >> \"$PIPE_OUTPUT\"
      [ {{ matrix.python }} != 3.14 ]
    on_error: \"{{ 'ignore' if matrix.python == '3.14' else 'continue' }}\"
  - name: report
    depends_on: test
    run: |
      echo report >> ran
      echo '{% for m in steps.test.members %}{{ m.name }}/{{ m.matrix.os }}/{{ m.outputs.v }} {% endfor %}' > report.txt
  - {name: one, run: 'echo {{ steps[\"test.3.13.alpine\"].outputs.v }} > one.txt', depends_on: test.3.13.alpine}
";

#[test]
fn a_step_runs_for_each_combination_and_a_group_is_their_name() {
    let place = Place::with(PYTHONS);
    let (names, shown) = run(&place, &[]);
    shown.code(0).says("test ×3");
    assert_eq!(names, "report test.3.12.bookworm test.3.13.alpine test.3.13.bookworm test.3.14.bookworm");
    let report = fs::read_to_string(place.join("report.txt")).unwrap();
    assert_eq!(
        report.trim(),
        "test.3.12.bookworm/bookworm/3.12 test.3.13.alpine/alpine/3.13 test.3.13.bookworm/bookworm/3.13"
    );
    assert_eq!(fs::read_to_string(place.join("one.txt")).unwrap(), "3.13\n");

    assert_eq!(run(&place, &["--only", "test.3.13.alpine"]).0, "test.3.13.alpine");
    assert_eq!(
        run(&place, &["--only", "test", "-p", "pythons=3.13"]).0,
        "test.3.13.alpine test.3.13.bookworm test.3.14.bookworm"
    );
    let (names, shown) = run(&place, &["--only", "test.3.13.alpin"]);
    shown.code(2).says("did you mean `test.3.13.alpine`?");
    assert_eq!(names, "");
}

#[test]
fn a_value_more_is_all_that_runs_again() {
    let place = Place::with(&PYTHONS.replace("[ {{ matrix.python }} != 3.14 ]", "true"));
    run(&place, &[]).1.code(0);
    let (names, shown) = run(&place, &["--resume", "last", "-p", "pythons=3.12,3.13,3.15"]);
    shown.code(0);
    assert_eq!(names, "report test.3.15.alpine test.3.15.bookworm");
}

#[test]
fn a_list_without_items_passes_over_and_order_goes_on() {
    let place = Place::with(
        "
params: {names: {type: list, default: []}}
steps:
  - {name: pack, matrix: {name: '{{ names }}'}, run: 'echo {{ matrix.name }} >> ran; echo {{ matrix.name }}', output: tar}
  - {name: report, depends_on: pack, run: echo report >> ran}
  - {name: sums, inputs: {tars: tar}, run: 'echo sums >> ran; cat {{ inputs.tars }}'}
",
    );
    let (names, shown) = run(&place, &[]);
    shown.code(0).says("its matrix has no combinations");
    assert_eq!(names, "report");
    let (names, shown) = run(&place, &["-p", "names=$(touch x),b"]);
    shown.code(0);
    assert_eq!(names, "$(touch x) b report sums");
    assert!(!place.join("x").exists());
}

/// Three steps make a stream each, and one gathers them.
const GATHER: &str = "
steps:
  - name: make
    matrix: {n: [1, 2, 3]}
    IF
    run: |
      seq {{ matrix.n }} 3 300000
      FAIL
    output: part
  - name: sort
    inputs: {parts: part}
    run: |
      sort -n -m {{ inputs.parts }} > sorted
      printf '%s\\n' \"$PIPE_INPUT_PARTS\" | wc -l > paths
      touch whole
";

#[test]
fn a_step_gathers_all_streams_of_a_group_in_order() {
    let place = Place::with(&GATHER.replace("IF", "on_error: stop").replace("FAIL", ""));
    run(&place, &[]).1.code(0);
    let sorted = fs::read_to_string(place.join("sorted")).unwrap();
    assert!(sorted.lines().map(|line| line.parse::<u32>().unwrap()).eq(1..=300_000));
    assert_eq!(fs::read_to_string(place.join("paths")).unwrap().trim(), "3");
}

#[test]
fn what_is_passed_over_is_not_in_the_list() {
    for condition in ["matrix.n != 2", "env.HOME != 'x' and matrix.n != 2"] {
        let place = Place::with(&GATHER.replace("IF", &format!("if: {condition}")).replace("FAIL", ""));
        run(&place, &[]).1.code(0);
        assert_eq!(fs::read_to_string(place.join("paths")).unwrap().trim(), "2");
        assert_eq!(fs::read_to_string(place.join("sorted")).unwrap().lines().count(), 200_000);
    }
    let place = Place::with(&GATHER.replace("IF", "if: matrix.n > 3").replace("FAIL", ""));
    run(&place, &[]).1.code(0);
    assert!(!place.join("whole").exists());
}

#[test]
fn a_producer_that_fails_taints_the_step_that_gathers() {
    let place =
        Place::with(&GATHER.replace("IF", "on_error: continue").replace("FAIL", "[ {{ matrix.n }} != 2 ]"));
    run(&place, &[]).1.code(1).says("make.2");
    assert!(!place.join("whole").exists());
}

#[test]
fn streams_are_paired_and_sent_out_by_their_names() {
    let place = Place::with(
        "
steps:
  - {name: pack, matrix: {name: [linux, arm]}, run: 'echo {{ matrix.name }}', output: tar}
  - {name: sign, matrix: {name: [linux, arm]}, input: 'tar.{{ matrix.name }}', run: 'cat > {{ matrix.name }}.sig'}
",
    );
    run(&place, &["--out", "tar.linux=out"]).1.code(0);
    for (file, text) in [("linux.sig", "linux\n"), ("arm.sig", "arm\n"), ("out", "linux\n")] {
        assert_eq!(fs::read_to_string(place.join(file)).unwrap(), text);
    }
    run(&place, &["--out", "tar=out"]).1.code(2).says("group-stream");
}

#[test]
fn a_live_gang_fits_into_the_limit_of_its_matrix() {
    let text = "
steps:
  - {name: dump, run: seq 9, output: OUTPUT}
  - {name: sum, matrix: {by: [2, 3, 5, 7], max_parallel: 2}, run: 'cat > {{ matrix.by }}', input: rows}
";
    let live = Place::with(&text.replace("OUTPUT", "rows"));
    run(&live, &[]).1.code(2).says("matrix-parallel").says("write `store: true` at the output of `dump`");
    let stored = Place::with(&text.replace("OUTPUT", "{name: rows, store: true}"));
    run(&stored, &[]).1.code(0);
    assert_eq!(fs::read_to_string(stored.join("7")).unwrap().lines().count(), 9);
}

#[test]
fn a_list_that_is_not_known_yet_stays_open() {
    let text = "
params: {names: {type: list}}
steps:
  - {name: pack, matrix: {name: '{{ names }}'}, run: 'echo {{ matrix.name }}', output: 'tar-{{ matrix.name }}'}
  - {name: sign, run: cat, input: tar-linux, depends_on: pack.arm}
";
    let place = Place::with(text);
    place.pipe(&["validate"]).code(0);
    place.pipe(&["plan", "-p", "names=linux,arm"]).code(0).says("pack ×2: name linux arm");
    run(&place, &[]).1.code(2).says("missing-param");
    run(&place, &["--only", "pack"]).1.code(2).says("missing-param");
    run(&place, &["-p", "names=linux"]).1.code(2).says("there is no step `pack.arm`");
}

#[test]
fn a_time_limit_may_be_a_value_of_the_matrix() {
    let place = Place::with(
        "
steps:
  - {name: nap, matrix: {limit: [50ms, 60s]}, run: 'echo {{ matrix.limit }}; [ {{ matrix.limit }} = 60s ] || sleep 60', timeout: '{{ matrix.limit }}', on_error: continue}
",
    );
    run(&place, &[]).1.code(1).says("`nap.50ms` timed out").says("nap.60s");
    assert_eq!(
        (place.outcome("nap.50ms"), place.outcome("nap.60s")),
        ("timed-out".into(), "succeeded".into())
    );
}

#[test]
fn a_step_that_gathers_less_than_all_is_not_run_again_for_that() {
    let place = Place::with(
        "
steps:
  - {name: part, matrix: {x: [a, b, c]}, if: matrix.x != 'b', run: 'echo {{ matrix.x }}', output: lines}
  - {name: join, inputs: {all: lines}, run: 'cat $PIPE_INPUT_ALL >> joined'}
  - {name: last, depends_on: join, run: test -e go}
",
    );
    place.pipe(&["run"]).code(1);
    place.write("go", "");
    place.pipe(&["run", "--resume", "last"]).code(0);
    assert_eq!(place.read("joined").lines().count(), 2);
}
