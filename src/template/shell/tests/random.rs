//! Scripts and values made up at random.
//!
//! The usual run is short and always the same. The long form draws new cases: `PIPE_TEMPLATE_CASES=200000`.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::fragments::FRAGMENTS;
use super::harness::{Case, Shell, cases, check, confine, is_for_the_value};
use super::values::ATTACKS;
use super::{context, names, script};
use crate::pipeline::{ParamValue, Span};
use crate::template::{ExprType, Scope, Shells, TemplateRenderer, TextContext, compile};

/// Cases that share one process of each shell.
const BATCH: u32 = 100;

/// So many random cases, the same each time; or as many as `PIPE_TEMPLATE_CASES` says, new ones each time.
/// `batch` is how many of them one draw makes.
fn config(usual: u32, batch: u32) -> ProptestConfig {
    let asked: Option<u32> = std::env::var("PIPE_TEMPLATE_CASES").ok().and_then(|count| count.parse().ok());
    let usual_seed = ProptestConfig::default().rng_seed;
    ProptestConfig {
        cases: asked.unwrap_or(usual).div_ceil(batch),
        rng_seed: if asked.is_some() { RngSeed::Random } else { usual_seed },
        failure_persistence: None,
        max_global_rejects: u32::MAX,
        max_local_rejects: u32::MAX,
        ..ProptestConfig::default()
    }
}

/// The shells that scripts are made up for, and those that try them.
const DIALECTS: &[(Shells, &[Shell])] = &[
    (Shells::SH, &[Shell::Bash, Shell::Dash, Shell::Ash]),
    (Shells::KSH.and(Shells::MKSH), &[Shell::Ksh, Shell::Mksh]),
    (Shells::ZSH, &[Shell::Zsh]),
];

/// Returns any text, of the kind that shells make something of.
fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => r#"([a-z'"\\$`(){}\[\];&|<>*?~!#=%, \t\n-]|EOF|\PC){0,12}"#,
        1 => prop::sample::select(ATTACKS).prop_map(str::to_owned),
    ]
}

/// Returns a script of one of the dialects: text that may or may not be shell, with values anywhere in it:
/// what is made of it where values are taken.
fn any_script() -> impl Strategy<Value = (usize, String)> {
    let dialect = prop_oneof![3 => Just(0usize), 1 => Just(1usize), 1 => Just(2usize)];
    dialect.prop_flat_map(|dialect| script_for(dialect).prop_map(move |script| (dialect, script)))
}

fn script_for(dialect: usize) -> impl Strategy<Value = String> {
    let parts = prop::collection::vec(prop::sample::select(FRAGMENTS), 1..14);
    (parts, any_value(), prop::sample::select(ATTACKS)).prop_filter_map(
        "no value is taken",
        move |(parts, x, y)| {
            let mut names = names();
            names.params.insert("y".to_owned(), ExprType::Text);
            let template = compile(
                &parts.concat(),
                Span::default(),
                TextContext::PosixShell(DIALECTS[dialect].0),
                &names,
            )
            .ok()?;
            template.compiled.as_ref()?;
            let list = ParamValue::List(vec![x.clone(), y.to_owned()]);
            let context = context([
                ("x", ParamValue::Text(x)),
                ("y", ParamValue::Text(y.to_owned())),
                ("list", list),
                ("n", ParamValue::Int { text: "5".to_owned(), value: 5 }),
            ]);
            TemplateRenderer::new(context).render(&template, Scope::default()).ok()
        },
    )
}

