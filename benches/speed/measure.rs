//! Runs candidates in interleaved rounds, and returns what each run took.
//!
//! Every round runs every candidate once, so that a noisy machine disturbs all alike, and each round begins
//! with another one. A first round is not counted: it brings files and programs into memory.
//!
//! A run has ended when its process has, and when no process has its standard error open any more.
//! `tee >(a) >(b) | c` ends as soon as `c` does, while `a` and `b` may still be at work; bash does not wait
//! for them. They all have inherited standard error, so its end is the moment when the last one is done.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::Bench;
use super::problem::{Problem, Result};
use super::series::Series;

/// What programs remember of earlier runs. It goes before each run, so that all of them are alike.
const MEMORIES: [&str; 3] = [".pipe", ".ninja_log", ".ninja_deps"];
/// The standard output, where it is read.
const STDOUT: &str = "stdout";
/// Processor time in `/proc` is in hundredths of a second, on every kind of machine.
const TICKS: f64 = 100.0;

/// One way to do some work.
pub struct Candidate {
    pub name: String,
    words: Vec<String>,
    /// Programs that have to be here.
    needs: Vec<&'static str>,
    watches_memory: bool,
    keeps_stdout: bool,
    tells: Option<Tells>,
}

/// Reads a figure from what a run has left behind.
pub type Tells = fn(&Left<'_>) -> Result<f64>;

/// What a run has left behind.
pub struct Left<'a> {
    pub dir: &'a Path,
    pub stdout: &'a [u8],
    pub started: SystemTime,
}

/// What one run took.
struct Run {
    seconds: f64,
    /// Processor time of the process itself, without its children; in seconds.
    processor: f64,
    /// In MiB.
    memory: f64,
    told: f64,
}

/// What all the runs of a candidate took, round by round. What was not asked for is zero.
pub struct Runs {
    pub name: String,
    pub seconds: Series,
    /// Of the process itself, without its children; in seconds.
    pub processor: Series,
    /// The most memory that the process had, in MiB, as looked at every 5 ms.
    pub memory: Series,
    pub told: Series,
}

impl Candidate {
    fn new<Word: ToString>(name: &str, words: &[Word]) -> Self {
        Self {
            name: name.to_owned(),
            words: words.iter().map(ToString::to_string).collect(),
            needs: Vec::new(),
            watches_memory: false,
            keeps_stdout: false,
            tells: None,
        }
    }

    /// The program of this build.
    pub fn pipe(name: &str, arguments: &[&str]) -> Self {
        Self::new(name, &[&[env!("CARGO_BIN_EXE_pipe")], arguments].concat())
    }

    pub fn program(words: &[&str]) -> Self {
        Self::new(words[0], words)
    }

    /// A script that fails if any part of a shell pipe does.
    pub fn bash(name: &str, script: &str) -> Self {
        Self::new(name, &["bash", "-o", "pipefail", "-c", script]).needing(&["bash"])
    }

    pub fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    pub fn needing(mut self, programs: &[&'static str]) -> Self {
        self.needs.extend(programs);
        self
    }

    pub fn watching_memory(self) -> Self {
        Self { watches_memory: true, ..self }
    }

    /// Standard output goes to a file, and not to `/dev/null`.
    pub fn into_file(self) -> Self {
        Self { keeps_stdout: true, ..self }
    }

    pub fn telling(self, tells: Tells) -> Self {
        Self { tells: Some(tells), keeps_stdout: true, ..self }
    }

    /// The first program that it needs and that is not here.
    pub fn lacks(&self) -> Option<&'static str> {
        self.needs.iter().copied().find(|program| !is_here(program))
    }

    /// Runs it once, and minds only whether it succeeds.
    pub fn try_in(&self, dir: &Path) -> Result<()> {
        self.run(dir).map(drop)
    }

    fn run(&self, dir: &Path) -> Result<Run> {
        for memory in MEMORIES.map(|name| dir.join(name)) {
            let _ = if memory.is_dir() { fs::remove_dir_all(memory) } else { fs::remove_file(memory) };
        }
        let stdout = dir.join(STDOUT);
        let into = if self.keeps_stdout { File::create(&stdout)?.into() } else { Stdio::null() };
        let mut command = self.command(dir);
        let (started, clock) = (SystemTime::now(), Instant::now());
        let mut child = command.stdout(into).spawn()?;
        let (said, memory) = self.follow(&mut child)?;
        let seconds = clock.elapsed().as_secs_f64();
        let processor = processor_seconds(child.id())?;
        let status = child.wait()?;
        if !status.success() {
            let words = self.words.join(" ");
            return Err(Problem::failed(format!("{} ended with {status}: {words}: {said}", self.name)));
        }
        let told = match self.tells {
            Some(tells) => tells(&Left { dir, stdout: &fs::read(&stdout)?, started })?,
            None => 0.0,
        };
        Ok(Run { seconds, processor, memory, told })
    }

