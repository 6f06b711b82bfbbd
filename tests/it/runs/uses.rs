//! Files that steps use: one run with their steps, their streams, values and ends.

use crate::support::Place;

/// Packs what it reads, and puts a secret before it.
const PROTECT: &str = "\
params: {level: {type: int, default: 6, min: 1, max: 9}, key: {type: secret}}
steps:
  - {name: squeeze, input: plain, run: 'gzip -n -{{ level }}', output: packed}
  - {name: seal, input: packed, run: 'cat \"$PIPE_SECRETS/key\" -', secrets: key, output: sealed}
";

/// A folder with a top file and others.
fn place(top: &str, others: &[(&str, &str)]) -> Place {
    let place = Place::with(top);
    others.iter().for_each(|(name, text)| place.write(name, text));
    place
}

/// How each step has ended, in the order of their names.
fn outcomes(place: &Place) -> Vec<String> {
    let journal = place.journal();
    let ends = journal.iter().filter(|record| record["event"] == "step-finished");
    let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let mut ends: Vec<String> =
        ends.map(|end| format!("{} {}", word(&end["step"]), word(&end["outcome"]))).collect();
    ends.sort_unstable();
    ends
}

#[test]
fn streams_and_a_secret_go_in_and_a_stream_comes_out() {
    let place = place(
        "\
params: {api_key: {type: secret, env: API_KEY}}
steps:
  - {name: dump, run: seq 1000, output: dump}
  - name: protect
    uses: ./lib/protect.yml
    with: {level: 9, key: '{{ api_key }}'}
    inputs: {plain: dump}
  - {name: upload, input: protect.sealed, run: cat > uploaded}
  - {name: tell, input: protect.sealed, run: 'head -c 6; cat > /dev/null'}
",
        &[("lib/protect.yml", PROTECT)],
    );
    let plan = place.pipe(&["plan"]).code(0).stdout;
    assert!(plan.contains("\nprotect (lib/protect.yml)\n"), "{plan}");
    assert!(plan.contains("1. dump, protect.squeeze, protect.seal, upload, tell (start together)"), "{plan}");
    let mut run = place.command(&["run", "--format", "plain"]);
    let ran = crate::support::Ran::of(run.env("API_KEY", "sesame").output().unwrap()).code(0);
    assert!(!ran.stdout.contains("sesame") && ran.stdout.contains("tell            | ***"), "{}", ran.stdout);
    let sealed = std::fs::read(place.join("uploaded")).unwrap();
    assert!(sealed.starts_with(b"sesame\x1f\x8b"));
    assert_eq!(place.sh("tail -c +7 uploaded | gunzip | sha256sum"), place.sh("seq 1000 | sha256sum"));
    // It is one run, with one folder and a log for each step.
    place.pipe(&["logs", "last", "protect.seal"]).code(0);
    let journal = place
        .read(&format!(".pipe/runs/{}/events.jsonl", place.run_dir().file_name().unwrap().to_str().unwrap()));
    assert!(!journal.contains("sesame"));
}

#[test]
fn a_file_sees_its_own_names_and_what_it_is_given() {
    let place = place(
        "\
env: {OURS: 1}
params: {v: outer, w: outer}
steps:
  - {name: p, uses: lib/a.yml, with: {v: 'given {{ v }}'}}
  - {name: q, uses: lib/a.yml}
",
        &[
            (
                "lib/a.yml",
                "\
env: {THEIRS: x}
env_file: .env
params: {v: inner, from_env: '{{ env.IN_FILE }}'}
steps:
  - name: say
    run: |
      echo \"{{ v }} ${OURS-none} $THEIRS $OUTSIDE $IN_FILE {{ from_env }} {{ pipeline.name }}\" > \"$PIPE_STEP\"
",
            ),
            ("lib/.env", "IN_FILE=from the file\n"),
        ],
    );
    let run = place.command(&["run", "-p", "v=set"]).env("OUTSIDE", "outside").output().unwrap();
    crate::support::Ran::of(run).code(0);
    assert_eq!(place.read("p.say"), "given set none x outside from the file from the file a\n");
    assert_eq!(place.read("q.say"), "inner none x outside from the file from the file a\n");
}