/// Runs each script in a process of its own that one shell forks, in a folder they share; says whether a
/// planted command ran.
fn plants(shell: Shell, scripts: &[&String], folder: &Path) -> bool {
    for (number, script) in scripts.iter().enumerate() {
        fs::write(folder.join(format!(".{number}")), script).expect("the folder can be written");
    }
    // A background process may hold nothing of this test open.
    let each =
        "ulimit -t 5; i=0; while [ $i -lt $1 ]; do ( . ./.$i ) </dev/null >/dev/null 2>&1; i=$((i+1)); done";
    let mut command = std::process::Command::new("timeout");
    let inner = shell.command();
    command.args(["--kill-after=1", "60"]).arg(inner.get_program()).args(inner.get_args());
    confine(&mut command, folder);
    let status = command
        .args(["-c", each, "sh", &scripts.len().to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.is_ok(), "{shell:?}: {status:?}");
    folder.join("X").exists()
}

/// Scripts that are well formed: what they print is known.
fn good_script() -> impl Strategy<Value = (String, Vec<Piece>)> {
    let word = prop::collection::vec(piece(), 1..5);
    (word, 0..STATEMENTS.len()).prop_map(|(pieces, statement)| {
        let word: String = pieces.iter().map(|piece| piece.source.clone()).collect();
        (STATEMENTS[statement].replace("WORD", &word), pieces)
    })
}

/// Part of a word: how it is written, and what it stands for, with `\u{1}` where the value is.
#[derive(Debug, Clone)]
struct Piece {
    source: String,
    means: String,
}

/// Statements that print one word.
const STATEMENTS: &[&str] = &[
    "printf '%s\\0' WORD",
    "v=WORD; printf '%s\\0' \"$v\"",
    "for i in WORD; do printf '%s\\0' \"$i\"; done",
    "f() { printf '%s\\0' \"$1\"; }; f WORD",
    "if true; then printf '%s\\0' WORD; fi # WORD",
    "( printf '%s\\0' WORD )",
    "{ : WORD; printf '%s\\0' WORD; }",
    "case WORD in WORD) printf '%s\\0' WORD;; esac",
    "true && printf '%s\\0' WORD || printf '%s\\0' WORD",
    "printf '%s\\0' WORD | cat",
    "set -- WORD; printf '%s\\0' \"$1\"",
    "printf '%s\\0' \\\n  WORD",
    "v=WORD sh -c 'printf \"%s\\0\" \"$v\"'",
    "while :; do printf '%s\\0' WORD; break; done",
    "[ WORD = WORD ] && printf '%s\\0' WORD",
    "export v=WORD; printf '%s\\0' \"${v}\"",
];

fn piece() -> impl Strategy<Value = Piece> {
    let of = |source: &str, means: &str| Piece { source: source.to_owned(), means: means.to_owned() };
    let flat = prop::sample::select(vec![
        of("a", "a"),
        of("./b-c", "./b-c"),
        of("{{ x }}", "\u{1}"),
        of("{{ x }}", "\u{1}"),
        of("'{{ x }}'", "\u{1}"),
        of("\"{{ x }}\"", "\u{1}"),
        of("'a \"{{ x }}\" $b'", "a \"\u{1}\" $b"),
        of("\"it's {{ x }}; \\$a\"", "it's \u{1}; $a"),
        of("\\\\", "\\"),
        of("''", ""),
        of("{% if x != '' %}{{ x }}{% else %}''{% endif %}", "\u{1}"),
        of("{{ 'q' ~ x }}", "q\u{1}"),
    ]);
    flat.prop_recursive(3, 8, 3, |inner| {
        prop::collection::vec(inner, 1..3).prop_map(|pieces| {
            let source: String = pieces.iter().map(|piece| piece.source.clone()).collect();
            let means: String = pieces.iter().map(|piece| piece.means.clone()).collect();
            // The dot keeps the line breaks at the end, which `$( )` would drop.
            Piece { source: format!("\"$(printf '%s.' {source})\""), means: format!("{means}.") }
        })
    })
}

proptest! {
    #![proptest_config(config(300, BATCH))]

    #[test]
    fn no_value_runs_in_a_random_script(scripts in prop::collection::vec(any_script(), BATCH as usize)) {
        for (number, (_, shells)) in DIALECTS.iter().enumerate() {
            let scripts: Vec<&String> =
                scripts.iter().filter(|(dialect, _)| *dialect == number).map(|(_, script)| script).collect();
            for shell in Shell::every().filter(|shell| shells.contains(shell)) {
                let folder = tempfile::tempdir().expect("a folder");
                if plants(shell, &scripts, folder.path()) {
                    for script in &scripts {
                        let folder = tempfile::tempdir().expect("a folder");
                        prop_assert!(!plants(shell, &[script], folder.path()), "{shell:?}:\n{script}");
                    }
                    prop_assert!(false, "{:?}: a planted command ran, but in none of the scripts alone", shell);
                }
            }
        }
    }

    #[test]
    fn well_formed_scripts_print_the_value(
        scripts in prop::collection::vec((good_script(), any_value()), BATCH as usize)
    ) {
        let mut cases = Vec::new();
        for ((source, pieces), value) in scripts {
            let means: String = pieces.iter().map(|piece| piece.means.as_str()).collect();
            match script(&source, &value) {
                Ok(text) => {
                    let prints = vec![means.replace('\u{1}', &value)];
                    cases.push(Case { source, value, text, prints });
                }
                Err(error) => prop_assert!(is_for_the_value(&error.message), "{source}: {error}"),
            }
        }
        for shell in Shell::all() {
            check(shell, &cases);
        }
    }
}

proptest! {
    #![proptest_config(config(2 * 8 * 180, 8 * 180))]

    #[test]
    fn random_values_come_out_of_every_context(values in prop::collection::vec(any_value(), 8)) {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        for shell in Shell::all() {
            check(shell, &cases(&shell.contexts(), &values));
        }
    }
}

proptest! {
    #![proptest_config(config(300, 1))]

    #[test]
    fn compiling_never_panics(source in r#"([{}%#. '"|a-z]|\{\{|\}\}|\{%|%\}|if |endif|for |raw|\PC){0,30}"#) {
        for place in [TextContext::Plain, TextContext::PosixShell(Shells::SH), TextContext::Interpreter] {
            let _ = compile(&source, Span::default(), place, &names());
        }
    }
}
