//! Places where a shell runs, or names with, what it is given, one kind after another.

use super::{context, names, refusals_in};
use crate::pipeline::{ParamValue, Span};
use crate::template::{Scope, Shells, TemplateRenderer, TextContext, compile};

const SH: Shells = Shells::SH;
const ZSH: Shells = Shells::ZSH;

/// Sources in which no value may stand, whatever it is.
const REFUSED: &[(Shells, &[&str])] = &[
    // Declarations of arrays, references and names.
    (
        SH,
        &[
            "declare -a v={{ x }}",
            "declare -A m=\"{{ x }}\"",
            "f() { local -ra v={{ x }}; }",
            "readonly -a v={{ x }}",
            "export -a \"v={{ x }}\"",
            "typeset -x -A v={{ x }}",
            "declare v=\\({{ x }}\\)",
            "declare -n r={{ x }}",
            "declare -n r; r={{ x }}",
            "r={{ x }}; declare -n r",
            "export {{ x }}",
            "export {{ list }}",
            "\"declare\" -\"a\" v={{ x }}",
            "declare -{{ x }} v=1",
            "declare -gxa v={{ x }}",
            "declare -r -A v={{ x }}",
        ],
    ),
    // Variables that are run.
    (
        SH,
        &[
            "PS4={{ x }}",
            "export PS4=\"+ {{ x }} \"",
            "BASH_ENV={{ x }} bash f",
            "env ENV={{ x }} sh",
            "sudo PROMPT_COMMAND={{ x }} bash",
            "for PS4 in {{ x }}; do :; done",
            "printf -v PS4 %s {{ x }}",
            "read -r PS4 <<< {{ x }}",
            "echo {{ x }} | read PS4",
            "read PS4 <<EOF\n{{ x }}\nEOF",
            "PS4=$(echo {{ x }})",
            "while read -r PS4; do :; done <<< {{ x }}",
            "(read PS4; :) <<EOF\n{{ x }}\nEOF",
        ],
    ),
    // Names.
    (
        SH,
        &[
            "exec {a[{{ x }}]}>f",
            "exec {a{{ x }}}<f",
            "mapfile -C {{ x }} a",
            "mapfile -C{{ x }} a",
            "mapfile {{ x }}",
            "wait -n -p {{ x }}",
            "wait -np{{ x }}",
            "printf -v{{ x }} a",
            "printf -{{ x }} a",
            "getopts a {{ x }}",
            "read -ra {{ x }}",
            "builtin unset {{ x }}",
            "c=unset; $c {{ x }}",
        ],
    ),
    // Names of commands after their quotes, and in variables.
    (
        SH,
        &[
            "\\eval {{ x }}",
            "ev'al' {{ x }}",
            "\"bash\" \"-c\" {{ x }}",
            "/bin/'bash' -c \"{{ x }}\"",
            "$SHELL -c {{ x }}",
            "\"${SHELL}\" -c {{ x }}",
            "${SHELL:-/bin/sh} <<EOF\n{{ x }}\nEOF",
            "$PYTHON -c {{ x }}",
            "sh=bash; echo {{ x }} | $sh",
            "e=eval; \"$e\" {{ x }}",
            "{{ x }} -c {{ x }}",
        ],
    ),
    // Options with arguments before the program.
    (
        SH,
        &[
            "python3 -W ignore -c {{ x }}",
            "python3 -Wignore -Xutf8 -uc {{ x }}",
            "python3 -c{{ x }}",
            "bash --rcfile f -c {{ x }}",
            "bash --norc --unknown x -c {{ x }}",
            "bash -O extglob -c {{ x }}",
            "bash -c -e {{ x }}",
            "sh +c {{ x }}",
            "perl -I lib -e {{ x }}",
            "perl -e 1 -e {{ x }}",
            "perl -MData::Dumper -lane {{ x }}",
            "ruby -r json -e {{ x }}",
            "node -r mod --eval={{ x }}",
            "php -d a=b -r {{ x }}",
            "env -S {{ x }}",
            "env -u A -S\"sh -c {{ x }}\"",
            "env --split-string={{ x }}",
            "env A=b sh -c {{ x }}",
            "flock f -c {{ x }}",
            "script -qc {{ x }} /dev/null",
            "su - user -c {{ x }}",
            "watch ls {{ x }}",
            "perl -{{ x }}",
            "timeout 5 bash -c {{ x }}",
            "xargs -n 1 sh -c {{ x }}",
            "nice -n 5 sh -c {{ x }}",
        ],
    ),
    // Programs on standard input.
    (
        SH,
        &[
            "<<EOF bash\n{{ x }}\nEOF",
            "<<EOF 2>&1 exec bash\n{{ x }}\nEOF",
            "<<< {{ x }} bash",
            "{ bash; } <<EOF\n{{ x }}\nEOF",
            "(bash) <<< {{ x }}",
            "if true; then bash; fi <<EOF\n{{ x }}\nEOF",
            "while read a; do python3; done <<EOF\n{{ x }}\nEOF",
            ". /dev/stdin <<EOF\n{{ x }}\nEOF",
            "source /dev/fd/0 <<< {{ x }}",
            "eval . /dev/stdin <<EOF\n{{ x }}\nEOF",
            "\\eval '. /dev/stdin' <<EOF\n{{ x }}\nEOF",
            "eval source /proc/self/fd/0 <<< {{ x }}",
            "bash /dev/stdin <<EOF\n{{ x }}\nEOF",
            "bash <(echo {{ x }})",
            "source <(echo {{ x }})",
            "bash < <(echo {{ x }})",
            "bash <<< \"$(echo {{ x }})\"",
            "bash -c \"$(echo {{ x }})\"",
            "eval \"$(printf %s {{ x }})\"",
            "make -f - <<EOF\n{{ x }}\nEOF",
            "make -f /dev/stdin <<< {{ x }}",
            "echo {{ x }} | sh",
            "cat <<EOF | bash\n{{ x }}\nEOF",
            "cat <<EOF | tr a b | sudo bash -x\n{{ x }}\nEOF",
            "cat <<EOF |\n{{ x }}\nEOF\nbash",
            "echo {{ x }} |& tee log | bash -s a b",
            "echo {{ x }} | { cat; bash; }",
            "echo {{ x }} | (cd /; sh)",
            "echo {{ x }} | while true; do sh; done",
            "{ echo {{ x }}; } | sh",
            "(echo {{ x }}) | sh",
            "for i in {{ x }}; do echo {{ x }}; done | sh",
            "f() { bash; }; f <<EOF\n{{ x }}\nEOF",
            "f() { echo {{ x }}; }; f | sh",
            "echo {{ x }} | tee >(bash)",
            "echo {{ x }} > >(bash)",
            "exec <<EOF\n{{ x }}\nEOF\nbash",
            "echo {{ x }} | xargs bash",
            "echo {{ x }} | xargs -I{} sh -c 'ls {}'",
            "exec 3<<EOF\n{{ x }}\nEOF\nbash <&3",
            "bash /dev/fd/3 3<<EOF\n{{ x }}\nEOF",
            "eval bash <<EOF\n{{ x }}\nEOF",
            "eval 'exec /bin/bash -x' <<< {{ x }}",
            "sh -c 'cat | docker exec -i c sh' <<< {{ x }}",
            "make -f- <<< {{ x }}",
            "make --file=/dev/stdin <<< {{ x }}",
            "make -f <(echo {{ x }})",
            "echo {{ x }} | bash -c \"$(cat)\"",
            "ssh h bash -s <<EOF\n{{ x }}\nEOF",
            "cat <<EOF | docker exec -i c sh\n{{ x }}\nEOF",
            "bash &> log <<EOF\n{{ x }}\nEOF",
            "if c; then echo {{ x }}; fi | sh",
            "case a in a) echo {{ x }};; esac | sh",
            "true && echo {{ x }} | sh",
            "bash <<EOF || true\n{{ x }}\nEOF",
        ],
    ),
    // What a command prints where the shell computes.
    (
        SH,
        &[
            "echo $(( $(echo {{ x }}) + 1 ))",
            "(( $(echo \"$(echo {{ x }})\") ))",
            "[[ 1 -eq $(echo {{ x }}) ]]",
            "[[ \"$(echo {{ x }})\" -eq 1 ]]",
            "let n=$(echo {{ x }})",
            "declare -i n=$(echo {{ x }})",
            "RANDOM=$(echo {{ x }})",
            "unset $(echo {{ x }})",
            "$(echo {{ x }})",
            "A=b $(echo {{ x }}) a",
            "command $(echo {{ x }})",
            "env $(echo {{ x }})",
            "[ $(echo {{ x }}) = a ]",
            "printf $(echo {{ x }})",
            "perl $(echo {{ x }})",
        ],
    ),
    // What zsh does besides.
    (
        ZSH,
        &[
            "export {{ x }}",
            "print -v{{ x }} a",
            "print -v {{ x }} a",
            "print -P {{ x }}",
            "getopts ab {{ x }} -a",
            "set -A {{ x }} a",
            "emulate sh -c {{ x }}",
            "vared {{ x }}",
            "zparseopts {{ x }}",
            "PROMPT4={{ x }}",
            "exit $(echo {{ x }})",
        ],
    ),
];

