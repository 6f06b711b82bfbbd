//! Random pipelines in a cluster, in most of which something is killed at a random moment: a conductor, a
//! wrapper, a step, a pod, the hub, the client. Whatever dies, no reader sees an end that it must not.
//!
//! A case grows from its seed alone. `PIPE_CLUSTER_CASES=300` draws more of them; `PIPE_CLUSTER_SEED=N`
//! begins with another one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Stdio};

use crate::support::cluster::{HEAD, Namespace};
use crate::support::dice::Dice;
use crate::support::long_form::{long_form, missed};
use crate::support::processes::{started_like, try_signal};
use crate::support::{Place, sha256};

/// Cases at the same time.
const AT_ONCE: usize = 4;
/// Lines that a step writes.
const LINES: u64 = 20_000;

#[derive(Debug)]
struct Case {
    steps: Vec<Step>,
    victim: Option<Victim>,
    /// How many lines of the run are waited for before.
    after: usize,
}

/// A step reads all of its input, passes it on if it has an output, and then writes lines of its own there.
#[derive(Debug, Default)]
struct Step {
    depends_on: Option<usize>,
    reads: Option<usize>,
    has_output: bool,
    retries: u64,
    /// Its first attempts end so.
    fault: Option<Fault>,
}

#[derive(Debug)]
struct Fault {
    attempts: u64,
    how: &'static str,
}

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Client,
    Conductor,
    Hub,
    Pod,
    Step,
    Wrapper,
}

impl Case {
    fn of(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let count = 2 + dice.below(5) as usize;
        let mut steps: Vec<Step> = Vec::new();
        for index in 0..count {
            let streams: Vec<usize> = (0..index).filter(|&step| steps[step].has_output).collect();
            let reads = (!streams.is_empty() && !dice.one_in(4)).then(|| *dice.of(&streams));
            steps.push(Step {
                depends_on: (index > 0 && dice.one_in(5)).then(|| dice.below(index as u64) as usize),
                reads,
                has_output: index + 1 < count && !dice.one_in(3),
                retries: dice.below(3),
                fault: None,
            });
        }
        if dice.one_in(3) {
            let how = *dice.of(&["exit 7", "kill -KILL $$"]);
            let fault = Fault { attempts: 1 + dice.below(2), how };
            steps[dice.below(count as u64) as usize].fault = Some(fault);
        }
        use Victim::{Client, Conductor, Hub, Pod, Step as OneStep, Wrapper};
        let victims = [Conductor, Conductor, Wrapper, Wrapper, OneStep, OneStep, Pod, Hub, Client];
        let victim = (!dice.one_in(5)).then(|| *dice.of(&victims));
        Self { steps, victim, after: 1 + dice.below(2 * count as u64 + 1) as usize }
    }

    /// The name of a step, which no other case has.
    fn name(seed: u64, step: usize) -> String {
        format!("s{step}-{}-{seed}", std::process::id())
    }

    fn yaml(&self, seed: u64) -> String {
        let mut text = format!("{HEAD}steps:\n");
        for (index, step) in self.steps.iter().enumerate() {
            let _ = writeln!(text, "  - name: {}", Self::name(seed, index));
            if let Some(before) = step.depends_on {
                let _ = writeln!(text, "    depends_on: {}", Self::name(seed, before));
            }
            if let Some(from) = step.reads {
                let _ = writeln!(text, "    input: o{from}");
            }
            if step.has_output {
                let _ = writeln!(text, "    output: o{index}");
            }
            if step.retries > 0 {
                let _ = writeln!(text, "    retry: {}", step.retries);
            }
            let _ = writeln!(text, "    run: |");
            for line in self.script(seed, index) {
                let _ = writeln!(text, "      {line}");
            }
        }
        text
    }

    fn script(&self, seed: u64, index: usize) -> Vec<String> {
        let step = &self.steps[index];
        let mut lines = vec![format!(": {}", Self::name(seed, index)), "echo began >&2".to_owned()];
        let note = "echo \"end $PIPE_ATTEMPT ${sum%% *}.\" >&2";
        match (step.reads, step.has_output) {
            (Some(_), true) => lines.push(format!("tee /tmp/seen; sum=$(sha256sum < /tmp/seen); {note}")),
            (Some(_), false) => lines.push(format!("sum=$(sha256sum); {note}")),
            (None, _) => {}
        }
        let (first, last) = own_lines(index);
        let middle = (first + last) / 2;
        if step.has_output {
            lines.push(format!("seq {first} {middle}"));
        }
        lines.push("sleep 0.5".to_owned());
        if let Some(Fault { attempts, how }) = &step.fault {
            lines.push(format!("if [ $PIPE_ATTEMPT -le {attempts} ]; then {how}; fi"));
        }
        if step.has_output {
            lines.push(format!("seq {} {last}", middle + 1));
        }
        lines
    }

    /// What the stream of a step is when it is whole.
    fn stream(&self, index: usize) -> Vec<u8> {
        let (first, last) = own_lines(index);
        let mut bytes = self.steps[index].reads.map(|from| self.stream(from)).unwrap_or_default();
        (first..=last).for_each(|line| bytes.extend(format!("{line}\n").into_bytes()));
        bytes
    }
}

fn own_lines(step: usize) -> (u64, u64) {
    let first = 1_000_000 + step as u64 * LINES;
    (first, first + LINES - 1)
}

/// What was seen of a run.
struct Seen {
    code: Option<i32>,
    /// By step, how it has ended.
    outcomes: BTreeMap<String, String>,
    /// By step, the ends that it has seen: in which attempt, and the sum of what came before.
    ends: Vec<Vec<(u64, String)>>,
    said: String,
}

