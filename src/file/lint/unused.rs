//! What is declared and used nowhere: params, streams, variables of the environment.

use std::collections::{BTreeMap, HashSet};

use super::{ReadStep, Scene, programs};
use crate::file::{Code, Diagnostic};
use crate::pipeline::{CallId, Param, Role, Span, Step, StepId, Stream, Template};

pub(super) fn check(scene: &Scene<'_>, found: &mut Vec<Diagnostic>) {
    params(scene, found);
    streams(scene, found);
    containers(scene, found);
    services(scene, found);
    env(scene, found);
}

fn params(scene: &Scene<'_>, found: &mut Vec<Diagnostic>) {
    let pipeline = scene.pipeline;
    let top = pipeline.outputs.iter().map(|output| &output.value);
    let top = top.chain(pipeline.concurrency.iter().map(|concurrency| &concurrency.group));
    let top: Vec<&Template> =
        top.chain(&pipeline.early_max_parallel).chain(&pipeline.early_timeout).collect();
    params_of(scene, None, &pipeline.params, &top, found);
    // All calls of a file say the same.
    let mut seen = HashSet::new();
    for (index, call) in pipeline.calls.iter().enumerate() {
        if seen.insert(std::sync::Arc::as_ptr(&call.file)) {
            let of_file = call.file.outputs.iter().map(|output| &output.value);
            let of_file: Vec<&Template> = of_file.chain(&call.file.early_max_parallel).collect();
            params_of(scene, Some(CallId::new(index)), &call.file.params, &of_file, found);
        }
    }
}

/// Reports the params of one file that nothing uses. `texts` are those that stand in none of its steps.
fn params_of(
    scene: &Scene<'_>,
    call: Option<CallId>,
    params: &[Param],
    texts: &[&Template],
    found: &mut Vec<Diagnostic>,
) {
    let pipeline = scene.pipeline;
    let steps = || pipeline.steps.iter().filter(|step| step.call == call);
    let callers = || pipeline.calls.iter().filter(|other| other.caller.call == call);
    let own_group = call.map(|call| pipeline.call(call).group);
    let groups = pipeline.groups.iter().filter(|group| group.within == own_group);
    let used: HashSet<&str> = steps()
        .flat_map(Step::templates)
        .chain(callers().flat_map(|other| other.caller.templates()))
        .chain(texts.iter().copied())
        .chain(params.iter().filter_map(|param| param.default.as_ref()))
        .flat_map(|text| &text.params)
        .chain(steps().flat_map(|step| &step.secrets))
        .chain(callers().flat_map(|other| other.arguments.iter()).flat_map(|it| it.value.params()))
        .chain(groups.flat_map(|group| &group.params))
        .map(String::as_str)
        .collect();
    for param in params.iter().filter(|param| !used.contains(param.name.as_str())) {
        let message = format!("nothing uses the param `{}`", param.name);
        let help = format!("write `{{{{ {} }}}}` where its value belongs, or take it out", param.name);
        found.push(Diagnostic::at(Code::UnusedParam, &pipeline.source, param.at, message).help(help));
    }
}

fn streams(scene: &Scene<'_>, found: &mut Vec<Diagnostic>) {
    let pipeline = scene.pipeline;
    let own = |stream: &Stream| {
        let call = pipeline.call(pipeline.step(stream.producer).call?);
        let own = stream.name.strip_prefix(call.caller.name.as_str())?.strip_prefix('.')?;
        Some(own.to_owned())
    };
    // A stream of a file that is used several times is read if one use of it is.
    let place = |stream: &Stream| (stream.at, own(stream).unwrap_or_else(|| stream.name.clone()));
    let is_used = |stream: &&Stream| !stream.readers.is_empty() || stream.out.is_some() || stream.store;
    let used: HashSet<(Span, String)> = pipeline.streams.iter().filter(is_used).map(place).collect();
    for stream in pipeline.streams.iter().filter(|stream| !used.contains(&place(stream))) {
        let own = own(stream);
        let message = format!("nothing reads the stream `{}`", own.as_ref().unwrap_or(&stream.name));
        let help = match own {
            None => {
                "it is kept in the run's folder: read it with `input`, send it somewhere with `--out`, or take it out"
                    .to_owned()
            }
            Some(_) => format!(
                "it is kept in the run's folder: read it with `input`, as `{}` where the file is used, or take it out",
                stream.name
            ),
        };
        found.push(Diagnostic::at(Code::UnusedStream, &pipeline.source, stream.at, message).help(help));
    }
}

fn containers(scene: &Scene<'_>, found: &mut Vec<Diagnostic>) {
    let pipeline = scene.pipeline;
    let used: HashSet<StepId> = pipeline.steps.iter().filter_map(|step| Some(step.shared?.step)).collect();
    for (_, step) in pipeline.steps().filter(|(id, step)| step.role == Role::Container && !used.contains(id))
    {
        let message = format!("no step runs in the container `{}`", step.name);
        let help = format!("write `container: {}` in the steps that share it, or take it out", step.name);
        found.push(Diagnostic::at(Code::UnusedContainer, &pipeline.source, step.at, message).help(help));
    }
}

fn services(scene: &Scene<'_>, found: &mut Vec<Diagnostic>) {
    let pipeline = scene.pipeline;
    let used: HashSet<StepId> =
        pipeline.steps.iter().flat_map(|step| &step.services).map(|usage| usage.step).collect();
    for (_, step) in pipeline.steps().filter(|(id, step)| step.role == Role::Service && !used.contains(id)) {
        let message = format!("no step uses the service `{}`", step.name);
        let help = format!("write `services: {}` in the steps that use it, or take it out", step.name);
        found.push(Diagnostic::at(Code::UnusedService, &pipeline.source, step.at, message).help(help));
    }
}

/// A variable counts as used in a step if its script names it, or if a program of the script may look at it
/// unasked.
fn env(scene: &Scene<'_>, found: &mut Vec<Diagnostic>) {
    let scripts: BTreeMap<StepId, &ReadStep<'_>> =
        scene.scripts.iter().map(|script| (script.id, script)).collect();
    // A variable of the pipeline stands in every step, with one place.
    let mut used: BTreeMap<(Span, &str), bool> = BTreeMap::new();
    for (id, step) in scene.pipeline.steps() {
        let open = scripts.get(&id).is_none_or(|script| {
            let plain =
                |command: &super::Command| command.words.is_empty() || programs::is_plain(command.program());
            !script.commands.iter().all(plain)
        });
        let script = scripts.get(&id).map_or("", |script| script.text.source.as_str());
        let mut later: HashSet<&str> = HashSet::new();
        for variable in step.env.iter().rev() {
            let wins = later.insert(&variable.name);
            let is_used = wins
                && (open || programs::is_common_variable(&variable.name) || mentions(script, &variable.name));
            *used.entry((variable.value.at, &variable.name)).or_default() |= is_used;
        }
    }
    for ((at, name), _) in used.into_iter().filter(|(_, is_used)| !is_used) {
        let problem = Diagnostic::at(
            Code::UnusedEnv,
            &scene.pipeline.source,
            at,
            format!("nothing uses the variable `{name}`"),
        );
        found.push(
            problem
                .help(format!("write `\"${name}\"` in the script where its value belongs, or take it out")),
        );
    }
}

/// Whether a text has a name in it as a whole word.
fn mentions(text: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + name.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}
