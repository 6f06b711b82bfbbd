//! Rendering: one engine for a run, its values in scope.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use minijinja::Environment;
use minijinja::value::Value;

use super::outputs::StepsView;
use super::values::Scope;
use super::{Facts, Mistake, StepOutputs, TemplateError, engine, escape, filters, known, scan, values};
use crate::pipeline::{OutputRef, Step, Template};

/// Renders the compiled templates of one run.
pub struct Renderer {
    engine: Environment<'static>,
    run: Arc<BTreeMap<String, Value>>,
}

/// What a template sees beside the facts of the run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Around<'a> {
    /// The step: its name, and where it finds what it reads. None outside steps.
    pub step: Option<&'a Step>,
    /// What steps have given.
    pub outputs: Given<'a>,
}

/// What is known of the outputs of steps.
#[derive(Debug, Clone, Copy, Default)]
pub enum Given<'a> {
    /// Nothing: a text that reads one cannot be rendered.
    #[default]
    Nothing,
    /// These.
    These(&'a StepOutputs),
    /// They come later: a word stands for each.
    Later,
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

    /// The text of a template.
    ///
    /// # Errors
    /// If a value is missing, or cannot stand where the template puts it. The range is in the template's source.
    pub fn render(&self, template: &Template, around: Around<'_>) -> Result<String, TemplateError> {
        let Some(compiled) = &template.compiled else {
            return Ok(template.source.clone());
        };
        let step = around.step.map(|step| map([("name".to_owned(), step.name.clone())]));
        let paths = |step: &Step| map(step.input_paths().map(|(name, path)| (name.to_owned(), path)));
        let inputs = around.step.filter(|step| !step.inputs.is_empty()).map(paths);
        let steps = steps(&template.outputs, around.outputs)?;
        let scope = Value::from_object(Scope { run: self.run.clone(), step, steps, inputs });
        self.engine.template_from_str(compiled).and_then(|template| template.render(scope)).map_err(|error| {
            let segments = scan::scan(&template.source).unwrap_or_default();
            let error = engine::translate(&error, &template.source, &segments, compiled);
            missing_output(&error, &template.outputs, around.outputs).unwrap_or(error)
        })
    }

    /// The name of the environment variable by which a script refers to a secret param.
    pub fn secret_variable(param: &str) -> String {
        // As it is written: names that differ in case only are different params.
        format!("PIPE_SECRET_{param}")
    }
}

/// The outputs that a text reads, as a value; none if it reads none.
fn steps(refs: &[OutputRef], given: Given<'_>) -> Result<Option<Value>, TemplateError> {
    let Some(first) = refs.first() else { return Ok(None) };
    match given {
        Given::These(outputs) => Ok(Some(Value::from_object(StepsView::new(refs, outputs)))),
        Given::Later => Ok(Some(Value::from_object(StepsView::later(refs)))),
        Given::Nothing => Err(TemplateError {
            mistake: Mistake::Value,
            range: first.range.clone(),
            message: format!("the outputs of `{}` are known only once it has run", first.step),
            help: None,
        }),
    }
}

/// What there is to say of an error that comes of an output that is not there.
fn missing_output(error: &TemplateError, refs: &[OutputRef], given: Given<'_>) -> Option<TemplateError> {
    let Given::These(outputs) = given else { return None };
    let is_here =
        |wanted: &&OutputRef| wanted.range.start < error.range.end && error.range.start < wanted.range.end;
    let gave = |wanted: &OutputRef| outputs.get(&wanted.step).cloned().unwrap_or_default();
    let is_missing =
        |wanted: &&OutputRef| wanted.key.as_ref().is_some_and(|key| !gave(wanted).contains_key(key));
    let wanted = refs.iter().filter(is_here).find(is_missing)?;
    let (step, key) = (&wanted.step, wanted.key.as_deref()?);
    let keys: Vec<String> = gave(wanted).keys().map(|key| format!("`{key}`")).collect();
    let gave =
        if keys.is_empty() { "it gave none".to_owned() } else { format!("it gave {}", keys.join(", ")) };
    Some(TemplateError {
        mistake: Mistake::Value,
        range: wanted.range.clone(),
        message: format!("`{step}` gave no output `{key}`; {gave}"),
        help: Some(format!("in `{step}`, write `echo \"{key}=…\" >> \"$PIPE_OUTPUT\"`")),
    })
}

fn map(entries: impl IntoIterator<Item = (String, String)>) -> Value {
    Value::from_object(
        entries.into_iter().map(|(name, value)| (name, Value::from(value))).collect::<BTreeMap<_, _>>(),
    )
}
