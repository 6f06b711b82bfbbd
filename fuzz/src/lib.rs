//! What is fuzzed: each target takes any bytes, and must neither panic nor hang nor take much memory.
//! `tests/it/files/fuzz_inputs.rs` runs the same functions over the inputs that earlier fuzzing found
//! interesting.

use std::collections::BTreeMap;

use pipe_runner::file::{self, Diagnostics, LoadOptions, ParamSources};
use pipe_runner::pipeline::{ParamValue, Role, Secret, Source, Span, Template};
use pipe_runner::template::{
    ExprType, Names, RunContext, Scope, Shells, StepOutputsMode as Outputs, TemplateRenderer, TextContext,
    compile, condition,
};

/// Where templates are rendered: before any step has run.
const AROUND: Scope<'_> = Scope {
    step: None,
    call: None,
    outputs: Outputs::Later,
    addresses: None,
    verdicts: None,
    body: None,
    absent: None,
    waiter: None,
};

/// Reads the bytes as a pipeline file. Whatever is wrong with it or worth a second look is drawn; a good one
/// is given its params.
pub fn yaml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let source = Source::new("fuzz.yml", text);
    match file::load(source, &LoadOptions::default()) {
        Err(problems) => drop(file::render(&problems, false)),
        Ok(pipeline) => {
            if let Some(warnings) = Diagnostics::of(file::lint(&pipeline)) {
                drop(file::render(&warnings, false));
            }
            if let Err(problems) = file::resolve(&pipeline, &ParamSources::default()) {
                drop(file::render(&problems, false));
            }
        }
    }
}

/// Compiles the text as a template for every place and as a condition, and renders what compiles.
pub fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for place in [
        TextContext::Plain,
        TextContext::Commands,
        TextContext::PosixShell(Shells::SH),
        TextContext::PosixShell(Shells::ZSH),
        TextContext::Interpreter,
    ] {
        if let Ok(template) = compile(text, Span::default(), place, &names()) {
            // Loops that only burn the fuzzer's time are left out.
            if !text.contains("range") {
                render(&template);
            }
        }
    }
    if let Ok(condition) = condition(text, Span::default(), &names())
        && !text.contains("range")
    {
        drop(TemplateRenderer::new(facts("it's")).decide(&condition, AROUND));
    }
}

/// Reads the bytes up to a NUL as shell text in which `@` stands for an expression and `^` for a list; what
/// follows the NUL is the value that goes in there.
pub fn shell(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (script, value) = text.split_once('\0').unwrap_or((text, "'$(touch X)\"\nEOF"));
    let script = script.replace('@', "{{ x }}").replace('^', "{{ list }}");
    if let Ok(template) = compile(&script, Span::default(), TextContext::PosixShell(Shells::ALL), &names()) {
        let facts = facts(&value.replace('\0', ""));
        drop(TemplateRenderer::new(facts).render(&template, AROUND));
    }
}

fn render(template: &Template) {
    drop(TemplateRenderer::new(facts("it's; $(touch X)")).render(template, AROUND));
}

fn names() -> Names {
    let params = [("x", ExprType::Text), ("list", ExprType::texts()), ("token", ExprType::Secret)];
    Names {
        params: params.map(|(name, kind)| (name.to_owned(), kind)).into(),
        secret_variables: [("TOKEN".to_owned(), "token".to_owned())].into(),
        steps: true,
        services: true,
        inputs: vec!["left".to_owned()],
        gathered: Vec::new(),
        matrix: Some([("os".to_owned(), ExprType::Text)].into()),
        role: Role::Ordinary,
    }
}

fn facts(x: &str) -> RunContext {
    let values = [
        ("x", ParamValue::Text(x.to_owned())),
        ("list", ParamValue::List(vec![x.to_owned(), "b".to_owned()])),
        ("token", ParamValue::Secret(Secret::new("never shown"))),
    ];
    RunContext {
        pipeline: "fuzz".to_owned(),
        run_id: "RUN".to_owned(),
        env: BTreeMap::from([("HOME".to_owned(), "/root".to_owned())]),
        values: values.map(|(name, value)| (name.to_owned(), value)).into_iter().collect(),
        ..RunContext::default()
    }
}
