//! What is said of files that use each other: in which file, at which place, and what to write instead.

use crate::support::Place;

/// A class of mistake, and the files of a folder; the first is the one that is checked.
struct Mistake {
    class: &'static str,
    files: &'static [(&'static str, &'static str)],
}

/// Packs a stream, with a level and a secret.
const SEAL: (&str, &str) = (
    "lib/seal.yml",
    "\
params:
  level: {type: int, default: 6, min: 1, max: 9}
  key: {type: secret, description: what it is sealed with}
steps:
  - {name: squeeze, input: plain, run: 'gzip -{{ level }}', output: packed}
  - {name: seal, input: packed, run: './seal \"$PIPE_SECRETS/key\"', secrets: key, output: sealed}
",
);

/// One step.
const ONE: (&str, &str) = ("lib/one.yml", "steps: [{name: s, run: make}]\n");

const MISTAKES: &[Mistake] = &[
    Mistake {
        class: "values",
        files: &[
            (
                "pipeline.yml",
                "\
params: {token: {type: secret, env: TOKEN}, names: {type: list, default: [a]}}
steps:
  - {name: rows, run: ls, output: rows}
  - {name: missing, uses: ./lib/seal.yml, inputs: {plain: rows}}
  - {name: over, uses: ./lib/seal.yml, inputs: {plain: rows}, with: {level: 99, key: '{{ token }}'}}
  - {name: unknown, uses: ./lib/seal.yml, inputs: {plain: rows}, with: {levle: 9, key: '{{ token }}'}}
  - {name: part, uses: ./lib/seal.yml, inputs: {plain: rows}, with: {key: 'x {{ token }}'}}
  - {name: plain, uses: ./lib/seal.yml, inputs: {plain: rows}, with: {key: hunter2}}
  - {name: shown, uses: ./lib/seal.yml, inputs: {plain: rows}, with: {level: '{{ token }}', key: '{{ token }}'}}
  - {name: several, uses: ./lib/seal.yml, inputs: {plain: rows}, with: {level: '{{ names }}', key: '{{ token }}'}}
  - {name: late, uses: ./lib/seal.yml, inputs: {plain: rows}, with: {level: '{{ steps.rows.outputs.n }}', key: '{{ token }}'}}
",
            ),
            SEAL,
        ],
    },
    Mistake {
        class: "streams",
        files: &[
            (
                "pipeline.yml",
                "\
params: {token: {type: secret, env: TOKEN}}
steps:
  - {name: rows, run: ls, output: rows}
  - {name: missing, uses: ./lib/seal.yml, with: {key: '{{ token }}'}}
  - {name: unknown, uses: ./lib/seal.yml, inputs: {plain: rows, plian: rows}, with: {key: '{{ token }}'}}
  - {name: nowhere, uses: ./lib/seal.yml, inputs: {plain: row}, with: {key: '{{ token }}'}}
  - {name: keys, uses: ./lib/seal.yml, inputs: {plain: {from: rows, buffer: 1MiB}}, with: {key: '{{ token }}'}}
  - {name: reads, run: wc, input: missing.seald}
",
            ),
            SEAL,
        ],
    },
    Mistake {
        class: "keys",
        files: &[
            (
                "pipeline.yml",
                "\
steps:
  - {name: a, uses: ./lib/one.yml, timeout: 5m, env: {A: b}, image: alpine, run: make}
  - {name: b, run: make, with: {level: 9}}
  - {name: c, uses: ./lib/one.yml, depends_on: c.s}
",
            ),
            ONE,
        ],
    },
    Mistake {
        class: "circle",
        files: &[
            ("pipeline.yml", "steps: [{name: x, uses: ./lib/a.yml}, {name: y, uses: ./pipeline.yml}]\n"),
            ("lib/a.yml", "steps:\n  - {name: b, uses: ./b.yml}\n"),
            ("lib/b.yml", "steps:\n  - {name: a, uses: ../lib/a.yml}\n"),
        ],
    },
    Mistake {
        class: "both-files-are-wrong",
        files: &[
            (
                "pipeline.yml",
                "steps:\n  - {name: x, uses: ./lib/a.yml}\n  - {name: y, rnu: make}\n  - {name: z, run: make, depends_on: x.b}\n",
            ),
            ("lib/a.yml", "steps:\n  - {name: b, run: [x\n"),
        ],
    },
    Mistake {
        class: "the-used-file-is-wrong",
        files: &[
            ("pipeline.yml", "steps: [{name: x, uses: ./lib/a.yml}, {name: y, uses: ./lib/a.yml}]\n"),
            (
                "lib/a.yml",
                "\
params: {level: {type: int, default: lots}}
steps:
  - {name: b, rnu: make}
  - {name: c, run: 'make {{ lvl }}'}
  - {name: d, run: make, depends_on: nowhere}
",
            ),
        ],
    },
    Mistake {
        class: "no-such-file",
        files: &[
            (
                "pipeline.yml",
                "\
steps:
  - {name: missing, uses: ./lib/on.yml}
  - {name: folder, uses: ./lib}
  - {name: empty, uses: ./lib/empty.yml}
  - {name: nothing, uses: ''}
  - {name: template, uses: './lib/{{ env.X }}.yml'}
  - {name: home, uses: ~/one.yml}
",
            ),
            ONE,
            ("lib/empty.yml", ""),
        ],
    },
    Mistake {
        class: "elsewhere",
        files: &[(
            "pipeline.yml",
            "\
steps:
  - {name: a, uses: actions/checkout@v4}
  - {name: b, uses: 'https://example.com/pipeline.yml'}
  - {name: c, uses: 'docker://alpine:3.20'}
",
        )],
    },
    Mistake {
        class: "outputs",
        files: &[
            (
                "pipeline.yml",
                "\
steps:
  - {name: p, uses: ./lib/valued.yml}
  - {name: q, matrix: {os: [a, b]}, uses: ./lib/valued.yml}
  - {name: r, run: 'echo {{ steps.p.outputs.tga }} {{ steps[\"p.s\"].outputs.tag }}'}
  - {name: t, run: 'echo {{ steps.q.outputs.tag }} {{ steps.p.members }}'}
  - {name: u, run: 'echo {{ steps.one.outputs.tag }}'}
  - {name: one, uses: ./lib/one.yml}
",
            ),
            ("lib/valued.yml", "steps: [{name: s, run: make}]\noutputs: {tag: '{{ steps.s.outputs.tag }}'}\n"),
            ONE,
        ],
    },
    // A value may be missing: that is said in the file that reads it.
    Mistake {
        class: "maybe-missing",
        files: &[
            ("pipeline.yml", "steps: [{name: p, uses: ./lib/valued.yml}]\n"),
            (
                "lib/valued.yml",
                "\
params: {tagged: false}
steps: [{name: s, if: tagged, run: make}]
outputs: {tag: '{{ steps.s.outputs.tag }}'}
",
            ),
        ],
    },
    Mistake {
        class: "phases",
        files: &[
            (
                "pipeline.yml",
                "\
steps:
  - {name: body, run: make}
  - {name: p, uses: ./lib/cleaned.yml, finally: true}
  - {name: q, uses: ./lib/one.yml, finally: true, depends_on: body}
  - {name: r, run: make, if: failure('s')}
  - {name: s, uses: ./lib/one.yml}
",
            ),
            ("lib/cleaned.yml", "steps: [{name: work, run: make}, {name: down, run: make, finally: true}]\n"),
            ONE,
        ],
    },
    Mistake {
        class: "only-at-the-end",
        files: &[("pipeline.yml", "steps: [{name: p, uses: ./lib/one.yml, finally: true}]\n"), ONE],
    },
    // Reasons that go through two files: the order outside makes a circle of a stream inside.
    Mistake {
        class: "cycle",
        files: &[
            (
                "pipeline.yml",
                "\
steps:
  - {name: rows, run: ls, output: rows, depends_on: p}
  - {name: p, uses: ./lib/reads.yml, inputs: {plain: rows}}
",
            ),
            ("lib/reads.yml", "steps: [{name: s, run: wc, input: plain}]\n"),
        ],
    },
];

fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path("snapshots/uses");
    settings
}

fn place(files: &[(&str, &str)]) -> Place {
    let place = Place::new();
    files.iter().for_each(|(name, text)| place.write(name, text));
    place
}

#[test]
fn every_class_of_mistake_is_shown_in_its_file() {
    for Mistake { class, files } in MISTAKES {
        let ran = place(files).pipe(&["validate"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{class}: {}", ran.stderr);
        settings().bind(|| insta::assert_snapshot!(*class, ran.stderr));
    }
}

#[test]
fn a_chain_of_more_than_sixteen_files_is_refused_where_it_is_too_long() {
    let place = Place::with("steps: [{name: s, uses: ./l/1.yml}]\n");
    for depth in 1..=17 {
        place.write(&format!("l/{depth}.yml"), format!("steps: [{{name: s, uses: ./{}.yml}}]\n", depth + 1));
    }
    place.write("l/18.yml", "steps: [{name: s, run: make}]\n");
    let ran = place.pipe(&["validate"]).code(2);
    settings().bind(|| insta::assert_snapshot!("depth", ran.stderr));
}

#[test]
fn a_file_that_is_no_text_is_said_where_it_is_used() {
    let place = Place::with("steps: [{name: p, uses: lib/latin.yml}]\n");
    place.write("lib/latin.yml", b"steps:\n  - {name: caf\xe9, run: make}\n");
    place.pipe(&["validate"]).code(2).says("not-utf8").says("pipeline.yml:1:25").says("breaks off in line 2");
}

#[test]
fn params_are_given_to_the_top_file_only() {
    let place = place(&[
        (
            "pipeline.yml",
            "params: {x: 1}\nsteps: [{name: p, uses: lib/a.yml}, {name: t, run: 'echo {{ x }}'}]\n",
        ),
        ("lib/a.yml", "params: {level: 1}\nsteps: [{name: s, run: 'echo {{ level }}'}]\n"),
    ]);
    let given = place.pipe(&["validate", "-p", "p.level=1"]).code(2);
    settings().bind(|| insta::assert_snapshot!("params-of-a-used-file", given.stderr));
    place.pipe(&["validate", "-p", "level=1"]).code(2).says("there is no param `level`");
}

#[test]
fn warnings_stand_in_the_used_file_and_are_said_once() {
    let place = place(&[
        (
            "pipeline.yml",
            "\
params: {unread: 1}
steps:
  - {name: p, uses: lib/a.yml}
  - {name: q, uses: lib/a.yml}
  - {name: r, run: wc -l, input: q.read}
",
        ),
        (
            "lib/a.yml",
            "\
params: {unused: 1}
steps:
  - {name: s, run: 'make > log', output: gone}
  - {name: t, run: 'sort log', output: read}
  - {name: u, run: rm log, finally: true}
",
        ),
    ]);
    let strict = place.pipe(&["validate", "--strict"]).code(2);
    settings().bind(|| insta::assert_snapshot!("warnings", strict.stderr));
    let text = place.read("lib/a.yml");
    place.write("lib/a.yml", format!("# pipe: allow unused-param unused-stream unordered-files\n{text}"));
    let ran = place.pipe(&["validate", "--strict"]).code(2);
    assert!(!ran.stderr.contains("lib/a.yml"), "{}", ran.stderr);
    assert!(ran.stderr.contains("1 warning in pipeline.yml"), "{}", ran.stderr);
}
