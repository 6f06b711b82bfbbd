//! `pipe run --dry-run`: the rendered commands, in the order in which they would run.

use std::fmt::Write as _;

use crate::cli::conditions;
use crate::cli::load::Loaded;
use crate::pipeline::{Action, Outcome, Pipeline, Role, SkipReason, Step, StepId, Template};
use crate::plan::{Decision, Decisions};
use crate::render::graph::LATER;
use crate::render::words::passed_over;
use crate::template::{Scope, StepOutputsMode, TemplateError, TemplateRenderer};

/// Returns the text to print. Secrets appear as variables, as they do in the scripts of a run.
pub(super) fn text(
    loaded: &Loaded,
    decisions: &Decisions,
    templates: &TemplateRenderer,
) -> Result<String, (Template, TemplateError)> {
    let mut passed = passed_over_by_stage(loaded, decisions);
    let mut text = String::new();
    let mut is_over = false;
    for gang in decisions.gangs(&loaded.pipeline, &loaded.plan) {
        let stage = gang.first().map_or(0, |id| loaded.plan.stage(*id));
        text.extend(passed.extract_if(.., |(of, _)| *of <= stage).map(|(_, line)| line));
        for id in gang {
            let is_later = loaded.pipeline.step(id).role == Role::Finally && decisions.runs(id);
            if is_later && !std::mem::replace(&mut is_over, true) {
                let _ = writeln!(text, "# {LATER}\n");
            }
            let Decision::Run(why) = decisions.of(id) else { continue };
            show(loaded, id, why, templates, &mut text)?;
        }
    }
    text.extend(passed.into_iter().map(|(_, line)| line));
    for line in idle(&loaded.pipeline, decisions) {
        let _ = writeln!(text, "# {line}");
    }
    Ok(text)
}

/// Returns a line for each step that is passed over, with its stage, in their order.
fn passed_over_by_stage(loaded: &Loaded, decisions: &Decisions) -> Vec<(usize, String)> {
    let line = |(id, why): (StepId, &SkipReason)| {
        let why = passed_over(&loaded.pipeline, &Outcome::Skipped(why.clone())).unwrap_or_default();
        let (stage, name) = (loaded.plan.stage(id), &loaded.pipeline.step(id).name);
        (stage, format!("# {}. {name} – passed over: {why}\n\n", stage + 1))
    };
    let mut lines: Vec<(usize, String)> = decisions.passed_over().map(line).collect();
    lines.sort_by_key(|(stage, _)| *stage);
    lines
}

/// Returns a line for the steps that an earlier run has done, and one for those that are left out.
pub(super) fn idle(pipeline: &Pipeline, decisions: &Decisions) -> Vec<String> {
    let (mut done, mut left_out) = (Vec::new(), Vec::new());
    for (id, step) in pipeline.steps() {
        match decisions.of(id) {
            Decision::Run(_) | Decision::PassOver(_) => {}
            Decision::Reuse => done.push(step.name.as_str()),
            Decision::LeftOut => left_out.push(step.name.as_str()),
        }
    }
    let listed = [("done before", done), ("left out", left_out)].into_iter();
    let listed = listed.filter(|(_, names)| !names.is_empty());
    listed.map(|(what, names)| format!("{what}: {}", names.join(", "))).collect()
}

/// Shows one step that runs, and why.
fn show(
    loaded: &Loaded,
    id: StepId,
    why: &str,
    templates: &TemplateRenderer,
    text: &mut String,
) -> Result<(), (Template, TemplateError)> {
    let step = loaded.pipeline.step(id);
    let scope = Scope { step: Some(step), outputs: StepOutputsMode::Later, ..Scope::default() };
    let late = loaded.pipeline.conditions(step).into_iter().filter(|(_, condition)| !condition.is_early);
    let condition: String =
        late.map(|(_, condition)| format!(" – {}", conditions::shown(condition))).collect();
    let number = loaded.plan.stage(id) + 1;
    let _ = writeln!(text, "# {number}. {}{}{condition}", step.name, joints(loaded, step));
    let render = |text: &Template| templates.render(text, scope).map_err(|error| (text.clone(), error));
    if !why.is_empty() {
        let _ = writeln!(text, "# {} runs: {why}", step.name);
    }
    match &step.action {
        Action::Run(script) => {
            let _ = writeln!(text, "{}", render(&script.text)?.trim_end());
        }
        Action::Exec(exec) => {
            for word in exec.entrypoint.iter().flatten().chain(&exec.args) {
                let _ = writeln!(text, "- {}", render(word)?);
            }
        }
        Action::Feed(_) | Action::Wait => {}
    }
    text.push('\n');
    Ok(())
}

/// Returns what the step is joined to, as a comment.
fn joints(loaded: &Loaded, step: &Step) -> String {
    let pipeline = &loaded.pipeline;
    let mut joints = Vec::new();
    if !step.depends_on.is_empty() {
        let names = step.depends_on.iter().map(|dependency| pipeline.step(dependency.step).name.as_str());
        joints.push(format!("after {}", names.collect::<Vec<_>>().join(", ")));
    }
    joints
        .extend(step.inputs.iter().map(|input| format!("reads {}", pipeline.stream(input.port.stream).name)));
    joints.extend(step.output.map(|port| format!("makes {}", pipeline.stream(port.stream).name)));
    joints.extend(step.terminal.then(|| "has the terminal".to_owned()));
    joints.extend(crate::cli::admission::words(step));
    if joints.is_empty() { String::new() } else { format!(" ({})", joints.join("; ")) }
}
