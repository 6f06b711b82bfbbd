//! What the kernel says about the memory of a container.

use std::fs;

/// Where a container finds the counts of its control group: of version 2, and of version 1.
const COUNTS: [&str; 2] = ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"];

/// Returns how many processes of this container the kernel has killed for want of memory; zero where it does not say.
pub(super) fn kills() -> u64 {
    COUNTS
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .find_map(|text| count(&text))
        .unwrap_or_default()
}

/// Reads the count from lines of a word and a number each.
fn count(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")).and_then(|number| number.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn both_versions_say_how_many_were_killed() {
        assert_eq!(count("low 0\nhigh 0\nmax 41\noom 2\noom_kill 3\noom_group_kill 9\n"), Some(3));
        assert_eq!(count("oom_kill_disable 0\nunder_oom 0\noom_kill 12\n"), Some(12));
    }

    #[test]
    fn an_old_kernel_says_nothing() {
        assert_eq!(count("oom_kill_disable 0\nunder_oom 0\n"), None);
    }
}
