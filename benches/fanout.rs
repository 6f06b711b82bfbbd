//! One producer to N draining readers: this crate's fan-out against the shell's `tee >(…)`, and a plain pipe.
//!
//! Every round runs every candidate once, so that a noisy machine disturbs all alike; the table shows
//! medians, and ratios to `tee` in the same run. Processes are real ones: `dd if=/dev/zero`, writing pieces
//! of 64 KiB by default, to `cat >/dev/null`.
//!
//! ```text
//! cargo bench --bench fanout -- [--rounds 7] [--size 1GiB] [--writes 64KiB]
//! ```

use std::error::Error;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use futures::executor::block_on;
use pipe_runner::stream::{BackendChoice, Fanout, FanoutEvent, PipeBudget, pipe};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const READERS: [usize; 4] = [1, 2, 3, 8];

/// What one run took.
#[derive(Debug, Clone, Copy)]
struct Run {
    wall: Duration,
    /// Processor time of the process that moves the bytes; zero where none does.
    mover: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Candidate {
    Tee,
    Splice,
    Copy,
    PlainPipe,
}

/// What every run moves.
#[derive(Clone, Copy)]
struct Load {
    size: u64,
    /// The size of one write of the producer.
    writes: u64,
}

impl Load {
    fn producer(self) -> String {
        let Self { size, writes } = self;
        format!("dd if=/dev/zero bs={writes} count={} status=none", size / writes)
    }
}

fn main() -> Result<()> {
    let (rounds, load) = arguments()?;
    let Load { size, writes } = load;
    println!("{rounds} rounds of {} in writes of {}, medians\n", ByteSize(size), ByteSize(writes));
    println!("| readers | candidate | GB/s | × tee | mover's processor s/GB |\n|---|---|---|---|---|");
    for readers in READERS {
        let mut candidates = vec![Candidate::Tee, Candidate::Splice, Candidate::Copy];
        if readers == 1 {
            candidates.push(Candidate::PlainPipe);
        }
        let mut runs = vec![Vec::new(); candidates.len()];
        for _ in 0..rounds {
            for (candidate, runs) in candidates.iter().zip(&mut runs) {
                runs.push(run(*candidate, readers, load)?);
            }
        }
        let giga = size as f64 / 1e9;
        let rates: Vec<f64> = runs.iter().map(|runs| giga / median(runs, |run| run.wall)).collect();
        for ((candidate, runs), rate) in candidates.iter().zip(&runs).zip(&rates) {
            let mover = median(runs, |run| run.mover) / giga;
            println!("| {readers} | {candidate:?} | {rate:.2} | {:.2} | {mover:.2} |", rate / rates[0]);
        }
    }
    Ok(())
}

fn arguments() -> Result<(usize, Load)> {
    let (mut rounds, mut size, mut writes) = (7, ByteSize::gib(1), ByteSize::kib(64));
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{flag} wants a value"));
        match flag.as_str() {
            "--rounds" => rounds = value()?.parse()?,
            "--size" => size = value()?.parse()?,
            "--writes" => writes = value()?.parse()?,
            "--bench" => {}
            _ => return Err(format!("unknown flag {flag}").into()),
        }
    }
    let writes = writes.as_u64().max(1);
    Ok((rounds, Load { size: size.as_u64() / writes * writes, writes }))
}

fn median(runs: &[Run], what: impl Fn(&Run) -> Duration) -> f64 {
    let mut all: Vec<f64> = runs.iter().map(|run| what(run).as_secs_f64()).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn run(candidate: Candidate, readers: usize, load: Load) -> Result<Run> {
    let producer = load.producer();
    match candidate {
        Candidate::Splice => fan_out(BackendChoice::Splice, readers, load),
        Candidate::Copy => fan_out(BackendChoice::Copy, readers, load),
        Candidate::Tee => {
            let others = " >(cat >/dev/null)".repeat(readers - 1);
            shell(&format!("{producer} | {{ TIMEFORMAT='%3U %3S'; time tee{others}; }} | cat >/dev/null"))
        }
        Candidate::PlainPipe => shell(&format!("{producer} | cat >/dev/null")),
    }
}

fn shell(script: &str) -> Result<Run> {
    let start = Instant::now();
    let output = Command::new("bash").args(["-c", script]).stdin(Stdio::null()).output()?;
    let wall = start.elapsed();
    let times = String::from_utf8(output.stderr)?;
    let seconds: f64 = times.split_whitespace().map(str::parse::<f64>).sum::<std::result::Result<_, _>>()?;
    Ok(Run { wall, mover: Duration::from_secs_f64(seconds) })
}

fn fan_out(backend: BackendChoice, readers: usize, load: Load) -> Result<Run> {
    let start = Instant::now();
    let processor = processor_time();
    let budget = PipeBudget::new();
    let (children, sinks): (Vec<Child>, Vec<OwnedFd>) =
        (0..readers).map(|_| reader()).collect::<Result<Vec<_>>>()?.into_iter().unzip();
    let (fanout, mut events) = Fanout::start("bench", sinks, backend, &budget)?;
    let (source, writer) = pipe()?;
    fanout.feed(source);
    let mut producer =
        Command::new("sh").args(["-c", &format!("exec {}", load.producer())]).stdout(writer).spawn()?;
    match events.blocking_recv() {
        Some(FanoutEvent::SourceEnded { bytes }) if bytes == load.size => {}
        event => return Err(format!("unexpected: {event:?}").into()),
    }
    producer.wait()?;
    fanout.close();
    for mut child in children {
        child.wait()?;
    }
    let wall = start.elapsed();
    let snapshot = block_on(fanout.finish());
    let mover = processor_time().saturating_sub(processor);
    if snapshot.sinks.iter().any(|sink| sink.taken != load.size) {
        return Err(format!("bytes were lost: {snapshot:?}").into());
    }
    Ok(Run { wall, mover })
}

fn reader() -> Result<(Child, OwnedFd)> {
    let (reader, writer) = pipe()?;
    Ok((Command::new("cat").stdin(reader).stdout(Stdio::null()).spawn()?, writer))
}

/// The processor time that this process has used.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}
