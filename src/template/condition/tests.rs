use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::condition;
use crate::pipeline::{Condition, ParamValue, Role, Secret, Span, Verdict};
use crate::template::{
    Decided, ExprType, Names, RunContext, Scope, StepOutputsMode, TemplateErrorKind, TemplateRenderer,
};

fn names() -> Names {
    let params = [
        ("release", ExprType::Bool),
        ("branch", ExprType::Text),
        ("n", ExprType::Number),
        ("list", ExprType::texts()),
        ("limit", ExprType::Duration),
        ("token", ExprType::Secret),
    ];
    Names {
        params: params.map(|(name, kind)| (name.to_owned(), kind)).into(),
        secret_variables: [("TOKEN".to_owned(), "token".to_owned())].into(),
        steps: true,
        ..Names::default()
    }
}

fn read(source: &str) -> Condition {
    condition(source, Span::default(), &names()).unwrap_or_else(|errors| panic!("{source}: {errors:?}"))
}

/// What is wrong: the part of the source, the message, and the help.
fn wrong(source: &str) -> Vec<(String, String, String)> {
    let errors = condition(source, Span::default(), &names()).err().unwrap_or_default();
    let show = |error: crate::template::TemplateError| {
        (source[error.range].to_owned(), error.message, error.help.unwrap_or_default())
    };
    errors.into_iter().map(show).collect()
}

fn kind(source: &str) -> Option<TemplateErrorKind> {
    condition(source, Span::default(), &names()).err()?.first().map(|error| error.kind)
}

fn renderer(token: &str) -> TemplateRenderer {
    let values = [
        ("release", ParamValue::Bool(false)),
        ("branch", ParamValue::Text("dev".into())),
        ("n", ParamValue::Int { text: "03".into(), value: 3 }),
        ("list", ParamValue::List(vec!["a".into(), "b".into()])),
        ("limit", ParamValue::Duration { text: "10m".into(), value: std::time::Duration::from_secs(600) }),
        ("token", ParamValue::Secret(Secret::new(token))),
    ];
    TemplateRenderer::new(RunContext {
        values: values.map(|(name, value)| (name.to_owned(), value)).into(),
        env: [("REF".to_owned(), "main".to_owned())].into(),
        run_id: "r1".into(),
        ..RunContext::default()
    })
}

/// The words for a false condition, or `holds`.
fn decided(source: &str) -> String {
    let outputs = BTreeMap::from([("k".to_owned(), "1".to_owned())]);
    let given = BTreeMap::from([("a-b".to_owned(), Arc::new(outputs))]);
    let verdicts = [
        ("ok", Verdict::Success),
        ("red", Verdict::Failure),
        ("cut", Verdict::Cancelled),
        ("off", Verdict::Skipped),
    ];
    let verdicts = verdicts.map(|(name, verdict)| (name.to_owned(), verdict)).into();
    let scope =
        Scope { outputs: StepOutputsMode::These(&given), verdicts: Some(&verdicts), ..Scope::default() };
    match renderer("s3cret-words").decide(&read(source), scope) {
        Ok(Decided::Holds) => "holds".to_owned(),
        Ok(Decided::Not(words)) => words,
        Err(error) => format!("{}: {error}", &source[error.range.clone()]),
    }
}

#[test]
fn a_condition_is_decided_and_a_false_one_says_why() {
    for (source, expected) in [
        ("true", "holds"),
        ("false", "switched off by `if: false`"),
        ("release", "release is false"),
        ("params.release", "params.release is false"),
        ("not release", "holds"),
        ("not (n == 3)", "not (n == 3) is false (n is 03)"),
        ("branch == 'main'", "branch == 'main' is false (branch is dev)"),
        (
            "release and branch == 'main'",
            "release and branch == 'main' is false (release is false, branch is dev)",
        ),
        ("release or branch == 'dev'", "holds"),
        ("'c' in list", "'c' in list is false"),
        ("list | length == 2", "holds"),
        ("limit | seconds < 60", "limit | seconds < 60 is false (limit is 10m)"),
        ("env.REF\n  == 'dev'", "env.REF == 'dev' is false (env.REF is main)"),
        ("env.NONE | default('x') == 'y'", "env.NONE | default('x') == 'y' is false"),
        ("env.NONE is defined", "env.NONE is defined is false"),
        ("n == 3 and 'a' in list", "holds"),
        ("run.id == 'r2'", "run.id == 'r2' is false (run.id is r1)"),
        ("steps.a-b.outputs.k == '1'", "holds"),
        ("steps.a-b.outputs.k != '1'", "steps.a-b.outputs.k != '1' is false (steps.a-b.outputs.k is 1)"),
        ("steps.c.outputs.k | default('') == 'x'", "steps.c.outputs.k | default('') == 'x' is false"),
        ("branch is empty", "branch is empty is false (branch is dev)"),
        ("success('ok') and failure('red') and cancelled('cut') and skipped('off')", "holds"),
        ("failure('ok')", "failure('ok') is false (ok succeeded)"),
        (
            "success('red') or success('off')",
            "success('red') or success('off') is false (red failed, off was skipped)",
        ),
        ("token is not empty", "holds"),
        ("token is empty or branch == 'x'", "token is empty or branch == 'x' is false (branch is dev)"),
    ] {
        assert_eq!(decided(source), expected, "{source}");
    }
}

