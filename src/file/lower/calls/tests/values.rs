//! Values that go out of a file that is used, and what they need.

use super::*;

#[test]
fn values_come_out_by_its_outputs_and_need_the_whole_use() {
    let valued = (
        "lib/valued.yml",
        "steps: [{name: make, run: x}, {name: other, run: x}]
outputs: {tag: 'v{{ steps.make.outputs.tag }}', fixed: 'x'}
",
    );
    let pipeline = pipeline(
        "steps:
  - {name: p, uses: ./lib/valued.yml}
  - {name: reads, run: 'x {{ steps.p.outputs.tag }}'}
  - {name: may, run: 'x {{ steps.p.outputs.tag | default(1) }}'}
outputs: {tag: '{{ steps.p.outputs.tag }}'}
",
        &[valued],
    );
    assert_eq!(
        told(&pipeline),
        "p.make\np.other\nreads after p.make! after p.other\nmay after p.make after p.other\n"
    );
    let Step { action, call, .. } = &pipeline.steps[2];
    let reads = pipeline.outputs_read(*call, &action.script().unwrap().text);
    let reads: Vec<(&str, Option<&str>)> = reads.iter().map(|read| (&*read.step, read.key)).collect();
    assert_eq!(reads, [("p.make", Some("tag"))]);
}

/// Values that are there whatever a step does, one that is not, and a step that may be passed over by itself.
const VALUED: File<'_> = (
    "lib/valued.yml",
    "params: {on: {type: bool, default: true}}
steps:
  - {name: perhaps, if: on, run: x}
  - {name: after, run: 'x {{ steps.perhaps.outputs.v }}'}
  - {name: other, run: x}
  - {name: make, run: x}
  - {name: m, matrix: {i: [1]}, run: x}
outputs:
  tag: 'v{{ steps.make.outputs.tag }}'
  may: '{{ steps.perhaps.outputs.v | default(1) }}'
  all: '{% for one in steps.m.members %}{{ one.name }}{% endfor %}'
  fixed: x
",
);

/// The same, through one more file.
const OUTER: File<'_> = (
    "lib/outer.yml",
    "steps:
  - {name: p, uses: ./valued.yml}
  - {name: q, uses: ./valued.yml}
outputs:
  tag: '{{ steps.p.outputs.tag }}'
  may: '{{ steps.p.outputs.may }}'
  all: '{{ steps.p.outputs.all }}'
  fixed: '{{ steps.p.outputs.fixed }}'
",
);

