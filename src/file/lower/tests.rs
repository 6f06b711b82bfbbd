//! What the file says about values: paths, tags and comments that would not be what they look like.

use crate::file::{LoadOptions, load};
use crate::pipeline::Source;

/// What is wrong with a file, as `code: message; help`, and the text under its caret.
fn wrong(text: &str) -> Vec<(String, String)> {
    wrong_with(text, &LoadOptions::default())
}

fn wrong_with(text: &str, options: &LoadOptions) -> Vec<(String, String)> {
    let source = Source::new("pipeline.yml", text);
    let problems = load(source.clone(), options).err();
    let show = |problem: crate::file::Diagnostic| {
        let at = problem.span.map(|at| source.slice(at).to_owned()).unwrap_or_default();
        (format!("{}: {}; {}", problem.code, problem.message, problem.help.unwrap_or_default()), at)
    };
    problems.into_iter().flatten().map(show).collect()
}

#[test]
fn a_path_with_what_only_a_shell_replaces_is_refused() {
    for (text, code) in [
        ("params: {d: {type: path, default: ~/backup}}\nsteps: [{name: a, run: make}]", "bad-default"),
        ("params: {d: {type: path, default: '~'}}\nsteps: [{name: a, run: make}]", "bad-default"),
        ("params: {d: {type: path, default: $HOME/x}}\nsteps: [{name: a, run: make}]", "bad-default"),
        ("steps: [{name: a, run: make, working_dir: ~/src}]", "bad-path"),
        ("defaults: {working_dir: '${HOME}/src'}\nsteps: [{name: a, run: make}]", "bad-path"),
        ("steps: [{name: a, run: make, produces: [ok, ~/out/*.tar]}]", "bad-path"),
        ("steps: [{name: a, run: make, image: x, mounts: ['~/.cache:/cache']}]", "bad-path"),
        ("steps: [{name: a, run: make, image: x, mounts: ['$HOME/x:/cache:ro']}]", "bad-path"),
        ("steps: [{name: a, run: make, image: x, mounts: [{source: ~/x, target: /cache}]}]", "bad-path"),
    ] {
        let found = wrong(text);
        assert!(found.len() == 1 && found[0].0.starts_with(code), "{text}: {found:?}");
        assert!(found[0].0.contains("{{ env.HOME }}"), "{found:?}");
    }
    for text in [
        "params: {d: {type: path, default: '{{ env.HOME }}/backup'}}\nsteps: [{name: a, run: make}]",
        "params: {d: {type: path, default: ./~}, s: ~/x}\nsteps: [{name: a, run: 'echo ~/x $HOME {{ s }}'}]",
        "steps: [{name: a, run: make, working_dir: '{{ env.HOME }}/src', produces: Foo$Bar.class}]",
    ] {
        assert_eq!(wrong(text), [], "{text}");
    }
}

#[test]
fn a_tag_of_yaml_is_told_from_text() {
    for (value, tag) in [
        ("! grep -q x f", "!"),
        ("! 'grep'", "!"),
        ("!", "!"),
        ("!cancelled()", "!cancelled()"),
        ("!failure && echo", "!failure"),
        ("!sh make", "!sh"),
        ("!!python/name:x y", "!!python/name:x"),
        ("! [a, b]", "!"),
        ("! {a: b}", "!"),
        ("!\n        grep -q x f", "!"),
        ("! |\n        grep -q x f", "!"),
    ] {
        for text in [
            format!("steps:\n  - name: a\n    run: {value}\n"),
            format!("steps:\n  - name: a\n    run: make\n    env:\n      A: {value}\n"),
        ] {
            let found = wrong(&text);
            assert!(!found.is_empty() && found[0].0.starts_with("unknown-tag"), "{text}: {found:?}");
            assert_eq!(found[0].1, tag, "{text}");
        }
    }
    for value in ["'! grep -q x f'", "|\n        ! grep -q x f", "!!str make", "echo a!b ! c"] {
        assert_eq!(wrong(&format!("steps:\n  - name: a\n    run: {value}\n")), [], "{value}");
    }
}

