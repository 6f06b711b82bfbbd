//! Values in scripts, through real shells: what comes out is what went in, or nothing went in at all.
//!
//! `contexts` and `values` are tables, `harness` runs scripts in bash, dash and busybox ash. `accepted` holds
//! every context against every value; `refused` and `runs` list the places where none may stand, `computes`
//! those where only a number may; `statements` is about text that `{% %}` cuts; `random` makes up scripts and
//! values.

mod accepted;
mod computes;
mod contexts;
mod fragments;
mod harness;
mod random;
mod refused;
mod runs;
mod statements;
mod tables;
mod values;

use std::collections::BTreeMap;

use crate::pipeline::{ParamValue, Secret, Span, Values};
use crate::template::{
    ExprType, Names, RunContext, Scope, Shells, TemplateError, TemplateRenderer, TextContext, compile,
};

fn names() -> Names {
    Names {
        params: BTreeMap::from(
            [
                ("x", ExprType::Unknown),
                ("list", ExprType::texts()),
                ("token", ExprType::Secret),
                ("n", ExprType::Number),
                ("w", ExprType::Choice(vec!["dev".to_owned(), "prod".to_owned()])),
            ]
            .map(|(name, kind)| (name.to_owned(), kind)),
        ),
        ..Names::default()
    }
}

fn context(values: impl IntoIterator<Item = (&'static str, ParamValue)>) -> RunContext {
    let values: Values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    RunContext { values, ..RunContext::default() }
}

/// Returns a script with `x` and the secret `token`.
fn script(source: &str, x: &str) -> Result<String, TemplateError> {
    let template = compile(source, Span::default(), TextContext::PosixShell(Shells::SH), &names())
        .map_err(|errors| errors.into_iter().next().expect("an error"))?;
    let context = context([
        ("x", ParamValue::Text(x.to_owned())),
        ("token", ParamValue::Secret(Secret::new("never shown"))),
    ]);
    TemplateRenderer::new(context).render(&template, Scope::default())
}

/// Compiles and gives what is refused, as `text: message`.
fn refusals(source: &str) -> Vec<String> {
    refusals_in(Shells::SH, source)
}

/// Returns the same for other shells.
fn refusals_in(shells: Shells, source: &str) -> Vec<String> {
    match compile(source, Span::default(), TextContext::PosixShell(shells), &names()) {
        Ok(_) => Vec::new(),
        Err(errors) => errors
            .iter()
            .map(|error| format!("{}: {}", &source[error.range.clone()], error.message))
            .collect(),
    }
}
