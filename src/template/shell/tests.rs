//! Values in scripts, through real shells: what comes out is what went in.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::pipeline::{ParamValue, Secret, Span, Values};
use crate::template::{Facts, Names, Place, Renderer, TemplateError, compile};

/// A script around `x`, and what it prints for a value: records that end in NUL.
struct Context {
    script: &'static str,
    prints: fn(&str) -> Vec<String>,
    /// Whether only bash knows the grammar.
    bash: bool,
}

const fn posix(script: &'static str, prints: fn(&str) -> Vec<String>) -> Context {
    Context { script, prints, bash: false }
}

const fn bash(script: &'static str, prints: fn(&str) -> Vec<String>) -> Context {
    Context { script, prints, bash: true }
}

fn same(value: &str) -> Vec<String> {
    vec![value.to_owned()]
}

fn between(value: &str) -> Vec<String> {
    vec![format!("a{value}b")]
}

fn dot(value: &str) -> Vec<String> {
    vec![format!("{value}.")]
}

fn line(value: &str) -> Vec<String> {
    vec![format!("[{value}]\n")]
}

fn and_b(value: &str) -> Vec<String> {
    vec![value.to_owned(), "b".to_owned()]
}

fn ok(_: &str) -> Vec<String> {
    vec!["ok".to_owned()]
}

