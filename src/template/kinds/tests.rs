use super::ExprType;
use crate::pipeline::Span;
use crate::template::{Names, TemplateErrorKind, TextContext, compile};

/// Returns what is wrong with a text, as `part: message; help`.
fn wrong(source: &str) -> Vec<String> {
    let params = [
        ("release", ExprType::Bool),
        ("n", ExprType::Number),
        ("branch", ExprType::Text),
        ("mode", ExprType::Choice(vec!["full".to_owned(), "partial".to_owned()])),
        ("wait", ExprType::Duration),
        ("room", ExprType::Size),
        ("tags", ExprType::texts()),
        ("any", ExprType::Unknown),
    ];
    let params = params.map(|(name, kind)| (name.to_owned(), kind)).into();
    let names = Names { params, steps: true, ..Names::default() };
    let Err(errors) = compile(source, Span::default(), TextContext::Plain, &names) else { return Vec::new() };
    let show = |error: &crate::template::TemplateError| {
        assert!(
            matches!(error.kind, TemplateErrorKind::Condition | TemplateErrorKind::Comparison),
            "{source}: {error:?}"
        );
        let help = error.help.as_deref().unwrap_or_default();
        format!("{}: {}; {help}", &source[error.range.clone()], error.message)
    };
    errors.iter().map(show).collect()
}

#[test]
fn conditions_are_true_or_false() {
    for condition in [
        "release",
        "not release",
        "release and n > 3",
        "branch == 'main' or n == 0",
        "any",
        "any and release",
        "branch is defined",
        "tags is empty",
        "tags is not empty",
        "'x' in tags",
        "n in [1, 2]",
        "mode == 'full'",
        "wait | seconds < 60",
        "env.CI is defined",
        "env.CI | default('') == 'true'",
        "steps.a-b.outputs.c == 'true'",
        "release == true",
        "release != (n > 3)",
        "(n + 1) < 3 < 7",
        "branch | length > 3",
        "tags | first == 'x'",
        "branch is eq 'main'",
        "n is gt 3",
        "mode in ['full', 'partial']",
        "(release if n > 1 else false)",
        "branch | int > 3",
        "n | string == '3'",
        "any == 'x'",
        "any == 3",
        "wait == '10m'",
        "not (n is odd)",
    ] {
        let found = wrong(&format!("{{% if {condition} %}}{{% endif %}}"));
        assert!(found.is_empty(), "{condition}: {found:?}");
    }
    for (condition, expected) in [
        ("branch", "`branch` is a text, and a text is neither true nor false"),
        ("'false'", "`'false'` is a text"),
        ("n", "write `n != 0`"),
        ("3", "write `3 != 0`"),
        ("tags", "write `tags is not empty`"),
        ("mode", "write `mode == 'full'`"),
        ("not branch", "branch: `branch` is a text"),
        ("release and branch", "branch: `branch` is a text"),
        ("n or release", "n: `n` is a number"),
        ("(release if branch else false)", "branch: `branch` is a text"),
        ("env.CI", "write `env.CI != ''`"),
        ("steps.a.outputs.changed", "write `steps.a.outputs.changed == 'true'`"),
        ("run.id", "is a text"),
        ("branch | upper", "is a text"),
        ("n + 1", "is a number"),
        ("wait", "is a text"),
    ] {
        for (open, close) in [
            ("{% if ", " %}{% endif %}"),
            ("{% if release %}{% elif ", " %}{% endif %}"),
            ("{{ 1 if ", " else 2 }}"),
            ("{% for x in tags if ", " %}{% endfor %}"),
            ("{{ not (", ") }}"),
        ] {
            let found = wrong(&format!("{open}{condition}{close}"));
            assert!(found.len() == 1 && found[0].contains(expected), "{open}{condition}: {found:?}");
        }
    }
}

#[test]
fn both_sides_of_a_comparison_are_of_one_kind() {
    for (comparison, expected) in [
        (
            "release == 'true'",
            "`release` is true or false, and `'true'` is a text: they are never equal; write `release` alone",
        ),
        ("'true' == release", "write `release` alone"),
        ("release != 1", "write `release` alone"),
        ("n == '3'", "write `3` without quotes"),
        ("n < '10'", "write `10` without quotes"),
        ("branch == 3", "write `'3'`"),
        ("steps.a.outputs.changed == true", "write `'true'`"),
        ("env.CI == true", "write `'true'`"),
        ("branch == n", "`| string`"),
        ("tags == 'x'", "is a list"),
        ("mode == 'ful'", "did you mean `'full'`?"),
        ("'weekly' != mode", "its choices are `'full'`, `'partial'`"),
        ("wait < '10m'", "(wait) | seconds"),
        ("room >= room", "| bytes"),
        ("1 < n < 'x'", "they are never equal"),
        ("release in ['true', 'false']", "`release` is true or false"),
        ("n in tags", "a list in which each entry is a text"),
        ("mode in ['fill']", "did you mean `'full'`?"),
        ("release is eq 'true'", "write `release` alone"),
        ("n is lt('3')", "write `3` without quotes"),
        ("loop.first == 1", ""),
        ("now() == 3", "is a text"),
        ("(n > 2) == 'true'", "is true or false"),
        ("tags[0] == 3", "write `'3'`"),
        ("branch | length == '3'", "write `3` without quotes"),
    ] {
        let (open, close) = match comparison.starts_with("loop") {
            true => ("{% for x in tags %}{{ ", " }}{% endfor %}"),
            false => ("{{ ", " }}"),
        };
        let found = wrong(&format!("{open}{comparison}{close}"));
        assert!(found.len() == 1 && found[0].contains(expected), "{comparison}: {found:?}");
    }
}

#[test]
fn names_that_statements_bind_have_the_kind_of_their_values() {
    for (source, count) in [
        ("{% set a = 'x' %}{% if a %}{% endif %}", 1),
        ("{% set a = n > 2 %}{% if a %}{% endif %}", 0),
        ("{% for t in tags %}{% if t == 3 %}{% endif %}{% endfor %}", 1),
        ("{% for i in range(3) %}{% if i == 3 and loop.last %}{% endif %}{% endfor %}", 0),
        ("{% with a = n, b = a %}{{ b == 'x' }}{% endwith %}", 1),
        ("{% for a, b in tags | zip(tags) %}{% if a == 3 %}{% endif %}{% endfor %}", 0),
        ("{% set a = 1 %}{% if release %}{% set a = 'x' %}{% endif %}{{ a == 'x' }}", 0),
        // A name that a loop binds hides the param of that name.
        ("{% for release in tags %}{{ release == 'x' }}{% endfor %}", 0),
    ] {
        assert_eq!(wrong(source).len(), count, "{source}: {:?}", wrong(source));
    }
}