#[test]
fn a_comment_of_templates_is_refused_in_every_text() {
    for text in [
        "steps: [{name: a, run: 'echo {# x #} y'}]",
        "steps: [{name: a, run: make, env: {A: '{# x #}'}}]",
        "steps: [{name: a, run: make, working_dir: 'x{# y #}'}]",
    ] {
        let found = wrong(text);
        assert!(found.len() == 1 && found[0].0.starts_with("template-syntax"), "{text}: {found:?}");
    }
    assert_eq!(wrong("# {# x #}\nsteps: [{name: a, run: 'echo ${#x}'}] # {# y #}\n"), []);
}

#[test]
fn a_step_with_the_terminal_has_no_stream_on_it_and_no_container() {
    let step = |keys: &str| {
        format!(
            "steps:\n  - {{name: p, run: ls, output: s}}\n  - {{name: a, run: make, terminal: true, {keys}}}\n"
        )
    };
    for (keys, at) in [("output: t", "t"), ("input: s", "s"), ("image: 'x'", "'x'"), ("build: ./x", "./x")] {
        let found = wrong(&step(keys));
        assert!(
            found.len() == 1 && found[0].0.starts_with("bad-terminal: the step `a` "),
            "{keys}: {found:?}"
        );
        assert_eq!(found[0].1, at);
        assert_eq!(wrong(&step(keys).replace("terminal: true", "terminal: false")), [], "{keys}");
    }
    assert_eq!(wrong(&step("output: t, input: s, image: x")).len(), 3, "all of them are reported");
    for keys in ["inputs: {s: s}", "retry: 1", "timeout: 5s", "shell: sh, produces: x"] {
        assert_eq!(wrong(&step(keys)), [], "{keys}");
    }
    let in_containers = LoadOptions { containers: true, image: Some("x".into()), ..LoadOptions::default() };
    let found = wrong_with(&step("retry: 1"), &in_containers);
    assert!(found.len() == 1 && found[0].0.contains("`--docker`") && found[0].1 == "true", "{found:?}");
}

/// What each step needs of which, `!` where it needs its values.
fn needs(text: &str) -> String {
    let pipeline = load(Source::new("pipeline.yml", text), &LoadOptions::default()).unwrap();
    let needed = |dependency: &crate::pipeline::Dependency| {
        let mark = match dependency.need {
            crate::pipeline::Need::Order => "",
            crate::pipeline::Need::Values => "!",
        };
        format!("{}{mark}", pipeline.step(dependency.step).name)
    };
    let of = |step: &crate::pipeline::Step| {
        let all: Vec<String> = step.depends_on.iter().map(needed).collect();
        format!("{}: {}", step.name, all.join(" "))
    };
    pipeline.steps.iter().filter(|step| !step.depends_on.is_empty()).map(of).collect::<Vec<_>>().join("\n")
}

