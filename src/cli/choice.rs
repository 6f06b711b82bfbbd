//! Which steps run: what `--only`, `--from`, `--to` and `--resume` ask for, and what earlier runs have of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::args::ChoiceArgs;
use super::error::CliError;
use super::load::Loaded;
use super::{conditions, containers, earlier, past};
use crate::event::channel;
use crate::event::mask::Masker;
use crate::file::{Code, Diagnostic, Diagnostics, Nearest, locate};
use crate::history::fingerprint_key;
use crate::pipeline::{Pipeline, Role, Step, StepId};
use crate::plan::{Asked, Decisions, Foreseen};
use crate::reaper::Reaper;
use crate::runner::{self, Job, MissingValue, Past, RunPaths, Settings};
use crate::template::{Decided, TemplateRenderer};

/// What was asked for, and what earlier runs have done.
pub(super) struct Choice {
    pub(super) asked: Option<Asked>,
    pub(super) past: Past,
}

/// Whether values of params are needed to say what would run.
pub(super) fn needs_values(args: &ChoiceArgs, pipeline: &Pipeline) -> bool {
    let reads = |step: &Step| step.templates().any(|text| !text.outputs.is_empty());
    args.resume.is_some() || (is_partial(args) && pipeline.steps.iter().any(reads))
}

/// Whether some steps were asked for, and not all.
pub(super) fn is_partial(args: &ChoiceArgs) -> bool {
    !(args.only.is_empty() && args.from.is_empty() && args.to.is_empty())
}

impl Choice {
    /// Reads the flags, and the history as far as they need it.
    pub(super) fn of(args: &ChoiceArgs, loaded: &Loaded) -> Result<Self, CliError> {
        let asked = asked(args, &loaded.pipeline)?;
        let past = match (&args.resume, &asked) {
            (Some(run), _) => earlier::resumed(run, loaded)?,
            (None, Some(asked)) => earlier::values(&read_of_others(&loaded.pipeline, asked), loaded)?,
            (None, None) => Past::default(),
        };
        Ok(Self { asked, past })
    }

    /// Returns what runs if no step can be reused.
    pub(super) fn at_most(&self, loaded: &Loaded) -> Decisions {
        if self.asked.is_none() {
            return Decisions::default();
        }
        self.decide(loaded, |_, _| Foreseen::Holds)
    }

    fn decide(&self, loaded: &Loaded, foresee: impl Fn(StepId, &Decisions) -> Foreseen) -> Decisions {
        let own = vec![Some(String::new()); loaded.pipeline.steps.len()];
        let is_kept = |stream| self.past.has_kept(&loaded.pipeline.stream(stream).name);
        crate::plan::decide(&loaded.pipeline, &loaded.plan, self.asked.as_ref(), own, is_kept, foresee)
    }

    /// As `at_most`, without the steps whose conditions are known to be false. Refuses a
    /// choice that names such a step, and a condition that cannot be evaluated.
    pub(super) fn with_conditions(
        &self,
        loaded: &Loaded,
        at_most: &Decisions,
        templates: &TemplateRenderer,
    ) -> Result<Decisions, CliError> {
        let pipeline = &*loaded.pipeline;
        let (mut said, mut problems) = (BTreeMap::new(), Vec::new());
        for (id, step) in pipeline.steps().filter(|(id, _)| at_most.runs(*id)) {
            if !pipeline.is_conditional(step) {
                continue;
            }
            let foreseen = foreseen(pipeline, step, templates, &mut problems);
            let Some(foreseen) = foreseen else { continue };
            if let (Foreseen::False(words), Some(asked)) = (&foreseen, &self.asked)
                && asked.is_named(id)
                && step.member.is_none()
                && step.call.is_none()
            {
                let message = format!("you asked for `{}`, but its `if` is false: {words}", step.name);
                let hint = "leave it out, or change what its `if` reads, such as a param with `-p`";
                return Err(CliError::usage(message, hint.to_owned()));
            }
            said.insert(id, foreseen);
        }
        if let Some(problems) = Diagnostics::of(problems) {
            return Err(problems.into());
        }
        Ok(self.decide(loaded, |step, _| said.get(&step).cloned().unwrap_or(Foreseen::Open)))
    }

