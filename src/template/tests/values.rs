//! How values are written: as in the file, in whatever way an expression passes them on.

use crate::pipeline::{ParamValue, Span};
use crate::template::{
    ExprType, Names, RunContext, Scope, Shells, TemplateError, TemplateRenderer, TextContext, compile,
};

/// Renders a text with `debug` true, `off` false, the numbers `python`, `big`, `half` and `count`, and a list
/// of versions.
fn render(source: &str, place: TextContext) -> Result<String, TemplateError> {
    let number = |text: &str| ParamValue::Float { text: text.to_owned(), value: text.parse().unwrap() };
    let params = [
        ("debug", ExprType::Bool, ParamValue::Bool(true)),
        ("off", ExprType::Bool, ParamValue::Bool(false)),
        ("python", ExprType::Number, number("3.10")),
        ("big", ExprType::Number, number("12345678901234567890")),
        ("half", ExprType::Number, number("0.50")),
        ("tag", ExprType::Number, number("1e3")),
        ("count", ExprType::Number, ParamValue::Int { text: "07".to_owned(), value: 7 }),
        ("versions", ExprType::texts(), ParamValue::List(vec!["3.9".to_owned(), "3.10".to_owned()])),
        ("name", ExprType::Text, ParamValue::Text("x".to_owned())),
    ];
    let mut names = Names::default();
    let mut context = RunContext::default();
    for (name, kind, value) in params {
        names.params.insert(name.to_owned(), kind);
        context.values.insert(name.to_owned(), value);
    }
    let template = compile(source, Span::default(), place, &names)
        .map_err(|errors| errors.into_iter().next().unwrap())?;
    TemplateRenderer::new(context).render(&template, Scope::default())
}

fn plain(source: &str) -> String {
    render(source, TextContext::Plain).unwrap_or_else(|error| format!("error: {}", error.message))
}

