//! A gallery: for every class of mistake the whole message, as the user reads it who has typed that. Each has
//! to say where, what, and what instead.

use crate::support::Place;

/// A class, the file, and the arguments after `pipe`.
struct Mistake {
    class: &'static str,
    file: &'static [u8],
    args: &'static [&'static str],
}

const fn file(class: &'static str, text: &'static str) -> Mistake {
    Mistake { class, file: text.as_bytes(), args: &["validate"] }
}

const fn bytes(class: &'static str, file: &'static [u8]) -> Mistake {
    Mistake { class, file, args: &["validate"] }
}

const fn given(class: &'static str, text: &'static str, args: &'static [&'static str]) -> Mistake {
    Mistake { class, file: text.as_bytes(), args }
}

const MANY_PARAMS: &str = "\
params:
  source: {type: path, default: .}
  level: {type: int, default: 6, min: 1, max: 9}
  mode: {choices: [full, incremental], default: full}
  wait: {type: duration, default: 5s}
  space: {type: size, default: 1GiB}
  tag: {type: string, pattern: 'v[0-9]+', default: v1}
  token: {type: secret, required: true, env: API_TOKEN, description: The key of the store}
steps:
  - {name: pack, run: 'tar cf - {{.source}}'}
";

const MISTAKES: &[Mistake] = &[
    // The file as a whole.
    bytes("empty-file", b""),
    bytes("only-comments", b"# nothing yet\n"),
    bytes("not-utf8", b"name: caf\xe9\nsteps: []\n"),
    bytes("utf16", b"\xff\xfen\0a\0m\0e\0"),
    given("directory", "", &["validate", "."]),
    given("no-such-file", "", &["validate", "pipelin.yml"]),
    // With a byte-order mark and Windows line ends the places are right.
    bytes("bom-and-crlf", b"\xef\xbb\xbfname: x\r\nsteps:\r\n  - name: a\r\n    rnu: make\r\n"),
    // YAML.
    file("tab", "steps:\n\t- name: a\n\t  run: make\n"),
    file("bare-template", "params: {x: .}\nsteps:\n  - name: a\n    run: ls\n    working_dir: {{ x }}\n"),
    file(
        "template-between-brackets",
        "params: {x: .}\nsteps:\n  - {name: a, run: ls -l {{ x }} | wc, shell: sh}\n",
    ),
    file(
        "merge-keys",
        "steps:\n  - &base\n    name: a\n    run: make\n  - <<: *base\n    name: b\n  - <<: [*base, 3]\n    name: c\n",
    ),
    file("unknown-anchor", "steps:\n  - {name: a, run: make}\n  - {<<: *base, name: b}\n"),
    file("anchor-of-a-step", "steps:\n  - &a {name: a, run: make}\n  - *a\n"),
    file(
        "alias-bomb",
        "x: &a [1,1,1,1,1,1,1,1,1,1]\ny: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nz: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
w: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\nv: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nu: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
    ),
    file("unquoted-colon", "steps:\n  - name: a\n    run: echo \"a\": b\n"),
    file("unclosed-quote", "steps:\n  - name: 'a\n    run: make\n"),
    file("several-documents", "steps: [{name: a, run: make}]\n---\nsteps: []\n"),
    // Keys and values.
    file(
        "unknown-key",
        "steps:\n  - name: a\n    run: make\n    depend_on: [b]\n  - name: b\n    run: make\n    colour: red\n",
    ),
    file(
        "wrong-type",
        "max_parallel: many\nenv: [A, B]\nsteps:\n  - {name: a, run: [make, all], timeout: {s: 5}}\n",
    ),
    file("unknown-value", "on_error: contniue\nsteps:\n  - {name: a, run: make, retry: {backoff: slow}}\n"),
    file(
        "duplicates",
        "steps:\n  - {name: a, run: make}\n  - {name: a, run: make}\n  - {name: b, run: make, run: make}\n",
    ),
    file(
        "units",
        "params:\n  wait: {type: duration, default: 10MB}\n  space: {type: size, default: 5s}\nsteps:\n\
\x20 - {name: a, run: make, timeout: 5 sec}\n  - {name: b, run: make, timeout: 10MB}\n  - {name: c, run: make, timeout: 90}\n\
\x20 - {name: d, run: make, retry: {delay: 1 hour 30 minutes}}\n",
    ),
    // Steps and streams.
    file(
        "unknown-step",
        "steps:\n  - {name: build, run: make}\n  - {name: test, run: make, depends_on: [biuld, zzz]}\n",
    ),
    file("self-dependency", "steps:\n  - {name: build, run: make, depends_on: build}\n"),
    file(
        "cycles",
        "steps:\n  - {name: a, run: make, depends_on: c}\n  - {name: b, run: make, depends_on: a}\n  - {name: c, run: make, depends_on: b}\n\
\x20 - {name: d, run: make, input: s, output: t}\n  - {name: e, run: make, input: t, output: s}\n",
    ),
    file(
        "two-producers",
        "steps:\n  - {name: a, run: ls, output: s}\n  - {name: b, run: ls, output: s}\n  - {name: c, run: wc, input: s}\n",
    ),
    file(
        "no-producer",
        "steps:\n  - {name: a, run: ls, output: archive}\n  - {name: b, run: wc, input: archiv}\n  - {name: c, run: wc, input: q}\n",
    ),
    given(
        "terminal",
        "steps:\n  - {name: login, run: vault login, terminal: true}\n  - {name: token, run: vault print token, output: t, terminal: true}\n",
        &["run", "--docker", "--image", "alpine:3.20"],
    ),
    // Templates.
    file(
        "undefined-name",
        "params:\n  source: /data\nsteps:\n  - {name: a, run: 'tar cf - {{.sorce}} {{ zzz }} {{ source | bsename }}'}\n",
    ),
    file("undefined-without-params", "steps:\n  - {name: a, run: 'tar cf - {{.source}}'}\n"),
    file(
        "template-syntax",
        "params: {x: a}\nsteps:\n  - {name: a, run: 'echo {{ x'}\n  - {name: b, run: 'echo {{ x + }}'}\n  - {name: c, run: 'echo {% if x %}a'}\n",
    ),
    file(
        "unsafe-place",
        "params: {x: a}\nsteps:\n  - {name: a, run: 'echo `date -d {{ x }}`'}\n  - {name: b, run: 'echo ${a:-{{ x }}}'}\n",
    ),
    file(
        "branch-quoting",
        "params: {x: true}\nsteps:\n  - name: a\n    run: |\n      echo 'a{% if x %} b'{% endif %}\n",
    ),
    file(
        "kinds-of-values",
        "params: {b: true, n: 3, tag: v1}\nsteps:\n  - name: a\n    run: |\n      {% if b == 'true' and n == '3' %}make{% elif not tag %}make{% endif %}\n      echo {{ 1 if env.CI else 2 }}\n",
    ),
    // Params.
    file(
        "param-cycle",
        "params:\n  a: '{{.b}}'\n  b: '{{.c}}'\n  c: '{{.a}}'\nsteps: [{name: a, run: make}]\n",
    ),
    given(
        "bad-params",
        MANY_PARAMS,
        &[
            "validate",
            "-p",
            "sorce=x",
            "-p",
            "level=12",
            "-p",
            "mode=ful",
            "-p",
            "wait=5",
            "-p",
            "space=lots",
            "-p",
            "tag=1",
            "-p",
            "zzz=1",
        ],
    ),
    file(
        "shared-key",
        "containers: {ci: {image: rust}}\nsteps:\n  - {name: a, run: make, container: ci, network: none}\n",
    ),
    file(
        "unknown-container",
        "containers: {ci: {image: rust}}\nsteps:\n  - {name: a, run: make, container: cii}\n  - {name: b, run: make, container: 'node:18'}\n",
    ),
    file("shared-without-image", "containers: {ci: {}}\nsteps:\n  - {name: a, run: make, container: ci}\n"),
    given("missing-param", MANY_PARAMS, &["run", "-p", "level=7"]),
    given("param-without-value", MANY_PARAMS, &["run", "-p", "level"]),
    // All of it at once, the command line included: no second try is needed for the next message.
    given(
        "everything-at-once",
        "params: {level: {type: int, default: 6}}\nsteps:\n  - {name: a, rnu: make, depends_on: b}\n  - {name: b, run: make, depends_on: a}\n\
\x20 - {name: c, run: 'gzip -{{ levl }}', input: nowhere}\n",
        &["validate", "-p", "level=high", "-p", "lvl=1"],
    ),
];

#[test]
fn every_class_of_mistake_says_where_what_and_what_instead() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path("snapshots/diagnostics");
    let mut seen = std::collections::HashSet::new();
    for Mistake { class, file, args } in MISTAKES {
        assert!(seen.insert(class), "{class} is there twice");
        let place = Place::new();
        place.write("pipeline.yml", file);
        let ran = place.pipe(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{class}: {}", ran.stderr);
        settings.bind(|| insta::assert_snapshot!(*class, ran.stderr));
    }
}