const CONTEXTS: &[Context] = &[
    // Bare words.
    posix(r"printf '%s\0' {{ x }}", same),
    posix(r"printf '%s\0' {{.x}}", same),
    posix(r"printf '%s\0' {{ params.x }} b", and_b),
    posix("printf '%s\\0' \\\n  {{ x }} \\\n  b", and_b),
    posix(r"printf '%s\0' a{{ x }}b", between),
    posix(r"printf '%s\0' --out={{ x }}", |v| vec![format!("--out={v}")]),
    posix(r"printf '%s\0' {{ x }}.tar.gz", |v| vec![format!("{v}.tar.gz")]),
    posix(r"printf '%s\0' {{ x }}{{ x }}", |v| vec![format!("{v}{v}")]),
    posix(r#"V=v; printf '%s\0' $V{{ x }}"b""#, |v| vec![format!("v{v}b")]),
    posix(r"printf '%s\0' ''{{ x }}#b", |v| vec![format!("{v}#b")]),
    posix(r"printf '%s\0' ~{{ x }}", |v| vec![format!("~{v}")]),
    posix(r"printf '%s\0' [{{ x }}]", |v| vec![format!("[{v}]")]),
    posix(r"printf '%s\0' {{ x }}>&1", same),
    posix(r"printf '%s\0' {{ x }} 2>&1 b", and_b),
    posix(r"true && printf '%s\0' {{ x }}; true | printf '%s\0' b", and_b),
    posix(r"(printf '%s\0' {{ x }}) && { printf '%s\0' b; }", and_b),
    posix("f() { printf '%s\\0' {{ x }}; }\nf", same),
    posix("if true; then printf '%s\\0' {{ x }}; else :; fi", same),
    posix("! false | printf '%s\\0' {{ x }}", same),
    posix("sleep 0 & printf '%s\\0' {{ x }}; wait", same),
    bash(r"printf '%s\0' {a,{{ x }}}", |v| vec!["a".to_owned(), v.to_owned()]),
    bash(r"a=({{ x }} b); printf '%s\0' ${a[0]+one} {{ x }}", |v| vec!["one".to_owned(), v.to_owned()]),
    bash("a=( # it's\n {{ x }}\n b ); declare -p a >/dev/null; printf '%s\\0' \"${a[@]}\"", and_b),
    bash(r"cat <(printf '%s\0' {{ x }})", same),
    bash(r"if [[ -n a ]] then printf '%s\0' {{ x }}; fi", same),
    // Quotes.
    posix(r"printf '%s\0' 'a{{ x }}b'", between),
    posix(r"printf '%s\0' ''{{ x }}''", same),
    posix(r#"printf '%s\0' "a{{ x }}b""#, between),
    bash(r#"printf '%s\0' "{{ x }}"$'b\t'$"c"{{ x }}"#, |v| vec![format!("{v}b\tc{v}")]),
    posix(r#"V=v; printf '%s\0' "$V{{ x }}""#, |v| vec![format!("v{v}")]),
    posix(r#"V=v; printf '%s\0' "${V}{{ x }}$V""#, |v| vec![format!("v{v}v")]),
    posix(r#"printf '%s\0' "it's {{ x }}""#, |v| vec![format!("it's {v}")]),
    posix(r#"printf '%s\0' 'say "'{{ x }}"'" "#, |v| vec![format!("say \"{v}'")]),
    posix(r#"printf '%s\0' "\\\"{{ x }}""#, |v| vec![format!("\\\"{v}")]),
    // Commands in words.
    posix(r#"printf '%s\0' "$(printf '%s.' {{ x }})""#, dot),
    posix(r#"printf '%s\0' "$(printf '%s.' "{{ x }}")""#, dot),
    posix(r#"printf '%s\0' "$(printf '%s.' 'a{{ x }}')""#, |v| vec![format!("a{v}.")]),
    posix(r#"printf '%s\0' "$(printf '%s.' "$(printf '%s.' "$(printf '%s.' {{ x }})")")""#, |v| {
        vec![format!("{v}...")]
    }),
    posix(r#"v=$(printf '%s.' {{ x }}); printf '%s\0' "$v""#, dot),
    posix(r#"printf '%s\0' "$( (printf '%s.' {{ x }}) )""#, dot),
    posix("printf '%s\\0' \"$(# it's\nprintf '%s.' {{ x }})\"", dot),
    posix(r#"printf '%s\0' "$(case a in (a) printf '%s.' {{ x }};; esac)""#, dot),
    posix(r#"printf '%s\0' "$(case a in b|c) ;; a) printf '%s.' {{ x }} ;; esac)""#, dot),
    posix(r#"printf '%s\0' "$(for i in a; do case $i in a) printf '%s.' {{ x }}; esac; done)""#, dot),
    // Assignments.
    posix(r#"v={{ x }}; printf '%s\0' "$v""#, same),
    posix(r#"v="{{ x }}"; printf '%s\0' "$v""#, same),
    posix(r#"v=a{{ x }}b w={{ x }}; printf '%s\0' "$v""#, between),
    posix(r#"export v={{ x }}; printf '%s\0' "$v""#, same),
    posix(r#"v={{ x }} sh -c 'printf "%s\0" "$v"'"#, same),
    bash(r#"f() { local v={{ x }} w; printf '%s\0' "$v"; }; f"#, same),
    posix(r"{{ x }}=1 2>/dev/null || printf 'ok\0'", ok),
    // Other places for words.
    posix(r#"for i in {{ x }} b; do printf '%s\0' "$i"; done"#, and_b),
    posix("v={{ x }}\ncase {{ x }} in \"$v\") printf 'ok\\0';; esac", ok),
    posix("v={{ x }}\ncase $v in\n  no{{ x }}) ;;\n  {{ x }}) printf 'ok\\0';;\nesac", ok),
    posix("v={{ x }}\nif [ {{ x }} = \"$v\" ]; then printf 'ok\\0'; fi", ok),
    posix("v={{ x }}; [ \"a$v\" != b{{ x }} ] && printf 'ok\\0'", ok),
    bash("v={{ x }}; [[ $v == {{ x }} && {{ x }} = \"$v\" ]] && printf 'ok\\0'", ok),
    bash("v={{ x }}; [[ a$v == a{{ x }} ]] && printf 'ok\\0'", ok),
    bash("[[ a =~ a|{{ x }} ]] && printf 'ok\\0'", ok),
    bash(r"tr '\n' '\n' <<< {{ x }}; printf '\0'", |v| vec![format!("{v}\n")]),
    // Comments.
    posix("# {{ x }}\nprintf 'ok\\0' # {{ x }}", ok),
    posix("printf 'ok\\0' # it's {{ x }}\n: '{{ x }}'", ok),
    posix("v=$(: # {{ x }}\n) && printf 'ok\\0'", ok),
    // Here-documents.
    posix("cat <<EOF\n[{{ x }}]\nEOF\nprintf '\\0'", line),
    posix("cat << 'EOF'\n[{{ x }}]\nEOF\nprintf '\\0'", line),
    posix("cat <<\"E F\"; printf '\\0%s\\0' b\n[{{ x }}]\nE F", |v| vec![format!("[{v}]\n"), "b".to_owned()]),
    posix("cat <<\\EOF\n[{{ x }}]\nEOF\nprintf '\\0'", line),
    posix("cat <<-EOF\n\t[{{ x }}]\n\tEOF\nprintf '\\0'", line),
    posix("V=v; cat <<EOF && printf '\\0'\n'\"$V {{ x }}]\nEOF", |v| vec![format!("'\"v {v}]\n")]),
    posix("cat <<A; cat <<'B'; printf '\\0'\n[{{ x }}]\nA\n[{{ x }}]\nB", |v| {
        vec![format!("[{v}]\n[{v}]\n")]
    }),
    posix("cat <<EOF\n{{ x }}\nEOF\nprintf '%s\\0' {{ x }}", |v| vec![format!("{v}\n{v}")]),
    // Statements.
    posix(r"printf '%s\0' {% if true %}{{ x }}{% else %}no{% endif %} b", and_b),
    posix(r"printf '%s\0' {% for i in ['', '.'] %}{{ x }}{{ i }} {% endfor %}", |v| {
        vec![v.to_owned(), format!("{v}.")]
    }),
    posix(r"printf '%s\0' {% set y = x %}'{% if x == y %}{{ y }}{% endif %}'", same),
    posix(r"{% with y = x ~ '.' %}printf '%s\0' {{ y }}{% endwith %}", dot),
    posix(
        "case a in {% for i in ['b', 'a'] %}\n  {{ i }}) printf '%s\\0' {{ i }}{{ x }};;{% endfor %}\nesac",
        |v| vec![format!("a{v}")],
    ),
    posix(r"printf '%s\0'{# it's #} {{ x }}{# ' #}", same),
    posix(r"V=v; printf '%s\0' ${#V}{% raw %}{{{% endraw %}{{ x }}", |v| vec![format!("1{{{{{v}")]),
];

const VALUES: &[&str] = &[
    "a",
    "",
    " ",
    "two words",
    " lead and trail ",
    "it's",
    "''",
    "\"",
    "say \"hi\"",
    "'\"'\"'",
    "line\nbreak",
    "\n",
    "trailing\n",
    "\ttab",
    "$(touch X)",
    "${HOME}",
    "$HOME",
    "$'x'",
    "`touch X`",
    ";touch X",
    "; touch X; '",
    "'; touch X; '",
    "\"; touch X; \"",
    ")\ntouch X\n(",
    "\ntouch X\n",
    "a | touch X",
    "& touch X &",
    "&& touch X",
    "*",
    "?",
    "[a-z]*",
    "~",
    "~root",
    "!",
    "!!",
    "-rf",
    "--",
    "-n",
    "\\",
    "\\\\",
    "back\\slash\\",
    "\\n",
    "$",
    "a$",
    "#",
    "# comment",
    "=",
    "a=b",
    "{a,b}",
    "a[$(touch X)]",
    "x[`touch X`]=1",
    ">X",
    "<X",
    "2",
    "12",
    "0",
    "case",
    "esac",
    "do",
    "done",
    "in",
    "]]",
    "}",
    "50%s%d",
    "é ü ñ",
    "日本語 🦀",
    "\u{2028}",
    "\r\n",
    "\u{1b}[31m",
    "EO",
    "F",
];

fn names() -> Names {
    Names {
        params: BTreeMap::from(
            [("x", false), ("list", false), ("token", true)].map(|(n, s)| (n.to_owned(), s)),
        ),
    }
}

fn facts(values: impl IntoIterator<Item = (&'static str, ParamValue)>) -> Facts {
    let values: Values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Facts { values, ..Facts::default() }
}

/// A script with `x` and the secret `token`.
fn script(source: &str, x: &str) -> Result<String, TemplateError> {
    let template = compile(source, Span::default(), Place::PosixShell, &names())
        .map_err(|errors| errors.into_iter().next().expect("an error"))?;
    let facts = facts([
        ("x", ParamValue::Text(x.to_owned())),
        ("token", ParamValue::Secret(Secret::new("never shown"))),
    ]);
    Renderer::new(facts).render(&template, None)
}

/// Runs a script in a folder of its own; gives the records that it prints.
fn run(shell: &str, text: &str, folder: &Path) -> Vec<String> {
    let file = folder.join(".script");
    fs::write(&file, text).expect("the folder can be written");
    let output = Command::new(shell)
        .arg(&file)
        .current_dir(folder)
        .env("PIPE_SECRET_token", "s3'c\"r $et")
        .stdin(Stdio::null())
        .output()
        .expect("the shell runs");
    let mut printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.stderr.is_empty() {
        printed.push_str(&format!("stderr: {}", String::from_utf8_lossy(&output.stderr)));
    }
    printed.split_inclusive('\0').map(|record| record.trim_end_matches('\0').to_owned()).collect()
}

/// Names of the files that a run has made.
fn made(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    names.filter(|name| name != ".script").collect()
}

/// Runs every context with every value, all in one script for each shell; where that goes wrong, each by itself.
fn check(shells: &[&str], contexts: &[&Context], values: &[&str]) {
    for shell in shells {
        let folder = tempfile::tempdir().expect("a folder");
        let mut cases = Vec::new();
        for context in contexts {
            for value in values {
                match script(context.script, value) {
                    Ok(text) => cases.push((context.script, *value, text, (context.prints)(value))),
                    Err(error) => assert!(
                        ["here-document", "`<<-` drops", "cannot begin with `%`"]
                            .iter()
                            .any(|refusal| error.message.contains(refusal)),
                        "{}: {value:?}: {error}",
                        context.script
                    ),
                }
            }
        }
        let whole: String = cases.iter().map(|(_, _, text, _)| format!("{text}\n")).collect();
        let expected: Vec<String> = cases.iter().flat_map(|(.., expected)| expected.clone()).collect();
        let good = run(shell, &whole, folder.path()) == expected && made(folder.path()).is_empty();
        if !good {
            for (source, value, text, expected) in cases {
                let folder = tempfile::tempdir().expect("a folder");
                let printed = run(shell, &text, folder.path());
                assert_eq!(printed, expected, "{shell}: {source:?} with {value:?}:\n{text}");
                assert_eq!(made(folder.path()), [""; 0], "{shell}: {source:?} with {value:?}:\n{text}");
            }
            panic!("{shell}: the scripts are right one by one, but not together");
        }
    }
}

fn for_posix() -> Vec<&'static Context> {
    CONTEXTS.iter().filter(|context| !context.bash).collect()
}

#[test]
fn every_value_comes_out_of_every_context_as_it_went_in() {
    check(&["dash", "sh"], &for_posix(), VALUES);
    check(&["bash"], &CONTEXTS.iter().collect::<Vec<_>>(), VALUES);
}

#[test]
fn a_long_value_comes_out_as_it_went_in() {
    let long = "'$(touch X)\" \\\n".repeat(8_000);
    let few = ["'a{{ x }}b'", "\"a{{ x }}b\"", "<<EOF\n[{{ x }}]", "{{ x }} b", "<<-EOF"];
    let contexts: Vec<&Context> = for_posix()
        .into_iter()
        .filter(|context| {
            few.iter().any(|part| context.script.contains(part)) && !context.script.contains("sh -c")
        })
        .collect();
    assert!(contexts.len() >= 5);
    check(&["bash", "dash"], &contexts, &[&long]);
}

#[test]
fn a_redirection_makes_the_file_of_that_name() {
    for shell in ["bash", "dash"] {
        for value in
            ["a b", "it's", "$(touch X)", ";touch X", "*", "-rf", "&1", "2", "a\nb", "~", "{a,b}", "#"]
        {
            for source in ["echo > {{ x }}", "echo 2>{{ x }} b", "echo >>\"{{ x }}\"", "echo b 1> {{ x }} c"]
            {
                let folder = tempfile::tempdir().expect("a folder");
                run(shell, &script(source, value).expect("a script"), folder.path());
                assert_eq!(made(folder.path()), [value], "{shell}: {source}");
            }
        }
    }
}

#[test]
fn the_name_of_a_command_is_no_job() {
    for source in ["{{ x }} a", "'{{ x }}'", "a=1 \"{{ x }}\"", "if {{ x }}; then :; fi", "{{ x }}=1"] {
        let error = script(source, "%1").expect_err(source);
        assert_eq!(error.message, "the name of a command cannot begin with `%`", "{source}");
    }
    for source in ["echo {{ x }}", "a{{ x }}", "v={{ x }}", "echo $( : {{ x }})"] {
        assert!(script(source, "%1").is_ok(), "{source}");
    }
}

#[test]
fn a_here_document_refuses_the_line_that_ends_it() {
    let refused = |source: &str, value: &str| match script(source, value) {
        Err(error) => error.message,
        Ok(text) => panic!("{value:?} went in: {text}"),
    };
    let message = "the value can make a line `EOF`, which ends the here-document";
    for source in ["cat <<EOF\n{{ x }}\nEOF", "cat <<'EOF'\n{{ x }}\nEOF", "cat <<-EOF\n{{ x }}\nEOF"] {
        for value in ["EOF", "a\nEOF\nb", "EOF\n", "\nEOF"] {
            assert_eq!(refused(source, value), message, "{source}");
        }
        assert!(script(source, "EOF ").is_ok() && script(source, " EOF\nXEOF").is_ok());
    }
    assert_eq!(refused("cat <<EOF\nE{{ x }}\nEOF", "OF"), message);
    assert_eq!(refused("cat <<EOF\n{{ x }}F\nEOF", "a\nEO"), message);
    assert_eq!(refused("cat <<EOF\n{{ x }}{{ x }}\nEOF", "E"), message);
    assert_eq!(refused("cat <<-EOF\n{{ x }}\nEOF", "a\n\tEOF"), message);
    assert!(refused("cat <<-EOF\n{{ x }}\nEOF", "a\n\tb").contains("tab"));
    assert!(refused("cat <<-EOF\n\t{{ x }}\nEOF", "\tb").contains("tab"));
    assert!(script("cat <<-EOF\n\ta{{ x }}\nEOF", "\tb").is_ok());
}

#[test]
fn a_list_is_several_words_where_it_stands_alone() {
    let render = |source: &str, items: &[&str]| {
        let template = compile(source, Span::default(), Place::PosixShell, &names()).expect("a template");
        let items = items.iter().map(|item| (*item).to_owned()).collect();
        Renderer::new(facts([("list", ParamValue::List(items))])).render(&template, None)
    };
    let items = ["a b", "", "*", "it's", "plain"];
    for source in [
        r"printf '%s\0' {{ list }}",
        "for i in {{ list }}; do printf '%s\\0' \"$i\"; done",
        r"printf '%s\0' {{ list }}>&1",
        "printf '%s\\0' {{.list}} # all",
        r"(printf '%s\0' {{ list }})",
    ] {
        for shell in ["bash", "dash"] {
            let folder = tempfile::tempdir().expect("a folder");
            assert_eq!(
                run(shell, &render(source, &items).expect("a script"), folder.path()),
                items,
                "{source}"
            );
        }
    }
    assert_eq!(render("printf x {{ list }}", &[]).expect("a script"), "printf x ");
    for source in [
        "echo a{{ list }}",
        "echo {{ list }}b",
        "echo {{ list }}{{ list }}",
        "echo {{ list }}\\\nb",
        "echo {{ list }}''",
        "echo {{ list }}{% if true %}b{% endif %}",
        "echo '{{ list }}'",
        "echo \"{{ list }}\"",
        "v={{ list }}",
        "echo > {{ list }}",
        "case {{ list }} in a) ;; esac",
        "case a in {{ list }}) ;; esac",
        "[[ {{ list }} == a ]]",
        "# {{ list }}",
    ] {
        let error = render(source, &["a"]).expect_err(source);
        assert!(error.message.starts_with("a list cannot stand here"), "{source}: {error}");
    }
    let error = render("{{ list }}\necho", &[]).expect_err("a command is needed");
    assert_eq!(error.message, "the list is empty, and a command begins here");
}

#[test]
fn a_secret_is_a_reference_in_the_quoting_of_its_place() {
    let secret = "s3'c\"r $et";
    for (source, expected) in [
        (r"printf '%s\0' {{ token }}", secret.to_owned()),
        (r"printf '%s\0' a{{.token}}b", format!("a{secret}b")),
        (r"printf '%s\0' 'a{{ params.token }}b'", format!("a{secret}b")),
        (r#"printf '%s\0' "a{{ token }}b""#, format!("a{secret}b")),
        (r#"printf '%s\0' "$(printf '%s.' {{ token }})""#, format!("{secret}.")),
        ("cat <<EOF\n{{ token }}b\nEOF\nprintf '\\0'", format!("{secret}b\n")),
        ("v={{ token }}; printf '%s\\0' \"$v\" # {{ token }}", secret.to_owned()),
    ] {
        let text = script(source, "").expect("a script");
        assert!(!text.contains("never shown"), "{text}");
        for shell in ["bash", "dash"] {
            let folder = tempfile::tempdir().expect("a folder");
            assert_eq!(run(shell, &text, folder.path()), [expected.as_str()], "{shell}: {text}");
        }
    }
}

#[test]
fn where_the_shell_computes_only_whole_numbers_go_in() {
    let render = |source: &str, value: ParamValue| {
        let template = compile(source, Span::default(), Place::PosixShell, &names()).expect("a template");
        Renderer::new(facts([("x", value)])).render(&template, None)
    };
    for (source, expected) in [
        (r"printf '%s\0' $((1 - {{ x }}))", "6"),
        (r#"printf '%s\0' "$(( (2) * {{ x }} ))""#, "-10"),
        ("[[ {{ x }} -lt 3 && {{ x }} != 3 ]] && printf '%s\\0' {{ x }}", "-5"),
        ("[[ 3 -gt \"{{ x }}\" ]] && printf '%s\\0' {{ x }}", "-5"),
        ("if (( {{ x }} < 0 )); then printf '%s\\0' {{ x }}; fi", "-5"),
        ("for ((i={{ x }}; i<0; i+=5)); do printf '%s\\0' $i; done", "-5"),
        ("let n={{ x }}+1; printf '%s\\0' $n", "-4"),
        ("let \"n = {{ x }}\"; printf '%s\\0' $n", "-5"),
        ("declare -i n={{ x }}; printf '%s\\0' $n", "-5"),
        ("if((5+{{ x }}==0))then printf '%s\\0' yes; fi", "yes"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let text = render(source, ParamValue::Int(-5)).expect("a script");
        assert_eq!(run("bash", &text, folder.path()), [expected], "{text}");
        for value in ["a[$(touch X)]", "x", "", "1+1", "08", "1.5", "-"] {
            let error = render(source, ParamValue::Text(value.to_owned())).expect_err(source);
            assert_eq!(error.message, "only a whole number can stand here", "{source}");
        }
    }
}

/// Compiles and gives what is refused, as `text: message`.
fn refusals(source: &str) -> Vec<String> {
    match compile(source, Span::default(), Place::PosixShell, &names()) {
        Ok(_) => Vec::new(),
        Err(errors) => errors
            .iter()
            .map(|error| format!("{}: {}", &source[error.range.clone()], error.message))
            .collect(),
    }
}

const PROGRAM: &str = "where a command takes a program: it would run what the value says";
const COMMANDS: &str = "where a command takes commands: it would run what the value says";
const NAME: &str = "where a command takes the name of a variable: it would run what a value has in brackets";

#[test]
fn places_without_a_safe_form_are_refused() {
    for (source, place) in [
        ("echo `{{ x }}`", "inside backticks"),
        ("echo \"`echo {{ x }}`\"", "inside backticks"),
        ("echo $'{{ x }}'", "inside `$'…'`"),
        ("echo ${a:-{{ x }}}", "inside `${ }`"),
        ("echo \"${a:-$(echo {{ x }})}\"", "inside `${ }`"),
        ("echo ${{ x }}", "right after `$`"),
        ("echo \"${{ x }}\"", "right after `$`"),
        ("echo \\{{ x }}", "right after a backslash"),
        ("echo \"\\{{ x }}\"", "right after a backslash"),
        ("cat <<EOF\n\\{{ x }}\nEOF", "right after a backslash"),
        ("cat <<EOF\n$a{{ x }}\nEOF", "right after the name of a variable"),
        ("cat <<{{ x }}\n", "in the delimiter of a here-document"),
        ("cat <<'{{ x }}'\n", "in the delimiter of a here-document"),
        ("cat <<EOF\n$(echo {{ x }})\nEOF", "inside a command in a here-document"),
        ("a=$(cat <<EOF\n{{ x }}\nEOF\n)", "in a here-document inside `$( )`"),
        (
            "a[{{ x }}]=1",
            "in the brackets of an array: the shell computes there, and would run what a value contains",
        ),
        (
            "a[ {{ x }} ]=1",
            "in the brackets of an array: the shell computes there, and would run what a value contains",
        ),
        ("declare a[{{ x }}]=1", NAME),
        (
            "a=([{{ x }}]=1)",
            "in the brackets of an array: the shell computes there, and would run what a value contains",
        ),
        ("[[ -v {{ x }} ]]", "where `[[ ]]` takes the name of a variable"),
        ("echo $((\"{{ x }}\"))", "in quotes inside `(( ))`"),
        ("echo >&{{ x }}", "after `>&` or `<&`: the shell expands it twice"),
        ("echo 2>& \"a{{ x }}\"", "after `>&` or `<&`: the shell expands it twice"),
        ("echo >&$(echo {{ x }})", "after `>&` or `<&`: the shell expands it twice"),
        ("declare {{ x }}=1", NAME),
        ("declare \"a={{ x }}\"", NAME),
        ("a=1 local -r {{ x }}", NAME),
        ("unset a {{ x }}", NAME),
        ("read '{{ x }}'", NAME),
        ("printf -v {{ x }} a", NAME),
        ("[ -v {{ x }} ]", NAME),
        ("eval \"echo {{ x }}\"", COMMANDS),
        ("command eval {{ x }}", COMMANDS),
        ("trap 'rm -f {{ x }}' EXIT", COMMANDS),
        ("alias ll={{ x }}", COMMANDS),
        ("sh -c 'ls {{ x }}'", PROGRAM),
        ("bash -euo pipefail -c \"ls {{ x }}\"", PROGRAM),
        ("sudo -u www /bin/bash -lc {{ x }}", PROGRAM),
        ("xargs -0 sh -c 'ls {{ x }} \"$@\"'", PROGRAM),
        ("find . -exec sh -c \"ls {{ x }}\" \\;", PROGRAM),
        ("docker run image sh -c \"ls {{ x }}\"", PROGRAM),
        ("su - user -c 'ls {{ x }}'", PROGRAM),
        ("python3.11 -c 'print(\"{{ x }}\")'", PROGRAM),
        ("perl -pe's/a/{{ x }}/'", PROGRAM),
        ("perl -pe{{ x }}", PROGRAM),
        ("node --eval {{ x }}", PROGRAM),
        ("bash <<< \"ls {{ x }}\"", PROGRAM),
        ("bash <<EOF\nls {{ x }}\nEOF", "in a here-document that a program is read from"),
        ("sudo sh -s a b <<'EOF'\nls {{ x }}\nEOF", "in a here-document that a program is read from"),
        ("python3 - a <<'EOF'\nprint('{{ x }}')\nEOF", "in a here-document that a program is read from"),
        ("for {{ x }} in a; do :; done", "as the variable of a loop"),
        ("function {{ x }} { :; }", "as the name of a function"),
        ("f({{ x }}) { :; }", "in the parentheses of a function"),
        ("case a {{ x }} a) ;; esac", "where the shell expects `in`"),
        ("echo $[1]; echo {{ x }}", "here: the shell text before it cannot be followed"),
        ("echo )\necho {{ x }}", "here: the shell text before it cannot be followed"),
        ("echo $((echo a); echo b) {{ x }}", "here: the shell text before it cannot be followed"),
        ("echo \"${a:-it's}\" {{ x }}", "here: the shell text before it cannot be followed"),
        ("echo $'it\\'s' {{ x }}", "here: the shell text before it cannot be followed"),
    ] {
        let expected = format!("{{{{ x }}}}: a value cannot stand {place}");
        assert_eq!(refusals(source), [expected], "{source}");
    }
}

#[test]
fn arguments_of_a_program_are_data() {
    for source in [
        "sh -c 'ls \"$1\"' sh {{ x }}",
        "bash -o errexit -c 'ls \"$1\"' bash {{ x }}",
        "v={{ x }} sh -c 'ls \"$v\"'",
        "sh -s {{ x }} <<'EOF'\nls \"$1\"\nEOF",
        "python3 script.py {{ x }}",
        "python3 -m json.tool <<EOF\n{{ x }}\nEOF",
        "python3 script.py <<EOF\n{{ x }}\nEOF",
        "cat <<EOF\n{{ x }}\nEOF",
        "command ls {{ x }}",
        "bash -c \"$(cat {{ x }})\"",
        "gzip -c {{ x }}; sh run.sh {{ x }}",
    ] {
        assert_eq!(refusals(source), [""; 0], "{source}");
    }
}

#[test]
fn values_that_begin_an_argument_are_told() {
    let leading = |source: &str| -> Vec<String> {
        let template = compile(source, Span::default(), Place::PosixShell, &names()).expect(source);
        template.leading.iter().map(|range| source[range.clone()].to_owned()).collect()
    };
    for source in [
        "rm {{ x }}",
        "rm '{{ x }}'",
        "rm -r \"{{ x }}\"/a",
        "rm {{ x }}b",
        "v=$(cat {{ x }})",
        "rm \"\"{{ x }}",
        "rm {{ x }} -- a",
        "printf {{ x }}",
        "if grep {{ x }} f; then :; fi",
    ] {
        assert_eq!(leading(source), ["{{ x }}"], "{source}");
    }
    for source in [
        "rm -- {{ x }}",
        "rm a{{ x }}",
        "rm \"./{{ x }}\"",
        "rm './{{ x }}'",
        "rm \"$v{{ x }}\"",
        "tar --file={{ x }}",
        "ls > {{ x }}",
        "v={{ x }}",
        "v={{ x }} ls",
        "{{ x }} a",
        "printf '%s' {{ x }}",
        "[ {{ x }} = a ]",
        "test -n {{ x }}",
        "[[ {{ x }} = a ]]",
        "for i in {{ x }}; do :; done",
        "case {{ x }} in {{ x }}) ;; esac",
        "cat <<EOF\n{{ x }}\nEOF",
        "a=({{ x }}) # {{ x }}",
        "let n={{ x }}",
    ] {
        assert_eq!(leading(source), [""; 0], "{source}");
    }
}

#[test]
fn branches_leave_the_quoting_as_they_found_it() {
    for (source, message) in [
        (
            "echo '{% if true %}'{% endif %}",
            "{% if true %}: this branch begins inside `'…'` and ends outside all quotes",
        ),
        (
            "{% if true %}echo \"{% else %}a{% endif %}",
            "{% if true %}: this branch begins outside all quotes and ends inside `\"…\"`",
        ),
        (
            "{% if true %}a{% else %}$(echo{% endif %}",
            "{% else %}: this branch begins outside all quotes and ends inside `$( )`",
        ),
        (
            "{% for i in range(3) %}'{% endfor %}",
            "{% for i in range(3) %}: this branch begins outside all quotes and ends inside `'…'`",
        ),
        (
            "{% if true %}cat <<EOF\n{% endif %}",
            "{% if true %}: this branch begins outside all quotes and ends inside a here-document",
        ),
        (
            "{% if true %}case a in{% endif %} ",
            "{% if true %}: this branch begins outside all quotes and ends inside `case`",
        ),
        (
            "# {% if true %}a\n{% endif %}",
            "{% if true %}: this branch begins inside a comment and ends outside all quotes",
        ),
    ] {
        // A case that has not been told from a longer word yet is told at the next blank.
        let source = source.replace("in{% endif", "in {% endif");
        assert_eq!(refusals(&source), [message], "{source}");
    }
}

#[test]
fn text_that_statements_cut_is_read_in_every_way() {
    // Each of these is harmless in one branch and code in the other.
    for source in [
        "echo \\{% if true %}a{% endif %}{{ x }}",
        "echo ${% if true %}{% endif %}{{ x }}",
        "c{% if true %}ase a in a) {{ x }} ;; esac{% endif %}",
        "\"$(c{% if true %}a{% endif %}se a in a) echo {{ x }} ;; esac)\"",
        "cat <{% if true %}<EOF{% endif %}\n{{ x }}\nEOF",
        "echo a{% if true %} {% endif %}#{{ x }}",
        "echo $({% if true %}{% else %}({% endif %}({{ x }}",
    ] {
        assert!(!refusals(source).is_empty(), "{source}");
    }
    for source in [
        "cp{% if true %} -v{% endif %} {{ x }}",
        "cp {% if true %}-v{% endif %} {{ x }} {% if true %}-a{% else %}'b'{% endif %}{{ x }}",
        "{% if true %}a=1 {% endif %}echo {{ x }}",
        "{% for i in range(3) %}echo {{ i }}{% if not loop.last %} && {% endif %}{% endfor %}\necho {{ x }}",
        "{% for i in range(3) %}a{{ i }}{% endfor %}",
        "{% for i in range(3) %}'{% for j in range(3) %}{{ i }}b{% endfor %}'{% endfor %}",
    ] {
        assert_eq!(refusals(source), [""; 0], "{source}");
    }
}

#[test]
fn deep_nesting_ends() {
    let deep = |open: &str, close: &str| format!("{}echo {{{{ x }}}} {}", open.repeat(39), close.repeat(39));
    assert_eq!(refusals(&deep("{% for i in range(2) %} a", " b{% endfor %} ")), [""; 0]);
    assert_eq!(refusals(&deep("{% if true %} a", " 'b'{% endif %}c")), [""; 0]);
    assert_eq!(refusals(&deep("$(echo ", ")")), [""; 0]);
    // Words that are glued together in too many ways are refused, and soon.
    assert!(!refusals(&deep("{% for i in range(2) %}a", "b{% endfor %}")).is_empty());
    let far = format!("{}{{{{ x }}}}", "$(echo ".repeat(9_999));
    assert_eq!(
        refusals(&far),
        ["{{ x }}: a value cannot stand here: the shell text before it cannot be followed"]
    );
    let many = "{% if true %}a{% endif %}".repeat(200);
    assert_eq!(refusals(&format!("{many} {{{{ x }}}}")), [""; 0]);
}

#[test]
fn words_that_need_no_quotes_have_none() {
    for (source, value, expected) in [
        ("tar czf - {{.x}} | gzip -9", "/data", "tar czf - /data | gzip -9"),
        ("gzip -{{.x}} > out", "9", "gzip -9 > out"),
        ("v={{ x }}", "a.b", "v=a.b"),
        ("{{ x }} a", "ls", "'ls' a"),
        ("echo {{ x }}>f", "2", "echo '2'>f"),
        ("echo 1{{ x }}>f", "2", "echo 1'2'>f"),
        ("echo {a,{{ x }}}", "b", "echo {a,'b'}"),
        ("echo ~{{ x }}", "root", "echo ~'root'"),
        ("echo [{{ x }}]", "a-z", "echo ['a-z']"),
        ("echo {{ x }}", "", "echo ''"),
        ("echo {{ x }}", "a=b", "echo 'a=b'"),
        ("[[ {{ x }} ]]", "-f", "[[ '-f' ]]"),
        ("case {{ x }} in {{ x }}) ;; esac", "esac", "case 'esac' in 'esac') ;; esac"),
    ] {
        assert_eq!(script(source, value).expect("a script"), expected);
    }
}

#[test]
fn raw_opts_out() {
    assert_eq!(script("echo {{ x | raw }} '{{ x }}'", "a; b").expect("a script"), "echo a; b 'a; b'");
    assert_eq!(script("echo `{{ x | raw }}`", "date").expect("a script"), "echo `date`");
}

/// So many random cases, the same each time; or as many as `PIPE_TEMPLATE_CASES` says, new ones each time.
fn config(usual: u32) -> ProptestConfig {
    let asked = std::env::var("PIPE_TEMPLATE_CASES").ok().and_then(|count| count.parse().ok());
    let usual_seed = ProptestConfig::default().rng_seed;
    ProptestConfig {
        cases: asked.unwrap_or(usual),
        rng_seed: if asked.is_some() { RngSeed::Random } else { usual_seed },
        failure_persistence: None,
        max_global_rejects: u32::MAX,
        ..ProptestConfig::default()
    }
}

/// Text that does harm wherever it is not data.
const ATTACKS: &[&str] = &[
    "$(touch X)",
    "`touch X`",
    ";touch X;",
    "\ntouch X\n",
    "'\ntouch X\n'",
    "\"\ntouch X\n\"",
    "a[$(touch X)]",
    ")\ntouch X\n",
    "\nEOF\ntouch X\n",
    "}\ntouch X\n",
    "]]\ntouch X\n",
    "))\ntouch X\n",
    ";;esac\ntouch X\n",
    "EOF",
    "",
    "case",
    "\\",
    "5",
];

const FRAGMENTS: &[&str] = &[
    "{{ x }}",
    "{{ x }}",
    "{{ x }}",
    "{{ x }}",
    "{{ y }}",
    " ",
    " ",
    "\n",
    "'",
    "\"",
    "\\",
    "$",
    "$(",
    ")",
    "(",
    "`",
    "#",
    "${",
    "${v:-",
    "}",
    "{",
    "$((",
    "))",
    "((",
    "[[ ",
    " ]]",
    "[ ",
    "]",
    "a[",
    "=",
    "v=",
    "v=(",
    ";",
    ";;",
    "&",
    "|",
    "<",
    ">",
    "<<EOF\n",
    "<<'EOF'\n",
    "<<-EOF\n",
    "\nEOF\n",
    "EOF",
    "<<<",
    "<(",
    "$'",
    "\\'",
    "case a in ",
    "a) ",
    " esac",
    "for i in ",
    "; do ",
    " done",
    "if ",
    "then ",
    " fi",
    "echo ",
    "echo",
    "a",
    "1",
    " -eq ",
    "!",
    "-v ",
    "{% if true %}",
    "{% else %}",
    "{% endif %}",
    "{% for i in range(2) %}",
    "{% endfor %}",
    "{% if false %}",
    "declare ",
    "export ",
    "f() { ",
    "function ",
    "; }",
    " in ",
    "\t",
    "$v",
    "$1",
    "+=",
    "=~ ",
    "&&",
    "||",
    ": ",
];

proptest! {
    #![proptest_config(config(6))]

    #[test]
    fn random_values_come_out_as_they_went_in(
        values in prop::collection::vec(r#"([a-z'"\\$`(){}\[\];&|<>*?~!#=, \t\n-]|EOF|\PC){0,12}"#, 8)
    ) {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        check(&["bash", "dash"], &for_posix(), &values);
    }
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn no_value_runs_in_a_random_script(
        parts in prop::collection::vec(prop::sample::select(FRAGMENTS), 1..14),
        x in prop::sample::select(ATTACKS),
        y in prop::sample::select(ATTACKS),
    ) {
        let source = parts.concat();
        let mut names = names();
        names.params.insert("y".to_owned(), false);
        let template = compile(&source, Span::default(), Place::PosixShell, &names);
        prop_assume!(template.as_ref().is_ok_and(|template| template.compiled.is_some()));
        let facts = facts([("x", ParamValue::Text(x.to_owned())), ("y", ParamValue::Text(y.to_owned()))]);
        let Ok(text) = Renderer::new(facts).render(&template.expect("compiled"), None) else { return Ok(()) };
        for shell in ["bash", "dash"] {
            let folder = tempfile::tempdir().expect("a folder");
            let status = Command::new("timeout")
                .args(["5", shell, "-c", &text])
                .current_dir(folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            prop_assert!(status.is_ok());
            prop_assert!(!folder.path().join("X").exists(), "{}: {:?}\n{}", shell, source, text);
        }
    }

    #[test]
    fn compiling_never_panics(source in r#"([{}%#. '"|a-z]|\{\{|\}\}|\{%|%\}|if |endif|for |raw|\PC){0,30}"#) {
        for place in [Place::Plain, Place::PosixShell, Place::Interpreter] {
            let _ = compile(&source, Span::default(), place, &names());
        }
    }
}
