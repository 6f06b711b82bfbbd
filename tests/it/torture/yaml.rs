//! A case as a pipeline file, with the files that it uses. Whatever a step sees the end of, it notes in a
//! file, with the checksum of what came before.

use std::fmt::Write;

use super::case::{Case, Condition, Fault, Kind, MOST_LINES, Moment, Moves, OnError, Read, Step, Used};
use super::left::MARK;
use super::services;
use crate::support::containers::{IN_CONTAINER, WITH_NETWORK};

/// The variable with the secret.
pub const CANARY: &str = "TORTURE_CANARY";

/// The files of a case, the pipeline file first.
pub fn files(case: &Case) -> Vec<(String, String)> {
    let mut files = vec![("pipeline.yml".to_owned(), top(case))];
    let at = |name: String| format!("lib/{name}.yml");
    files.extend(case.uses.iter().map(|used| (at(used.file()), used_file(case, used))));
    let wrapped = |used: &Used| Some((at(used.wrapper()?), wrapper(case, used)));
    files.extend(case.uses.iter().filter_map(wrapped));
    files
}

fn top(case: &Case) -> String {
    let secret = format!(
        "params:\n  canary: {{type: secret, env: {CANARY}}}\n  holds: {{type: bool, default: true}}\n"
    );
    let mut text = format!("max_parallel: {}\n{secret}", case.max_parallel);
    let own: Vec<usize> = (0..case.steps.len()).filter(|&step| case.used(step).is_none()).collect();
    text.push_str(&services::yaml(case));
    head(case, &own, &mut text);
    let is_written =
        |(index, step): &(usize, &Step)| !step.is_fed && step.group.is_none_or(|first| first == *index);
    for (index, step) in case.steps.iter().enumerate().filter(is_written) {
        match case.used(index) {
            None => self::step(case, index, step, &mut text).unwrap(),
            Some(used) if used.steps[0] == index => use_of(case, used, &mut text).unwrap(),
            Some(_) => {}
        }
    }
    text
}

/// A file that others use, with these steps.
fn used_file(case: &Case, used: &Used) -> String {
    let mut text = String::new();
    if let Some(most) = used.max_parallel {
        let _ = writeln!(text, "max_parallel: {most}");
    }
    text.push_str(TAKEN);
    head(case, &used.steps, &mut text);
    used.steps.iter().for_each(|&step| self::step(case, step, &case.steps[step], &mut text).unwrap());
    outputs(case, used, |giver| format!("s{giver}.outputs.value"), &mut text);
    text
}

/// What each file takes.
const TAKEN: &str = "params:\n  canary: {type: secret}\n  holds: {type: bool}\n";

/// A file that only uses another one.
fn wrapper(case: &Case, used: &Used) -> String {
    let mut text = format!("{TAKEN}steps:\n");
    let name = used.file();
    call(&name, &format!("./{name}.yml"), &mut text).unwrap();
    inputs(&taken(case, used), |from| format!("o{from}"), &mut text).unwrap();
    outputs(case, used, |giver| format!("{name}.outputs.v{giver}"), &mut text);
    text
}

/// The values that a file gives to others, each from where it has it.
fn outputs(case: &Case, used: &Used, value: impl Fn(usize) -> String, text: &mut String) {
    let givers = used.steps.iter().filter(|&&giver| {
        let takes = |step: usize| case.steps[step].takes.contains(&giver) && !used.steps.contains(&step);
        (0..case.steps.len()).any(takes)
    });
    let outputs: Vec<String> =
        givers.map(|&giver| format!("  v{giver}: \"{{{{ steps.{} }}}}\"\n", value(giver))).collect();
    if !outputs.is_empty() {
        let _ = write!(text, "outputs:\n{}", outputs.concat());
    }
}

/// What stands before the steps of each file.
fn head(case: &Case, steps: &[usize], text: &mut String) {
    // So that processes in containers have it, too.
    let _ = writeln!(text, "env: {{{MARK}: '{{{{ env.{MARK} }}}}'}}");
    if steps.iter().any(|&step| case.steps[step].is_sharing) {
        text.push_str("containers:\n  shared:\n");
        text.push_str(IN_CONTAINER);
    }
    text.push_str("steps:\n");
}

