//! The processes of steps, found and killed.
//!
//! Those of a step are known by four signs: the group that they are in, an entry in their environment, whose children they
//! are, and that they have one of its outputs open. The first reaches those that have changed their environment, the second
//! those that have left their group and their parents, and those that were started so shortly before that nobody was told of
//! their group; the last those that have done all of that, and whose parents are dead.

use std::ffi::OsString;

/// What is known of one running attempt of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// The entry, `NAME=VALUE`, that the environment of its processes has.
    pub(super) mark: OsString,
    /// The inodes of the pipes that its processes write to.
    pub(super) pipes: Vec<u64>,
    /// The leader of its group, and when that was started, if it was.
    pub(super) leader: Option<(i32, String)>,
}

#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::{group, kill, started};
#[cfg(target_os = "linux")]
pub(super) use linux::{group, kill, started};

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::{BTreeSet, HashSet};
    use std::fs;
    use std::io::Read as _;
    use std::os::unix::ffi::OsStrExt;
    use std::path::PathBuf;
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

    use super::Step;
    use crate::reaper::WORD;

    /// 52 numbers of at most 20 digits, and a name, fill half of it.
    const LONGEST_STAT: usize = 2048;
    /// Between two looks.
    const PAUSE: Duration = Duration::from_millis(5);
    /// How long a process may take from its birth to its own environment.
    const BIRTH: Duration = Duration::from_millis(500);
    /// Who cannot be killed, another user's or one that waits for a dead disk, is not waited for longer than that.
    const PATIENCE: Duration = Duration::from_secs(10);

    /// Kills all processes of these steps. Returns when there are none.
    pub(in crate::reaper) fn kill(steps: &[Step]) {
        let begun = Instant::now();
        let settled = if steps.iter().any(|step| step.leader.is_none()) { BIRTH } else { Duration::ZERO };
        let mut looks_in_vain = 0;
        // Who was just born is missed by a look.
        while !steps.is_empty() && (looks_in_vain < 2 || begun.elapsed() < settled) {
            let all = Process::all();
            let found = victims(steps, &all);
            looks_in_vain = if found.is_empty() { looks_in_vain + 1 } else { 0 };
            found.iter().for_each(|process| process.kill());
            if begun.elapsed() > PATIENCE {
                return;
            }
            sleep(PAUSE);
        }
    }

    /// When a process was started, in the kernel's ticks; nothing if there is none.
    pub(in crate::reaper) fn started(pid: i32) -> Option<String> {
        Process::of(pid).map(|process| process.started)
    }

    /// The group that a process is in; nothing if that is outside of what this machine, perhaps a container, can see. As
    /// such it has the number 0, which is not expected of getpgid(2) by those who wrap it.
    pub(in crate::reaper) fn group(pid: Pid) -> Option<Pid> {
        group_of(&Process::of(pid.as_raw_nonzero().get())?)
    }

    fn group_of(process: &Process) -> Option<Pid> {
        Pid::from_raw(process.group)
    }

    /// Those that belong to these steps, and are not dead yet.
    fn victims<'p>(steps: &[Step], all: &'p [Process]) -> Vec<&'p Process> {
        let leaders = steps.iter().filter_map(|step| step.leader.as_ref());
        // A number stands for the same group as long as one of its processes lives. Once its leader has another time of
        // birth, it has been given to a stranger.
        let is_strange =
            |pid: i32, started: &str| all.iter().any(|it| it.pid == pid && it.started != started);
        let groups: BTreeSet<i32> =
            leaders.filter(|(pid, started)| !is_strange(*pid, started)).map(|(pid, _)| *pid).collect();
        let pipes: HashSet<u64> = steps.iter().flat_map(|step| step.pipes.iter().copied()).collect();
        let is_own = |it: &&Process| {
            groups.contains(&it.group)
                || steps.iter().any(|step| it.has(step))
                || it.pipes.iter().any(|pipe| pipes.contains(pipe))
        };
        let mut own: BTreeSet<i32> = all.iter().filter(is_own).map(|it| it.pid).collect();
        loop {
            let child = |it: &&Process| own.contains(&it.parent) && !own.contains(&it.pid) && !it.is_reaper();
            let children: Vec<i32> = all.iter().filter(child).map(|it| it.pid).collect();
            if children.is_empty() {
                break;
            }
            own.extend(children);
        }
        all.iter().filter(|it| own.contains(&it.pid) && it.lives).collect()
    }

    #[derive(Debug, Clone, Default)]
    struct Process {
        pid: i32,
        parent: i32,
        group: i32,
        started: String,
        lives: bool,
        environment: Vec<u8>,
        /// The inodes of the pipes that it has open.
        pipes: Vec<u64>,
    }

    impl Process {
        fn all() -> Vec<Self> {
            let own = i32::try_from(std::process::id()).unwrap_or_default();
            let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
            let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
            let read = |pid| {
                let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
                Some(Self { environment, pipes: pipes(pid), ..Self::of(pid)? })
            };
            pids.filter(|&pid| pid != own).filter_map(read).collect()
        }

        /// Without its environment and its pipes.
        fn of(pid: i32) -> Option<Self> {
            let mut stat = [0; LONGEST_STAT];
            // The kernel hands it out in one piece. Each step is looked at in this way, and a read of unknown size asks more.
            let length = fs::File::open(format!("/proc/{pid}/stat")).ok()?.read(&mut stat).ok()?;
            Self::parse(pid, stat.get(..length)?)
        }

        fn parse(pid: i32, stat: &[u8]) -> Option<Self> {
            // The name in brackets may have anything in it.
            let after = stat.iter().rposition(|&byte| byte == b')')?;
            let text = std::str::from_utf8(stat.get(after + 1..)?).ok()?;
            let words: Vec<&str> = text.split_whitespace().collect();
            let number = |at: usize| words.get(at)?.parse().ok();
            Some(Self {
                pid,
                parent: number(1)?,
                group: number(2)?,
                started: (*words.get(19)?).to_owned(),
                lives: !matches!(*words.first()?, "Z" | "X"),
                ..Self::default()
            })
        }

        fn has(&self, step: &Step) -> bool {
            self.environment.split(|&byte| byte == 0).any(|entry| entry == step.mark.as_bytes())
        }

        /// Whether it is the reaper of a `pipe` that a step has started: it has its own work to do.
        fn is_reaper(&self) -> bool {
            let line = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
            line.split(|&byte| byte == 0).nth(1) == Some(WORD.as_bytes())
        }

        /// Kills this process, and no other that has been given its number.
        fn kill(&self) {
            let Some(pid) = Pid::from_raw(self.pid) else { return };
            let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else {
                // An old kernel has no such handles, and of one that has ended there is none.
                let _ = kill_process(pid, Signal::KILL);
                return;
            };
            if started(self.pid).as_ref() == Some(&self.started) {
                let _ = pidfd_send_signal(handle, Signal::KILL);
            }
        }
    }

    /// The inodes of the pipes that a process has open, as far as they may be seen.
    fn pipes(pid: i32) -> Vec<u64> {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let targets = open.filter_map(|entry| fs::read_link(entry.path()).ok());
        let inode =
            |target: PathBuf| target.to_str()?.strip_prefix("pipe:[")?.strip_suffix(']')?.parse().ok();
        targets.filter_map(inode).collect()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn process(pid: i32, parent: i32, group: i32, mark: &str) -> Process {
            let environment = format!("A=b\0{mark}\0C=d\0").into_bytes();
            Process {
                pid,
                parent,
                group,
                started: format!("at {pid}"),
                lives: true,
                environment,
                pipes: Vec::new(),
            }
        }

        fn step(leader: Option<(i32, &str)>) -> Step {
            Step {
                mark: "M=1".into(),
                pipes: vec![7],
                leader: leader.map(|(pid, started)| (pid, started.to_owned())),
            }
        }

        fn pids(steps: &[Step], all: &[Process]) -> Vec<i32> {
            victims(steps, all).iter().map(|process| process.pid).collect()
        }

        #[test]
        fn a_group_outside_of_what_can_be_seen_is_none() {
            let stat =
                |group: i32| format!("1 (init) S 0 {group} 0 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 77 0 0");
            let group = |number| {
                group_of(&Process::parse(1, stat(number).as_bytes()).unwrap())
                    .map(|pid| pid.as_raw_nonzero().get())
            };
            assert_eq!((group(0), group(5)), (None, Some(5)));
        }

        #[test]
        fn they_are_known_by_group_by_mark_and_by_descent() {
            let all = [
                process(1, 0, 1, ""),
                process(10, 1, 10, "M=1"),
                process(11, 10, 10, ""),
                process(12, 1, 10, ""),
                process(13, 11, 13, ""),
                process(14, 13, 14, ""),
                process(15, 1, 15, "M=1"),
                process(20, 1, 20, "M=11"),
                process(21, 1, 21, "XM=1"),
            ];
            assert_eq!(pids(&[step(Some((10, "at 10")))], &all), [10, 11, 12, 13, 14, 15]);
            assert_eq!(pids(&[step(None)], &all), [10, 11, 13, 14, 15]);
            assert_eq!(pids(&[], &all), [0; 0]);
        }

        #[test]
        fn they_are_known_by_what_they_write_to() {
            let writes_to =
                |pid, pipes: &[u64]| Process { pipes: pipes.to_vec(), ..process(pid, 1, pid, "") };
            let all = [writes_to(10, &[5, 7]), writes_to(11, &[77]), process(12, 10, 12, "")];
            assert_eq!(pids(&[step(None)], &all), [10, 12]);
        }

        #[test]
        fn a_group_of_the_same_number_is_left_alone() {
            let all = [process(10, 1, 10, ""), process(11, 10, 10, "")];
            assert_eq!(pids(&[step(Some((10, "at 9")))], &all), [0; 0]);
            assert_eq!(pids(&[step(Some((10, "at 10")))], &all[1..]), [11], "its leader has ended");
        }

        #[test]
        fn the_dead_are_not_killed_again() {
            let dead = Process { lives: false, ..process(10, 1, 10, "") };
            let all = [dead, process(11, 10, 11, "")];
            assert_eq!(pids(&[step(Some((10, "at 10")))], &all), [11]);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use rustix::process::{Pid, Signal, kill_process_group};

    use super::Step;

    /// Kills the groups of these steps. Other systems do not tell who else belongs to them.
    pub(in crate::reaper) fn kill(steps: &[Step]) {
        for (pid, _) in steps.iter().filter_map(|step| step.leader.as_ref()) {
            if let Some(pid) = Pid::from_raw(*pid) {
                let _ = kill_process_group(pid, Signal::KILL);
            }
        }
    }

    /// The group that a process is in.
    pub(in crate::reaper) fn group(pid: Pid) -> Option<Pid> {
        rustix::process::getpgid(Some(pid)).ok()
    }

    /// When a process was started: nobody knows.
    pub(in crate::reaper) fn started(_pid: i32) -> Option<String> {
        None
    }
}
