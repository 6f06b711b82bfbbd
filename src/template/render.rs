//! Rendering: one engine for a run, its values in scope.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use minijinja::Environment;
use minijinja::value::Value;

use super::values::Scope;
use super::{Facts, TemplateError, engine, escape, filters, known, scan, values};
use crate::pipeline::Template;

/// Renders the compiled templates of one run.
pub struct Renderer {
    engine: Environment<'static>,
    run: Arc<BTreeMap<String, Value>>,
}

impl fmt::Debug for Renderer {
    // The engine holds the secrets' text.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Renderer").finish_non_exhaustive()
    }
}

impl Renderer {
    /// Takes the facts of a run.
    pub fn new(facts: Facts) -> Self {
        let mut engine = engine::new();
        filters::register(&mut engine, &facts.values);
        escape::register(&mut engine);

        let started_at = facts.started_at.unwrap_or_else(jiff::Zoned::now);
        let time = filters::time(&started_at);
        filters::register_now(&mut engine, started_at);

        let revealed = Arc::new(values::params(&facts.values, true));
        let all = Value::from_object(BTreeMap::clone(&revealed));
        engine.add_function(known::hidden::REVEAL_ALL, move || all.clone());
        engine.add_function(known::hidden::REVEAL, move |name: &str| revealed.get(name).cloned());

        let params = values::params(&facts.values, false);
        let mut run = BTreeMap::from([
            ("env".to_owned(), map(facts.env)),
            ("pipeline".to_owned(), map([("name".to_owned(), facts.pipeline)])),
            ("run".to_owned(), map([("id".to_owned(), facts.run_id), ("started_at".to_owned(), time)])),
        ]);
        run.extend(params.clone());
        run.insert("params".to_owned(), Value::from_object(params));
        Self { engine, run: Arc::new(run) }
    }

    /// The text of a template for a step (`step.name`; none outside steps).
    ///
    /// # Errors
    /// If a value is missing, or cannot stand where the template puts it. The range is in the template's source.
    pub fn render(&self, template: &Template, step: Option<&str>) -> Result<String, TemplateError> {
        let Some(compiled) = &template.compiled else {
            return Ok(template.source.clone());
        };
        let step = step.map(|name| map([("name".to_owned(), name.to_owned())]));
        let scope = Value::from_object(Scope { run: self.run.clone(), step });
        self.engine.template_from_str(compiled).and_then(|template| template.render(scope)).map_err(|error| {
            let segments = scan::scan(&template.source).unwrap_or_default();
            engine::translate(&error, &template.source, &segments, compiled)
        })
    }

    /// The name of the environment variable by which a script refers to a secret param.
    pub fn secret_variable(param: &str) -> String {
        // As it is written: names that differ in case only are different params.
        format!("PIPE_SECRET_{param}")
    }
}

fn map(entries: impl IntoIterator<Item = (String, String)>) -> Value {
    Value::from_object(
        entries.into_iter().map(|(name, value)| (name, Value::from(value))).collect::<BTreeMap<_, _>>(),
    )
}
