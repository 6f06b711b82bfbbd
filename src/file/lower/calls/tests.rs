//! What the steps of a file are called where it is used, what they wait for, and which streams they read.

mod values;

use std::fmt::Write as _;
use std::fs;

use crate::file::{Code, Diagnostics, LoadOptions, load};
use crate::pipeline::{CallId, Need, Pipeline, Role, Source, Step, StepId};

/// What a file of a folder holds.
type File<'a> = (&'a str, &'a str);

/// One step, which passes a stream on.
const PACK: File<'_> = (
    "lib/pack.yml",
    "params: {level: {type: int, default: 6}}
steps:
  - {name: squeeze, input: plain, run: 'gzip -{{ level }}', output: packed}
",
);

/// Two steps, one after the other.
const TWO: File<'_> = ("lib/two.yml", "steps: [{name: a, run: x}, {name: b, run: x, depends_on: a}]");

/// Loads the first of some files that lie in one folder.
fn try_load(files: &[File<'_>]) -> Result<Pipeline, Diagnostics> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let (name, text) = files[0];
    load(Source::new(folder.path().join(name), text), &LoadOptions::default())
}

/// Loads a file that uses others.
fn pipeline(top: &str, others: &[File<'_>]) -> Pipeline {
    let files: Vec<File<'_>> = [("pipeline.yml", top)].iter().chain(others).copied().collect();
    try_load(&files).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What is wrong with files: class, message and the text that is pointed at.
fn wrong(top: &str, others: &[File<'_>]) -> Vec<(Code, String, String)> {
    let files: Vec<File<'_>> = [("pipeline.yml", top)].iter().chain(others).copied().collect();
    let problems = try_load(&files).err();
    let at = |problem: &crate::file::Diagnostic| {
        let source = problem.source.as_ref()?;
        Some(source.slice(problem.span?).to_owned())
    };
    let all = problems.into_iter().flatten();
    all.map(|problem| (problem.code, problem.message.clone(), at(&problem).unwrap_or_default())).collect()
}

fn names(pipeline: &Pipeline) -> Vec<&str> {
    pipeline.steps.iter().map(|step| step.name.as_str()).collect()
}

/// A line for each step: what it waits for, reads and makes. `!` stands behind what it needs values of.
fn told(pipeline: &Pipeline) -> String {
    let name = |id: StepId| pipeline.step(id).name.as_str();
    let mut all = String::new();
    for step in &pipeline.steps {
        all += &step.name;
        for on in &step.depends_on {
            let _ = write!(all, " after {}{}", name(on.step), if on.need == Need::Values { "!" } else { "" });
        }
        for input in &step.inputs {
            let _ = write!(all, " < {}", pipeline.stream(input.port.stream).name);
        }
        if let Some(port) = &step.output {
            let _ = write!(all, " > {}", pipeline.stream(port.stream).name);
        }
        all.push('\n');
    }
    all
}

/// The members of a group, by its name.
fn members<'p>(pipeline: &'p Pipeline, group: &str) -> Vec<&'p str> {
    let group = pipeline.groups.iter().find(|it| it.name == group).unwrap_or_else(|| panic!("no {group}"));
    group.members.iter().map(|step| pipeline.step(*step).name.as_str()).collect()
}

#[test]
fn steps_and_streams_have_the_callers_name_before_their_own() {
    let pipeline = pipeline(
        "steps:
  - {name: rows, run: x, output: rows}
  - {name: one, uses: ./lib/pack.yml, inputs: {plain: rows}}
  - {name: two, uses: ./lib/pack.yml, inputs: {plain: rows}}
  - {name: sums, run: 'x {{ inputs.a }} {{ inputs.b }}', inputs: {a: one.packed, b: two.packed}}
",
        &[PACK],
    );
    assert_eq!(
        told(&pipeline),
        "rows > rows\none.squeeze < rows > one.packed\ntwo.squeeze < rows > two.packed\nsums < one.packed < two.packed\n"
    );
    assert_eq!(
        (members(&pipeline, "one"), members(&pipeline, "two")),
        (vec!["one.squeeze"], vec!["two.squeeze"])
    );
    let rows = &pipeline.streams[0];
    assert_eq!(rows.readers, [StepId::new(1), StepId::new(2)]);
}

#[test]
fn streams_go_from_one_use_to_the_next() {
    let pipeline = pipeline(
        "steps:
  - {name: two, uses: ./lib/pack.yml, inputs: {plain: one.packed}}
  - {name: one, uses: ./lib/pack.yml, inputs: {plain: {from: rows}}}
  - {name: rows, run: x, output: rows}
",
        &[PACK],
    );
    assert_eq!(
        told(&pipeline),
        "two.squeeze < one.packed > two.packed\none.squeeze < rows > one.packed\nrows > rows\n"
    );
}

#[test]
fn a_file_that_uses_files_passes_streams_through() {
    let twice = (
        "lib/twice.yml",
        "steps:
  - {name: once, uses: ./pack.yml, inputs: {plain: raw}, with: {level: 1}}
  - {name: again, uses: pack.yml, inputs: {plain: once.packed}}
  - {name: note, run: x, input: raw}
",
    );
    let pipeline = pipeline(
        "steps:
  - {name: rows, run: x, output: rows}
  - {name: p, uses: ./lib/twice.yml, inputs: {raw: rows}}
  - {name: out, run: x, input: p.again.packed}
",
        &[twice, PACK],
    );
    assert_eq!(
        told(&pipeline),
        "rows > rows
p.once.squeeze < rows > p.once.packed
p.again.squeeze < p.once.packed > p.again.packed
p.note < rows
out < p.again.packed
"
    );
    assert_eq!(members(&pipeline, "p"), ["p.once.squeeze", "p.again.squeeze", "p.note"]);
    assert_eq!(members(&pipeline, "p.again"), ["p.again.squeeze"]);
    let around: Vec<&str> =
        pipeline.calls_around(pipeline.steps[1].call).map(|(_, call)| call.caller.name.as_str()).collect();
    assert_eq!(around, ["p.once", "p"]);
}

#[test]
fn order_holds_for_each_of_its_steps_and_waiting_for_it_is_waiting_for_all() {
    let pipeline = pipeline(
        "steps:
  - {name: first, run: x}
  - {name: p, uses: ./lib/two.yml, depends_on: first}
  - {name: last, run: x, depends_on: p}
  - {name: middle, run: x, depends_on: p.a}
",
        &[TWO],
    );
    assert_eq!(
        told(&pipeline),
        "first\np.a after first\np.b after p.a after first\nlast after p.a after p.b\nmiddle after p.a\n"
    );
}

#[test]
fn what_a_condition_asks_has_ended_before_each_step() {
    let pipeline = pipeline(
        "params: {on: true}
steps:
  - {name: first, run: x}
  - {name: p, uses: ./lib/two.yml, if: on and success('first')}
  - {name: tell, run: x, if: skipped('p')}
",
        &[TWO],
    );
    assert_eq!(
        told(&pipeline),
        "first\np.a after first\np.b after p.a after first\ntell after p.a after p.b\n"
    );
    let texts: Vec<Option<String>> =
        pipeline.steps.iter().map(|step| pipeline.condition_text(step)).collect();
    let own = Some("on and success('first')".to_owned());
    assert_eq!(texts, [None, own.clone(), own, Some("skipped('p')".to_owned())]);
}

#[test]
fn conditions_of_files_in_files_are_asked_from_the_outside() {
    let inner = ("inner.yml", "params: {c: true}\nsteps: [{name: s, if: c, run: x}]");
    let middle = ("middle.yml", "params: {b: true}\nsteps: [{name: m, if: b, uses: ./inner.yml}]");
    let top = "params: {a: true}\nsteps: [{name: t, if: a, uses: ./middle.yml}]";
    let pipeline = pipeline(top, &[middle, inner]);
    let step = &pipeline.steps[0];
    let asked: Vec<(&str, &str)> = pipeline
        .conditions(step)
        .into_iter()
        .map(|(step, condition)| (step.name.as_str(), condition.text.source.as_str()))
        .collect();
    assert_eq!(asked, [("t", "a"), ("t.m", "b"), ("t.m.s", "c")]);
    assert_eq!(pipeline.condition_text(step).unwrap(), "(a) and (b) and (c)");
}

#[test]
fn a_matrix_uses_a_file_once_for_each_combination() {
    let pipeline = pipeline(
        "steps:
  - {name: rows, run: x, output: rows}
  - {name: p, matrix: {os: [a, b, c]}, uses: ./lib/five.yml, inputs: {plain: rows}}
  - {name: all, run: 'x {{ inputs.x }}', inputs: {x: p.out}}
  - {name: one, run: x, input: p.b.out}
  - {name: after, run: x, depends_on: p.c}
",
        &[(
            "lib/five.yml",
            "steps:
  - {name: s1, run: x, input: plain, output: mid}
  - {name: s2, run: x, input: mid, output: out}
  - {name: s3, run: x}
  - {name: s4, run: x, depends_on: s3}
  - {name: s5, run: x, depends_on: s4}
",
        )],
    );
    let expected: Vec<String> =
        ["a", "b", "c"].iter().flat_map(|os| (1..=5).map(move |step| format!("p.{os}.s{step}"))).collect();
    assert_eq!(names(&pipeline)[1..16], expected);
    assert_eq!(members(&pipeline, "p"), expected);
    assert_eq!(members(&pipeline, "p.b"), expected[5..10]);
    assert_eq!(
        told(&pipeline).lines().skip(16).collect::<Vec<_>>(),
        [
            "all < p.a.out < p.b.out < p.c.out",
            "one < p.b.out",
            "after after p.c.s1 after p.c.s2 after p.c.s3 after p.c.s4 after p.c.s5"
        ]
    );
    let groups: Vec<&str> =
        pipeline.groups_of(&pipeline.steps[6]).map(|group| pipeline.group(group).name.as_str()).collect();
    assert_eq!(groups, ["p.b", "p"]);
}

#[test]
fn a_matrix_inside_is_a_group_inside() {
    let tests = ("lib/tests.yml", "steps: [{name: test, matrix: {v: [1, 2]}, run: x, output: log}]");
    let pipeline = pipeline(
        "steps:
  - {name: p, matrix: {os: [a, b]}, uses: ./lib/tests.yml}
  - {name: after, run: x, depends_on: p.a.test}
  - {name: logs, run: 'x {{ inputs.x }}', inputs: {x: p.b.log}}
",
        &[tests],
    );
    assert_eq!(
        told(&pipeline),
        "p.a.test.1 > p.a.log.1
p.a.test.2 > p.a.log.2
p.b.test.1 > p.b.log.1
p.b.test.2 > p.b.log.2
after after p.a.test.1 after p.a.test.2
logs < p.b.log.1 < p.b.log.2
"
    );
}

#[test]
fn a_name_that_a_use_brings_is_taken() {
    let inner = ("lib/tests.yml", "steps: [{name: s, run: x}, {name: m, matrix: {v: [1]}, run: x}]");
    for (taken, message) in
        [("p.s", "two steps called `p.s`"), ("p.m", "two steps called `p.m`"), ("p", "two steps called `p`")]
    {
        for top in [
            format!("steps: [{{name: p, uses: ./lib/tests.yml}}, {{name: {taken}, run: x}}]"),
            format!("steps: [{{name: {taken}, run: x}}, {{name: p, uses: ./lib/tests.yml}}]"),
        ] {
            let found = wrong(&top, &[inner]);
            assert!(found.len() == 1 && found[0].1.contains(message), "{top}: {found:?}");
        }
    }
}

#[test]
fn a_use_has_its_own_shared_containers_and_services() {
    let inner = (
        "lib/tests.yml",
        "services: {db: {run: x}}
containers: {ci: {image: rust}}
steps:
  - {name: build, container: ci, run: x}
  - {name: test, services: db, run: x}
",
    );
    let pipeline = pipeline(
        "containers: {ci: {image: node}}
steps:
  - {name: p, uses: ./lib/tests.yml}
  - {name: own, container: ci, run: x}
  - {name: q, matrix: {os: [a]}, uses: ./lib/tests.yml}
",
        &[inner],
    );
    let used = |name: &str| {
        let step = pipeline.steps.iter().find(|step| step.name == name).unwrap();
        step.usages().map(|usage| pipeline.step(usage.step).name.as_str()).collect::<Vec<_>>()
    };
    for (step, uses) in [
        ("p.build", "p.ci"),
        ("p.test", "p.db"),
        ("own", "ci"),
        ("q.a.build", "q.a.ci"),
        ("q.a.test", "q.a.db"),
    ] {
        assert_eq!(used(step), [uses], "{step}");
    }
    assert_eq!(members(&pipeline, "p"), ["p.build", "p.test"]);
}

#[test]
fn roles_come_from_the_file_and_from_its_caller() {
    let cleaned = ("lib/c.yml", "steps: [{name: work, run: x}, {name: clean, run: x, finally: true}]");
    let pipeline = pipeline(
        "steps:
  - {name: p, uses: ./lib/c.yml}
  - {name: after, run: x, depends_on: p}
  - {name: last, uses: ./lib/two.yml, finally: true}
",
        &[cleaned, TWO],
    );
    let roles: Vec<(&str, bool)> =
        pipeline.steps.iter().map(|step| (step.name.as_str(), step.role == Role::Finally)).collect();
    assert_eq!(
        roles,
        [("p.work", false), ("p.clean", true), ("after", false), ("last.a", true), ("last.b", true)]
    );
    assert_eq!(members(&pipeline, "p"), ["p.work"]);
    assert_eq!(told(&pipeline).lines().nth(2), Some("after after p.work"));
    // What ends a run is limited in time, and its failure stops nothing.
    assert!(pipeline.steps[3].policy.timeout.is_some() && pipeline.steps[0].policy.timeout.is_none());
}

#[test]
fn a_place_of_a_step_is_in_its_own_file() {
    let pipeline = pipeline("steps:\n\n\n  - {name: p, uses: ./lib/two.yml}\n", &[TWO]);
    let place = |at| {
        let place = pipeline.source.place(at);
        place.rsplit('/').next().unwrap().to_owned()
    };
    assert_eq!(place(pipeline.steps[1].at), "two.yml:1");
    assert_eq!(place(pipeline.call(CallId::new(0)).caller.at), "pipeline.yml:4");
}

#[test]
fn a_file_that_is_used_by_a_link_sees_the_files_beside_the_real_one() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("real/lib/a.yml", "steps: [{name: x, uses: ./b.yml}]");
    write("real/lib/b.yml", "steps: [{name: s, run: x}]");
    std::os::unix::fs::symlink("real/lib/a.yml", folder.path().join("a.yml")).unwrap();
    let top = Source::new(folder.path().join("pipeline.yml"), "steps: [{name: p, uses: ./a.yml}]");
    let pipeline = load(top, &LoadOptions::default()).unwrap();
    assert_eq!(names(&pipeline), ["p.x.s"]);
}

#[test]
fn a_file_is_read_and_lowered_once_however_often_it_is_used() {
    let mut top = "params: {l: 1}\nsteps:\n  - {name: rows, run: x, output: rows}\n".to_owned();
    for number in 0..1000 {
        // A file by several spellings is one file.
        let path = if number % 2 == 0 { "./lib/pack.yml" } else { "lib/../lib/pack.yml" };
        let _ = writeln!(
            top,
            "  - {{name: p{number}, uses: {path}, inputs: {{plain: rows}}, with: {{level: '{{{{ l }}}}'}}}}"
        );
    }
    let pipeline = pipeline(&top, &[PACK]);
    assert_eq!((pipeline.steps.len(), pipeline.source.files().len()), (1001, 2));
    let first = &pipeline.calls[0].file;
    assert!(pipeline.calls.iter().all(|call| std::sync::Arc::ptr_eq(&call.file, first)));
}

#[test]
fn a_file_whose_steps_hang_on_a_value_is_lowered_for_each_use() {
    let many = (
        "lib/many.yml",
        "params: {items: {type: list, default: [a]}}\nsteps: [{name: m, matrix: {i: '{{ items }}'}, run: x}]",
    );
    let pipeline = pipeline(
        "params: {own: {type: list, default: [c, d]}}
steps:
  - {name: p, uses: ./lib/many.yml}
  - {name: q, uses: ./lib/many.yml, with: {items: [b]}}
  - {name: r, uses: ./lib/many.yml, with: {items: '{{ own }}'}}
",
        &[many],
    );
    assert_eq!(names(&pipeline), ["p.m.a", "q.m.b", "r.m.c", "r.m.d"]);
    assert_eq!(pipeline.source.files().len(), 2);
}

#[test]
fn files_may_be_sixteen_deep() {
    let chain = |deepest: usize| {
        let mut files = vec![("pipeline.yml".to_owned(), "steps: [{name: s, uses: ./f1.yml}]".to_owned())];
        for depth in 1..deepest {
            let text = format!("steps: [{{name: s, uses: ./f{}.yml}}]", depth + 1);
            files.push((format!("f{depth}.yml"), text));
        }
        files.push((format!("f{deepest}.yml"), "steps: [{name: s, run: x}]".to_owned()));
        let files: Vec<File<'_>> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        try_load(&files).map_err(|problems| problems.iter().map(|problem| problem.code).collect::<Vec<_>>())
    };
    assert_eq!(names(&chain(16).unwrap()), [vec!["s"; 17].join(".")]);
    assert_eq!(chain(17).unwrap_err(), [Code::UsesDepth]);
}

#[test]
fn the_same_file_may_be_reached_by_several_ways() {
    let left = ("left.yml", "steps: [{name: l, uses: ./end.yml}]");
    let right = ("right.yml", "steps: [{name: r, uses: ./left.yml}, {name: e, uses: ./end.yml}]");
    let end = ("end.yml", "steps: [{name: s, run: x}]");
    let top = "steps: [{name: a, uses: ./left.yml}, {name: b, uses: ./right.yml}]";
    let pipeline = pipeline(top, &[left, right, end]);
    assert_eq!(names(&pipeline), ["a.l.s", "b.r.l.s", "b.e.s"]);
    assert_eq!(pipeline.source.files().len(), 4);
}
