//! What steps that start together cannot ask for, and what a step cannot ask for beside its run.

use super::{Code, Diagnostic};
use crate::pipeline::{Concurrency, Pipeline, Step, StepId};

/// Finds what cannot be had, once it is known which steps start together. A name that is not known yet is not
/// looked at.
pub fn check_gangs<'g>(
    pipeline: &Pipeline,
    gangs: impl IntoIterator<Item = &'g [StepId]>,
) -> Vec<Diagnostic> {
    if pipeline.steps.iter().all(|step| step.admission.is_none()) {
        return Vec::new();
    }
    let mut problems: Vec<Diagnostic> =
        pipeline.steps.iter().filter_map(|step| held_by_the_run(pipeline, step)).collect();
    for gang in gangs.into_iter().filter(|gang| gang.len() > 1) {
        problems.extend(questions(pipeline, gang));
        problems.extend(names(pipeline, gang));
    }
    problems
}

fn named(step: &Step) -> Option<&Concurrency> {
    let concurrency = step.admission.as_ref()?.concurrency.as_ref()?;
    (!concurrency.name.is_empty()).then_some(concurrency)
}

fn held_by_the_run(pipeline: &Pipeline, step: &Step) -> Option<Diagnostic> {
    let (of_run, of_step) = (pipeline.concurrency.as_ref()?, named(step)?);
    if of_run.name != of_step.name {
        return None;
    }
    let message =
        format!("`{}` would wait for its own run, which has the name `{}`", step.name, of_step.name);
    let problem = Diagnostic::at(Code::ConcurrencySelf, &pipeline.source, of_step.at, message);
    Some(problem.help("leave it out here, or choose another name").also(of_run.at, "the run has it here"))
}

fn questions(pipeline: &Pipeline, gang: &[StepId]) -> Vec<Diagnostic> {
    let producer = |step: &Step| {
        let streams = step.inputs.iter().map(|input| pipeline.stream(input.port.stream));
        streams.map(|stream| stream.producer).find(|producer| gang.contains(producer))
    };
    let problem = |id: &StepId| {
        let step = pipeline.step(*id);
        let confirm = step.admission.as_ref()?.confirm.as_ref()?;
        let first = &pipeline.step(producer(step)?).name;
        let message = format!(
            "`{}` starts together with `{first}`, which it reads from, and cannot wait for an answer",
            step.name
        );
        let problem = Diagnostic::at(Code::GangConfirm, &pipeline.source, confirm.at, message);
        Some(problem.help("let the first step of the stream ask, or a step before it"))
    };
    gang.iter().filter_map(problem).collect()
}

fn names(pipeline: &Pipeline, gang: &[StepId]) -> Vec<Diagnostic> {
    let holders: Vec<(&Step, &Concurrency)> =
        gang.iter().filter_map(|id| Some((pipeline.step(*id), named(pipeline.step(*id))?))).collect();
    let problem = |(position, (step, concurrency)): (usize, &(&Step, &Concurrency))| {
        let before = holders.iter().take(position);
        let (other, also) = before.into_iter().find(|(_, other)| other.name == concurrency.name)?;
        let (one, two, name) = (&other.name, &step.name, &concurrency.name);
        let message = format!("`{one}` and `{two}` start together, and only one of them can have `{name}`");
        let problem = Diagnostic::at(Code::GangConcurrency, &pipeline.source, concurrency.at, message);
        let help = "one of the two is enough: the name is held until that step ends";
        Some(problem.help(help).also(also.at, format!("`{one}` wants it here")))
    };
    holders.iter().enumerate().filter_map(problem).collect()
}