    /// Returns what would run, which is `at_most` where there is nothing to be reused. Values of params are
    /// looked at only where they matter.
    pub(super) fn on_paper(
        self,
        loaded: &Loaded,
        at_most: Decisions,
        templates: impl Fn() -> Result<TemplateRenderer, CliError>,
    ) -> Result<Decisions, CliError> {
        if self.past.resumed.is_none() {
            return Ok(at_most);
        }
        let (events, _) = channel::channel(Masker::default());
        let job = Job {
            pipeline: Arc::clone(&loaded.pipeline),
            plan: Arc::clone(&loaded.plan),
            templates: templates()?,
            events,
            place: RunPaths {
                id: "RUN-ID".to_owned(),
                working_dir: loaded.working_dir.clone(),
                run_dir: Path::new("").to_owned(),
                streams_dir: Path::new("").to_owned(),
                outputs_dir: Path::new("").to_owned(),
                key: fingerprint_key(&past::home()),
                secrets_dir: None,
            },
            past: self.past,
            asked: self.asked,
            settings: Settings::default(),
            reaper: Reaper::default(),
        };
        Ok(containers::runtime()?.block_on(runner::decide(&Arc::new(job), None)))
    }

    /// Refuses a choice whose steps need values that neither they nor earlier runs have.
    pub(super) fn check_values(
        &self,
        loaded: &Loaded,
        at_most: &Decisions,
        templates: &TemplateRenderer,
    ) -> Result<(), CliError> {
        if self.asked.is_none() {
            return Ok(());
        }
        let pipeline = &*loaded.pipeline;
        let missing = runner::missing_values(pipeline, templates, &self.past, at_most);
        let problem = |MissingValue { step, text, read }: MissingValue<'_>| {
            let (needs, lacks) = (&pipeline.step(step).name, &read.step);
            let at = locate(&pipeline.source, text, read.place.range.clone());
            let key = read.key.unwrap_or("outputs");
            let message = format!("`{lacks}` is left out, and no earlier run has its value `{key}`");
            Diagnostic::at(Code::TemplateValue, &pipeline.source, at, message)
                .help(format!("run `{lacks}`, too: `--to {needs}`"))
        };
        Diagnostics::of(missing.into_iter().map(problem).collect())
            .map_or(Ok(()), |problems| Err(problems.into()))
    }
}

/// Returns what the early conditions of a step say; nothing where that is open, or one of them is wrong.
fn foreseen(
    pipeline: &Pipeline,
    step: &Step,
    templates: &TemplateRenderer,
    problems: &mut Vec<Diagnostic>,
) -> Option<Foreseen> {
    let mut is_open = false;
    for (step, condition) in pipeline.conditions(step) {
        if !condition.is_early {
            is_open = true;
            continue;
        }
        match conditions::decide(templates, step, condition) {
            Ok(Decided::Holds) => {}
            Ok(Decided::Not(words)) => return Some(Foreseen::False(words)),
            Err(error) => {
                let at = locate(&pipeline.source, &condition.text, error.range.clone());
                let problem = Diagnostic::at(error.kind.into(), &pipeline.source, at, error.message);
                problems.push(problem.maybe_help(error.help));
                return None;
            }
        }
    }
    (!is_open).then_some(Foreseen::Holds)
}

