//! What all this was measured on.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use bytesize::ByteSize;
use serde::Serialize;

/// Asks each for its version; the first number of the answer is it.
const TOOLS: [(&str, &[&str]); 9] = [
    ("bash", &["bash", "--version"]),
    ("coreutils", &["tee", "--version"]),
    ("docker", &["docker", "version", "--format", "{{.Server.Version}}"]),
    ("gzip", &["gzip", "--version"]),
    ("make", &["make", "--version"]),
    ("ninja", &["ninja", "--version"]),
    ("rustc", &["rustc", "--version"]),
    ("tar", &["tar", "--version"]),
    ("zstd", &["zstd", "--version"]),
];

#[derive(Serialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    /// In bytes.
    pub memory: u64,
    pub kernel: String,
    /// The versions of the programs that were measured against; the others are not here.
    pub tools: BTreeMap<&'static str, String>,
}

impl Machine {
    pub fn this() -> Self {
        let tools = TOOLS.iter().filter_map(|(name, words)| Some((*name, version(words)?)));
        Self {
            processor: field("/proc/cpuinfo", "model name")
                .unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: memory().unwrap_or(0),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            tools: tools.collect(),
        }
    }

    pub fn line(&self) -> String {
        let Self { processor, cores, memory, kernel, tools } = self;
        let tools: Vec<String> = tools.iter().map(|(name, version)| format!("{name} {version}")).collect();
        let memory = ByteSize(*memory);
        format!("{processor}, {cores} cores, {memory}, Linux {kernel} ({})", tools.join(", "))
    }
}

/// What the measured program says that it is made of, such as `abc1234`; else its version.
pub fn commit() -> String {
    let said = answer(&[env!("CARGO_BIN_EXE_pipe"), "--version"]).unwrap_or_default();
    let inner = said.split_once('(').map_or(&*said, |(_, inner)| inner);
    inner.split([' ', ')']).next().unwrap_or_default().to_owned()
}

fn memory() -> Option<u64> {
    let kib = field("/proc/meminfo", "MemTotal")?;
    Some(kib.strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// The first value of that name in one of the kernel's lists.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

fn version(words: &[&str]) -> Option<String> {
    let answer = answer(words)?;
    let start = |word: &&str| word.trim_start_matches(['v', '*']).starts_with(|c: char| c.is_ascii_digit());
    let word = answer.split_whitespace().find(start)?.trim_start_matches(['v', '*']);
    let end = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
    Some(word[..end].to_owned())
}

fn answer(words: &[&str]) -> Option<String> {
    let mut command = Command::new(words[0]);
    let output = command.args(&words[1..]).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
