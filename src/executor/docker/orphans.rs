//! Containers whose engine has died. Their processes run on, with nobody to ask for their end; where they are processes of
//! this kernel they are found by their control group, which has the container's id in its name.

use std::collections::HashSet;
use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// Looks again at most so often: who was just born is missed by a look.
const LOOKS: usize = 10;

/// Kills the processes of a container that can be seen from here and are the caller's own. They run not one step further,
/// so that none of them sees the end of a stream that is let go after this. An empty `id` is nobody's.
pub(super) fn kill(id: &str) {
    if id.is_empty() {
        return;
    }
    // All stand still before the first one dies, or its parent would see it go and do what comes next.
    let mut still = HashSet::new();
    for _ in 0..LOOKS {
        let before = still.len();
        for process in processes(id) {
            if still.insert(process) {
                // It has ended meanwhile, or is somebody else's.
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

/// The processes in the container's control group, but for those that have ended.
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