#[test]
fn values_are_told_from_order() {
    let text = "
steps:
  - {name: a, run: make, on_error: ignore}
  - {name: order, run: make, depends_on: a}
  - {name: value, run: 'make {{ steps.a.outputs.k }}'}
  - {name: other, run: \"make {{ steps.a.outputs.k | default('x') }}\"}
  - {name: both, run: \"make {{ steps.a.outputs.k | default('x') }} {{ steps.a.outputs.l }}\", depends_on: a}
  - {name: late, if: steps.a.outputs.k == '1', run: make}
  - {name: safe, if: steps.a.outputs.k | default('') == '1', run: make}
  - {name: asks, if: success('a') or failure('a'), run: make}
  - {name: group, if: skipped('m'), run: make}
  - {name: m, matrix: {v: [1, 2]}, if: matrix.v == 1, run: make}
";
    assert_eq!(
        needs(text),
        "order: a\nvalue: a!\nother: a\nboth: a!\nlate: a!\nsafe: a\nasks: a\ngroup: m.1 m.2"
    );
}

#[test]
fn a_condition_may_have_braces_around_all_of_it() {
    let condition = |text: &str| {
        let text = format!("params: {{release: true}}\nsteps:\n  - name: a\n    if: {text}\n    run: make\n");
        let pipeline = load(Source::new("pipeline.yml", text.as_str()), &LoadOptions::default()).unwrap();
        let condition = pipeline.steps[0].condition.clone().unwrap();
        let at = pipeline.source.slice(condition.text.at);
        (condition.text.source.clone(), at.trim().to_owned())
    };
    for (text, source, at) in [
        ("release", "release", "release"),
        ("\"{{ release }}\"", "release", "release"),
        ("${{ release }}", "release", "release"),
        ("'{{release}}'", "release", "release"),
        ("' release '", "release", "release"),
        ("TRUE", "true", "TRUE"),
        ("false", "false", "false"),
        ("'false'", "false", "'false'"),
        (">\n      release and\n      release", "release and release", ">\n      release and\n      release"),
    ] {
        let found = condition(text);
        assert_eq!(
            (found.0.as_str(), found.1.trim_start_matches(['>', '\n', ' '])),
            (source, at.trim_start_matches(['>', '\n', ' '])),
            "{text}"
        );
    }
}

#[test]
fn a_tag_in_place_of_not_is_told_so() {
    for text in ["steps: [{name: a, if: !cancelled(), run: x}]", "steps:\n- name: a\n  if: !x\n  run: x"] {
        let found = wrong(text);
        assert!(found[0].0.contains("write `if: not …`"), "{found:?}");
        assert!(found[0].1.starts_with('!'), "{found:?}");
    }
}

#[test]
fn outputs_of_a_step_that_may_be_passed_over_need_a_default() {
    let code = |steps: &str, output: &str| {
        let found = wrong(&format!("params: {{r: true}}\nsteps: [{steps}]\noutputs: {{x: \"{output}\"}}"));
        found.first().map(|(text, _)| text.split(':').next().unwrap_or_default().to_owned())
    };
    let read = "{{ steps.b.outputs.k }}";
    let missing = Some("maybe-missing".to_owned());
    assert_eq!(code("{name: b, run: x}", read), None);
    assert_eq!(code("{name: b, if: true, run: x}", read), None);
    assert_eq!(code("{name: b, if: r, run: x}", read), missing);
    assert_eq!(code("{name: b, if: r, run: x}", "{{ steps.b.outputs.k | default('') }}"), None);
    assert_eq!(code("{name: a, if: r, run: x}, {name: b, run: x, depends_on: a}", read), None);
    assert_eq!(code("{name: a, if: r, run: x, output: s}, {name: b, run: x, input: s}", read), missing);
    assert_eq!(code("{name: a, if: r, run: x}, {name: b, run: 'x {{ steps.a.outputs.k }}'}", read), missing);
}

/// What only clean-up uses starts however far the others have come.
#[test]
fn values_in_services_of_finally_steps_alone_need_a_default() {
    let codes = |user: &str, value: &str| {
        let text = format!(
            "
services: {{db: {{image: x, run: 'serve {{{{ {value} }}}}', healthcheck: none}}, api: {{run: x, healthcheck: none, services: db}}}}
containers: {{ci: {{image: x, services: db}}}}
steps:
  - {{name: build, run: make}}
  - {{name: clean, finally: true, {user}, run: make}}
  - {{name: last, run: make, USER}}
"
        );
        let codes = |last: &str| {
            let found = wrong(&text.replace("USER", last));
            found
                .iter()
                .map(|(text, _)| text.split(':').next().unwrap_or_default().to_owned())
                .collect::<Vec<_>>()
        };
        (codes("shell: sh"), codes("services: db"))
    };
    let (none, missing) = (Vec::<String>::new(), vec!["maybe-missing".to_owned()]);
    let read = "steps.build.outputs.k";
    for user in ["services: db", "services: api", "container: ci"] {
        assert_eq!(codes(user, read), (missing.clone(), none.clone()), "{user}");
        assert_eq!(codes(user, &format!("{read} | default(\"\")")), (none.clone(), none.clone()), "{user}");
    }
}
