//! Values in scripts, through real shells: what comes out is what went in, or nothing went in at all.
//!
//! `contexts` and `values` are tables, `harness` runs scripts in bash, dash and busybox ash. `accepted` holds every
//! context against every value; `refused` lists the places where none may stand; `statements` is about text that `{% %}`
//! cuts; `random` makes up scripts and values.

mod accepted;
mod contexts;
mod harness;
mod random;
mod refused;
mod statements;
mod values;

use std::collections::BTreeMap;

use crate::pipeline::{ParamValue, Secret, Span, Values};
use crate::template::{Around, Facts, Names, Place, Renderer, TemplateError, compile};

fn names() -> Names {
    Names {
        params: BTreeMap::from(
            [("x", false), ("list", false), ("token", true)].map(|(n, s)| (n.to_owned(), s)),
        ),
        ..Names::default()
    }
}

fn facts(values: impl IntoIterator<Item = (&'static str, ParamValue)>) -> Facts {
    let values: Values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Facts { values, ..Facts::default() }
}

/// A script with `x` and the secret `token`.
fn script(source: &str, x: &str) -> Result<String, TemplateError> {
    let template = compile(source, Span::default(), Place::PosixShell, &names())
        .map_err(|errors| errors.into_iter().next().expect("an error"))?;
    let facts = facts([
        ("x", ParamValue::Text(x.to_owned())),
        ("token", ParamValue::Secret(Secret::new("never shown"))),
    ]);
    Renderer::new(facts).render(&template, Around::default())
}

/// Compiles and gives what is refused, as `text: message`.
fn refusals(source: &str) -> Vec<String> {
    match compile(source, Span::default(), Place::PosixShell, &names()) {
        Ok(_) => Vec::new(),
        Err(errors) => errors
            .iter()
            .map(|error| format!("{}: {}", &source[error.range.clone()], error.message))
            .collect(),
    }
}