    fn command(&self, dir: &Path) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).current_dir(dir).stdin(Stdio::null()).stderr(Stdio::piped());
        // Neither what `wc` takes for a word nor how `pipe` shows its run depends on the environment.
        command.env("LC_ALL", "C");
        for variable in ["CI", "GITHUB_ACTIONS", "GITLAB_CI", "MAKEFLAGS"] {
            command.env_remove(variable);
        }
        command
    }

    /// Waits for the end, but leaves the process to be asked about. What it said on standard error, and the
    /// most memory that it had.
    fn follow(&self, child: &mut Child) -> Result<(String, f64)> {
        let (id, ended) = (child.id(), AtomicBool::new(false));
        let stderr = child.stderr.take().ok_or_else(|| Problem::failed("there is no standard error"))?;
        thread::scope(|scope| {
            let watcher = self.watches_memory.then(|| scope.spawn(|| watch_memory(id, &ended)));
            let said = wait(id, stderr);
            ended.store(true, Ordering::Relaxed);
            let memory = watcher.map(|watcher| watcher.join().unwrap_or(0.0));
            Ok((said?, memory.unwrap_or(0.0)))
        })
    }
}

impl Bench {
    /// Runs them all in interleaved rounds, and says so.
    pub fn compare(&self, title: &str, dir: &Path, candidates: &[Candidate]) -> Result<Vec<Runs>> {
        self.compare_often(title, 1, dir, candidates)
    }

    /// The same with so many times the rounds, for what takes milliseconds.
    pub fn compare_often(
        &self,
        title: &str,
        times: usize,
        dir: &Path,
        candidates: &[Candidate],
    ) -> Result<Vec<Runs>> {
        let rounds = self.rounds * times;
        eprintln!("{title}: {rounds} rounds of {}", candidates.len());
        if rounds > 1 {
            candidates.iter().try_for_each(|candidate| candidate.try_in(dir))?;
        }
        let mut runs: Vec<Vec<Run>> = candidates.iter().map(|_| Vec::new()).collect();
        for round in 0..rounds {
            for turn in 0..candidates.len() {
                let turn = (round + turn) % candidates.len();
                runs[turn].push(candidates[turn].run(dir)?);
            }
        }
        Ok(candidates.iter().zip(runs).map(|(candidate, runs)| Runs::of(candidate, &runs)).collect())
    }
}

impl Runs {
    fn of(candidate: &Candidate, runs: &[Run]) -> Self {
        let all = |what: fn(&Run) -> f64| runs.iter().map(what).collect();
        Self {
            name: candidate.name.clone(),
            seconds: all(|run| run.seconds),
            processor: all(|run| run.processor),
            memory: all(|run| run.memory),
            told: all(|run| run.told),
        }
    }
}

/// Whether there is such a program.
pub fn is_here(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn wait(id: u32, mut stderr: impl Read) -> Result<String> {
    let mut said = Vec::new();
    stderr.read_to_end(&mut said)?;
    let process = i32::try_from(id).ok().and_then(Pid::from_raw);
    let process = process.ok_or_else(|| Problem::failed("a process without a number"))?;
    waitid(WaitId::Pid(process), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// What a process has used that has ended and is not yet waited for: it has no memory any more, but its times
/// are there.
fn processor_seconds(id: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The name of the program may hold anything, but its bracket is the last one.
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    // `utime` and `stime`, the 14th and 15th of all.
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<f64>);
    // Less than one tick is not nothing.
    Ok(ticks.sum::<std::result::Result<f64, _>>()?.max(1.0) / TICKS)
}

/// The kernel keeps the peak, so what is missed is only what came in the last moment.
fn watch_memory(id: u32, ended: &AtomicBool) -> f64 {
    let mut peak = 0.0;
    while !ended.load(Ordering::Relaxed) {
        peak = peak_mib(id).unwrap_or(0.0).max(peak);
        thread::sleep(Duration::from_millis(5));
    }
    peak
}

fn peak_mib(id: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"))?;
    Some(kib.parse::<f64>().ok()? / 1024.0)
}
