//! How far scripts are understood.

use super::commands::{Command, Mode};
use super::reader::commands;

/// Each command as `program|argument|… >file`.
fn read(script: &str) -> Vec<String> {
    let mode = |mode: Mode| match mode {
        Mode::Read => '<',
        Mode::Write => '>',
        Mode::Append => '+',
    };
    let show = |command: Command| {
        let words = command.words.iter().map(|word| word.text.clone()).collect::<Vec<_>>().join("|");
        let redirections =
            command.redirections.iter().map(|it| format!(" {}{}", mode(it.mode), it.target.text));
        words + &redirections.collect::<String>() + if command.limited { " limited" } else { "" }
    };
    commands(script).into_iter().map(show).collect()
}

#[test]
fn commands_words_and_files() {
    assert_eq!(read("a b 'c d' \"e f\" g\\ h"), ["a|b|c d|e f|g h"]);
    assert_eq!(read("a < x > y 2>> z 2>&1 | b; c && d & e\nf"), ["a <x >y +z", "b", "c", "d", "e", "f"]);
    assert_eq!(read("a # b\nc#d"), ["a", "c#d"]);
    assert_eq!(read("a \\\n  b"), ["a|b"]);
    assert_eq!(read("x=1 y=$(a b) c"), ["a|b", "c"]);
    assert_eq!(read("a \"$(b > f | c \"d\")\" e"), ["b >f", "c|d", "a||e"]);
    assert_eq!(read("(a; b) > f"), ["a", "b", " >f"]);
    assert_eq!(read("a <(b) >(c) <<< d"), ["b", "c", "a"]);
}

#[test]
fn keywords_and_wrappers_are_taken_off() {
    assert_eq!(read("if a; then b; else c; fi > f"), ["a", "b", "c", " >f"]);
    assert_eq!(read("for x in a b; do c; done"), ["c"]);
    assert_eq!(read("case $x in a) b;; c|d) e;; esac"), ["b", "e"]);
    assert_eq!(read("! time sudo -u me -E X=1 nice -n 5 a b"), ["a|b"]);
    assert_eq!(read("timeout -k 5 30s a b; env -i A=b c"), ["a|b limited", "c"]);
    assert_eq!(read("f() { a; }"), ["a"]);
    assert_eq!(read("x=(a b) c; case $x in (a|b) d;; esac"), ["c", "d"]);
    assert_eq!(read("$(case $x in a) b;; esac) c"), ["b", "|c"]);
}

#[test]
fn documents_are_no_commands() {
    assert_eq!(read("a <<EOF > f\nb > g\nEOF\nc"), ["a >f", "c"]);
    assert_eq!(read("a <<-'X' <<Y\n\tb\n\tX\nc\nY\nd"), ["a", "d"]);
    assert_eq!(read("a <<EOF\nb"), ["a"]);
}

#[test]
fn expressions_stand_for_themselves() {
    assert_eq!(read("a {{ x }}/{{.y}} '{{ params.z }}'"), ["a|{{x}}/{{y}}|{{z}}"]);
    assert_eq!(read("a {% if x %}b{% endif %} d"), ["a|b|d"]);
    assert_eq!(read("{% if x %}a{% else %}b{% endif %}"), ["ab"]);
}

#[test]
fn whatever_is_not_closed_ends_with_the_script() {
    for script in [
        "a 'b",
        "a \"b",
        "a $(b",
        "a ${b",
        "a `b",
        "a {{ b",
        "{% b",
        ")",
        "a)b)",
        "case x in",
        "case x in a) b;;",
        "a=(",
        "a <",
        "$",
        "\\",
        "<<",
        "é'",
    ] {
        commands(script);
    }
    commands(&"$(".repeat(100_000));
    commands(&"(".repeat(100_000));
    commands(&")".repeat(100_000));
}
