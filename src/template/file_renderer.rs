//! What renders the texts of one file: an environment of the template engine, with what they can see in every step.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::Environment;
use minijinja::value::Value;

use super::{RunContext, TemplateError, TemplateErrorKind, escape, filters, jinja, known, senses, values};
use crate::pipeline::{EnvRead, Text, Values};

/// Renders the texts of one file.
pub(super) struct FileRenderer {
    pub(super) jinja: Environment<'static>,
    pub(super) run: Arc<BTreeMap<String, Value>>,
    pub(super) values: Values,
    /// `pipeline.dir`.
    pub(super) pipeline_dir: String,
}

impl FileRenderer {
    /// Returns a renderer for what its texts can see.
    pub(super) fn new(context: RunContext) -> Self {
        let mut jinja = jinja::new();
        filters::register(&mut jinja, &context.values);
        escape::register(&mut jinja);
        senses::register(&mut jinja);

        let started_at = context.started_at.unwrap_or_else(jiff::Zoned::now);
        let time = filters::time(&started_at);
        filters::register_now(&mut jinja, started_at);

        let revealed = Arc::new(values::params(&context.values, true));
        let all = Value::from_object(BTreeMap::clone(&revealed));
        jinja.add_function(known::hidden::REVEAL_ALL, move || all.clone());
        jinja.add_function(known::hidden::REVEAL, move |name: &str| revealed.get(name).cloned());

        let params = values::params(&context.values, false);
        let mut run = BTreeMap::from([
            ("env".to_owned(), values::map(context.env)),
            (
                "pipeline".to_owned(),
                values::map([
                    ("name".to_owned(), context.pipeline),
                    ("dir".to_owned(), context.pipeline_dir.clone()),
                ]),
            ),
            (
                "run".to_owned(),
                values::map([("id".to_owned(), context.run_id), ("started_at".to_owned(), time)]),
            ),
        ]);
        run.extend(params.clone());
        run.insert("params".to_owned(), Value::from_object(params));
        Self { jinja, run: Arc::new(run), values: context.values, pipeline_dir: context.pipeline_dir }
    }

    /// Returns a better error if a missing variable of the environment is the reason that a condition has no value: the
    /// template engine points at the whole comparison.
    pub(super) fn missing_variable(&self, error: &TemplateError, text: &Text) -> Option<TemplateError> {
        let env = self.run.get("env").filter(|_| error.message.ends_with("has no value"))?;
        let is_here = |read: &&EnvRead| {
            error.range.start <= read.range.start
                && read.range.end <= error.range.end
                && env.get_attr(&read.name).is_ok_and(|value| value.is_undefined())
        };
        let EnvRead { name, range, needed: _ } = text.env.iter().find(is_here)?;
        Some(TemplateError {
            kind: TemplateErrorKind::Value,
            range: range.clone(),
            message: format!("`env.{name}` has no value"),
            help: Some(format!("set the variable, or write `env.{name} | default('…')`")),
        })
    }
}