#[test]
fn what_is_true_is_written_as_yaml_writes_it() {
    for (source, expected) in [
        ("{{ debug }} {{ off }} {{ params.debug }} {{ true }} {{ True }}", "true false true true true"),
        ("{{ debug ~ '-' ~ off }}", "true-false"),
        ("{{ [debug, off, count == 7] | join(',') }}", "true,false,true"),
        ("{{ [debug, [off]] | tojson }}", "[true, [false]]"),
        (
            "{{ debug | string | upper }} {{ debug | upper }} {{ debug | replace('t', off) }}",
            "TRUE TRUE falserue",
        ),
        ("{{ '%s %s' | format(debug, off) }}", "true false"),
        ("{{ [debug, off] | map('string') | join }} {{ [debug] | map('upper') | join }}", "truefalse TRUE"),
        ("{% for b in [debug, off] %}{{ b }},{% endfor %}", "true,false,"),
        ("{% set b = not debug %}{{ b }} {{ b ~ '' }}", "false false"),
        ("{{ debug if off else off }} {{ debug | default(off) }}", "false true"),
        ("{{ (count > 3) ~ '' }} {{ name is defined }}", "true true"),
        ("{% if debug and not off %}yes{% endif %}", "yes"),
        (
            "{{ [debug == true, debug != off, debug is true, debug is boolean] | tojson }}",
            "[true, true, true, true]",
        ),
        ("{{ {'a': debug} | tojson }} {{ {'a': debug}['a'] }}", r#"{"a": true} true"#),
        ("{{ debug | sha256 }}", "b5bea41b6c623f7c09f1bf24dcae58ebab3c0cdd90ad966bc43a45b44867e12b"),
    ] {
        assert_eq!(plain(source), expected, "{source}");
    }
    let script = |source| render(source, TextContext::PosixShell(Shells::SH)).unwrap();
    assert_eq!(
        script("[ {{ debug }} = true ] && echo \"{{ off }}\" '{{ off }}'"),
        "[ true = true ] && echo \"false\" 'false'"
    );
    assert_eq!(render("x = {{ debug | tojson }}", TextContext::Interpreter).unwrap(), "x = true");
}

#[test]
fn numbers_keep_their_spelling() {
    for (source, expected) in [
        ("{{ python }} {{ big }} {{ half }} {{ tag }} {{ count }}", "3.10 12345678901234567890 0.50 1e3 07"),
        ("{{ 'v' ~ python ~ '-' ~ count }}", "v3.10-07"),
        (
            "{{ [python, half, 3] | join(' ') }} {{ [python, tag, big] | tojson }}",
            "3.10 0.50 3 [3.10, 1e3, 12345678901234567890]",
        ),
        ("{{ python | tojson }} {{ count | tojson }}", "3.10 7"),
        (
            "{{ python | string }} {{ python | replace('.', '_') }} {{ python | split('.') | last }}",
            "3.10 3_10 10",
        ),
        ("{% for v in [3.9, 3.10, -1.50, (2.0)] %}{{ v }},{% endfor %}", "3.9,3.10,-1.50,2.0,"),
        ("{% set v = 3.10 %}{{ v }} {{ v ~ '!' }} {{ 1_000 }} {{ 1e-3 }}", "3.10 3.10! 1000 1e-3"),
        ("{% with v = python %}{{ v }}{% endwith %}", "3.10"),
        (
            "{{ python if debug else half }} {{ python | default(1) }} {{ [half, python] | last }}",
            "3.10 3.10 3.10",
        ),
        (
            "{{ [3.9, python] | min }} {{ [half, 1, python] | max }} {{ [python, half] | sort | join(' ') }}",
            "3.10 3.10 0.50 3.10",
        ),
        ("{{ '%s %.1f %d' | format(python, python, count) }}", "3.10 3.1 7"),
        ("{{ ([3.10] + [half]) | tojson }}", "[3.10, 0.50]"),
        ("{{ {'v': 1.10}.v }} {{ 'abcdefghij'[count] }}", "1.10 h"),
        ("{{ versions | join(' ') }}", "3.9 3.10"),
        ("{{ python | raw }}", "3.10"),
    ] {
        assert_eq!(plain(source), expected, "{source}");
    }
    assert_eq!(
        render("echo {{ python }} $(( {{ count }} + 1 ))", TextContext::PosixShell(Shells::SH)).unwrap(),
        "echo 3.10 $(( 7 + 1 ))"
    );
}

#[test]
fn numbers_compute() {
    for (source, expected) in [
        (
            "{{ count + 1 }} {{ 10 - count }} {{ count * 2 }} {{ count // 2 }} {{ count % 4 }} {{ count ** 2 }}",
            "8 3 14 3 3 49",
        ),
        ("{{ -count }} {{ half + half }} {{ big + 1 }} {{ 1.5 + 2 }}", "-7 1.0 12345678901234567891 3.5"),
        ("{{ count < 10 }} {{ 3 <= half }} {{ python == 3.1 }} {{ 1 < count < 9 }}", "true false true true"),
        (
            "{{ count in [1, 7] }} {{ [count] == [7] }} {{ count is odd }} {{ count is divisibleby 7 }}",
            "true true true true",
        ),
        ("{{ count is gt 3 }} {{ [1, count, 9] | select('gt', half) | join(' ') }}", "true 1 07 9"),
        ("{{ [count, 1] | sum }} {{ half | round }} {{ python | int }} {{ count | float }}", "8 0.0 3 7.0"),
        ("{{ range(count) | length }} {{ 'a' | indent(count, true) | length }}", "7 8"),
        ("{% if count > 3 and half != 0 %}yes{% endif %}", "yes"),
        ("{{ [count, 7] | unique | join(' ') }} {{ (count + 0) | abs }}", "07 7"),
        (
            "{{ {'a': [1.10, true]} | tojson(indent=count - 5) }}",
            "{\n  \"a\": [\n    1.10,\n    true\n  ]\n}",
        ),
    ] {
        assert_eq!(plain(source), expected, "{source}");
    }
}

#[test]
fn what_is_no_text_is_not_written_as_python_writes_it() {
    for source in [
        "{{ versions ~ '' }}",
        "{{ none ~ '' }}",
        "{{ versions | string }}",
        "{{ [none] | join }}",
        "{{ none | upper }}",
    ] {
        assert!(render(source, TextContext::Plain).is_err(), "{source}");
    }
}

#[test]
fn errors_point_into_the_text_that_was_written() {
    for (source, wrong) in [
        ("a {{ 'a' ~ env.NONE }} b", "{{ 'a' ~ env.NONE }}"),
        ("{{ 1.10 ~ count ~ ('x' * half) }}", "'x' * half"),
        ("{{ 1.10 ~ 2.20 ~ (count + versions) }}", "count + versions"),
    ] {
        let error = render(source, TextContext::Plain).unwrap_err();
        assert_eq!(&source[error.range.clone()], wrong, "{source}: {}", error.message);
    }
}
