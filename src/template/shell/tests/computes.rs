//! Places where a shell computes, what a type lets stand there, and the neighbours of all such places, which
//! take any value.

use super::harness::{Shell, made, run};
use super::{context, names, refusals, refusals_in};
use crate::pipeline::{ParamValue, Span};
use crate::template::{Scope, Shells, TemplateRenderer, TextContext, compile};

const SH: Shells = Shells::SH;
const ZSH: Shells = Shells::ZSH;

/// Sources in which only a whole number may stand.
const COMPUTED: &[(Shells, &[&str])] = &[
    (
        SH,
        &[
            "declare -i n; n={{ x }}",
            "n={{ x }}; declare -i n",
            "f() { local -i n; n={{ x }}; }",
            "declare -ai a; a=({{ x }})",
            "declare -i n; n+={{ x }}",
            "declare -i n; n[1]={{ x }}",
            "declare -i n; for n in {{ x }}; do :; done",
            "declare -i n; printf -v n %s {{ x }}",
            "declare -xi n={{ x }}",
            "RANDOM={{ x }}",
            "export OPTIND={{ x }}",
            "SECONDS={{ x }} true",
            "\\let {{ x }}",
        ],
    ),
    (
        ZSH,
        &[
            "printf %d {{ x }}",
            "printf '%s %d' a {{ x }}",
            "printf '%*s' {{ x }} a",
            "printf \"$f\" {{ x }}",
            "exit {{ x }}",
            "return {{ x }}",
            "shift {{ x }}",
            "break {{ x }}",
            "[ -t {{ x }} ]",
            "[[ -t {{ x }} ]]",
            "COLUMNS={{ x }}",
            "HISTSIZE={{ x }}",
            "integer n={{ x }}",
            "integer n; n={{ x }}",
            "float f={{ x }}",
            "typeset -F f={{ x }}",
            "export -i n={{ x }}",
            "print -f %d {{ x }}",
            "read -t {{ x }} v",
            "repeat {{ x }} true",
        ],
    ),
    (Shells::MKSH, &["shift {{ x }}", "[ {{ x }} -eq 1 ]", "[ 1 -eq {{ x }} ]", "COLUMNS={{ x }}"]),
];

/// Sources in which any value may stand: neighbours of those above and in `runs`.
const TAKEN: &[(Shells, &[&str])] = &[
    (
        SH,
        &[
            "declare -a v=({{ x }})",
            "local -r v={{ x }}",
            "export \"v={{ x }}\"",
            "ps4={{ x }}",
            "env A={{ x }} sh f",
            "read -p {{ x }} v",
            "read -r v <<< {{ x }}",
            "printf -v v %s {{ x }}",
            "trap '' {{ x }}",
            "wait {{ x }}",
            "python3 -W ignore f {{ x }}",
            "python3 f -c {{ x }}",
            "node f -p {{ x }}",
            "bash -eu f -c {{ x }}",
            "sh -c 'ls \"$1\"' sh {{ x }}",
            "env -u A ls {{ x }}",
            "flock f ls {{ x }}",
            "docker run image ls {{ x }}",
            "echo {{ x }} | grep bash",
            "echo {{ x }} | mycmd look at r",
            "echo {{ x }} | sh -c cat",
            "echo {{ x }} | xargs -I{} cp {} d",
            "echo {{ x }} | xargs sh -c 'ls \"$@\"' sh",
            "echo {{ x }} | python3 f",
            "echo {{ x }} | cat; bash < f",
            "echo {{ x }} || true | sh",
            "echo {{ x }}; echo a | sh",
            "echo {{ x }} && sh < f",
            "curl -fsSL {{ x }} | sh",
            "curl {{ x }} | gunzip | tar x; cat {{ x }} | sh",
            "eval \"$(cat {{ x }})\"",
            "echo $(( $(echo {{ x }} | wc -c) - 1 ))",
            "echo $(( $(cat {{ x }}) ))",
            "[[ $(wc -l < {{ x }}) -eq 1 ]]",
            "[[ $(echo {{ x }}) == a ]]",
            "\"$(echo {{ x }})\" a",
            "ls $(echo {{ x }})",
            "[ \"$(echo {{ x }})\" = a ]",
            "for i in $(echo {{ x }}); do :; done",
            "a=($(echo {{ x }}))",
            "exit {{ x }}",
            "$CMD {{ x }}",
            "{{ x }} {{ x }}",
            "{ cat; } <<EOF\n{{ x }}\nEOF\nbash < f",
            "ssh h {{ x }}",
            "make A={{ x }}",
            "cat <<EOF > f\n{{ x }}\nEOF",
            "bash f <<EOF\n{{ x }}\nEOF",
            "echo {{ x }} > $(echo f)",
        ],
    ),
    (
        ZSH,
        &[
            "printf %s {{ x }}",
            "print -r -- {{ x }}",
            "[ -n {{ x }} ]",
            "v={{ x }}",
            "export v={{ x }}",
            "[[ {{ x }} == a ]]",
        ],
    ),
];