fn run(namespace: &Namespace, seed: u64, case: &Case) -> Seen {
    let place = Place::with(&case.yaml(seed));
    let mut command = namespace.command(&place, &[]);
    let mut client = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = BufReader::new(client.stdout.take().unwrap());
    let mut said = String::new();
    for _ in 0..case.after {
        stdout.read_line(&mut said).unwrap();
    }
    if let Some(victim) = case.victim
        && let Some(run) = run_of(&place)
    {
        kill(victim, namespace, (seed, case), &run, &mut client);
    }
    stdout.read_to_string(&mut said).unwrap();
    let code = client.wait().unwrap().code();
    let logs = run_of(&place).map(|run| place.join(".pipe/runs").join(run).join("logs"));
    let ends = (0..case.steps.len()).map(|step| {
        let log = logs.as_ref().map(|logs| logs.join(format!("{}.log", Case::name(seed, step))));
        log.map(|log| ends(&log)).unwrap_or_default()
    });
    let ends = ends.collect();
    let is_end = |record: &serde_json::Value| record["event"] == "step-finished";
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let journal = if code.is_some() && run_of(&place).is_some() { place.journal() } else { Vec::new() };
    let outcomes = journal.iter().filter(|record| is_end(record));
    let outcomes = outcomes.map(|record| (text(&record["step"]), text(&record["outcome"]))).collect();
    Seen { code, outcomes, ends, said }
}

fn run_of(place: &Place) -> Option<String> {
    let run = std::fs::read_dir(place.join(".pipe/runs")).ok()?.next()?.ok()?;
    run.file_name().into_string().ok()
}

fn ends(log: &Path) -> Vec<(u64, String)> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let end = |line: &str| {
        let (attempt, sum) = line.strip_prefix("end ")?.strip_suffix('.')?.split_once(' ')?;
        Some((attempt.parse().ok()?, sum.to_owned()))
    };
    text.lines().filter_map(end).collect()
}

/// Kills something of a run, if it is there.
fn kill(victim: Victim, namespace: &Namespace, (seed, case): (u64, &Case), run: &str, client: &mut Child) {
    let of_step = |words: &dyn Fn(&str) -> Vec<u32>| {
        let names = (0..case.steps.len()).map(|step| Case::name(seed, step));
        names.flat_map(|name| words(&name)).next()
    };
    let gang = format!("pipe-{run}-g");
    let pid = match victim {
        Victim::Client => return client.kill().unwrap(),
        Victim::Hub | Victim::Pod => {
            let role = if victim == Victim::Hub { "hub" } else { "gang" };
            let labels = format!("pipe.run={run},pipe.role={role}");
            namespace.kubectl(&["delete", "pod", "--selector", &labels, "--wait=false", "--grace-period=1"]);
            return;
        }
        Victim::Conductor => {
            started_like(|words| words.iter().any(|word| word.starts_with(&gang))).first().copied()
        }
        Victim::Wrapper => of_step(&|name| {
            started_like(|words| words.windows(3).any(|words| words == ["pod", "step", name]))
        }),
        Victim::Step => of_step(&|name| {
            let mark = format!(": {name}\n");
            started_like(|words| words.iter().any(|word| word.contains(&mark)))
        }),
    };
    if let Some(pid) = pid {
        // It may have ended meanwhile.
        try_signal("KILL", &pid.to_string());
    }
}

/// What is wrong with what was seen.
fn check(seed: u64, case: &Case, seen: &Seen) -> Result<(), String> {
    let outcome = |step: usize| seen.outcomes.get(&Case::name(seed, step)).map(String::as_str);
    for (index, step) in case.steps.iter().enumerate() {
        let Some(from) = step.reads else { continue };
        let whole = sha256(&case.stream(from));
        for (attempt, sum) in &seen.ends[index] {
            if *sum != whole {
                return Err(format!("s{index} has seen a false end of o{from} in attempt {attempt}"));
            }
        }
        if outcome(index) == Some("succeeded")
            && (seen.ends[index].is_empty() || outcome(from) != Some("succeeded"))
        {
            return Err(format!("s{index} has succeeded without the end of o{from}"));
        }
    }
    let all = (0..case.steps.len()).all(|step| outcome(step) == Some("succeeded"));
    let can =
        case.steps.iter().all(|step| step.fault.as_ref().is_none_or(|fault| fault.attempts <= step.retries));
    let fits = match (case.victim, seen.code) {
        (_, Some(0)) => all,
        (None, Some(1)) => !all && !can,
        (Some(Victim::Client), None) => true,
        (Some(_), Some(1 | 3)) => !all,
        (_, _) => false,
    };
    if fits { Ok(()) } else { Err(format!("exit code {:?} after {:?}", seen.code, seen.outcomes)) }
}

#[test]
#[ignore = "needs a cluster"]
fn no_reader_sees_a_false_end_whatever_dies() {
    let namespace = Namespace::new("torture");
    let (first, cases): (u64, u64) = (long_form("PIPE_CLUSTER_SEED", 1), long_form("PIPE_CLUSTER_CASES", 12));
    let seeds: Vec<u64> = (first..first + cases).collect();
    let misses = missed(&seeds, AT_ONCE, |seed| {
        let case = Case::of(seed);
        let seen = run(&namespace, seed, &case);
        let verdict = check(seed, &case, &seen);
        verdict.map_err(|why| format!("PIPE_CLUSTER_SEED={seed}: {why}\n{case:#?}\n{}", seen.said))
    });
    assert!(misses.is_empty(), "{cases} cases, missed: {misses:?}");
    namespace.is_deserted();
}
