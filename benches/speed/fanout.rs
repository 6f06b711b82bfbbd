//! One stream to several readers on the host, against `tee >(…)` and `pee`.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use super::Bench;
use super::contest::present;
use super::forms::{DRAIN, Stream, same_bytes};
use super::measure::{Candidate, Left, Runs};
use super::problem::Result;
use super::row::{Measured, Row};
use super::series::shown;

const TEE_OR_PEE: &str = "the faster of `tee >(…)`, `pee`";

/// Something that makes so many bytes, in a folder.
struct Producer {
    name: &'static str,
    command: fn(&Path, u64) -> Result<String>,
    /// Of the usual size of a stream.
    part: f64,
    small_writes: bool,
}

impl Producer {
    const fn new(name: &'static str, command: fn(&Path, u64) -> Result<String>) -> Self {
        Self { name, command, part: 0.5, small_writes: false }
    }
}

const PRODUCERS: [Producer; 4] = [
    Producer::new("`head -c … /dev/zero`", |_, bytes| Ok(zeros(bytes))),
    Producer::new("`cat FILE`", file),
    Producer::new("writes of 64 KiB", |_, bytes| Ok(writes(bytes, 65_536))),
    Producer {
        part: 0.1,
        small_writes: true,
        ..Producer::new("writes of 100 bytes", |_, bytes| Ok(writes(bytes, 100)))
    },
];

fn zeros(bytes: u64) -> String {
    format!("head -c {bytes} /dev/zero")
}

/// Really in writes of that size: `dd` gathers nothing.
fn writes(bytes: u64, size: u64) -> String {
    format!("dd if=/dev/zero bs={size} count={} status=none", bytes / size)
}

/// One with real blocks and no hole, of bytes that are not all the same.
fn file(dir: &Path, bytes: u64) -> Result<String> {
    let piece: Vec<u8> = (0..=u16::MAX).map(|n| (n % 251) as u8).collect();
    let mut file = File::create(dir.join("data"))?;
    let mut left = bytes;
    while left > 0 {
        let now = left.min(piece.len() as u64) as usize;
        file.write_all(&piece[..now])?;
        left -= now as u64;
    }
    Ok("cat data".to_owned())
}

pub fn rows(bench: &Bench) -> Vec<Row> {
    let mut rows = Vec::new();
    for readers in [2, 3, 8] {
        for producer in &PRODUCERS {
            let row = Row::new(format!("{readers} readers, {}", producer.name), TEE_OR_PEE, "× speed");
            let row = match (producer.small_writes, readers) {
                (true, _) => row.at_least(0.95),
                (false, 3) => row.at_least(3.0),
                (false, 8) => row.at_least(5.0),
                _ => row,
            };
            rows.push(row.measured(fan_out(bench, producer, readers)));
        }
    }
    rows.extend(processor(bench));
    let slow = "two readers beside one of 50 MB/s with `buffer:`, until they are done";
    rows.push(Row::new(slow, "`tee >(…)`", "× time").at_most(0.1).measured(beside_a_slow_one(bench)));
    rows
}

fn fan_out(bench: &Bench, producer: &Producer, readers: usize) -> Result<Measured> {
    let place = tempfile::tempdir()?;
    let dir = place.path();
    let small = Stream::summed(&(producer.command)(dir, 1_638_400)?, readers);
    same_bytes(dir, &small, &small.forms(dir, "small.yml")?)?;
    let stream = Stream::drained(&(producer.command)(dir, bench.bytes(producer.part))?, readers);
    let title = format!("{readers} readers, {}", producer.name);
    Ok(bench.contest(&title, dir, stream.forms(dir, "fan-out.yml")?)?.speed())
}

