//! Steps in containers against the shell's `docker run`: streams, and what a container costs that does
//! nothing.
//!
//! The image is one of `docker/test/images`. The shell's containers keep no log, which is `docker run` at its
//! quickest. "In flow" is without the time in which containers start and go: `pipe` tells the rate of a
//! stream itself, from the moment when all containers have started; from what the shell takes, the time is
//! subtracted that it takes to move nothing.

use std::fs;
use std::path::Path;

use super::Bench;
use super::forms::{DRAIN, Stream, same_bytes};
use super::measure::{Candidate, Left, is_here};
use super::problem::{Problem, Result};
use super::row::{Measured, Row};
use super::series::{Series, shown};

pub const IMAGE: &str = "debian:bookworm-slim";
/// A container of the shell's.
pub const DOCKER_RUN: &str = "docker run --rm --log-driver none";
/// Steps that do nothing.
const STEPS: usize = 20;

pub fn rows(bench: &Bench) -> Vec<Row> {
    let here = engine();
    let fan_out = here.clone().and_then(|()| fan_out(bench));
    let of = |measured: fn(&FanOut) -> Measured| fan_out.as_ref().map(measured).map_err(Clone::clone);
    let attach = here.clone().and_then(|()| one_reader(bench));
    let chain = here.clone().and_then(|()| chain(bench));
    let independent = here.and_then(|()| independent(bench));
    let what = "a container to 3 others, lane `fifo`, in flow";
    let shell = "`docker run … | tee >(docker run -i …) …`, in flow";
    let one = "a container to another, lane `attach`";
    vec![
        Row::new(what, shell, "× speed").at_least(10.0).measured(of(FanOut::against_docker)),
        Row::new(what, "`pipe` on host steps", "× speed").at_least(0.8).measured(of(FanOut::against_host)),
        Row::new(one, "`docker run | docker run -i`", "× speed").at_least(1.5).measured(attach),
        Row::new("20 no-op containers in a chain", "`docker run` in a loop", "× time")
            .at_most(0.8)
            .measured(chain),
        Row::new("20 independent ones", "`xargs -P 16` of `docker run`", "× time")
            .at_most(0.6)
            .measured(independent),
    ]
}

/// Whether there is an engine, and the image.
pub fn engine() -> Result<()> {
    if !is_here("docker") {
        return Err(Problem::missing("`docker`"));
    }
    let dir = tempfile::tempdir()?;
    let asks = |words: &[&str]| Candidate::program(words).try_in(dir.path());
    asks(&["docker", "version"]).map_err(|_| Problem::missing("running Docker engine"))?;
    let image = asks(&["docker", "image", "inspect", IMAGE]);
    image.map_err(|_| Problem::missing(&format!("image `{IMAGE}` (`docker/test/images` makes it)")))
}

/// Bytes a second, in flow.
struct FanOut {
    fifo: Series,
    host: Series,
    docker: Series,
}

impl FanOut {
    fn against_docker(&self) -> Measured {
        Self::measured(&self.fifo, &self.docker, "docker run")
    }

    fn against_host(&self) -> Measured {
        Self::measured(&self.fifo, &self.host, "on the host")
    }

    fn measured(own: &Series, other: &Series, name: &str) -> Measured {
        let [fifo, rate] = [own, other].map(|rates| shown(rates.median() / 1e9));
        Measured { figures: own.over(other), note: format!("pipe {fifo} GB/s, {name} {rate} GB/s") }
    }
}

fn fan_out(bench: &Bench) -> Result<FanOut> {
    const READERS: usize = 3;
    let place = tempfile::tempdir()?;
    let dir = place.path();
    check(dir, READERS, "fifo")?;
    let stream = |bytes| Stream::drained(&zeros(bytes), READERS);
    let bytes = bench.bytes(1.0);
    fs::write(dir.join("fan-out.yml"), stream(bytes).pipeline(&[]))?;
    let candidates = [
        contained("fan-out.yml", &["--stream-lane", "fifo"]).telling(flow),
        Candidate::pipe("pipe", &["run", "fan-out.yml", "--format", "json"]).telling(flow),
        in_shell(&stream(bytes)),
        in_shell(&stream(0)),
    ];
    let runs = bench.compare("a container to three", dir, &candidates)?;
    let [fifo, host, full, empty] = &runs[..] else {
        return Err(Problem::failed("a contestant has not run"));
    };
    // In a trial the one may be as short as the other.
    let docker = full.seconds.with(&empty.seconds, |full, empty| bytes as f64 / (full - empty).max(0.001));
    Ok(FanOut { fifo: fifo.told.clone(), host: host.told.clone(), docker })
}

