//! A case as a pipeline file. Whatever a step sees the end of, it notes in a file, with the checksum of what
//! came before.

use std::fmt::Write;

use super::case::{Case, Fault, Kind, Moment, Moves, OnError, Read, Step};
use super::left::MARK;
use crate::support::containers::IN_CONTAINER;

/// The variable with the secret.
pub const CANARY: &str = "TORTURE_CANARY";

/// The pipeline file of a case.
pub fn file(case: &Case) -> String {
    let secret = format!("params:\n  canary: {{type: secret, env: {CANARY}}}\n");
    // So that processes in containers have it, too.
    let mark = format!("env: {{{MARK}: '{{{{ env.{MARK} }}}}'}}\n");
    let mut text = format!("max_parallel: {}\n{secret}{mark}steps:\n", case.max_parallel);
    for (index, step) in case.steps.iter().enumerate().filter(|(_, step)| !step.is_fed) {
        self::step(index, step, &mut text).unwrap();
    }
    text
}

fn step(index: usize, step: &Step, text: &mut String) -> std::fmt::Result {
    writeln!(text, "  - name: s{index}")?;
    if step.in_container {
        text.push_str(IN_CONTAINER);
    }
    if !step.depends_on.is_empty() {
        let names: Vec<String> = step.depends_on.iter().map(|step| format!("s{step}")).collect();
        writeln!(text, "    depends_on: [{}]", names.join(", "))?;
    }
    for (position, read) in step.reads.iter().enumerate() {
        match position {
            0 => write!(text, "    input: ")?,
            1 => write!(text, "    inputs:\n      i1: ")?,
            _ => write!(text, "      i{position}: ")?,
        }
        writeln!(text, "{}", input(read))?;
    }
    if let Some(output) = &step.output {
        let checksum = if output.checksum { ", checksum: sha256" } else { "" };
        writeln!(text, "    output: {{name: o{index}, store: {}{checksum}}}", output.store)?;
    }
    if step.produces {
        writeln!(text, "    produces: made.{index}")?;
    }
    if let Some(limit) = step.timeout {
        writeln!(text, "    timeout: {limit}ms")?;
    }
    policy(step, text)?;
    writeln!(text, "    run: |")?;
    moved(step, script(index, step)).lines().try_for_each(|line| writeln!(text, "      {line}"))
}

fn input(read: &Read) -> String {
    let mut keys = format!("{{from: o{}", read.from);
    if let Some(size) = read.buffer {
        keys += &format!(", buffer: {size}");
    }
    if read.must_stay {
        keys += ", early_exit: fail";
    }
    keys + "}"
}

fn policy(step: &Step, text: &mut String) -> std::fmt::Result {
    let on_error = match step.on_error {
        OnError::Stop => "stop",
        OnError::Continue => "continue",
        OnError::Ignore => "ignore",
    };
    writeln!(text, "    on_error: {on_error}")?;
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

fn script(index: usize, step: &Step) -> String {
    let mut lines = Vec::new();
    if step.ignores_term {
        lines.push("trap '' TERM".to_owned());
    }
    if step.gives {
        let value = Case::value(index, "$PIPE_ATTEMPT").replace('"', "\\\"");
        lines.push(format!("echo \"value={value}\" >> \"$PIPE_OUTPUT\""));
    }
    if step.tells_secret {
        lines.push("echo \"this is {{ canary }}\" >&2".to_owned());
    }
    for giver in &step.takes {
        lines.push(format!("echo {{{{ steps.s{giver}.outputs.value }}}} > got.{index}.{giver}"));
    }
    if step.produces {
        lines.push(format!("echo $PIPE_ATTEMPT > made.{index}"));
    }
    lines.extend(fault(step, Moment::Start));
    if step.output.is_none() && !step.reads.is_empty() {
        lines.extend(
            fault(step, Moment::Middle).map(|fault| fault.replace("then", "then head -c 5000 >/dev/null;")),
        );
    }
    lines.extend(step.reads.iter().enumerate().map(|(position, read)| reading(index, step, position, read)));
    if let Some(output) = &step.output {
        let first = Case::first_line(index);
        let (middle, end) = (first + output.lines / 2, first + output.lines);
        lines.push(format!("seq {first} {}", middle - 1));
        lines.extend(fault(step, Moment::Middle));
        lines.push(format!("seq {middle} {}", end - 1));
    } else if step.reads.is_empty() {
        lines.push("echo some words".to_owned());
        lines.extend(fault(step, Moment::Middle));
    }
    if step.produces {
        lines.push(format!("echo done >> made.{index}"));
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
fn reading(index: usize, step: &Step, position: usize, read: &Read) -> String {
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