#[test]
fn what_cannot_be_decided_is_an_error_at_its_place() {
    for (source, expected) in [
        ("env.NONE == 'x'", "env.NONE: `env.NONE` has no value"),
        (
            "steps.a-b.outputs.other == '1'",
            "steps.a-b.outputs.other: `a-b` did not set the output `other`; it gave `k`",
        ),
        ("success('none')", "'none': how `none` has ended is known only once it has"),
    ] {
        assert_eq!(decided(source), expected, "{source}");
    }
}

#[test]
fn a_long_condition_and_long_values_are_cut() {
    let long = format!("branch == '{}'", "x".repeat(200));
    let words = decided(&long);
    assert!(words.chars().count() < 130, "{words}");
    assert!(words.ends_with("… is false (branch is dev)"), "{words}");
}

#[test]
fn an_empty_secret_is_empty_and_never_told() {
    let decide = |source: &str| renderer("").decide(&read(source), Scope::default()).unwrap();
    assert_eq!(decide("token is empty"), Decided::Holds);
    assert_eq!(decide("token is not empty"), Decided::Not("token is not empty is false".into()));
    let condition = read("params.token is not empty and params['token'] is not empty");
    assert_eq!(condition.text.params, ["token"]);
    assert!(condition.text.secrets.is_empty());
}

#[test]
fn early_conditions_are_told_from_late_ones() {
    for source in
        ["true", "release", "env.REF == 'x'", "now('%Y') == '2026'", "run.id != '' and pipeline.name != ''"]
    {
        assert!(read(source).is_early, "{source}");
    }
    for source in
        ["steps.a.outputs.k == 'x'", "release and success('a')", "steps.a.outputs.k | default('') == ''"]
    {
        assert!(!read(source).is_early, "{source}");
    }
}

#[test]
fn what_a_condition_uses_is_found_where_the_user_wrote_it() {
    let source = "success('a b') and steps.c-d.outputs.k | default('') == env.X and steps.e.outputs.k == ''";
    let text = read(source).text;
    let asks: Vec<_> =
        text.asks.iter().map(|ask| (ask.step.as_deref(), &source[ask.range.clone()])).collect();
    assert_eq!(asks, [(Some("a b"), "'a b'")]);
    let outputs: Vec<_> =
        text.outputs.iter().map(|read| (&source[read.range.clone()], read.is_optional)).collect();
    assert_eq!(outputs, [("steps.c-d.outputs.k", true), ("steps.e.outputs.k", false)]);
    assert_eq!(&source[text.env[0].range.clone()], "env.X");
    assert_eq!(text.source, source);
}

#[test]
fn only_the_end_of_the_run_can_be_asked_about_without_a_name() {
    assert_eq!(kind("failure()"), Some(TemplateErrorKind::Undefined));
    let names = Names { role: Role::Finally, ..names() };
    let condition = condition("release or failure()", Span::default(), &names).unwrap();
    assert_eq!(condition.text.asks[0].step, None);
    assert!(!condition.is_early);
}