fn one_reader(bench: &Bench) -> Result<Measured> {
    let place = tempfile::tempdir()?;
    let dir = place.path();
    check(dir, 1, "attach")?;
    let stream = Stream::drained(&zeros(bench.bytes(0.5)), 1);
    fs::write(dir.join("one.yml"), stream.pipeline(&[]))?;
    let candidates = vec![contained("one.yml", &["--stream-lane", "attach"]), in_shell(&stream)];
    Ok(bench.contest("a container to another", dir, candidates)?.speed())
}

fn chain(bench: &Bench) -> Result<Measured> {
    let after = |step: usize| step.checked_sub(1).map_or(String::new(), |before| format!("s{before}"));
    let steps = bench.count(STEPS).max(2);
    let looped = format!("for n in $(seq {steps}); do {DOCKER_RUN} {IMAGE} true || exit; done");
    no_ops(bench, "containers in a chain", steps, after, Candidate::bash("docker run", &looped))
}

fn independent(bench: &Bench) -> Result<Measured> {
    let steps = bench.count(STEPS).max(2);
    let parallel = format!("seq {steps} | xargs -P 16 -I % {DOCKER_RUN} {IMAGE} true");
    let peer = Candidate::bash("xargs", &parallel);
    no_ops(bench, "independent containers", steps, |_| String::new(), peer)
}

fn no_ops(
    bench: &Bench,
    title: &str,
    steps: usize,
    after: impl Fn(usize) -> String,
    peer: Candidate,
) -> Result<Measured> {
    let dir = tempfile::tempdir()?;
    let step = |step| format!("  - {{name: s{step}, run: 'true', depends_on: [{}]}}\n", after(step));
    let steps: String = (0..steps).map(step).collect();
    fs::write(dir.path().join("no-ops.yml"), format!("steps:\n{steps}"))?;
    let pipe = contained("no-ops.yml", &["-j", "16"]);
    Ok(bench.contest(title, dir.path(), vec![pipe, peer])?.time())
}

/// Whether the lane and the shell bring every reader the same bytes.
fn check(dir: &Path, readers: usize, lane: &str) -> Result<()> {
    // Not only zeros: the shell would not notice if they changed places.
    let small = Stream::summed("seq 200000", readers);
    fs::write(dir.join("small.yml"), small.pipeline(&[]))?;
    let here = [contained("small.yml", &["--stream-lane", lane]), in_shell(&small)];
    same_bytes(dir, &small, &here)
}

/// The pipeline, every step of it in a container.
fn contained(file: &str, arguments: &[&str]) -> Candidate {
    let run = ["run", file, "--docker", "--image", IMAGE, "--format", "json"];
    Candidate::pipe("pipe", &[&run, arguments].concat())
}

/// The shell's form, each program in a container. A reader's file is in a mounted folder.
fn in_shell(stream: &Stream) -> Candidate {
    let reader = |reader: &String| match reader.split_once(" >") {
        Some((command, file)) if reader != DRAIN => format!("{DOCKER_RUN} -i {IMAGE} {command} >{file}"),
        _ => format!("{DOCKER_RUN} -i {IMAGE} sh -c \"{reader}\""),
    };
    let producer = format!("{DOCKER_RUN} {IMAGE} {}", stream.producer);
    let readers = stream.readers.iter().map(reader).collect();
    Stream { producer, readers }.tee().named("docker run")
}

fn zeros(bytes: u64) -> String {
    format!("head -c {bytes} /dev/zero")
}

/// The rate of the only stream, as `pipe` tells it in its records; in bytes a second.
fn flow(left: &Left<'_>) -> Result<f64> {
    let lines = left.stdout.split(|byte| *byte == b'\n');
    let records = lines.filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok());
    let mut finished = records.filter(|record| record["event"] == "stream-finished");
    let rate = finished.find_map(|record| record["rate"].as_f64());
    rate.ok_or_else(|| Problem::failed("no stream has told its rate"))
}
