//! Every context with every value.

use super::contexts::CONTEXTS;
use super::harness::{Shell, cases, check, made, run};
use super::values::VALUES;
use super::{context, names, script};
use crate::pipeline::{ParamValue, Span};
use crate::template::{Scope, Shells, TemplateRenderer, TextContext, compile};

#[test]
fn every_value_comes_out_of_every_context_as_it_went_in() {
    assert!(CONTEXTS.len() >= 120 && VALUES.len() >= 30);
    for shell in Shell::all() {
        check(shell, &cases(&shell.contexts(), VALUES));
    }
}

#[test]
fn a_long_value_comes_out_as_it_went_in() {
    // 100 KiB, of which an argument of another program may have no more than 128 KiB.
    let long = "'$(touch X)\" \\\n".repeat(100 * 1024 / 15);
    // The same value twice in a word, and regular expressions of that size, are more than a shell can be
    // asked for.
    let is_too_much =
        |script: &str| script.contains("=~") || script.contains("env ") || script.matches("{{ x").count() > 1;
    for shell in Shell::all() {
        let mut contexts = shell.contexts();
        contexts.retain(|context| !is_too_much(context.script));
        assert!(contexts.len() > 80);
        check(shell, &cases(&contexts, &[&long]));
    }
}

#[test]
fn a_redirection_makes_the_file_of_that_name() {
    for shell in Shell::all() {
        for value in
            ["a b", "it's", "$(touch X)", ";touch X", "*", "-rf", "&1", "2", "a\nb", "~", "{a,b}", "#"]
        {
            for source in ["echo > {{ x }}", "echo 2>{{ x }} b", "echo >>\"{{ x }}\"", "echo b 1> {{ x }} c"]
            {
                let folder = tempfile::tempdir().expect("a folder");
                run(shell, &script(source, value).expect("a script"), folder.path());
                assert_eq!(made(folder.path()), [value], "{shell:?}: {source}");
            }
        }
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
        let template = compile(source, Span::default(), TextContext::PosixShell(Shells::SH), &names())
            .expect("a template");
        let items = items.iter().map(|item| (*item).to_owned()).collect();
        TemplateRenderer::new(context([("list", ParamValue::List(items))]))
            .render(&template, Scope::default())
    };
    let items = ["a b", "", "*", "it's", "plain"];
    for source in [
        r"printf '%s\0' {{ list }}",
        "for i in {{ list }}; do printf '%s\\0' \"$i\"; done",
        r"printf '%s\0' {{ list }}>&1",
        "printf '%s\\0' {{.list}} # all",
        r"(printf '%s\0' {{ list }})",
    ] {
        for shell in Shell::all() {
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
        assert!(error.message.starts_with("a list cannot be used here"), "{source}: {error}");
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
        for shell in Shell::all() {
            let folder = tempfile::tempdir().expect("a folder");
            assert_eq!(run(shell, &text, folder.path()), [expected.as_str()], "{shell:?}: {text}");
        }
    }
}

#[test]
fn where_the_shell_computes_only_whole_numbers_go_in() {
    let render = |source: &str, value: ParamValue| {
        let template = compile(source, Span::default(), TextContext::PosixShell(Shells::SH), &names())
            .expect("a template");
        TemplateRenderer::new(context([("x", value)])).render(&template, Scope::default())
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
        let text = render(source, ParamValue::Int { text: "-5".to_owned(), value: -5 }).expect("a script");
        assert_eq!(run(Shell::Bash, &text, folder.path()), [expected], "{text}");
        for value in ["a[$(touch X)]", "x", "", "1+1", "08", "1.5", "-"] {
            let error = render(source, ParamValue::Text(value.to_owned())).expect_err(source);
            assert_eq!(error.message, "only a whole number can stand here", "{source}");
        }
    }
}

#[test]
fn what_the_help_advises_for_brackets_runs_no_value() {
    let advised = "v=$(({{ x }}))";
    for (refused, instead, expected) in [
        ("echo ${a[{{ x }}]}", r#"printf '%s\0' "${a[$v]}""#, "two"),
        ("echo ${b:{{ x }}}", r#"printf '%s\0' "${b:$v}""#, "yz"),
        ("echo \"${b:0:{{ x }}}\"", r#"printf '%s\0' "${b:0:"$v"}""#, "x"),
        ("a[{{ x }}]=b", r#"a["$v"]=b; printf '%s\0' "${a[1]}""#, "b"),
        ("cat <<EOF\n$(({{ x }} + 1))\nEOF", "cat <<EOF\n$(($v + 1))\nEOF", "2\n"),
        ("echo ${a:-$(({{ x }} + 1))}", r#"printf '%s\0' "${c:-$(($v + 1))}""#, "2"),
    ] {
        let errors = compile(refused, Span::default(), TextContext::PosixShell(Shells::SH), &names())
            .expect_err(refused);
        assert!(
            errors.iter().all(|error| error.help.iter().any(|help| help.contains(advised))),
            "{refused}: {errors:?}"
        );
        let source = format!("{advised} a=(one two) b=xyz\n{instead}");
        let folder = tempfile::tempdir().expect("a folder");
        let text = script(&source, "1").expect("a script");
        assert_eq!(run(Shell::Bash, &text, folder.path()), [expected], "{text}");
        for value in ["a[$(touch X)]", "x", "", "0$(touch X)"] {
            let error = script(&source, value).expect_err(&source);
            assert_eq!(error.message, "only a whole number can stand here", "{source}");
        }
        // What would happen without it: the shell runs what it computes with.
        let text = script(&source.replace(advised, "v={{ x }}"), "a[$(touch X)]").expect("a script");
        run(Shell::Bash, &text, folder.path());
        assert_eq!(made(folder.path()), ["X"], "{text}");
    }
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