#[test]
fn a_folder_with_a_quote_and_a_command_in_its_name_is_inert() {
    let place = Place::new();
    place.write("a 'b/pipeline.yml", "steps: [{name: p, uses: './l $(touch made)/a.yml'}]\n");
    place.write(
        "a 'b/l $(touch made)/a.yml",
        "steps:\n  - {name: s, run: 'cat {{ pipeline.dir }}/beside; cat \"{{ pipeline.dir }}/beside\"; ls'}\n",
    );
    place.write("a 'b/l $(touch made)/beside", "beside\n");
    let ran = place.pipe(&["run", "a 'b/pipeline.yml", "--format", "plain"]).code(0);
    assert_eq!(ran.stdout.matches("p.s | beside\n").count(), 2, "{}", ran.stdout);
    assert!(
        ran.stdout.contains("p.s | a 'b\n") && !place.has("made"),
        "paths are seen from the folder of the run"
    );
}

#[test]
fn a_reader_inside_that_runs_later_gets_the_stream_from_disk() {
    let place = place(
        "\
steps:
  - {name: rows, run: seq 1000, output: rows}
  - {name: check, run: 'true', depends_on: rows}
  - {name: p, uses: lib/a.yml, inputs: {plain: rows}, depends_on: check}
  - {name: end, run: cat > got, input: p.same, depends_on: p}
",
        &[("lib/a.yml", "steps: [{name: s, run: cat, input: plain, output: same}]\n")],
    );
    place
        .pipe(&["plan"])
        .code(0)
        .says("stored for p.s: `p.s` runs after `rows` (rows → check → p.s by depends_on)")
        .says("stored for end: `end` runs after `p.s` (p.s → end by depends_on)");
    place.pipe(&["run"]).code(0);
    assert_eq!(place.read("got"), place.sh("seq 1000"));
}

#[test]
fn a_use_that_is_passed_over_takes_its_data_along_and_lets_order_through() {
    let place = place(
        "\
params: {sealed: false}
steps:
  - {name: rows, run: seq 10, output: rows}
  - {name: p, if: sealed, uses: lib/a.yml, inputs: {plain: rows}}
  - {name: upload, run: cat > uploaded, input: p.same}
  - {name: value, run: 'echo {{ steps.p.outputs.k }}'}
  - {name: may, run: 'echo {{ steps.p.outputs.k | default(\"none\") }} > may'}
  - {name: tidy, run: touch tidied, depends_on: p}
  - {name: told, if: skipped('p'), run: touch told}
",
        &[(
            "lib/a.yml",
            "\
steps:
  - {name: s, run: cat, input: plain, output: same}
  - {name: t, run: 'echo k=v >> \"$PIPE_OUTPUT\"'}
outputs: {k: '{{ steps.t.outputs.k }}'}
",
        )],
    );
    place.pipe(&["run", "--format", "plain"]).code(0).says("p.s    * passed over: sealed is false");
    assert_eq!(
        outcomes(&place),
        [
            "may succeeded",
            "p.s skipped",
            "p.t skipped",
            "rows succeeded",
            "tidy succeeded",
            "told succeeded",
            "upload skipped",
            "value skipped"
        ]
    );
    assert_eq!(place.read("may"), "none\n");
    place.sh("rm -rf .pipe");
    place.pipe(&["run", "-p", "sealed=true"]).code(0);
    assert_eq!((place.read("uploaded"), place.read("may")), (place.sh("seq 10"), "v\n".to_owned()));
}

#[test]
fn its_own_on_error_decides_and_those_who_wait_for_it_are_skipped() {
    let place = place(
        "\
steps:
  - {name: p, uses: lib/a.yml}
  - {name: after, run: touch after, depends_on: p}
  - {name: other, run: touch other}
  - {name: red, finally: true, if: failure('p'), run: 'echo \"$PIPE_CAUSE\" > red'}
",
        &[(
            "lib/a.yml",
            "\
on_error: continue
steps:
  - {name: bad, run: exit 3}
  - {name: good, run: 'true', depends_on: better}
  - {name: better, run: 'true'}
  - {name: clean, run: touch cleaned, finally: true}
",
        )],
    );
    place.pipe(&["run", "--format", "plain"]).code(1).says("at lib/a.yml:3");
    assert_eq!(
        outcomes(&place),
        [
            "after skipped",
            "other succeeded",
            "p.bad failed",
            "p.better succeeded",
            "p.clean succeeded",
            "p.good succeeded",
            "red succeeded"
        ]
    );
    assert_eq!(place.read("red"), "p.bad\n");
    assert!(place.has("cleaned"));
}