/// The beginning of a step that uses a file.
fn call(name: &str, path: &str, text: &mut String) -> std::fmt::Result {
    writeln!(text, "  - name: {name}\n    uses: {path}")?;
    writeln!(text, "    with: {{canary: '{{{{ canary }}}}', holds: '{{{{ holds }}}}'}}")
}

/// The step of the top file that uses a file.
fn use_of(case: &Case, used: &Used, text: &mut String) -> std::fmt::Result {
    let name = used.name();
    call(&name, &format!("./lib/{name}.yml"), text)?;
    if used.is_finally {
        text.push_str("    finally: true\n");
    }
    if let Some(condition) = used.condition {
        writeln!(text, "    if: {}", expression(case, None, condition))?;
    }
    let before = outside(case, used, |step| step.depends_on.clone());
    depends_on(case, None, &before, text)?;
    inputs(&taken(case, used), |from| case.stream(from), text)
}

/// The steps outside a file that its steps name in some way.
fn outside(case: &Case, used: &Used, of: fn(&Step) -> Vec<usize>) -> Vec<usize> {
    let mut all: Vec<usize> = used.steps.iter().flat_map(|&step| of(&case.steps[step])).collect();
    all.retain(|step| !used.steps.contains(step));
    all.sort_unstable();
    all.dedup();
    all
}

/// The steps whose streams a file reads.
fn taken(case: &Case, used: &Used) -> Vec<usize> {
    outside(case, used, |step| step.reads.iter().map(|read| read.from).collect())
}

fn inputs(reads: &[usize], stream: impl Fn(usize) -> String, text: &mut String) -> std::fmt::Result {
    if reads.is_empty() {
        return Ok(());
    }
    let reads: Vec<String> = reads.iter().map(|&from| format!("o{from}: {}", stream(from))).collect();
    writeln!(text, "    inputs: {{{}}}", reads.join(", "))
}