/// The steps whose values the step `r` needs.
fn needed(text: &str, lib: &[File<'_>]) -> String {
    let told = told(&pipeline(text, lib));
    let reads = told.lines().find_map(|line| line.strip_prefix("r after ")).unwrap().to_owned();
    reads.split(" after ").filter(|step| step.ends_with('!')).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_value_needs_the_steps_that_make_it_and_no_others() {
    let of = |file: &str, key: &str| {
        let text = format!(
            "steps: [{{name: o, uses: ./lib/{file}.yml}}, {{name: r, run: 'x {{{{ steps.o.outputs.{key} }}}}'}}]"
        );
        needed(&text, &[VALUED, OUTER])
    };
    for (key, valued, outer) in [
        ("tag", "o.make!", "o.p.make!"),
        // There is another value, one for each member, or one that no step makes: the use has to have run.
        ("may", "o.other!", "o.p.other!"),
        ("all", "o.other!", "o.p.other!"),
        ("fixed", "o.other!", "o.p.other!"),
    ] {
        assert_eq!(of("valued", key), valued, "{key}");
        assert_eq!(of("outer", key), outer, "{key}");
    }
}

#[test]
fn the_step_that_shows_that_a_use_has_run_reads_nothing_of_the_caller_where_there_is_such_a_one() {
    let shows = |steps: &str| {
        let file = format!("params: {{on: true}}\nsteps: [{steps}]\noutputs: {{k: x}}");
        let text = "steps:
  - {name: rows, run: x, output: rows}
  - {name: o, uses: ./lib/file.yml, inputs: {rows: rows}}
  - {name: r, run: 'x {{ steps.o.outputs.k }}'}";
        needed(text, &[("lib/file.yml", &file)])
    };
    let reads = "{name: reads, input: rows, run: x}";
    assert_eq!(shows(&format!("{reads}, {{name: own, run: x}}")), "o.own!");
    assert_eq!(shows(&format!("{reads}, {{name: own, if: on, run: x}}")), "o.reads!");
    assert_eq!(shows(&format!("{reads}, {{name: own, confirm: 'sure?', run: x}}")), "o.reads!");
    assert_eq!(shows(&format!("{reads}, {{name: own, finally: true, run: x}}")), "o.reads!");
    // None shows it.
    assert_eq!(shows("{name: reads, input: rows, if: on, run: x}"), "");
}

#[test]
fn a_value_of_a_use_that_may_be_passed_over_needs_a_default() {
    for file in ["valued", "outer"] {
        for key in ["tag", "may", "all", "fixed"] {
            let codes = |condition: &str, default: &str| {
                let text = format!(
                    "params: {{use: true}}
steps: [{{name: a, run: x}}, {{name: o, {condition}uses: ./lib/{file}.yml}}]
outputs: {{k: \"{{{{ steps.o.outputs.{key}{default} }}}}\"}}"
                );
                wrong(&text, &[VALUED, OUTER]).into_iter().map(|(code, ..)| code).collect::<Vec<_>>()
            };
            assert_eq!(codes("", ""), [], "{file}, {key}");
            assert_eq!(codes("if: use, ", ""), [Code::MaybeMissing], "{file}, {key}");
            assert_eq!(codes("if: use, ", " | default('')"), [], "{file}, {key}");
        }
    }
}

#[test]
fn the_outputs_of_a_run_read_nothing_that_only_cleans_up_whatever_stands_for_it() {
    let valued =
        ("lib/valued.yml", "steps: [{name: make, run: x}]\noutputs: {v: '{{ steps.make.outputs.v }}'}");
    let outer =
        ("lib/outer.yml", "steps: [{name: p, uses: ./valued.yml}]\noutputs: {v: '{{ steps.p.outputs.v }}'}");
    for (step, value) in [
        ("run: x", "{{ steps.s.outputs.v }}"),
        ("uses: ./lib/valued.yml", "{{ steps.s.outputs.v }}"),
        ("uses: ./lib/outer.yml", "{{ steps.s.outputs.v }}"),
        ("matrix: {i: [1]}, run: x", "{% for one in steps.s.members %}{{ one.name }}{% endfor %}"),
    ] {
        let text = |phase: &str| {
            format!("steps: [{{name: a, run: x}}, {{name: s, {step}{phase}}}]\noutputs: {{o: \"{value}\"}}")
        };
        let codes = |phase| wrong(&text(phase), &[valued, outer]).into_iter().map(|(code, ..)| code);
        assert!(codes("").eq([]), "{step}");
        assert!(codes(", finally: true").eq([Code::FinallyOrder]), "{step}");
    }
}

#[test]
fn values_inside_are_read_inside_only() {
    let inner = (
        "inner.yml",
        "steps: [{name: s, run: x}, {name: m, matrix: {i: [1, 2]}, run: x}]\noutputs: {v: '{{ steps.s.outputs.v }}'}",
    );
    let outer =
        ("outer.yml", "steps: [{name: i, uses: ./inner.yml}]\noutputs: {v: '{{ steps.i.outputs.v }}'}");
    let code = |expression: &str| {
        let top = format!(
            "steps:\n  - {{name: o, uses: ./outer.yml}}\n  - {{name: r, run: 'x {{{{ {expression} }}}}'}}\n"
        );
        wrong(&top, &[outer, inner]).into_iter().map(|(code, _, at)| (code, at)).collect::<Vec<_>>()
    };
    assert_eq!(code("steps.o.outputs.v"), []);
    for inside in [
        r#"steps["o.i.s"].outputs.v"#,
        r#"steps["o.i.m.1"].outputs.v"#,
        r#"steps["o.i"].outputs.v"#,
        r#"steps["o.i.m"].outputs.v"#,
        r#"steps["o.i.m"].members"#,
    ] {
        let found = code(inside);
        assert!(found.len() == 1 && found[0].0 == Code::UndefinedName, "{inside}: {found:?}");
        assert!(inside.starts_with(&found[0].1), "{inside}: {found:?}");
    }
    assert_eq!(code("steps.o.outputs.w").len(), 1);
    assert_eq!(code("steps.o.members")[0].0, Code::UnknownStep);
}
