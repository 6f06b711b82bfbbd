//! Whole files: what they mean, and what is said when they are wrong.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::pipeline::{Action, Backoff, OnError, ParamKind, Policy, Retry, Shell, Step, StepId};
use crate::template::{RunContext, TemplateRenderer};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of a folder that end with `.yml`, by name.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "yml"));
    // GitHub's file, not ours.
    files.retain(|path| !path.ends_with("github-workflow.yml"));
    files.sort();
    assert!(!files.is_empty());
    files
}

fn load_text(text: &str) -> Result<Pipeline, Diagnostics> {
    load(Source::new("pipeline.yml", text), &LoadOptions::default())
}

fn good(text: &str) -> Pipeline {
    load_text(text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What is said about a file.
fn said(text: &str) -> String {
    render(&load_text(text).unwrap_err(), false)
}

/// The codes of what is wrong with a file.
fn codes(text: &str) -> Vec<&'static str> {
    load_text(text).unwrap_err().iter().map(|problem| problem.code.name()).collect()
}

/// A pipeline whose limits are given by params, with these values.
fn settled(values: &[(&str, &str)]) -> Result<Pipeline, Vec<String>> {
    const TEXT: &str = "\
params: {wait: {type: duration, default: 5m}, often: 2, many: 3}
max_parallel: '{{ many }}'
defaults: {timeout: '{{ wait }}'}
steps:
  - {name: a, run: make, retry: {count: '{{ often }}', delay: '{{ wait }}', max_delay: 1h, timeout: '{{ wait }}'}}
  - {name: b, run: make, timeout: 1s, retry: '{{ often }}'}
";
    let mut pipeline = load(Source::new("p.yml", TEXT), &LoadOptions::default()).unwrap();
    let cli = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let given = ParamSources { cli, ..ParamSources::default() };
    let values = resolve(&pipeline, &given).unwrap();
    let renderer = TemplateRenderer::new(RunContext { values, ..RunContext::default() });
    assert!(!is_settled(&pipeline));
    let problems = settle(&mut pipeline, &renderer);
    if problems.is_empty() { Ok(pipeline) } else { Err(problems.into_iter().map(|it| it.message).collect()) }
}

#[test]
fn params_give_limits() {
    let pipeline = settled(&[]).unwrap();
    assert_eq!(pipeline.max_parallel.map(|many| many.get()), Some(3));
    let minutes = |count: u64| Some(Duration::from_secs(60 * count));
    let policy = &pipeline.steps[0].policy;
    let retry = policy.retry.as_ref().unwrap();
    assert_eq!(
        (policy.timeout, retry.count, Some(retry.delay), retry.timeout),
        (minutes(5), 2, minutes(5), minutes(5))
    );
    assert_eq!(retry.max_delay, minutes(60));
    let policy = &pipeline.steps[1].policy;
    assert_eq!((policy.timeout, policy.retry.as_ref().unwrap().count), (Some(Duration::from_secs(1)), 2));
    let never = settled(&[("often", "0")]).unwrap();
    assert!(never.steps.iter().all(|step| step.policy.retry.is_none()));
    assert_eq!(
        settled(&[("wait", "0s"), ("often", "-1"), ("many", "0")]).unwrap_err(),
        [
            "`max_parallel` must be a whole number from 1, not `0`",
            "a timeout of nothing would stop every step at once",
            "`retry` must be a whole number from 0, not `-1`",
            "a timeout of nothing would stop every step at once",
            "`retry` must be a whole number from 0, not `-1`",
        ]
    );
}

#[test]
fn every_class_of_mistake_has_its_message() {
    for path in files("tests/fixtures/file/bad") {
        let source = Source::new(path.file_name().unwrap(), std::fs::read_to_string(&path).unwrap());
        let problems = load(source, &LoadOptions::default()).expect_err(&path.display().to_string());
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(root().join("tests/fixtures/file/bad"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| {
            insta::assert_snapshot!(path.file_stem().unwrap().to_str().unwrap(), render(&problems, false))
        });
    }
}

#[test]
fn every_syntax_error_has_its_message() {
    let texts = [
        "a: [1, 2\nb: 3\n",
        "a: [1, 2",
        "a: {b: c",
        "a: [1 2}",
        "a: \"x\nb: 3\n",
        "a: 'x\n",
        "a:\n\tb: 3\n",
        "a:\n  b: 3\n\tc: 4\n",
        "a: b: c\n",
        "run: echo \"a\": b\n",
        "a: 1\n b: 2\n",
        "a: 1\nb\nc: 2\n",
        "steps:\n- a\nb: 1\n- x: 1",
        "steps:\n  - name: a\n   run: b\n",
        "a: *x\n",
        "a: * x\n",
        "a: @x\n",
        "a: `x`\n",
        "a: \"\\q\"\n",
        "a: \"x\" y\n",
        "a: - x\n",
        "a: |x\n  foo\n",
        "a: x #c\n  b\n",
        "a: \0b\n",
        "%FOO\na: b\n",
        "a: b\n---\nc: d\n",
        "- a\n- b\n",
        "just text\n",
        "? [a]\n: b\n",
        "# only a comment\n",
        "",
    ];
    let said: Vec<String> = texts.iter().map(|text| said(text)).collect();
    insta::assert_snapshot!("syntax", said.join("------\n"));
}

#[test]
fn messages_use_no_words_of_the_machinery() {
    let words = [
        "Raw",
        "Option",
        "Vec",
        "serde",
        "deserialize",
        "struct",
        "variant",
        "invalid type",
        "byte offset",
        "expected",
        "scalar",
        "mapping",
        "sequence",
        "token",
        "$",
    ];
    for path in files("tests/fixtures/file/bad") {
        let problems = load(read(&path).unwrap(), &LoadOptions::default()).unwrap_err();
        for problem in &problems {
            for text in [Some(&problem.message), problem.help.as_ref()].into_iter().flatten() {
                for word in words {
                    assert!(!text.contains(word), "{word:?} in {text:?}");
                }
            }
            assert!(problem.position().is_some(), "no place: {}", problem.message);
        }
    }
}

#[test]
fn the_founding_document_loads_as_it_stands() {
    let files = files("tests/fixtures/file");
    assert_eq!(files.len(), 4);
    for path in files {
        let mut text = std::fs::read_to_string(&path).unwrap();
        if path.ends_with("founding-4.yml") {
            // A fragment: its `url` is declared nowhere.
            text.insert_str(0, "params: {url: \"file:///etc/hosts\"}\n");
        }
        if let Err(problems) = load(Source::new(&path, text), &LoadOptions::default()) {
            panic!("{problems}");
        }
    }
}

#[test]
fn the_examples_load_and_say_how_to_run_them() {
    for path in files("examples") {
        let source = read(&path).unwrap_or_else(|problems| panic!("{problems}"));
        let command = format!("pipe run examples/{}", path.file_name().unwrap().to_str().unwrap());
        assert!(source.text().contains(&command), "{} does not show its command", path.display());
        if let Err(problems) = load(source, &LoadOptions::default()) {
            panic!("{problems}");
        }
    }
}

const FAN_OUT: &str = "\
params: {level: {type: int, default: 9}}
env: {LC_ALL: C, A: '1'}
defaults: {working_dir: docs}
max_parallel: 3
steps:
  - {name: pack, run: tar c ., output: archive, env: {A: '2'}, shell: python}
  - {name: compress, run: gzip, input: archive, depends_on: [prepare, prepare]}
  - {name: sum, run: sha256sum, input: archive, output: unread, working_dir: .}
  - {name: prepare, run: mkdir out, shell: bash}
";

#[test]
fn steps_and_streams_refer_to_each_other_by_id() {
    let pipeline = good(FAN_OUT);
    let [pack, compress, sum, prepare] = pipeline.steps.as_slice() else { panic!() };
    let [archive, unread] = pipeline.streams.as_slice() else { panic!() };
    assert_eq!((pipeline.name.as_str(), pipeline.max_parallel.unwrap().get()), ("pipeline", 3));
    assert_eq!((archive.name.as_str(), archive.producer), ("archive", StepId::new(0)));
    assert_eq!(archive.readers, [StepId::new(1), StepId::new(2)]);
    assert_eq!((unread.producer, unread.readers.len()), (StepId::new(2), 0));
    assert_eq!(pack.output.unwrap().at, archive.at);
    assert_eq!(compress.stdin().unwrap().port.stream, sum.stdin().unwrap().port.stream);
    assert_eq!(compress.depends_on.iter().map(|on| on.step).collect::<Vec<_>>(), [StepId::new(3)]);
    assert_eq!(pipeline.source.slice(compress.depends_on[0].at), "prepare");
    assert_eq!(pipeline.source.slice(prepare.at), "prepare");

    let env = |step: &Step| {
        step.env.iter().map(|var| format!("{}={}", var.name, var.value.source)).collect::<Vec<_>>()
    };
    assert_eq!(env(pack), ["LC_ALL=C", "A=1", "A=2"]);
    assert_eq!(env(sum), ["LC_ALL=C", "A=1"]);
    let folder = |step: &Step| step.working_dir.as_ref().unwrap().source.clone();
    assert_eq!((folder(pack), folder(sum)), ("docs".to_owned(), ".".to_owned()));
    let shell = |step: &Step| step.action.script().unwrap().shell.clone();
    assert_eq!(shell(pack), Shell::Other(vec!["python3".into(), "-c".into()]));
    assert_eq!((shell(sum), shell(prepare)), (Shell::Auto, Shell::Posix("bash".into())));
}

#[test]
fn params_have_the_type_that_is_written_or_shown() {
    let pipeline = good(
        "params: {a: /data, b: 9, c: 0.5, d: true, e: [x, 'y, z'], f: '9', g: 010, h: {type: path, access: rw}, i: {default: 1.10}}\n\
         steps: [{name: a, run: make}]\n",
    );
    let kinds: Vec<&ParamKind> = pipeline.params.iter().map(|param| &param.kind).collect();
    let text = ParamKind::String { pattern: None };
    assert_eq!(kinds[0], &text);
    assert_eq!(kinds[1], &ParamKind::Int { min: None, max: None });
    assert_eq!(kinds[2], &ParamKind::Float { min: None, max: None });
    assert_eq!((kinds[3], kinds[4]), (&ParamKind::Bool, &ParamKind::List));
    assert_eq!((kinds[5], kinds[6]), (&text, &text));
    let required: Vec<bool> = pipeline.params.iter().map(|param| param.required).collect();
    assert_eq!(required, [false, false, false, false, false, false, false, true, false]);
    let default = |index: usize| pipeline.params[index].default.as_ref().unwrap().source.clone();
    assert_eq!(
        (default(6).as_str(), default(4).as_str(), default(8).as_str()),
        ("010", r#"["x","y, z"]"#, "1.10")
    );
}

/// The policy of a step `a` with these keys, in a file with those.
fn policy(file: &str, step: &str) -> Policy {
    good(&format!("{file}\nsteps: [{{name: a, run: make{step}}}]\n")).steps[0].policy.clone()
}

#[test]
fn on_error_of_the_step_counts_before_the_defaults_and_those_before_the_pipeline() {
    let on_error = |file: &str, step: &str| policy(file, step).on_error;
    assert_eq!(on_error("", ""), OnError::Stop);
    assert_eq!(on_error("on_error: continue", ""), OnError::Continue);
    assert_eq!(on_error("on_error: stop\ndefaults: {on_error: continue}", ""), OnError::Continue);
    assert_eq!(on_error("on_error: continue", ", on_error: ignore"), OnError::Ignore);
    assert_eq!(on_error("on_error: continue", ", on_error: retry"), OnError::Stop);
    assert_eq!(on_error("", ", on_error: retry, retry: {then: continue}"), OnError::Continue);
    assert_eq!(on_error("on_error: stop", ", retry: {then: continue}"), OnError::Continue);
    assert_eq!(on_error("defaults: {retry: {then: continue}}", ", on_error: ignore"), OnError::Ignore);
    assert_eq!(policy("defaults: {timeout: 1h}", ", timeout: 5s").timeout, Some(Duration::from_secs(5)));
    assert_eq!(policy("defaults: {timeout: 1h}", "").timeout, Some(Duration::from_secs(3600)));
}

#[test]
fn retries_are_automatic_until_something_is_said_about_the_wait() {
    let automatic = |count| Retry {
        count,
        delay: Duration::from_secs(1),
        backoff: Backoff::Exponential,
        max_delay: None,
        jitter: true,
        on_exit: Vec::new(),
        timeout: None,
    };
    assert_eq!(policy("", "").retry, None);
    assert_eq!(policy("on_error: retry", "").retry, Some(automatic(3)));
    assert_eq!(policy("on_error: retry", ", on_error: stop").retry, None);
    assert_eq!(policy("", ", retry: 5").retry, Some(automatic(5)));
    assert_eq!(policy("", ", retry: {}").retry, Some(automatic(3)));
    assert_eq!(policy("defaults: {retry: 5}", ", retry: 0").retry, None);
    assert_eq!(policy("defaults: {retry: 5}", ", on_error: stop").retry, Some(automatic(5)));
    assert_eq!(policy("", ", retry: {on_exit: 7}").retry, Some(Retry { on_exit: vec![7], ..automatic(3) }));
    let five = Duration::from_secs(5);
    let plain = Retry { delay: five, backoff: Backoff::Constant, jitter: false, ..automatic(3) };
    assert_eq!(policy("", ", on_error: retry, retry: {count: 3, delay: 5s}").retry, Some(plain));
}

fn with(feeds: &[(&str, &str)], outs: &[(&str, &str)]) -> Result<Pipeline, Diagnostics> {
    let feed = |path: &str| {
        if path == "-" { Feed::Stdin } else { Feed::File(path.into()) }
    };
    let out = |path: &str| {
        if path == "-" { Destination::Stdout } else { Destination::File(path.into()) }
    };
    let options = LoadOptions {
        feeds: feeds.iter().map(|(name, path)| ((*name).to_owned(), feed(path))).collect(),
        outs: outs.iter().map(|(name, path)| ((*name).to_owned(), out(path))).collect(),
        ..LoadOptions::default()
    };
    let text =
        "steps:\n  - {name: a, run: gzip, input: raw, output: packed}\n  - {name: b, run: wc, input: raw}\n";
    load(Source::new("pipeline.yml", text), &options)
}

#[test]
fn streams_come_from_outside_and_go_there() {
    let pipeline = with(&[("raw", "-")], &[("packed", "x.gz")]).unwrap();
    let feed = pipeline.steps.last().unwrap();
    assert_eq!(feed.name, "in:raw");
    assert!(matches!(feed.action, Action::Feed(Feed::Stdin)));
    assert_eq!(pipeline.source.line(feed.at), 2);
    let raw = pipeline.stream(feed.output.unwrap().stream);
    assert_eq!(
        (raw.producer, raw.readers.as_slice()),
        (StepId::new(2), &[StepId::new(0), StepId::new(1)][..])
    );
    assert_eq!(pipeline.streams[0].out, Some(Destination::File("x.gz".into())));
}

#[test]
fn what_cannot_come_from_outside_or_go_there_is_said() {
    let said = [
        with(&[("rwa", "x")], &[("paked", "-"), ("packed", "-")]),
        with(&[("raw", "x"), ("raw", "y")], &[("packed", "x"), ("packed", "y")]),
        with(&[("raw", "x"), ("packed", "x")], &[]),
        with(&[("raw", "-"), ("more", "-")], &[("raw", "-"), ("packed", "-")]),
    ]
    .map(|result| render(&result.unwrap_err(), false));
    insta::assert_snapshot!("outside", said.join("------\n"));
}

#[test]
fn texts_keep_their_spelling() {
    let pipeline = good("env: {A: 1.10, B: 010, C: true, D: '', E: 1e3}\nsteps: [{name: 010, run: 1.10}]\n");
    let values: Vec<&str> = pipeline.steps[0].env.iter().map(|var| var.value.source.as_str()).collect();
    assert_eq!(values, ["1.10", "010", "true", "", "1e3"]);
    assert_eq!(pipeline.steps[0].name, "010");
}

#[test]
fn anchors_and_merge_keys_work() {
    let pipeline = good(
        "steps:\n\
         - &base {name: a, run: make, timeout: 5s, env: &env {A: x}}\n\
         - {<<: *base, name: b}\n\
         - {<<: [{shell: sh}, *base], name: c, env: *env}\n",
    );
    let names: Vec<&str> = pipeline.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert!(
        pipeline
            .steps
            .iter()
            .all(|step| step.policy.timeout == Some(Duration::from_secs(5)) && step.env.len() == 1)
    );
}

#[test]
fn line_ends_of_windows_and_a_byte_order_mark_are_no_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("windows.yml");
    std::fs::write(&path, "\u{feff}steps:\r\n  - name: a\r\n    run: |\r\n      one\r\n      two\r\n")
        .unwrap();
    let pipeline = load(read(&path).unwrap(), &LoadOptions::default()).unwrap();
    let Action::Run(script) = &pipeline.steps[0].action else { panic!() };
    assert_eq!(script.text.source, "one\ntwo\n");

    let shown = said("steps:\r\n  - name: a\r\n    rum: make\r\n    timeout: x\r\n");
    assert!(!shown.contains('\r'), "{shown:?}");
    assert!(shown.contains("pipeline.yml:3:5") && shown.contains("pipeline.yml:4:14"), "{shown}");
    assert!(load_text("\u{feff}steps: [{name: a, run: make}]").is_ok());
}

#[test]
fn files_that_cannot_be_read_are_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let paths = [
        folder.path().to_owned(),
        folder.path().join("missing.yml"),
        write("latin1.yml", b"name: x\nsteps: [{name: b\xfccher, run: make}]\n"),
        write("utf16.yml", b"\xff\xfen\0a\0"),
        write("file", b"").join("pipeline.yml"),
    ];
    let said: Vec<String> = paths.iter().map(|path| render(&read(path).unwrap_err(), false)).collect();
    let said = said.join("------\n").replace(&*folder.path().to_string_lossy(), "FOLDER");
    insta::assert_snapshot!("unreadable", said);
}

#[test]
fn a_large_file_reports_every_mistake() {
    let mut text = String::from("steps:\n");
    for step in 0..10_000 {
        let on = if step % 50 == 1 { format!("stepp-{}", step - 1) } else { format!("step-{}", step / 2) };
        text.push_str(&format!("  - {{name: step-{step}, run: make, depends_on: [{on}]}}\n"));
    }
    // Step 0 depends on itself.
    let problems = load_text(&text).unwrap_err();
    assert_eq!(problems.iter().len(), 201);
    assert!(
        problems.iter().skip(1).all(|problem| problem
            .help
            .as_ref()
            .unwrap()
            .starts_with("did you mean `step-"))
    );
    assert_eq!(render(&problems, false).matches("-->").count(), 201);
}

#[test]
fn a_file_cut_off_anywhere_gets_an_answer() {
    for folder in ["examples", "tests/fixtures/file", "tests/fixtures/file/bad"] {
        for path in files(folder) {
            let text = std::fs::read_to_string(&path).unwrap();
            for (end, _) in text.char_indices().step_by(7) {
                if let Err(problems) = load_text(&text[..end]) {
                    assert!(problems.to_string().starts_with("error"));
                }
            }
        }
    }
}

#[test]
fn problems_are_sorted_counted_and_said_once() {
    let text = "steps:\n  - {name: b, run: make, timeout: x}\n  - {name: b, rum: make, input: s}\nnaem: x\n";
    assert_eq!(codes(text), ["bad-duration", "duplicate-step", "unknown-key", "no-producer", "unknown-key"]);
    assert!(said(text).ends_with("5 problems in pipeline.yml\n"));
    // The defaults hold for every step, but are wrong only once.
    assert_eq!(
        codes("defaults: {shell: bsh}\nsteps: [{name: a, run: x}, {name: b, run: y}]"),
        ["unknown-shell"]
    );
}

#[test]
fn color_is_only_for_those_who_ask() {
    let problems = load_text("").unwrap_err();
    assert!(render(&problems, true).contains('\u{1b}'));
    assert!(!render(&problems, false).contains('\u{1b}'));
}

#[test]
fn a_key_that_comes_twice_is_found_however_many_there_are() {
    for many in [1, 31, 32, 33, 100] {
        let keys: String = (0..many).map(|key| format!("K{key}: v, ")).collect();
        for twice in [0, many / 2, many - 1] {
            let env = format!("env: {{{keys}K{twice}: w}}\nsteps: [{{name: a, run: make}}]\n");
            assert_eq!(codes(&env), ["duplicate-key"], "K{twice} of {many}");
            assert!(said(&env).contains(&format!("the key `K{twice}` is here twice")));
        }
    }
}

#[test]
fn a_step_that_is_named_again_counts_once() {
    let step =
        |on: &str| format!("steps: [{{name: a, run: make}}, {{name: b, run: make, depends_on: [{on}]}}]\n");
    assert_eq!(good(&step("a, a")).steps[1].depends_on.len(), 1);
    assert_eq!(codes(&step("b, a, b")), ["self-dependency"]);
    assert_eq!(codes(&step("x, a, x, y")), ["unknown-step", "unknown-step"]);
    let both =
        "steps: [{name: a, run: m}, {name: b, run: m, depends_on: a}, {name: c, run: m, depends_on: [b, a]}]";
    assert_eq!(good(both).steps[2].depends_on.len(), 2);
}

#[test]
fn a_variable_that_a_shell_runs_takes_harmless_values_only() {
    let file = |key: &str, kind: &str| {
        format!(
            "params: {{x: {kind}}}\nenv: {{{key}: \"{{{{ x }}}}\"}}\n\
             steps: [{{name: a, run: ls, env: {{{key}: \"+ {{{{ x }}}}\"}}}}]\n"
        )
    };
    let text = "{type: string, default: a}";
    for key in ["PS4", "BASH_ENV", "ENV", "PROMPT_COMMAND", "PROMPT4"] {
        assert_eq!(codes(&file(key, text)), ["unsafe-place", "unsafe-place"], "{key}");
        for kind in
            ["3", "true", "1.5", "{type: duration, default: 3s}", "{choices: [dev, prod], default: dev}"]
        {
            good(&file(key, kind));
        }
        for kind in ["{choices: [dev, \"$(id)\"], default: dev}", "{type: path, default: a}"] {
            assert_eq!(codes(&file(key, kind)), ["unsafe-place", "unsafe-place"], "{key}: {kind}");
        }
    }
    for key in ["PATH", "RANDOM", "NAME"] {
        good(&file(key, text));
    }
}

#[test]
fn what_computes_depends_on_the_shell_and_on_the_type() {
    let file = |shell: &str, kind: &str, run: &str| {
        format!("params: {{x: {kind}}}\nsteps:\n  - name: a\n    shell: {shell}\n    run: |\n      {run}\n")
    };
    let text = "{type: string, default: a}";
    for (shell, run) in [("zsh", "print -P {{ x }}"), ("bash", "echo {{ x }} | sh"), ("ksh", "unset {{ x }}")]
    {
        assert_eq!(codes(&file(shell, text, run)), ["unsafe-place"], "{shell}: {run}");
        good(&file(shell, "3", run));
    }
    good(&file("bash", text, "print -P {{ x }}"));
}
