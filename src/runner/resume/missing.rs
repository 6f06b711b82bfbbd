//! Values of steps that are left out: which texts of a run need one that no earlier run has.

use std::collections::BTreeMap;

use super::Past;
use crate::pipeline::{OutputRef, Pipeline, StepId, Template};
use crate::plan::{Decision, Decisions};
use crate::template::{Scope, StepOutputs, StepOutputsMode, TemplateRenderer};

/// A value that a step needs and will not get.
#[derive(Debug)]
pub struct MissingValue<'a> {
    /// The step that needs it.
    pub step: StepId,
    /// The text that reads it.
    pub text: &'a Template,
    /// Where in the text, and of which step.
    pub read: &'a OutputRef,
}

/// Returns what the steps that run need of steps that are left out, and no earlier run has.
pub fn missing_values<'a>(
    pipeline: &'a Pipeline,
    templates: &TemplateRenderer,
    past: &Past,
    decisions: &Decisions,
) -> Vec<MissingValue<'a>> {
    let given = of_left_out(pipeline, past, decisions);
    let running = pipeline.steps().filter(|(id, _)| decisions.runs(*id));
    let missing = running.flat_map(|(id, step)| {
        let given = &given;
        step.templates().filter_map(move |text| {
            let scope =
                Scope { step: Some(step), outputs: StepOutputsMode::Partly(given), ..Scope::default() };
            Some(MissingValue { step: id, text, read: lacks(templates, text, scope, given)? })
        })
    });
    missing.collect()
}

/// Returns the outputs of the run that cannot be made, each with the step that it lacks.
pub fn outputs_left_out(
    pipeline: &Pipeline,
    templates: &TemplateRenderer,
    past: &Past,
    decisions: &Decisions,
) -> BTreeMap<String, String> {
    let given = of_left_out(pipeline, past, decisions);
    let scope = Scope { outputs: StepOutputsMode::Partly(&given), ..Scope::default() };
    let lack = |text| lacks(templates, text, scope, &given).map(|read| read.step.clone());
    pipeline.outputs.iter().filter_map(|output| Some((output.name.clone(), lack(&output.value)?))).collect()
}

/// Returns the values of the steps that are left out.
fn of_left_out(pipeline: &Pipeline, past: &Past, decisions: &Decisions) -> StepOutputs {
    let left_out = pipeline.steps().filter(|(id, _)| *decisions.of(*id) == Decision::LeftOut);
    let values =
        |name: &String| past.values.get(name).map(|values| values.outputs.clone()).unwrap_or_default();
    left_out.map(|(_, step)| (step.name.clone(), values(&step.name))).collect()
}

/// Returns the value of `given` steps for want of which a text cannot be rendered.
fn lacks<'a>(
    templates: &TemplateRenderer,
    text: &'a Template,
    scope: Scope<'_>,
    given: &StepOutputs,
) -> Option<&'a OutputRef> {
    let is_missing = |read: &&OutputRef| match (given.get(&read.step), &read.key) {
        (Some(outputs), Some(key)) => !outputs.contains_key(key),
        (Some(_), None) | (None, _) => false,
    };
    text.outputs.iter().find(is_missing)?;
    let error = templates.render(text, scope).err()?;
    let is_here =
        |read: &&OutputRef| read.range.start < error.range.end && error.range.start < read.range.end;
    text.outputs.iter().filter(is_missing).find(is_here)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write as _;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::file::{LoadOptions, load};
    use crate::pipeline::Source;
    use crate::plan::{Asked, Plan, decide};
    use crate::runner::resume::PastValues;
    use crate::template::RunContext;

    proptest! {
        /// Each step reads the values of some steps before it, with or without a default. Whatever is chosen
        /// and whatever earlier runs have: what is not refused has all values at the end.
        #[test]
        fn no_value_is_missing_at_the_end(
            reads in prop::collection::vec(prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..3), 1..7),
            chosen in prop::collection::vec(any::<bool>(), 7),
            known in prop::collection::vec(any::<bool>(), 7),
        ) {
            let mut text = String::from("steps:\n");
            let mut read = Vec::new();
            for (step, reads) in reads.iter().enumerate() {
                let _ = write!(text, "  - {{name: s{step}, run: \"true");
                for (other, has_default) in reads.iter().filter(|_| step > 0) {
                    let other = other.index(step);
                    let default = if *has_default { " | default('')" } else { "" };
                    let _ = write!(text, " {{{{ steps.s{other}.outputs.v{default} }}}}");
                    read.push((step, other, *has_default));
                }
                text += "\"}\n";
            }
            let _ = writeln!(text, "outputs: {{end: \"{{{{ steps.s0.outputs.v }}}}\"}}");
            let pipeline = load(Source::new("p.yml", &*text), &LoadOptions::default()).unwrap();
            let plan = Plan::new(&pipeline).unwrap();
            let templates = TemplateRenderer::new(RunContext::default());
            let is_chosen = |step: usize| chosen[step];
            let steps: BTreeSet<StepId> = (0..reads.len()).filter(|step| is_chosen(*step)).map(StepId::new).collect();
            let own = vec![Some(String::new()); reads.len()];
            let decisions = decide(&pipeline, &plan, Some(&Asked::only(&steps)), own, |_| false);
            let value: Arc<crate::pipeline::Outputs> = Arc::new([("v".to_owned(), "1".to_owned())].into());
            let mut past = Past::default();
            for step in (0..reads.len()).filter(|step| known[*step]) {
                past.values.insert(format!("s{step}"), PastValues { run: "r".into(), outputs: Arc::clone(&value) });
            }
            let has = |step: usize| is_chosen(step) || known[step];
            let lacks: BTreeSet<usize> = read.iter().filter(|(step, other, has_default)| {
                is_chosen(*step) && !has(*other) && !has_default
            }).map(|(step, ..)| *step).collect();
            let missing = missing_values(&pipeline, &templates, &past, &decisions);
            let found: BTreeSet<usize> = missing.iter().map(|missing| missing.step.index()).collect();
            prop_assert_eq!(&found, &lacks);
            prop_assert_eq!(outputs_left_out(&pipeline, &templates, &past, &decisions).is_empty(), has(0));
            let given: StepOutputs =
                (0..reads.len()).filter(|step| has(*step)).map(|step| (format!("s{step}"), Arc::clone(&value))).collect();
            for (id, step) in pipeline.steps().filter(|(id, _)| decisions.runs(*id) && !lacks.contains(&id.index())) {
                let scope = Scope { step: Some(step), outputs: StepOutputsMode::These(&given), ..Scope::default() };
                prop_assert!(step.templates().all(|text| templates.render(text, scope).is_ok()), "{}", id.index());
            }
        }
    }
}
