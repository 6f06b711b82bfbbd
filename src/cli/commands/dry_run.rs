//! `pipe run --dry-run`: the rendered commands, in the order in which they would run.

use std::fmt::Write as _;

use crate::cli::load::Loaded;
use crate::pipeline::{Action, Step, StepId};
use crate::template::{Around, Given, Renderer, TemplateError};

/// The text to print. Secrets stand in it as variables, as they do in what really runs.
pub(super) fn text(loaded: &Loaded, templates: &Renderer) -> Result<String, (StepId, TemplateError)> {
    let mut text = String::new();
    for (level, steps) in loaded.plan.levels().iter().enumerate() {
        for &id in steps {
            let step = loaded.pipeline.step(id);
            let around = Around { step: Some(step), outputs: Given::Later };
            let _ = writeln!(text, "# {}. {}{}", level + 1, step.name, joints(loaded, step));
            match &step.action {
                Action::Run(script) => {
                    let script = templates.render(&script.text, around).map_err(|error| (id, error))?;
                    let _ = writeln!(text, "{}\n", script.trim_end());
                }
                Action::Exec(exec) => {
                    let words = exec.entrypoint.iter().flatten().chain(&exec.args);
                    for word in words {
                        let word = templates.render(word, around).map_err(|error| (id, error))?;
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

/// What the step is joined to, as a comment.
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
    if joints.is_empty() { String::new() } else { format!(" ({})", joints.join("; ")) }
}