#[test]
fn an_interrupt_runs_its_clean_up_and_shows_no_reader_an_end() {
    let place = place(
        "\
steps:
  - {name: p, uses: lib/a.yml}
  - {name: reads, run: 'cat > got; touch end', input: p.rows}
",
        &[(
            "lib/a.yml",
            "\
steps:
  - {name: make, run: 'echo row; echo ready >&2; sleep 1000', output: rows}
  - {name: next, run: touch next, depends_on: make}
  - {name: clean, run: 'echo \"$PIPE_OUTCOME\" > cleaned', finally: true}
",
        )],
    );
    let mut run = place.follow(&["run"]);
    run.wait_for("p.make  | ready");
    run.signal("INT");
    run.end().code(130);
    assert_eq!(place.read("cleaned"), "cancelled\n");
    assert!(!place.has("end") && !place.has("next"));
    assert_eq!([place.outcome("p.make"), place.outcome("p.next")], ["cancelled", "skipped"]);
}

#[test]
fn a_failure_inside_is_no_end_of_the_stream_outside() {
    let place = place(
        "\
steps:
  - {name: rows, run: seq 10, output: rows}
  - {name: p, uses: lib/a.yml, inputs: {plain: rows}}
  - {name: reads, run: 'cat > got; touch end', input: p.same}
",
        &[("lib/a.yml", "steps: [{name: s, run: 'cat; exit 4', input: plain, output: same}]\n")],
    );
    place.pipe(&["run"]).code(1);
    assert_eq!((place.outcome("p.s"), place.outcome("reads")), ("failed".to_owned(), "tainted".to_owned()));
    assert!(!place.has("end"));
}

#[test]
fn a_retry_inside_starts_all_that_its_streams_join_outside() {
    let place = place(
        "\
steps:
  - {name: rows, run: 'echo $PIPE_ATTEMPT >> rounds; seq 1000', output: rows}
  - {name: p, uses: lib/a.yml, inputs: {plain: rows}}
  - {name: reads, run: cat > got, input: p.same}
",
        &[(
            "lib/a.yml",
            "\
steps:
  - name: s
    input: plain
    output: same
    retry: {count: 1, delay: 1ms}
    run: '[ $PIPE_ATTEMPT -gt 1 ] || { head -c 100; exit 1; }; cat'
",
        )],
    );
    place.pipe(&["run"]).code(0);
    assert_eq!((place.read("got"), place.read("rounds")), (place.sh("seq 1000"), "1\n2\n".to_owned()));
}

#[test]
fn its_max_parallel_is_a_limit_for_its_steps() {
    let place = place(
        "\
steps:
  - {name: p, uses: lib/a.yml, with: {most: 1}}
  - {name: beside, run: 'until [ -e all ]; do sleep 0.01; done'}
",
        &[(
            "lib/a.yml",
            "\
params: {most: 4}
max_parallel: '{{ most }}'
steps:
  - {name: s, matrix: {i: [1, 2, 3, 4]}, run: 'mkdir alone; sleep 0.02; rmdir alone'}
  - {name: all, run: touch all, depends_on: s}
",
        )],
    );
    place.pipe(&["run", "-j", "8"]).code(0);
}

#[test]
fn its_steps_can_be_asked_for_together_and_one_by_one() {
    let place = place(
        "\
steps:
  - {name: rows, run: 'echo rows >> ran; seq 3', output: rows}
  - {name: p, uses: lib/a.yml, inputs: {plain: rows}}
  - {name: upload, run: 'echo upload >> ran; cat', input: p.same}
  - {name: q, matrix: {os: [a, b]}, uses: lib/two.yml}
",
        &[
            ("lib/a.yml", "steps: [{name: s, run: 'echo s >> ran; cat', input: plain, output: same}]\n"),
            (
                "lib/two.yml",
                "steps: [{name: x, run: 'echo $PIPE_STEP >> ran'}, {name: y, run: 'echo $PIPE_STEP >> ran', depends_on: x}]\n",
            ),
        ],
    );
    for (args, ran) in [
        (["--only", "p"], "rows s"),
        (["--only", "p.s"], "rows s"),
        (["--to", "p"], "rows s"),
        (["--only", "q"], "q.a.x q.a.y q.b.x q.b.y"),
        (["--only", "q.b"], "q.b.x q.b.y"),
        (["--to", "q.a.x"], "q.a.x"),
        (["--from", "q.b.y"], "q.b.y"),
    ] {
        place.pipe(&["run", args[0], args[1]]).code(0);
        assert_eq!(place.ran(), ran, "{args:?}");
    }
    place.pipe(&["run", "--only", "q.c"]).code(2).says("did you mean `q.");
    place.pipe(&["run", "--only", "p", "--out", "p.same=same"]).code(0);
    assert_eq!(place.read("same"), "1\n2\n3\n");
}

