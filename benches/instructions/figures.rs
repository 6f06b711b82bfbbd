//! The committed figures, and what a count is worth beside them.

/// By how much of the committed figure a count may be higher, in percent.
const ALLOWED: u64 = 10;

/// How the committed figures are replaced.
const UPDATE: &str = "cargo bench --bench instructions -- --update";

/// What is to be said of a count, or why it is too high.
pub(crate) fn judged(committed: Option<u64>, counted: u64) -> Result<String, String> {
    let Some(committed) = committed else {
        return Ok(format!("{counted} instructions, and no figure to compare with: `{UPDATE}` writes one"));
    };
    let than = format!("{counted} instructions, where {committed} are committed");
    if counted > committed + committed * ALLOWED / 100 {
        return Err(format!("{than}: more than {ALLOWED} % more. If it is worth it, `{UPDATE}`"));
    }
    let is_far_less = counted < committed - committed * ALLOWED / 100;
    Ok(if is_far_less { format!("{than}: to keep the gain, `{UPDATE}`") } else { than })
}

/// The figure under a key, which is an architecture and a name.
pub(crate) fn figure(figures: &str, key: &str) -> Option<u64> {
    figures.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

/// The file with another figure, or one more.
pub(crate) fn updated(figures: &str, key: &str, counted: u64) -> String {
    let others = figures.lines().filter(|line| !line.starts_with(&format!("{key} ")));
    let mut lines: Vec<String> = others.map(str::to_owned).collect();
    lines.push(format!("{key} {counted}"));
    lines.sort();
    lines.join("\n") + "\n"
}