#[test]
fn mistakes_have_their_kinds() {
    for (source, expected) in [
        ("${{ branch }} == 'x'", TemplateErrorKind::ConditionBraces),
        ("branch == '{{ x }}'", TemplateErrorKind::Comparison),
        ("{% if release %}true{% endif %}", TemplateErrorKind::ConditionBraces),
        ("release && branch == 'x'", TemplateErrorKind::ConditionOperator),
        ("release || branch == 'x'", TemplateErrorKind::ConditionOperator),
        ("!release", TemplateErrorKind::ConditionOperator),
        ("branch = 'x'", TemplateErrorKind::ConditionOperator),
        ("$BRANCH == 'x'", TemplateErrorKind::ConditionOperator),
        ("releese", TemplateErrorKind::Undefined),
        ("github.ref == 'x'", TemplateErrorKind::Undefined),
        ("contains(branch, 'x')", TemplateErrorKind::Function),
        ("always()", TemplateErrorKind::Function),
        ("success", TemplateErrorKind::Function),
        ("success(branch)", TemplateErrorKind::Function),
        ("success('a', 'b')", TemplateErrorKind::Function),
        ("branch", TemplateErrorKind::Condition),
        ("n", TemplateErrorKind::Condition),
        ("'false'", TemplateErrorKind::Condition),
        ("release and", TemplateErrorKind::Condition),
        ("", TemplateErrorKind::Condition),
        ("release %}{% if release", TemplateErrorKind::ConditionBraces),
        ("release %} x", TemplateErrorKind::Condition),
        ("release == 'true'", TemplateErrorKind::Comparison),
        ("token == 'x'", TemplateErrorKind::ConditionSecret),
        ("token != ''", TemplateErrorKind::ConditionSecret),
        ("token | length > 3", TemplateErrorKind::ConditionSecret),
        ("branch == token", TemplateErrorKind::ConditionSecret),
        ("[token] is empty", TemplateErrorKind::ConditionSecret),
        ("env.TOKEN != ''", TemplateErrorKind::ConditionSecret),
    ] {
        let found = kind(source);
        let is_string = source == "branch == '{{ x }}'";
        assert!(found == Some(expected) || is_string && found.is_none(), "{source}: {:?}", wrong(source));
    }
}

#[test]
fn mistakes_are_told_with_their_place_and_the_way_out() {
    for (source, part, message, help) in [
        ("${{ branch }} == 'x'", "${{ branch }}", "a condition has no braces", "write `branch == 'x'`"),
        ("release  &&  n == 1", "&&", "`&&` is no operator here", "write `and`"),
        ("releese", "releese", "`releese` is not defined", "did you mean `release`?"),
        (
            "not (env.TOKEN == '')",
            "env.TOKEN",
            "`env.TOKEN` is the value of the secret `token`",
            "write `token is not empty`: that is all a condition may ask of a secret",
        ),
        (
            "release and",
            "release and",
            "this condition cannot be read: it ends too early",
            "a condition is an expression such as `release and branch == 'main'`",
        ),
        (
            "release branch",
            "branch",
            "this condition cannot be read: there is a name where it could end",
            "a condition is an expression such as `release and branch == 'main'`",
        ),
        (
            "branch == 'x",
            "'",
            "this quote is never closed",
            "a condition is an expression such as `release and branch == 'main'`",
        ),
        ("env.A == 'é' and releese", "releese", "`releese` is not defined", "did you mean `release`?"),
    ] {
        let found = wrong(source);
        let expected = (part.to_owned(), message.to_owned(), help.to_owned());
        assert_eq!(found, [expected], "{source}");
    }
}

#[test]
fn several_mistakes_are_told_at_once() {
    let parts: Vec<String> = wrong("github.ref == 'x' && contains(branch, 'a') || !relese")
        .into_iter()
        .map(|(part, _, _)| part)
        .collect();
    assert_eq!(parts, ["github.ref", "&&", "contains", "||", "!", "relese"]);
}

proptest! {
    /// Nothing that a condition says gets out of it.
    #[test]
    fn a_condition_is_true_or_false_or_an_error(words in prop::collection::vec(prop::sample::select(vec![
        "release", "branch", "n", "list", "token", "and", "or", "not", "==", "in", "is", "empty", "'a'", "\"", "'", "(", ")", "|", "%}",
        "{%", "}}", "{{", "#}", "-", "endif", "else", "true", "steps.a-b.outputs.k", "success('ok')", "\n", " ", "default('x')", "1", "&", "!",
    ]), 1..9)) {
        let source = words.join(" ");
        match condition(&source, Span::default(), &names()) {
            Ok(condition) => {
                let given = BTreeMap::from([("a-b".to_owned(), Arc::default())]);
                let verdicts = [("ok".to_owned(), Verdict::Success)].into();
                let scope = Scope { outputs: StepOutputsMode::These(&given), verdicts: Some(&verdicts), ..Scope::default() };
                match renderer("s3cret-words").render(&condition.text, scope) {
                    Ok(text) => prop_assert!(text == "true" || text == "false", "{source}: {text}"),
                    Err(error) => prop_assert!(source.get(error.range).is_some()),
                }
            }
            Err(errors) => {
                prop_assert!(!errors.is_empty());
                prop_assert!(errors.iter().all(|error| source.get(error.range.clone()).is_some()), "{source}");
            }
        }
    }
}
