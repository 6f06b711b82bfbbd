//! Groups: how their members go together with conditions, clean-up, streams, retries and limits.

use crate::support::Place;

/// Names of steps that ran, in the order of their names.
fn outcomes(place: &Place) -> Vec<String> {
    let journal = place.journal();
    let ends = journal.iter().filter(|record| record["event"] == "step-finished");
    let mut ends: Vec<String> = ends
        .map(|end| format!("{} {}", end["step"].as_str().unwrap(), end["outcome"].as_str().unwrap()))
        .collect();
    ends.sort_unstable();
    ends
}

#[test]
fn each_combination_is_a_step() {
    let place = Place::with(
        r#"
steps:
  - name: test
    matrix:
      python: [3.10, "3.12"]
      os: [alpine, bookworm]
      exclude: [{python: "3.12", os: alpine}]
      include: [{python: 3.14, os: bookworm}]
    run: echo {{ matrix.python }}-{{ matrix.os }} >> {{ matrix.os }}
    on_error: continue
  - {name: report, run: sort alpine bookworm > all, depends_on: test}
"#,
    );
    place.pipe(&["run"]).code(0);
    assert_eq!(place.read("all"), "3.10-alpine\n3.10-bookworm\n3.12-bookworm\n3.14-bookworm\n");
    assert_eq!(
        outcomes(&place),
        [
            "report succeeded",
            "test.3.10.alpine succeeded",
            "test.3.10.bookworm succeeded",
            "test.3.12.bookworm succeeded",
            "test.3.14.bookworm succeeded"
        ]
    );
    place.pipe(&["logs", "last", "test.3.10.alpine"]).code(0);
}

#[test]
fn a_condition_is_asked_of_each_member() {
    let place = Place::with(
        "steps:
  - {name: test, matrix: {os: [alpine, windows]}, if: matrix.os != 'windows', run: 'touch {{ matrix.os }}'}
  - {name: none, matrix: {os: [alpine, windows]}, if: matrix.os == 'alpine' and matrix.os == 'windows', run: 'touch never'}
  - {name: both, if: success('test') and skipped('none'), run: touch both}
  - {name: order, run: touch order, depends_on: [test, none]}
",
    );
    place.pipe(&["run"]).code(0);
    assert!(place.has("alpine") && !place.has("windows") && !place.has("never"));
    assert!(place.has("both") && place.has("order"));
}

#[test]
fn on_error_is_each_members_own() {
    let file = |policy: &str| {
        format!(
            "steps:
  - name: test
    matrix: {{n: [1, 2, 3]}}
    run: echo here; [ {{{{ matrix.n }}}} != 2 ]
    on_error: {policy}
  - {{name: after, run: touch after, depends_on: test}}
"
        )
    };
    let place = Place::with(&file("continue"));
    place.pipe(&["run"]).code(1);
    assert_eq!(outcomes(&place), ["after skipped", "test.1 succeeded", "test.2 failed", "test.3 succeeded"]);
    let place = Place::with(&file("\"{{ 'ignore' if matrix.n == 2 else 'continue' }}\""));
    place.pipe(&["run"]).code(0);
    assert!(place.has("after"));
}