#[test]
fn no_value_stands_where_it_would_be_run() {
    for (shells, sources) in REFUSED {
        for source in *sources {
            let refused = refusals_in(*shells, source);
            assert!(!refused.is_empty(), "{source}");
        }
    }
}

#[test]
fn options_that_bring_a_program_are_no_values() {
    for source in [
        "python3 {{ x }}",
        "perl {{ x }} a",
        "bash '{{ x }}'",
        "printf {{ x }}",
        "wait {{ x }}",
        "node {{ list }}",
    ] {
        let template = compile(source, Span::default(), TextContext::PosixShell(SH), &names()).expect(source);
        let render = |text: &str| {
            let list = ParamValue::List(vec!["a".to_owned(), text.to_owned()]);
            let context = context([("x", ParamValue::Text(text.to_owned())), ("list", list)]);
            TemplateRenderer::new(context).render(&template, Scope::default())
        };
        assert!(render("file").is_ok(), "{source}");
        let error = render("-esystem('touch X')").expect_err(source);
        assert!(error.message.contains("like an option"), "{source}: {error}");
    }
}

#[test]
fn a_value_sets_no_variable() {
    for source in ["env {{ x }} ls", "sudo '{{ x }}'", "env -i {{ list }}"] {
        let template = compile(source, Span::default(), TextContext::PosixShell(SH), &names()).expect(source);
        let render = |text: &str| {
            let list = ParamValue::List(vec!["ls".to_owned(), text.to_owned()]);
            let context = context([("x", ParamValue::Text(text.to_owned())), ("list", list)]);
            TemplateRenderer::new(context).render(&template, Scope::default())
        };
        assert!(render("ls").is_ok(), "{source}");
        let error = render("BASH_ENV=$(touch X)").expect_err(source);
        assert!(error.message.contains("a `=` cannot"), "{source}: {error}");
    }
}

#[test]
fn a_declaration_takes_no_list_in_parentheses() {
    for source in ["declare v={{ x }}", "v=(); declare \"v={{ x }}\"", "f() { local v={{ x }}; }; f"] {
        let error = super::script(source, "($(touch X))").expect_err(source);
        assert!(error.message.contains("begins with `(`"), "{source}: {error}");
        assert!(super::script(source, "a (b)").is_ok(), "{source}");
    }
    assert!(super::script("export v={{ x }}; readonly w={{ x }}", "(a)").is_ok());
}
