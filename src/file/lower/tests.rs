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
