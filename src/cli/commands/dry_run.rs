//! `pipe run --dry-run`: the rendered commands, in the order in which they would run.

use std::fmt::Write as _;

use crate::cli::beside;
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
    for id in beside::running(&loaded.pipeline, &loaded.plan, decisions) {
        show_beside(loaded, decisions, id, templates, &mut text)?;
    }
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
    // A service runs where its users do.
    for (id, step) in pipeline.steps().filter(|(_, step)| !step.role.is_beside()) {
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

/// Shows a service, or a shared container: its image, its command and its check.
fn show_beside(
    loaded: &Loaded,
    decisions: &Decisions,
    id: StepId,
    templates: &TemplateRenderer,
    text: &mut String,
) -> Result<(), (Template, TemplateError)> {
    let pipeline = &loaded.pipeline;
    let shown = |step: &Step, template: &Template| {
        let scope = Scope { step: Some(step), outputs: StepOutputsMode::Later, ..Scope::default() };
        templates.render(template, scope).unwrap_or_else(|_| template.source.clone())
    };
    let _ = writeln!(text, "# {}", beside::line(pipeline, decisions, id, &shown));
    if let Some(words) = decisions.lacks(pipeline, id) {
        let _ = writeln!(text, "# {} {words}", pipeline.step(id).name);
    }
    show_action(pipeline.step(id), templates, text)?;
    text.push('\n');
    Ok(())
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
    let late = loaded.pipeline.conditions(step).into_iter().filter(|(_, condition)| !condition.is_early);
    let condition: String =
        late.map(|(_, condition)| format!(" – {}", conditions::shown(condition))).collect();
    let number = loaded.plan.stage(id) + 1;
    let _ = writeln!(text, "# {number}. {}{}{condition}", step.name, joints(loaded, step));
    if !why.is_empty() {
        let _ = writeln!(text, "# {} runs: {why}", step.name);
    }
    show_action(step, templates, text)?;
    text.push('\n');
    Ok(())
}

/// Shows what a step runs.
fn show_action(
    step: &Step,
    templates: &TemplateRenderer,
    text: &mut String,
) -> Result<(), (Template, TemplateError)> {
    let scope = Scope { step: Some(step), outputs: StepOutputsMode::Later, ..Scope::default() };
    let render = |text: &Template| templates.render(text, scope).map_err(|error| (text.clone(), error));
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
    let used = step.services.iter().map(|usage| pipeline.step(usage.step).name.as_str()).collect::<Vec<_>>();
    joints.extend((!used.is_empty()).then(|| format!("uses {}", used.join(", "))));
    joints.extend(step.shared.map(|usage| format!("in {}", pipeline.step(usage.step).name)));
    joints.extend(step.terminal.then(|| "has the terminal".to_owned()));
    joints.extend(crate::cli::admission::words(step));
    if joints.is_empty() { String::new() } else { format!(" ({})", joints.join("; ")) }
}