#[test]
fn a_resume_goes_by_the_steps_of_the_file() {
    let two = |last: &str| {
        format!(
            "params: {{v: 1}}\nsteps:\n  - {{name: a, run: 'echo a >> ran'}}\n  - {{name: b, run: 'echo b >> ran; : {{{{ v }}}}'}}\n  - {{name: c, run: 'echo {last} >> ran'}}\n"
        )
    };
    let top = "\
params: {v: 1}
steps:
  - {name: p, uses: lib/two.yml, with: {v: '{{ v }}'}}
  - {name: z, run: 'echo z >> ran; [ -e go ]', depends_on: p}
";
    let place = place(top, &[("lib/two.yml", &two("c"))]);
    place.pipe(&["run"]).code(1);
    assert_eq!(place.ran(), "a b c z");
    place.pipe(&["run", "--resume", "last"]).code(1);
    assert_eq!(place.ran(), "z");
    place.write("lib/two.yml", two("other"));
    place
        .pipe(&["run", "--resume", "last", "--format", "plain"])
        .code(1)
        .says("`p.c` runs: its command has changed");
    assert_eq!(place.ran(), "other z");
    place.write("go", "");
    place.pipe(&["run", "--resume", "last", "-p", "v=2"]).code(0);
    assert_eq!(place.ran(), "b z");
}

#[test]
fn values_come_out_and_reach_the_result() {
    let place = place(
        "\
steps:
  - {name: p, uses: lib/outer.yml}
  - {name: reads, run: 'echo {{ steps.p.outputs.tag }} > got'}
outputs: {tag: 'run {{ steps.p.outputs.tag }}'}
",
        &[
            (
                "lib/outer.yml",
                "steps: [{name: i, uses: inner.yml}]\noutputs: {tag: '<{{ steps.i.outputs.tag }}>'}\n",
            ),
            (
                "lib/inner.yml",
                "steps: [{name: s, run: 'echo \"tag=v 1\" >> $PIPE_OUTPUT'}]\noutputs: {tag: '{{ steps.s.outputs.tag | upper }}'}\n",
            ),
        ],
    );
    place.pipe(&["run", "--format", "plain"]).code(0).says("tag  run <V 1>");
    assert_eq!(place.read("got"), "<V 1>\n");
}

#[test]
fn a_matrix_and_a_file_go_together() {
    let place = place(
        "\
steps:
  - {name: rows, run: seq 100, output: rows}
  - name: p
    matrix: {os: [a, b, c]}
    uses: lib/five.yml
    with: {os: '{{ matrix.os }}'}
    inputs: {plain: rows}
    if: matrix.os != 'c'
  - {name: all, run: 'cat {{ inputs.x }} | wc -l > all', inputs: {x: p.out}}
  - {name: one, run: wc -l > one, input: p.b.out}
  - {name: value, run: 'echo {{ steps[\"p.a\"].outputs.os }} > value'}
",
        &[(
            "lib/five.yml",
            "\
params: {os: {type: string}}
steps:
  - {name: s1, run: cat, input: plain, output: mid}
  - {name: s2, run: cat, input: mid, output: out}
  - {name: s3, run: 'echo {{ os }} >> ran'}
  - {name: s4, run: 'echo os={{ os }} >> $PIPE_OUTPUT', depends_on: s3}
  - {name: s5, run: 'true', depends_on: s4}
outputs: {os: '{{ steps.s4.outputs.os }}'}
",
        )],
    );
    let plan = place.pipe(&["plan"]).code(0).stdout;
    assert!(plan.contains("\np ×3 (lib/five.yml): os a b c\n"), "{plan}");
    place.pipe(&["run"]).code(0);
    assert_eq!([place.read("all"), place.read("one"), place.read("value")], ["200\n", "100\n", "a\n"]);
    assert_eq!(place.ran(), "a b");
    assert_eq!(outcomes(&place).iter().filter(|end| end.ends_with("skipped")).count(), 5);
}

