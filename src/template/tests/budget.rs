//! What is refused for being too much.

use std::collections::BTreeMap;

use crate::pipeline::Span;
use crate::template::*;

fn compiled(source: &str) -> Result<crate::pipeline::Template, Vec<TemplateError>> {
    compile(source, Span::default(), TextContext::Plain, &Names::default())
}

fn rendered(source: &str) -> Result<String, String> {
    let context = RunContext { env: BTreeMap::new(), ..RunContext::default() };
    let template = compiled(source).unwrap();
    TemplateRenderer::new(context).render(&template, Scope::default()).map_err(|error| error.message)
}

#[test]
fn a_rendering_has_a_budget() {
    let inner = "{% for i in range(10000) %}{% for j in range(10000) %}{% endfor %}{% endfor %}";
    let text = r#"{% set a = "x" * 100000 %}"#;
    for source in [
        inner.to_owned(),
        r#"{{ ("x" * 100000 * 100000) | length }}"#.to_owned(),
        format!(r#"{text}{{{{ a | replace("x", a) | length }}}}"#),
        format!("{text}{{% for i in range(1000) %}}{{{{ a }}}}{{% endfor %}}"),
        format!(
            r#"{text}{{% for i in range(1000) %}}{{% if a | sha256 == "" %}}{{% endif %}}{{% endfor %}}"#
        ),
        format!(
            r#"{text}{{% for i in range(1000) %}}{{% if a | dirname == "" %}}{{% endif %}}{{% endfor %}}"#
        ),
    ] {
        assert_eq!(rendered(&source).unwrap_err(), "this takes too long or produces too much", "{source}");
    }
    for source in [r#"{{ "a\nb" | indent(3000000000) }}"#, r#"{{ "a" | indent(width=9223372036854775807) }}"#]
    {
        assert_eq!(rendered(source).unwrap_err(), "this takes too long or produces too much", "{source}");
    }
    assert_eq!(
        rendered(r#"{{ "a\nb\n" | indent(2, true) }}|{{ "a\nb" | indent(width=1) }}"#).unwrap(),
        "  a\n  b|a\n b"
    );
    let fair = rendered("{% for i in range(9000) %}x{% endfor %}").unwrap();
    assert_eq!(fair, "x".repeat(9000));
}

#[test]
fn numbers_out_of_range_are_errors() {
    for source in [
        r#"{{ "%.100000e" | format(1.0) }}"#,
        r#"{{ "%.300000000f" | format(1.0) }}"#,
        r#"{{ "%300000000d" | format(1) }}"#,
        r#"{{ "x" * 9223372036854775807 }}"#,
        "{{ [1] | slice(18446744073709551615) | list | length }}",
        "{{ range(100000000) | list | length }}",
        "{{ 10 ** 400 }}",
        "{{ 1 // 0 }}",
    ] {
        rendered(source).unwrap_err();
    }
    // Where minijinja's arithmetic is checked, it would panic.
    for source in [
        r#"{{ "x"[::-9223372036854775808] }}"#,
        r#"{% set n = -9223372036854775807 - 1 %}{{ "x"[::n] }}"#,
        "{{ range(9223372036854775807, -9223372036854775807, -9223372036854775808) | list | length }}",
    ] {
        assert_eq!(rendered(source).unwrap_err(), "a number is too large here", "{source}");
    }
    assert_eq!(rendered(r#"{{ "%05d|%-6.2f|" | format(7, 1.5) }}"#).unwrap(), "00007|1.50  |");
}

#[test]
fn what_nothing_waits_for_is_not_rendered() {
    let waits = std::sync::Arc::new(());
    let waiter = std::sync::Arc::downgrade(&waits);
    let around = Scope { waiter: Some(&waiter), ..Scope::default() };
    let (renderer, template) =
        (TemplateRenderer::new(RunContext::default()), compiled("{{ 'x' | upper }}").unwrap());
    assert_eq!(renderer.render(&template, around).unwrap(), "X");
    drop(waits);
    assert_eq!(
        renderer.render(&template, around).unwrap_err().message,
        "nothing waits for this text any more"
    );
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let file = crate::pipeline::Source::new("pipeline.yml", "a: 1\nb: {{ ('x' * 100000000) | length }}\n");
    let at = Span::new(8, 41);
    let template = compile(file.slice(at), at, TextContext::Plain, &Names::default()).unwrap();
    let error = TemplateRenderer::new(RunContext::default()).render(&template, Scope::default()).unwrap_err();
    assert_eq!(
        error.sentence(&file, &template),
        "this takes too long or produces too much (`'x' * 100000000` in the text at line 2)"
    );
}

const TOO_MUCH: &str = "this takes too long or produces too much";

/// A list that holds the one before twice, and so on: a few names stand for more than there is time for.
#[test]
fn what_is_in_a_value_many_times_is_paid_for_each_time() {
    let lists = "{% set a = [a, a] %}".repeat(40);
    let maps = "{% set a = {'l': a, 'r': a} %}".repeat(40);
    for doubled in [format!("{{% set a = [1] %}}{lists}"), format!("{{% set a = {{'x': 1}} %}}{maps}")] {
        assert_eq!(rendered(&doubled).unwrap_err(), TOO_MUCH);
    }
    // Without a name in between.
    let many = "[[[[[0] * 1000] * 1000] * 1000] * 1000]";
    for use_of_it in [
        "| tojson | length",
        "| batch(2) | list | length",
        "| unique | list | length",
        "| sort | list | length",
        "| max | length",
        "| dictsort | length",
        "is eq([])",
        "== dict()",
        "in [dict()]",
    ] {
        let source = format!("{{{{ {many} {use_of_it} }}}}");
        // What minijinja refuses before it looks inside is fine as well.
        let error = rendered(&source).unwrap_err();
        assert!(error == TOO_MUCH || use_of_it.contains("dictsort"), "{source}: {error}");
    }
    let groups = format!("{{{{ [{{'k': {many}}}, {{'k': {many}}}] | groupby('k') | list | length }}}}");
    assert_eq!(rendered(&groups).unwrap_err(), TOO_MUCH);
}

#[test]
fn what_is_made_is_paid_for_before_it_is_made() {
    let long = r#""x" * 1000000"#;
    for source in [
        "{{ ([0] * 100000) | tojson(indent=1000) | length }}".to_owned(),
        "{{ [0] | tojson(indent=9000000000000000000) }}".to_owned(),
        format!("{{{{ ([{long}] * 10000) | join | length }}}}"),
        format!("{{{{ ([{long}] * 10000) | tojson | length }}}}"),
        r#"{{ ("%s" * 5000) | format(*([env.LONG] * 5000)) | length }}"#.replace("env.LONG", long),
    ] {
        assert_eq!(rendered(&source).unwrap_err(), TOO_MUCH, "{source}");
    }
    let script = format!("echo {{{{ [{long}] * 10000 }}}}");
    let names = Names::default();
    let template = compile(&script, Span::default(), TextContext::PosixShell(Shells::SH), &names).unwrap();
    let error = TemplateRenderer::new(RunContext::default()).render(&template, Scope::default()).unwrap_err();
    assert_eq!(error.message, TOO_MUCH);
    let long = r#"{{ now("%Y" * 1000) }}"#;
    assert_eq!(rendered(long).unwrap_err(), "this format of times is longer than 1000 bytes");
    assert_eq!(rendered(r#"{{ now("%Y" * 500) | length }}"#).unwrap(), "2000");
}

/// Dropping a value takes stack in proportion to its depth, and no rendered value may use all of it.
#[test]
fn a_value_is_only_so_deep() {
    let all = |step: &str| {
        format!(
            "{{% set ns = namespace(a=[1], b={{}}) %}}{{% for i in range(300) %}}{{% for j in range(300) %}}{step}{{% endfor %}}{{% endfor %}}"
        )
    };
    let deep = "this value is nested too deeply: more than 100 lists in each other";
    for source in [
        all("{% set ns.a = [ns.a] %}"),
        all("{% set ns.a = {'x': ns.a} %}"),
        all("{% set ns.a = ns.a | batch(1) %}"),
        format!("{{% set a = [] %}}{}", "{% set a = [a] %}".repeat(20_000)),
        format!("{{% set a = [] %}}{}", "{% set a, b = [a], 1 %}".repeat(20_000)),
        format!("{{% set a = [] %}}{}", "{% set a = a, 1 %}".repeat(20_000)),
        format!("{{{{ [1]{} | tojson }}}}", " | batch(1)".repeat(110)),
    ] {
        assert_eq!(rendered(&source).unwrap_err(), deep, "{}", source.get(..80).unwrap_or_default());
    }
    // A lazy value would keep all that it is made of.
    for step in [
        "{% set ns.a = ns.a[0:] %}",
        "{% set ns.a = ns.a | reverse %}",
        "{% set ns.a = [ns.a[0:]][0] %}",
        "{% set ns.a = ns.a * 1 %}",
        "{% set ns.a = ns.a + [] %}",
        "{% set ns.a = (([{'k': 1, 'v': ns.a[0:]}] | groupby('k') | first).list | first).v %}",
        "{% set ns.a = ns.a | chain([]) %}",
        "{% set ns.b = ns.b | chain({}) %}",
    ] {
        if let Err(error) = rendered(&all(step)) {
            assert_eq!(error, TOO_MUCH, "{step}");
        }
    }
}

#[test]
fn what_can_change_later_is_no_part_of_another_value() {
    let refused = "a namespace or `loop` can have a name, and cannot be a part of another value";
    for source in [
        "{% set ns = namespace(a=1) %}{% set ns.a = ns %}",
        "{% set ns = namespace(a=1) %}{% set ns.a = [{'x': ns}] %}",
        "{% set ns = namespace(a=1) %}{% set other = namespace(a=ns) %}",
        "{% set ns = namespace(a=1) %}{% set list = [ns] %}",
        "{% set ns = namespace(a=1) %}{% for x in [1] %}{% set ns.a = loop %}{% endfor %}",
        "{% set ns = namespace(a=1) %}{% for x in [1] %}{% if loop.changed(ns) %}{% endif %}{% endfor %}",
        "{% set ns = namespace(a=1) %}{% with d = dict(a=ns) %}{% endwith %}",
    ] {
        assert_eq!(rendered(source).unwrap_err(), refused, "{source}");
    }
    let fair = "{% set ns = namespace(a=1) %}{% set same = ns %}{% for x in [1, 2] %}{% set outer = loop %}\
                {% for y in [1] %}{% set same.a = same.a + outer.index %}{% endfor %}{% endfor %}{{ ns.a }}";
    assert_eq!(rendered(fair).unwrap(), "4");
}

#[test]
fn values_that_get_names_are_what_they_were() {
    for (source, expected) in [
        ("{% set a = range(3) %}{{ a | join(',') }} {{ a[1] }} {{ a[1:] | join(',') }}", "0,1,2 1 1,2"),
        ("{% set a, b = 1, 2.50 %}{{ a }} {{ b }}", "1 2.50"),
        (
            "{% set a = {'x': [1.10, true]} %}{{ a.x | tojson }} {{ a | items | list | tojson }}",
            r#"[1.10, true] [["x", [1.10, true]]]"#,
        ),
        (
            "{% set g = [{'k': 'a', 'v': 1}] | groupby('k') | first %}{{ g.grouper }} {{ g.list | length }}",
            "a 1",
        ),
        (
            "{% with a = [1] | chain([2]), b = {'x': 1} | chain({'y': 2}) %}{{ a | join }} {{ b.x ~ b.y }}{% endwith %}",
            "12 12",
        ),
        ("{{ dict(a=1.50).a }} {{ 'abc'[-1] }} {{ 'abc'[::-1] }}", "1.50 c cba"),
    ] {
        assert_eq!(rendered(source).unwrap_or_else(|error| error), expected, "{source}");
    }
}

/// On the stack that the runtime's threads have, of which tests have as much.
#[test]
fn an_expression_that_goes_deep_is_refused_before_the_stack_is_used_up() {
    let deep = |count: usize| {
        [
            format!("{{{{ {}true }}}}", "not ".repeat(count)),
            format!("{{{{ {}1 }}}}", "- ".repeat(count)),
            format!("{{{{ 1{} }}}}", "+1".repeat(count)),
            format!("{{{{ \"\"{} }}}}", "~\"\"".repeat(count)),
            format!("{{{{ true{} }}}}", " and true".repeat(count)),
            format!("{{{{ {}1 }}}}", "1 if true else ".repeat(count)),
            format!("{{{{ run.id{} }}}}", "|upper".repeat(count)),
            format!("{{{{ run{} }}}}", ".id".repeat(count)),
            format!("{{{{ run{} }}}}", "[0]".repeat(count)),
            format!("{{% if true %}}{}{{% endif %}}", "{% elif true %}".repeat(count)),
            format!("{{% if {}true %}}{{% endif %}}", "not ".repeat(count)),
            format!("{{% set x = {}true %}}", "not ".repeat(count)),
        ]
    };
    for source in deep(100_000) {
        let errors = compiled(&source).unwrap_err();
        assert!(errors.iter().any(|error| error.message.contains("too")), "{:?}", errors.first());
    }
    // What is not refused is read, and rendered, or is an error of its own.
    for source in deep(240) {
        if let Ok(template) = compiled(&source) {
            let _: Result<String, TemplateError> =
                TemplateRenderer::new(RunContext::default()).render(&template, Scope::default());
        }
    }
    for source in
        [format!("{{{{ {}true }}}}", "not ".repeat(990)), format!("{{{{ 1{} }}}}", "+1".repeat(490))]
    {
        rendered(&source).unwrap_or_default();
    }
}
