//! `pipe run --dry-run`: the rendered commands, in the order in which they would run.

use std::fmt::Write as _;

use crate::cli::load::Loaded;
use crate::pipeline::{Action, Step, StepId};
use crate::template::{Scope, StepOutputsMode, TemplateError, TemplateRenderer};

/// Returns the text to print. Secrets appear as variables, as they do in the scripts of a run.
pub(super) fn text(loaded: &Loaded, templates: &TemplateRenderer) -> Result<String, (StepId, TemplateError)> {
    let mut text = String::new();
    for (level, steps) in loaded.plan.levels().iter().enumerate() {
        for &id in steps {
            let step = loaded.pipeline.step(id);
            let scope = Scope { step: Some(step), outputs: StepOutputsMode::Later, ..Scope::default() };
            let _ = writeln!(text, "# {}. {}{}", level + 1, step.name, joints(loaded, step));
            match &step.action {
                Action::Run(script) => {
                    let script = templates.render(&script.text, scope).map_err(|error| (id, error))?;
                    let _ = writeln!(text, "{}\n", script.trim_end());
                }
                Action::Exec(exec) => {
                    let words = exec.entrypoint.iter().flatten().chain(&exec.args);
                    for word in words {
                        let word = templates.render(word, scope).map_err(|error| (id, error))?;
                        let _ = writeln!(text, "- {word}");
                    }
                    text.push('\n');
                }
                Action::Feed(_) => text.push('\n'),
            }
        }
    }
    Ok(text)
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
    if joints.is_empty() { String::new() } else { format!(" ({})", joints.join("; ")) }
}
