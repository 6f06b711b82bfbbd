//! Random choices: what is not refused has all values at the end.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;

use crate::file::{LoadOptions, load};
use crate::pipeline::{Source, StepId};
use crate::plan::{Asked, Foreseen, Plan, decide};
use crate::runner::{Past, PastValues, missing_values, outputs_left_out};
use crate::template::{RunContext, Scope, StepOutputs, StepOutputsMode, TemplateRenderer};

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
        let decisions = decide(&pipeline, &plan, Some(&Asked::only(&steps)), own, |_| false, |_, _| Foreseen::Holds);
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