/// Returns the steps that were asked for; nothing where all are.
fn asked(args: &ChoiceArgs, pipeline: &Pipeline) -> Result<Option<Asked>, CliError> {
    let named = |flag: &str, names: &[String]| -> Result<BTreeSet<StepId>, CliError> {
        let found: Result<Vec<Vec<StepId>>, CliError> =
            names.iter().map(|name| find(pipeline, flag, name)).collect();
        Ok(found?.into_iter().flatten().collect())
    };
    if !args.only.is_empty() {
        return Ok(Some(Asked::only(&named("--only", &args.only)?)));
    }
    let from = (!args.from.is_empty()).then(|| named("--from", &args.from)).transpose()?;
    let to = (!args.to.is_empty()).then(|| named("--to", &args.to)).transpose()?;
    let later = to.iter().flatten().map(|step| pipeline.step(*step)).find(|step| step.role == Role::Finally);
    if let Some(Step { name, .. }) = later {
        let hint = format!("it runs after what you ask for in any case; `--only {name}` runs it alone");
        return Err(CliError::usage(format!("`--to {name}`: `{name}` has `finally: true`"), hint));
    }
    let from = from.map(|steps| Asked::from(pipeline, &steps));
    let to = to.map(|steps| Asked::to(pipeline, &steps));
    let (from, to) = match (from, to) {
        (Some(from), Some(to)) => (from, to),
        (one, other) => return Ok(one.or(other)),
    };
    let between = to.and(&from);
    if between.is_empty() {
        let (from, to) = (args.from.join("`, `"), args.to.join("`, `"));
        let hint = format!("name a step that comes after `{from}`, or leave one of the flags out");
        return Err(CliError::usage(format!("no step lies between `{from}` and `{to}`"), hint));
    }
    Ok(Some(between))
}

/// Returns the steps that a name stands for: one, or all of a group.
fn find(pipeline: &Pipeline, flag: &str, name: &str) -> Result<Vec<StepId>, CliError> {
    if let Some(group) = pipeline.groups.iter().find(|group| group.name == name) {
        return Ok(group.members.clone());
    }
    let found = pipeline.steps().find(|(_, step)| step.name == name && !step.action.is_feed());
    if let Some((id, step)) = found.filter(|(_, step)| step.role.is_beside()) {
        return Err(beside(pipeline, flag, (id, step)));
    }
    found.map(|(id, _)| vec![id]).ok_or_else(|| {
        let is_named = |step: &&Step| !step.action.is_feed() && !step.role.is_beside();
        let steps = pipeline.steps.iter().filter(is_named);
        let groups = pipeline.groups.iter().map(|group| group.name.as_str());
        let near = Nearest::default().help(name, steps.map(|step| step.name.as_str()).chain(groups));
        let is_file = Path::new(name).is_file();
        let hint = if is_file {
            Some(format!("write the file before the flag: `{name} {flag} STEP`"))
        } else {
            near
        };
        CliError::usage(format!("`{flag} {name}`: there is no step `{name}`"), hint)
    })
}

/// Refuses the name of what runs if a step does that uses it.
fn beside(pipeline: &Pipeline, flag: &str, (id, step): (StepId, &Step)) -> CliError {
    let what = if step.role == Role::Service { "service" } else { "shared container" };
    let name = &step.name;
    let user = pipeline.steps.iter().find(|user| user.uses(id) && !user.role.is_beside());
    let hint = match user {
        Some(user) => format!("name a step that uses it: `{flag} {}`", user.name),
        None => "no step uses it".to_owned(),
    };
    CliError::usage(
        format!("`{flag} {name}`: `{name}` is a {what}, and runs if a step does that uses it"),
        hint,
    )
}

/// Returns the steps that were not asked for and whose values are read.
fn read_of_others<'a>(pipeline: &'a Pipeline, asked: &Asked) -> Vec<&'a str> {
    let texts = pipeline.steps.iter().flat_map(|step| step.templates().map(move |text| (step.call, text)));
    let texts = texts.chain(pipeline.outputs.iter().map(|output| (None, &output.value)));
    let read = texts.flat_map(|(call, text)| pipeline.outputs_read(call, text));
    let read: BTreeSet<_> = read.map(|read| read.step).collect();
    let others = pipeline.steps().filter(|(id, _)| asked.why(*id).is_none());
    others.map(|(_, step)| step.name.as_str()).filter(|name| read.contains(*name)).collect()
}

#[cfg(test)]
mod tests;