#[test]
fn only_a_whole_number_stands_where_a_shell_computes() {
    for (shells, sources) in COMPUTED {
        for source in *sources {
            let template =
                compile(source, Span::default(), TextContext::PosixShell(*shells), &names()).expect(source);
            let render = |value: ParamValue| {
                TemplateRenderer::new(context([("x", value)])).render(&template, Scope::default())
            };
            assert!(render(ParamValue::Int { text: "1".to_owned(), value: 1 }).is_ok(), "{source}");
            let error = render(ParamValue::Text("a[$(touch X)]".to_owned())).expect_err(source);
            assert_eq!(error.message, "only a whole number can stand here", "{source}");
        }
    }
}

#[test]
fn neighbours_of_such_places_take_any_value() {
    for (shells, sources) in TAKEN {
        for source in *sources {
            assert_eq!(refusals_in(*shells, source), [""; 0], "{source}");
        }
    }
}

#[test]
fn a_type_lets_a_value_stand_where_others_may_not() {
    for (source, number, word) in [
        ("sh -c \"ls {{ n }}\"", true, true),
        ("echo {{ n }} | sh", true, true),
        ("bash <<EOF\n{{ n }}\nEOF", true, true),
        ("echo `ls {{ n }}`", true, true),
        ("eval echo {{ n }}", true, true),
        ("unset {{ n }}", true, true),
        ("PS4={{ n }}", true, true),
        ("echo ${a[{{ n }}]} ${b:{{ n }}}", true, false),
        ("a[{{ n }}]=1", true, false),
        ("echo $(( $(echo {{ n }}) ))", true, false),
        ("echo $'{{ n }}'", false, false),
    ] {
        assert_eq!(refusals(source).is_empty(), number, "{source}");
        assert_eq!(refusals(&source.replace("{{ n }}", "{{ w }}")).is_empty(), word, "{source} with a word");
        assert!(!refusals(&source.replace("{{ n }}", "{{ x }}")).is_empty(), "{source} with a text");
    }
}

#[test]
fn a_name_that_is_bound_again_keeps_no_promise() {
    let source = "{% set w = '; touch X' %}sh -c \"echo {{ w }}\"";
    let template =
        compile(source, Span::default(), TextContext::PosixShell(SH), &names()).expect("a template");
    let error =
        TemplateRenderer::new(context([])).render(&template, Scope::default()).expect_err("it is no word");
    assert_eq!(error.message, "only a plain word can stand here");
}

#[test]
fn control_characters_come_out_of_the_words_of_an_array() {
    for value in ["A\u{1}B", "\u{7f}", "it's \u{1}$(touch X)"] {
        let source = "e=E; a=(${e}\"{{ x }}\" \"${e}{{ x }}$e\"); printf '%s\\0' \"${a[@]}\"";
        let folder = tempfile::tempdir().expect("a folder");
        let text = super::script(source, value).expect("a script");
        let expected = [format!("E{value}"), format!("E{value}E")];
        assert_eq!(run(Shell::Bash, &text, folder.path()), expected, "{text}");
        assert_eq!(made(folder.path()), [""; 0], "{text}");
    }
}