/// What moving the bytes costs the process that moves them: `pipe` or `tee`.
fn processor(bench: &Bench) -> [Row; 3] {
    let giga = bench.bytes(2.0) as f64 / 1e9;
    let [large, tar] = [65_536, 10_240].map(|size| processor_runs(bench, size));
    let of = |runs: &Result<Vec<Runs>>, measured: &dyn Fn(&[Runs]) -> Measured| {
        runs.as_ref().map(|runs| measured(runs)).map_err(Clone::clone)
    };
    let ratio = |runs: &[Runs]| {
        let per_giga = |runs: &Runs| shown(runs.processor.median() / giga);
        let note = format!("pipe {} s/GB, tee {} s/GB", per_giga(&runs[0]), per_giga(&runs[1]));
        Measured { figures: runs[0].processor.over(&runs[1].processor), note }
    };
    let each = |runs: &[Runs]| Measured {
        figures: runs[0].processor.map(|seconds| seconds / giga),
        note: String::new(),
    };
    let what = "processor time of `pipe`, 3 readers, writes of 64 KiB";
    let pieces = "the same, writes of 10 KiB as `tar` makes them";
    [
        Row::new(what, "`tee`", "× processor time").at_most(1.0 / 6.0).measured(of(&large, &ratio)),
        Row::new(what, "–", "s/GB").at_most(0.15).measured(of(&large, &each)),
        Row::new(pieces, "`tee`", "× processor time").at_most(0.65).measured(of(&tar, &ratio)),
    ]
}

fn processor_runs(bench: &Bench, size: u64) -> Result<Vec<Runs>> {
    const READERS: usize = 3;
    let place = tempfile::tempdir()?;
    let dir = place.path();
    let small = Stream::summed(&writes(1_638_400, size), READERS);
    same_bytes(dir, &small, &[small.pipe(dir, "small.yml")?, small.tee_itself()])?;
    // The kernel tells this time in steps of 10 ms, so there has to be enough of it.
    let stream = Stream::drained(&writes(bench.bytes(2.0), size), READERS);
    let (candidates, _) = present(vec![stream.pipe(dir, "processor.yml")?, stream.tee_itself()])?;
    bench.compare(&format!("processor time, writes of {size} bytes"), dir, &candidates)
}

/// The time until both fast readers have everything.
fn beside_a_slow_one(bench: &Bench) -> Result<Measured> {
    /// A tenth of a second's worth.
    const PIECE: u64 = 5_000_000;
    let place = tempfile::tempdir()?;
    let dir = place.path();
    let pieces = (bench.bytes(0.125) / PIECE).max(2);
    let slow = format!("for n in $(seq {pieces}); do head -c {PIECE} >/dev/null; sleep 0.1; done; {DRAIN}");
    let fast = |name| format!("{DRAIN}; touch {name}");
    let producer = zeros(pieces * PIECE);
    let stream = Stream { producer, readers: vec![slow, fast("fast-0"), fast("fast-1")] };
    fs::write(dir.join("slow.yml"), stream.pipeline(&[(0, "1GiB")]))?;
    let pipe = Candidate::pipe("pipe", &["run", "slow.yml", "--format", "plain"]);
    let (candidates, _) = present(vec![pipe.telling(fast_done), stream.tee().telling(fast_done)])?;
    let runs = bench.compare("beside a slow reader", dir, &candidates)?;
    let took = runs.iter().map(|runs| format!("{} {} s", runs.name, shown(runs.told.median())));
    let note = took.collect::<Vec<_>>().join(", ");
    Ok(Measured { figures: runs[0].told.over(&runs[1].told), note })
}

/// When the last of the fast readers was done, in seconds from the start.
fn fast_done(left: &Left<'_>) -> Result<f64> {
    let done = |name| -> Result<SystemTime> { Ok(fs::metadata(left.dir.join(name))?.modified()?) };
    let last = done("fast-0")?.max(done("fast-1")?);
    // A clock that files are dated by goes in steps of some milliseconds.
    Ok(last.duration_since(left.started).map_or(0.001, |time| time.as_secs_f64().max(0.001)))
}
