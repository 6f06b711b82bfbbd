//! Real work: a `tar` of many files to several programs at the same time.

use std::fs;
use std::path::Path;

use super::Bench;
use super::contest::Contest;
use super::forms::{Stream, same_bytes};
use super::problem::Result;
use super::row::Row;

const FILES: usize = 30_000;
/// Files in each folder.
const FOLDER: usize = 300;
/// The mean size of a file.
const BYTES: usize = 37_000;

pub fn rows(bench: &Bench) -> Vec<Row> {
    let peer = "the faster of `tee >(…)`, `pee`";
    let zstd = "`tar` of 30,000 files to `zstd -1`, `sha256sum`, `wc`";
    let gzip = "the same to `gzip -1`, `sha256sum`";
    let place = files(bench.count(FILES));
    let run = |readers: &[(&'static str, &str)]| {
        let place = place.as_ref().map_err(Clone::clone)?;
        contest(bench, place.path(), readers)
    };
    let to_zstd = run(&[("zstd", "zstd -q -1"), ("sha256sum", "sha256sum"), ("wc", "wc")]);
    let to_gzip = run(&[("gzip", "gzip -1"), ("sha256sum", "sha256sum")]);
    vec![
        Row::new(zstd, peer, "× speed").at_least(1.4).measured(to_zstd.map(|contest| contest.speed())),
        Row::new(gzip, peer, "× time").at_most(1.03).measured(to_gzip.map(|contest| contest.time())),
    ]
}

fn contest(bench: &Bench, dir: &Path, readers: &[(&'static str, &str)]) -> Result<Contest> {
    let (programs, commands): (Vec<&'static str>, Vec<&str>) = readers.iter().copied().unzip();
    let small = Stream::summed("tar cf - files/0", readers.len());
    same_bytes(dir, &small, &small.forms(dir, "small.yml")?)?;
    let drained = commands.iter().map(|command| format!("{command} >/dev/null"));
    let stream = Stream { producer: "tar cf - files".to_owned(), readers: drained.collect() };
    let candidates =
        stream.forms(dir, "tar.yml")?.into_iter().map(|candidate| candidate.needing(&programs)).collect();
    bench.contest(&format!("tar to {}", programs.join(", ")), dir, candidates)
}

/// The same files each time: lines of words and numbers, so that there is something to compress, of 1 to 73
/// kB.
fn files(count: usize) -> Result<tempfile::TempDir> {
    eprintln!("writing {count} files");
    let place = tempfile::tempdir()?;
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut text = String::new();
    for file in 0..count {
        let folder = place.path().join(format!("files/{}", file / FOLDER));
        if file % FOLDER == 0 {
            fs::create_dir_all(&folder)?;
        }
        let size = 1_000 + random.below(2 * (BYTES - 1_000));
        text.clear();
        while text.len() < size {
            random.word(&mut text);
        }
        fs::write(folder.join(format!("{file}.txt")), &text.as_bytes()[..size])?;
    }
    Ok(place)
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn word(&mut self, text: &mut String) {
        const WORDS: [&str; 12] = [
            "stream ",
            "reader ",
            "the ",
            "of ",
            "and ",
            "producer ",
            "a ",
            "pipe ",
            "step ",
            "fails ",
            "\n",
            "is ",
        ];
        match self.below(16) {
            known if known < WORDS.len() => *text += WORDS[known],
            _ => *text += &self.below(1 << 40).to_string(),
        }
    }
}