#[test]
fn finally_members_are_independent_and_the_group_has_a_verdict() {
    let place = Place::with(
        "on_error: continue
steps:
  - {name: test, matrix: {n: [1, 2]}, run: '[ {{ matrix.n }} = 1 ]'}
  - {name: red, finally: true, if: \"failure('test') and not success('test')\", run: touch red}
  - {name: down, finally: true, matrix: {n: [1, 2, 3]}, run: 'touch down.{{ matrix.n }}; [ {{ matrix.n }} != 1 ]'}
",
    );
    place.pipe(&["run"]).code(1).says("`test.2` failed");
    assert!(place.has("red"));
    assert!(["down.1", "down.2", "down.3"].iter().all(|file| place.has(file)));
}

#[test]
fn an_empty_list_is_passed_over() {
    let place = Place::with(
        "params: {items: {type: list, default: []}}
steps:
  - {name: make, matrix: {item: '{{ items }}'}, run: echo x, output: rows}
  - {name: report, run: touch report, depends_on: make}
  - {name: sums, run: 'cat {{ inputs.rows }} > sums', inputs: {rows: rows}}
",
    );
    place.pipe(&["run"]).code(0);
    assert!(place.has("report") && !place.has("sums"));
    place.pipe(&["run", "-p", "items=[\"a\", \"b\"]"]).code(0);
    assert_eq!(place.read("sums"), "x\nx\n");
}

#[test]
fn streams_go_to_all_to_one_and_are_gathered() {
    let place = Place::with(
        "steps:
  - {name: make, matrix: {n: [1, 2, 3]}, run: 'seq {{ matrix.n }} 3 300000', output: rows}
  - {name: pair, matrix: {n: [1, 2, 3]}, run: 'sha256sum > pair.{{ matrix.n }}', input: 'rows.{{ matrix.n }}'}
  - {name: merge, run: 'sort -nm {{ inputs.all }} > merged; printf \"%s\\n\" \"$PIPE_INPUT_ALL\" | wc -l > count', inputs: {all: rows}}
  - {name: one, run: seq 200000, output: numbers}
  - {name: each, matrix: {n: [1, 2, 3, 4]}, run: 'sha256sum > each.{{ matrix.n }}', input: numbers}
",
    );
    place.pipe(&["run"]).code(0);
    assert_eq!(place.read("merged"), place.sh("seq 300000"));
    assert_eq!(place.read("count").trim(), "3");
    for n in 1..=3 {
        assert_eq!(place.read(&format!("pair.{n}")), place.sh(&format!("seq {n} 3 300000 | sha256sum")));
    }
    for n in 1..=4 {
        assert_eq!(place.read(&format!("each.{n}")), place.sh("seq 200000 | sha256sum"));
    }
}

#[test]
fn a_gathering_reader_never_takes_a_part_for_all() {
    let place = Place::with(
        "on_error: continue
steps:
  - {name: make, matrix: {n: [1, 2]}, run: 'seq 100000; [ {{ matrix.n }} = 1 ]', output: rows}
  - {name: all, run: 'cat {{ inputs.all }} > /dev/null; touch end', inputs: {all: rows}}
",
    );
    place.pipe(&["run"]).code(1);
    assert!(!place.has("end"), "it has seen a false end");
    assert_eq!(place.outcome("all"), "tainted");
}

#[test]
fn a_member_that_is_passed_over_is_not_gathered() {
    let place = Place::with(
        "steps:
  - {name: make, matrix: {n: [1, 2, 3]}, if: matrix.n != 2, run: 'echo {{ matrix.n }}', output: rows}
  - {name: all, run: 'cat {{ inputs.all }} > all', inputs: {all: rows}}
",
    );
    place.pipe(&["run"]).code(0);
    assert_eq!(place.read("all"), "1\n3\n");
}

#[test]
fn the_retry_of_one_live_reader_starts_the_whole_gang_again() {
    let place = Place::with(
        "steps:
  - {name: make, run: 'echo m >> made; seq 1000', output: rows}
  - name: read
    matrix: {n: [1, 2]}
    run: cat > got.{{ matrix.n }}; [ {{ matrix.n }}.$PIPE_ATTEMPT != 2.1 ]
    input: rows
    retry: {count: 1, delay: 1ms}
",
    );
    place.pipe(&["run"]).code(0);
    assert_eq!(place.read("made"), "m\nm\n");
    assert_eq!(place.read("got.1"), place.sh("seq 1000"));
}

#[test]
fn a_group_has_a_limit_of_its_own_and_holds_up_nothing_else() {
    let place = Place::with(
        "max_parallel: 4
steps:
  - name: test
    matrix: {n: [1, 2, 3, 4], max_parallel: 1}
    run: mkdir busy; [ -e other ] || until [ -e other ]; do sleep 0.01; done; rmdir busy
  - {name: other, run: touch other}
",
    );
    place.pipe(&["run"]).code(0);
}

#[test]
fn members_can_be_chosen_and_resumed_one_by_one() {
    let place = Place::with(
        "params: {items: {type: list, default: [a, b]}}
steps:
  - {name: make, matrix: {item: '{{ items }}'}, run: 'echo {{ matrix.item }} >> ran'}
  - {name: report, run: echo report >> ran, depends_on: make}
",
    );
    let ran = || place.sh("sort ran; rm ran").replace('\n', " ");
    place.pipe(&["run", "--only", "make.b"]).code(0);
    assert_eq!(ran(), "b ");
    place.pipe(&["run", "--only", "make"]).code(0);
    assert_eq!(ran(), "a b ");
    place.pipe(&["run", "--only", "make.bb"]).code(2).says("make.b");
    place.pipe(&["run"]).code(0);
    ran();
    place.pipe(&["run", "--resume", "last", "-p", "items=[\"a\", \"b\", \"c\"]"]).code(0);
    assert_eq!(ran(), "c report ");
}

#[test]
fn values_of_members_are_a_list_and_values_from_outside_stay_data() {
    let place = Place::with(
        r#"
params: {items: {type: list, default: ["$(touch bad)", plain]}}
steps:
  - {name: make, matrix: {item: "{{ items }}"}, run: 'echo "value="{{ matrix.item }} >> "$PIPE_OUTPUT"', on_error: continue}
  - name: list
    run: |
      {% for member in steps.make.members %}
      echo {{ member.name }} {{ member.matrix.item }} {{ member.outputs.value }} >> list
      {% endfor %}
"#,
    );
    place.pipe(&["run"]).code(0);
    assert!(!place.has("bad"));
    let list = place.read("list");
    assert_eq!(list.lines().count(), 2, "{list}");
    assert!(list.contains("make.plain plain plain"), "{list}");
    assert!(list.lines().next().unwrap().ends_with("$(touch bad) $(touch bad)"), "{list}");
}

#[test]
fn a_secret_is_no_value_of_a_matrix() {
    let place = Place::with(
        r#"
params: {token: {type: secret, env: TOKEN, default: ""}}
steps: [{name: make, matrix: {item: ["{{ token }}"]}, run: "true"}]
"#,
    );
    place.pipe(&["validate"]).code(2);
}
