//! Matrices: which steps they make, and what each of them has.

use crate::file::{Code, LoadOptions, ParamSources, load, resolve};
use crate::pipeline::{MatrixValue, OnError, Pipeline, Source, StepId};
use crate::template::{RunContext, Scope, TemplateRenderer};

fn loaded(text: &str) -> Result<Pipeline, Vec<(Code, String)>> {
    let said = |problems: crate::file::Diagnostics| {
        problems.iter().map(|problem| (problem.code, problem.message.clone())).collect()
    };
    load(Source::new("p.yml", text), &LoadOptions::default()).map_err(said)
}

fn good(text: &str) -> Pipeline {
    loaded(text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"))
}

fn codes(text: &str) -> Vec<Code> {
    loaded(text).expect_err(text).into_iter().map(|(code, _)| code).collect()
}

fn names(pipeline: &Pipeline) -> String {
    pipeline.steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>().join(" ")
}

/// The scripts of a pipeline, with the values of each step.
fn scripts(pipeline: &Pipeline) -> Vec<String> {
    let values = resolve(pipeline, &ParamSources::default()).unwrap();
    let renderer = TemplateRenderer::new(RunContext { values, ..RunContext::default() });
    let script = |step: &crate::pipeline::Step| {
        let text = &step.action.script().unwrap().text;
        renderer.render(text, Scope { step: Some(step), ..Scope::default() }).unwrap()
    };
    pipeline.steps.iter().map(script).collect()
}

/// What a step waits for.
fn after(pipeline: &Pipeline, name: &str) -> String {
    let step = pipeline.steps.iter().find(|step| step.name == name).unwrap();
    let names = step.depends_on.iter().map(|dependency| pipeline.step(dependency.step).name.as_str());
    names.collect::<Vec<_>>().join(" ")
}

/// The streams that a step reads, with the names that it has for them.
fn reads(pipeline: &Pipeline, name: &str) -> String {
    let step = pipeline.steps.iter().find(|step| step.name == name).unwrap();
    let read = step.inputs.iter().map(|input| {
        let stream = &pipeline.stream(input.port.stream).name;
        format!(
            "{}{}={stream}",
            input.name.as_deref().unwrap_or("-"),
            if input.is_gathered { "*" } else { "" }
        )
    });
    read.collect::<Vec<_>>().join(" ")
}

#[test]
fn axes_multiply_less_what_is_excluded_and_what_is_included() {
    let pipeline =
        good("steps: [{name: t, matrix: {a: [1, 2], b: [x, y]}, run: 'echo {{ matrix.a }}{{ matrix.b }}'}]");
    assert_eq!(names(&pipeline), "t.1.x t.1.y t.2.x t.2.y");
    assert_eq!(scripts(&pipeline), ["echo 1x", "echo 1y", "echo 2x", "echo 2y"]);
    assert_eq!(pipeline.groups[0].members.len(), 4);
    let pipeline = good(
        "steps: [{name: t, matrix: {a: [1, 2], b: [x, y], exclude: [{b: x}], include: [{a: 3, b: z}], max_parallel: 2}, run: make}]",
    );
    assert_eq!(names(&pipeline), "t.1.y t.2.y t.3.z");
    assert_eq!(pipeline.groups[0].max_parallel.unwrap().get(), 2);
}

#[test]
fn what_is_included_is_a_value_of_its_axis() {
    let step = |word: &str| {
        format!(
            "steps: [{{name: t, matrix: {{v: [a, b], include: [{{v: c}}]}}, run: make, \
             on_error: \"{{{{ 'ignore' if matrix.v == '{word}' else 'stop' }}}}\"}}]"
        )
    };
    good(&step("c"));
    assert_eq!(codes(&step("d")), [Code::BadComparison]);
}

#[test]
fn values_are_as_they_are_written() {
    let pipeline = good(
        "steps: [{name: t, matrix: {v: [3.10, '3', 4, true, 1e3]}, run: 'echo {{ matrix.v }} {{ matrix.v is number }}'}]",
    );
    assert_eq!(names(&pipeline), "t.3.10 t.3 t.4 t.true t.1e3");
    assert_eq!(
        scripts(&pipeline),
        ["echo 3.10 false", "echo 3 false", "echo 4 true", "echo true true", "echo 1e3 false"]
    );
    assert_eq!(codes("steps: [{name: t, matrix: {v: ['3', 3]}, run: make}]"), [Code::MatrixDuplicate]);
}

#[test]
fn a_list_of_combinations_is_called_after_its_names() {
    let pipeline = good(
        "steps: [{name: t, matrix: {include: [{name: linux, cc: gcc}, {name: arm, cc: 'a b'}]}, run: 'make {{ matrix.cc }}'}]",
    );
    assert_eq!(names(&pipeline), "t.linux t.arm");
    assert_eq!(scripts(&pipeline), ["make gcc", "make 'a b'"]);
    let pipeline = good("steps: [{name: t, matrix: {include: [{os: a, cc: gcc}]}, run: make}]");
    assert_eq!(names(&pipeline), "t.a.gcc");
}

#[test]
fn a_list_of_a_run_makes_the_steps() {
    let text = "params: {v: {type: list, default: ['3.10', 'a b']}}\nsteps: [{name: t, matrix: {v: '{{ v }}'}, run: 'echo {{ matrix.v }}'}]";
    let pipeline = good(text);
    assert_eq!(names(&pipeline), "t.3.10 t.a-b");
    assert_eq!(scripts(&pipeline), ["echo 3.10", "echo 'a b'"]);
    let open = good(
        "params: {v: {type: list}}\nsteps: [{name: t, matrix: {v: '{{ v }}', os: [a, b]}, run: 'echo {{ matrix.v }}'}, {name: after, depends_on: [t, t.1.a], run: make}]",
    );
    assert_eq!(names(&open), "t.?.a t.?.b after");
    let member = open.steps[0].member.as_ref().unwrap();
    assert_eq!(member.matrix[0], ("v".to_owned(), MatrixValue::Unknown));
    assert_eq!(after(&open, "after"), "t.?.a t.?.b");
}

#[test]
fn an_empty_list_leaves_one_step_that_keeps_the_place() {
    let pipeline = good(
        "params: {v: {type: list, default: []}}\nsteps:\n  - {name: build, run: make}\n  - {name: t, matrix: {v: '{{ v }}'}, run: 'echo {{ matrix.v }}', output: tar, depends_on: build}\n  - {name: report, depends_on: t, run: make}\n  - {name: sums, run: 'cat {{ inputs.tars }}', inputs: {tars: tar}}",
    );
    assert_eq!(names(&pipeline), "build t report sums");
    assert_eq!(pipeline.groups[0].members, [StepId::new(1)]);
    assert_eq!(after(&pipeline, "report"), "t");
    assert_eq!(after(&pipeline, "t"), "build");
    assert_eq!(reads(&pipeline, "sums"), "tars*=tar");
    assert!(pipeline.steps[1].member.as_ref().unwrap().matrix.is_empty());
}

#[test]
fn what_is_too_large_is_refused_without_being_made() {
    let axis = |name: &str| {
        format!("{name}: [{}]", (0..1_000).map(|n| n.to_string()).collect::<Vec<_>>().join(", "))
    };
    let huge =
        format!("steps: [{{name: t, matrix: {{{}, {}, {}}}, run: make}}]", axis("a"), axis("b"), axis("c"));
    assert_eq!(codes(&huge), [Code::MatrixSize]);
    let most = good(&format!("steps: [{{name: t, matrix: {{{}}}, run: make}}]", axis("a")));
    assert_eq!(most.steps.len(), 1_000);
    let more = format!("steps: [{{name: t, matrix: {{{}, include: [{{a: x}}]}}, run: make}}]", axis("a"));
    assert_eq!(codes(&more), [Code::MatrixSize]);
}

#[test]
fn a_group_is_a_name_for_its_steps() {
    let text = "steps:\n  - {name: t, matrix: {os: [a, b]}, run: make}\n  - {name: u, matrix: {os: [a, b]}, run: make, depends_on: 't.{{ matrix.os }}'}\n  - {name: all, run: make, depends_on: [t, t.a]}\n  - {name: values, run: 'echo {{ steps[\"t.a\"].outputs.k }} {{ steps.u.members | length }}'}";
    let pipeline = good(text);
    assert_eq!(after(&pipeline, "u.a"), "t.a");
    assert_eq!(after(&pipeline, "u.b"), "t.b");
    assert_eq!(after(&pipeline, "all"), "t.a t.b");
    assert_eq!(after(&pipeline, "values"), "t.a u.a u.b");
}

#[test]
fn streams_are_made_paired_and_gathered() {
    let text = "steps:\n  - {name: pack, matrix: {name: [linux, a/b]}, run: make, output: tar}\n  - {name: sign, matrix: {name: [linux, a/b]}, run: cat, input: 'tar.{{ matrix.name }}', output: 'sig-{{ matrix.name }}'}\n  - {name: sums, run: 'cat {{ inputs.parts }} {{ inputs.sig }}', input: sig-a-b, inputs: {parts: tar, sig: sig-linux}}";
    let pipeline = good(text);
    assert_eq!(reads(&pipeline, "sign.linux"), "-=tar.linux");
    assert_eq!(reads(&pipeline, "sign.a-b"), "-=tar.a-b");
    assert_eq!(reads(&pipeline, "sums"), "-=sig-a-b parts*=tar.linux parts*=tar.a-b sig=sig-linux");
    let script = scripts(&pipeline).pop().unwrap();
    assert_eq!(script, "cat /dev/fd/20 /dev/fd/21 /dev/fd/22");
}

#[test]
fn what_a_failure_means_may_hang_on_the_values() {
    let text = "steps: [{name: t, matrix: {v: [1, 2]}, run: make, on_error: \"{{ 'ignore' if matrix.v == 2 else 'continue' }}\"}]";
    let pipeline = good(text);
    let policies: Vec<OnError> = pipeline.steps.iter().map(|step| step.policy.on_error).collect();
    assert_eq!(policies, [OnError::Continue, OnError::Ignore]);
}

#[test]
fn values_of_a_run_are_data() {
    let text = "params: {v: {type: list, default: ['$(touch x)']}}\nsteps: [{name: t, matrix: {v: '{{ v }}'}, run: 'echo {{ matrix.v }}', output: o}]";
    let pipeline = good(text);
    assert_eq!(names(&pipeline), "t.--touch-x-");
    assert_eq!(pipeline.streams[0].name, "o.--touch-x-");
    assert_eq!(scripts(&pipeline), ["echo '$(touch x)'"]);
}

#[test]
fn an_entry_that_another_list_makes_vain_is_no_mistake() {
    let text = "params: {v: {type: list, default: ['1']}}\nsteps: [{name: t, matrix: {v: '{{ v }}', exclude: [{v: 2}], include: [{v: 1}]}, run: make}]";
    assert_eq!(names(&good(text)), "t.1");
}

#[test]
fn what_is_wrong_with_many_steps_is_said_once() {
    let text = "steps: [{name: t, matrix: {v: [1, 2, 3]}, run: make, depends_on: tset2, input: nothing, inputs: {a-b: x}}]";
    assert_eq!(codes(text), [Code::UnknownStep, Code::NoProducer, Code::BadName, Code::NoProducer]);
}

#[test]
fn anchors_and_merge_keys_work_around_a_matrix() {
    let text = "x-os: &os [a, b]\nsteps:\n  - &t {name: t, matrix: {os: *os}, run: 'make {{ matrix.os }}'}\n  - {<<: *t, name: u}";
    assert_eq!(names(&good(text)), "t.a t.b u.a u.b");
}