#[test]
fn reports_name_the_file_of_each_step() {
    let place = place(
        "\
steps:
  - {name: p, uses: lib/a.yml}
  - {name: own, run: 'true'}
",
        &[(
            "lib/a.yml",
            "\
on_error: continue
steps:
  - {name: good, run: echo words}

  - {name: bad, run: exit 3}
",
        )],
    );
    place
        .pipe(&["run", "--format", "github", "--report", "junit=junit.xml"])
        .code(1)
        .says("::error file=lib/a.yml,line=5,col=12,title=pipeline%3A p.bad::");
    let junit = place.read("junit.xml");
    for case in [
        r#"<testcase classname="p" name="p.good""#,
        r#"<testcase classname="p" name="p.bad""#,
        r#"file="lib/a.yml" line="5">"#,
        r#"<testcase classname="pipeline" name="own""#,
        r#"file="pipeline.yml" line="3"/>"#,
    ] {
        assert!(junit.contains(case), "{case} is not in\n{junit}");
    }
    place.pipe(&["show", "last"]).code(0).says("at lib/a.yml:5");
    let first = &place.journal()[0]["steps"];
    assert_eq!((&first[0]["file"], &first[0]["group"]), (&"lib/a.yml".into(), &"p".into()));
    assert!(first[2]["file"].is_null());
}

#[test]
fn a_drawing_has_a_frame_around_the_steps_of_a_file() {
    let place = place(
        "steps:\n  - {name: a, run: 'true', output: o}\n  - {name: p, uses: lib/outer.yml, inputs: {i: o}}\n",
        &[
            (
                "lib/outer.yml",
                "steps: [{name: x, run: 'true'}, {name: y, uses: inner.yml, inputs: {i: i}}]\n",
            ),
            ("lib/inner.yml", "steps: [{name: s, run: cat, input: i}, {name: t, run: 'true'}]\n"),
        ],
    );
    let graph = |format: &str| place.pipe(&["graph", "--format", format]).code(0);
    graph("text")
        .says("◇  p (lib/outer.yml): p.x, p.y.s, p.y.t")
        .says("◇  p.y (lib/inner.yml): p.y.s, p.y.t");
    // A gang goes across the border: a part of the frame stands in it.
    graph("mermaid").says("[\"p (lib/outer.yml)\"]").says("[\"p.y (lib/inner.yml)\"]");
    graph("dot").says("label=\"p.y (lib/inner.yml)\"");
    graph("svg").says("<title>p.y (lib/inner.yml)</title>").says("in one file");
}

#[test]
fn keys_of_the_whole_file_count_where_it_runs_by_itself() {
    let place = place(
        "steps: [{name: p, uses: a.yml}, {name: q, uses: b.yml}]\n",
        &[
            ("a.yml", "timeout: 1ms\nconcurrency: {group: x}\nsteps: [{name: s, run: sleep 0.05}]\n"),
            ("b.yml", "timeout: 1h\nmax_parallel: 2\nsteps: [{name: s, run: 'true'}]\n"),
        ],
    );
    place
        .pipe(&["plan"])
        .code(0)
        .says("p (a.yml): its timeout and concurrency count only where it runs by itself")
        .says("q (b.yml) (max 2): its timeout counts only where it runs by itself");
    place.pipe(&["run"]).code(0);
    place.pipe(&["run", "a.yml"]).code(1);
}

#[test]
fn a_file_at_the_end_runs_at_the_end() {
    let place = place(
        "\
steps:
  - {name: work, run: exit 1}
  - {name: down, uses: lib/down.yml, finally: true, if: failure()}
  - {name: up, uses: lib/down.yml, finally: true, if: success()}
",
        &[(
            "lib/down.yml",
            "steps: [{name: x, run: 'echo $PIPE_STEP $PIPE_OUTCOME >> ran'}, {name: y, run: 'echo $PIPE_STEP >> ran', depends_on: x}]\n",
        )],
    );
    place.pipe(&["run"]).code(1);
    assert_eq!(place.ran(), "down.x failed down.y");
}

#[test]
fn each_use_has_services_of_its_own() {
    let place = place(
        "\
steps:
  - {name: p, uses: lib/tests.yml, with: {name: one}}
  - {name: q, uses: lib/tests.yml, with: {name: two}, depends_on: p}
",
        &[(
            "lib/tests.yml",
            "\
params: {name: {type: string}}
services:
  db:
    run: 'up=up.{{ name }}; touch $up; trap \"rm $up; exit\" TERM; sleep 1000 & wait'
    healthcheck: {test: 'test -e up.{{ name }}', interval: 20ms}
steps:
  - {name: test, services: db, run: '[ -e up.{{ name }} ]; echo {{ name }} >> ran'}
",
        )],
    );
    place.pipe(&["run"]).code(0);
    assert_eq!(place.ran(), "one two");
    assert!(!place.has("up.one") && !place.has("up.two"));
    assert_eq!([place.outcome("p.db"), place.outcome("q.db")], ["succeeded", "succeeded"]);
}