/// The steps that something waits for; all of a file by its name.
fn depends_on(case: &Case, place: Option<&Used>, steps: &[usize], text: &mut String) -> std::fmt::Result {
    let mut names: Vec<String> = Vec::new();
    for &step in steps {
        let whole = case.used(step).filter(|used| place.is_none() && used.is_waited_for(case, steps));
        let name = whole.map_or_else(|| name(case, place, step), Used::name);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() { Ok(()) } else { writeln!(text, "    depends_on: [{}]", names.join(", ")) }
}

/// The name of a step in a file.
fn name(case: &Case, place: Option<&Used>, step: usize) -> String {
    match place {
        None => case.name(step),
        Some(_) => format!("s{step}"),
    }
}

/// What makes the members of a group differ.
const NUMBER: &str = "{{ matrix.i }}";

fn step(case: &Case, index: usize, step: &Step, text: &mut String) -> std::fmt::Result {
    let number = step.group.map_or_else(|| index.to_string(), |_| NUMBER.to_owned());
    match step.group {
        None => writeln!(text, "  - name: s{index}")?,
        Some(first) => {
            let members: Vec<usize> = case.members(first).collect();
            writeln!(text, "  - name: g{first}\n    matrix: {{i: {members:?}}}")?;
        }
    }
    let place = case.used(index);
    if step.is_finally && place.is_none_or(|used| !used.is_finally) {
        text.push_str("    finally: true\n");
    }
    if let Some(condition) = condition(case, index, step) {
        writeln!(text, "    if: {condition}")?;
    }
    match (step.in_container, step.is_sharing) {
        (true, true) => text.push_str("    container: shared\n"),
        (true, false) if step.service.is_some() => text.push_str(WITH_NETWORK),
        (true, false) => text.push_str(IN_CONTAINER),
        (false, _) => {}
    }
    if let Some(service) = step.service {
        writeln!(text, "    services: v{service}")?;
    }
    let is_here = |before: &usize| place.is_none_or(|used| used.steps.contains(before));
    let before: Vec<usize> = step.depends_on.iter().copied().filter(is_here).collect();
    depends_on(case, place, &before, text)?;
    for (position, read) in step.reads.iter().enumerate() {
        match position {
            0 => write!(text, "    input: ")?,
            1 => write!(text, "    inputs:\n      i1: ")?,
            _ => write!(text, "      i{position}: ")?,
        }
        writeln!(text, "{}", input(case, place, read))?;
    }
    if let Some(output) = &step.output {
        let checksum = if output.checksum { ", checksum: sha256" } else { "" };
        writeln!(text, "    output: {{name: \"o{number}\", store: {}{checksum}}}", output.store)?;
    }
    if step.produces {
        writeln!(text, "    produces: \"made.{number}\"")?;
    }
    if let Some(limit) = step.timeout {
        writeln!(text, "    timeout: {limit}ms")?;
    }
    policy(case, step, text)?;
    writeln!(text, "    run: |")?;
    moved(step, script(case, index, step)).lines().try_for_each(|line| writeln!(text, "      {line}"))
}

fn input(case: &Case, place: Option<&Used>, read: &Read) -> String {
    // A file has the same name for what it is given.
    let from = place.map_or_else(|| case.stream(read.from), |_| format!("o{}", read.from));
    let mut keys = format!("{{from: {from}");
    if let Some(size) = read.buffer {
        keys += &format!(", buffer: {size}");
    }
    if read.must_stay {
        keys += ", early_exit: fail";
    }
    keys + "}"
}

/// What is under `if`: of a group, for all of its members.
fn condition(case: &Case, index: usize, step: &Step) -> Option<String> {
    let place = case.used(index);
    let Some(first) = step.group else {
        let is_outside = place.is_some_and(|used| used.condition.is_some());
        return step.condition.filter(|_| !is_outside).map(|condition| expression(case, place, condition));
    };
    assert_eq!(first, index, "a group is written once");
    case.members(first).any(|member| case.steps[member].condition.is_some()).then(|| {
        let holds = |&member: &usize| !matches!(case.steps[member].condition, Some(Condition::Early(false)));
        let members: Vec<usize> = case.members(first).filter(holds).collect();
        format!("matrix.i in {members:?}")
    })
}

/// A condition, as it is written in a file.
fn expression(case: &Case, place: Option<&Used>, condition: Condition) -> String {
    match condition {
        Condition::Early(true) => "holds".to_owned(),
        Condition::Early(false) => "not holds".to_owned(),
        Condition::Value { giver, holds } => {
            format!("{} {} ''", value(case, place, giver), if holds { "!=" } else { "==" })
        }
        Condition::Asks { verdict, of } => format!("{}('{}')", verdict.function(), name(case, place, of)),
        Condition::AsksGroup { verdict, of } => format!("{}('g{of}')", verdict.function()),
        Condition::AsksBody(verdict) => format!("{}()", verdict.function()),
    }
}

/// The value of a step, in an expression of a file.
fn value(case: &Case, place: Option<&Used>, giver: usize) -> String {
    match case.used(giver).filter(|_| place.is_none()) {
        Some(used) => format!("steps.{}.outputs.v{giver}", used.name()),
        None => format!("steps['{}'].outputs.value", name(case, place, giver)),
    }
}

fn policy(case: &Case, step: &Step, text: &mut String) -> std::fmt::Result {
    let word = |on_error| match on_error {
        OnError::Stop => "stop",
        OnError::Continue => "continue",
        OnError::Ignore => "ignore",
    };
    let usual = word(step.on_error);
    let others = step.group.into_iter().flat_map(|first| case.members(first));
    let others = others.filter(|&member| case.steps[member].on_error != step.on_error);
    let cases: String = others
        .map(|member| format!("'{}' if matrix.i == {member} else ", word(case.steps[member].on_error)))
        .collect();
    match cases.as_str() {
        "" => writeln!(text, "    on_error: {usual}")?,
        cases => writeln!(text, "    on_error: \"{{{{ {cases}'{usual}' }}}}\"")?,
    }
    if step.retries > 0 {
        let timeout = step.attempt_timeout.map_or(String::new(), |limit| format!(", timeout: {limit}ms"));
        writeln!(text, "    retry: {{count: {}, delay: 10ms{timeout}}}", step.retries)?;
    }
    Ok(())
}

/// The script, or one that lets another group or session do its work.
fn moved(step: &Step, script: String) -> String {
    let Some(how) = step.moves else { return script };
    let work = format!("bash -eo pipefail -c '{}'", script.replace('\'', "'\\''"));
    match how {
        Moves::Timeout => format!("timeout 3600 {work}; echo on >/dev/null"),
        Moves::Session => format!("setsid -w {work}; echo on >/dev/null"),
        Moves::Job => format!("set -m\n{work} <&0 &\nwait $!"),
    }
}

fn script(case: &Case, index: usize, step: &Step) -> String {
    let mut lines = Vec::new();
    let number = step.group.map_or_else(|| index.to_string(), |_| NUMBER.to_owned());
    if step.is_finally {
        lines.push(format!("echo \"$PIPE_OUTCOME $PIPE_CAUSE\" > told.{number}"));
    }
    if let Some(service) = step.service {
        lines.push(format!("[ -e up.{service} ] || echo $PIPE_ATTEMPT >> unready.{number}"));
    }
    if step.ignores_term {
        lines.push("trap '' TERM".to_owned());
    }
    if step.gives {
        let value = Case::value(&number, "$PIPE_ATTEMPT").replace('"', "\\\"");
        lines.push(format!("echo \"value={value}\" >> \"$PIPE_OUTPUT\""));
    }
    if step.tells_secret {
        lines.push("echo \"this is {{ canary }}\" >&2".to_owned());
    }
    for giver in &step.takes {
        lines
            .push(format!("echo {{{{ {} }}}} > got.{number}.{giver}", value(case, case.used(index), *giver)));
    }
    if step.produces {
        lines.push(format!("echo $PIPE_ATTEMPT > made.{number}"));
    }
    lines.extend(fault(step, Moment::Start));
    if step.output.is_none() && !step.reads.is_empty() {
        lines.extend(
            fault(step, Moment::Middle).map(|fault| fault.replace("then", "then head -c 5000 >/dev/null;")),
        );
    }
    lines
        .extend(step.reads.iter().enumerate().map(|(position, read)| reading(&number, step, position, read)));
    if let Some(output) = &step.output {
        let line = |offset: i64| match step.group {
            None => (Case::first_line(index) as i64 + offset).to_string(),
            Some(_) => format!("{{{{ {} + matrix.i * {MOST_LINES} }}}}", Case::first_line(0) as i64 + offset),
        };
        let (middle, end) = ((output.lines / 2) as i64, output.lines as i64);
        lines.push(format!("seq {} {}", line(0), line(middle - 1)));
        lines.extend(fault(step, Moment::Middle));
        lines.push(format!("seq {} {}", line(middle), line(end - 1)));
    } else if step.reads.is_empty() {
        lines.push("echo some words".to_owned());
        lines.extend(fault(step, Moment::Middle));
    }
    if step.produces {
        lines.push(format!("echo done >> made.{number}"));
    }
    lines.extend(fault(step, Moment::End));
    if step.leaves_process {
        let session = if step.moves.is_some() { "setsid " } else { "" };
        lines.push(format!("{session}sleep 1.5 &"));
    }
    if lines.is_empty() {
        lines.push("true".to_owned());
    }
    lines.join("\n")
}

/// Reads one input, passes it on, and notes its end.
fn reading(index: &str, step: &Step, position: usize, read: &Read) -> String {
    let from = if position == 0 { String::new() } else { format!(" <\"$PIPE_INPUT_I{position}\"") };
    let (seen, eof) = (format!("seen.{index}.{position}"), format!("eof.{index}.{position}"));
    let note = format!("echo $PIPE_ATTEMPT $sum >> {eof}");
    match (read.take, step.output.is_some()) {
        (Some(bytes), true) => format!("head -c {bytes}{from}"),
        (Some(bytes), false) => format!("head -c {bytes}{from} >/dev/null"),
        (None, true) => format!("tee {seen}{from}; sum=$(sha256sum <{seen}); {note}"),
        (None, false) => format!("sum=$(sha256sum{from}); {note}"),
    }
}

fn fault(step: &Step, at: Moment) -> Option<String> {
    let Fault { kind, attempts, .. } = step.fault.as_ref().filter(|fault| fault.moment == at)?;
    let then = match kind {
        Kind::Exit(code) => format!("exit {code}"),
        Kind::Kill => "kill -KILL $$".to_owned(),
        Kind::Hang => "sleep 1000".to_owned(),
    };
    Some(format!("if [ $PIPE_ATTEMPT -le {attempts} ]; then {then}; fi"))
}
