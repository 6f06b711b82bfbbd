//! Containers whose engine has died. Their processes run on, and there is no engine to stop them. Where they
//! are processes of this kernel, they are found by their control group, whose name contains the container's
//! id.

use std::collections::HashSet;
use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// Most looks at the list of processes; one look can miss a process that is just being created.
const LOOKS: usize = 10;

/// Kills the visible processes of a container that belong to the caller. After this returns none of them runs
/// on, so that none mistakes a stream that is closed afterwards for a complete one. An empty `id` means no
/// container.
pub(super) fn kill(id: &str) {
    if id.is_empty() {
        return;
    }
    // SIGSTOP all before killing any: otherwise a parent could notice its child's death and carry on.
    let mut still = HashSet::new();
    for _ in 0..LOOKS {
        let before = still.len();
        for process in processes(id) {
            if still.insert(process) {
                // This fails if the process has ended, or is another user's.
                let _ = kill_process(process, Signal::STOP);
            }
        }
        if still.len() == before {
            break;
        }
    }
    for _ in 0..LOOKS {
        let processes = processes(id);
        if processes.is_empty() {
            return;
        }
        for process in processes {
            let _ = kill_process(process, Signal::KILL);
        }
    }
}

/// Returns the processes in the container's control group, without zombies.
fn processes(id: &str) -> Vec<Pid> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_in = |pid: &i32| {
        let group = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        let state = || fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        group.contains(id) && !state().contains(") Z ")
    };
    pids.filter(is_in).filter_map(Pid::from_raw).collect()
}
