//! Places where no value may stand, and their neighbours where one may.

use super::refusals;
use super::{names, script};
use crate::pipeline::Span;
use crate::template::{Shells, TextContext, compile};

const PROGRAM: &str = "where a command takes a program: it would run what the value says";
const INPUT: &str = "in what a command reads its program from: it would run what the value says";
const SPLIT: &str = "after `|` or a line's end inside `[[ ]]`: a shell that has no `[[ ]]` would run it";
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
        ("[[ bash <<EOF\n'{{ x }}'", "here: the shell text before it cannot be followed"),
        ("[[ a =~ a|{{ x }} ]]", SPLIT),
        ("[[ a || \"{{ x }}\" == b ]]", SPLIT),
        ("[[ a ||\n{{ x }} == b ]]", SPLIT),
        ("[[ a || eval == {{ x }} ]]", "here: the shell text before it cannot be followed"),
        ("echo $((\"{{ x }}\"))", "in quotes inside `(( ))`"),
        ("echo >&{{ x }}", "after `>&` or `<&`: the shell expands it twice"),
        ("echo 2>& \"a{{ x }}\"", "after `>&` or `<&`: the shell expands it twice"),
        ("echo >&$(echo {{ x }})", "after `>&` or `<&`: the shell expands it twice"),
        ("declare {{ x }}=1", NAME),
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
        ("bash <<< \"ls {{ x }}\"", INPUT),
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
        let expected = format!("{{{{ x }}}}: a value cannot be used {place}");
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
fn values_that_begin_an_argument_are_told() {
    let leading = |source: &str| -> Vec<String> {
        let template =
            compile(source, Span::default(), TextContext::PosixShell(Shells::SH), &names()).expect(source);
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
fn raw_opts_out() {
    assert_eq!(script("echo {{ x | raw }} '{{ x }}'", "a; b").expect("a script"), "echo a; b 'a; b'");
    assert_eq!(script("echo `{{ x | raw }}`", "date").expect("a script"), "echo `date`");
}
