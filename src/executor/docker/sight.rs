//! Whether this machine's `/proc` shows the processes of a container, by the numbers that the engine gives them.

use bollard::models::ContainerInspectResponse;

use super::engine::Engine;
use crate::processes;

/// Returns the number of a container's first process, if `/proc` shows that process under it.
pub(super) fn first_process(engine: &Engine, container: &ContainerInspectResponse) -> Option<i32> {
    if !engine.is_on_this_kernel() {
        return None;
    }
    let pid = i32::try_from(container.state.as_ref()?.pid?).ok().filter(|pid| *pid > 0)?;
    // A process of that number here may be another one, if this process is in a container itself.
    let group = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    (processes::started(pid).is_some() && group.contains(container.id.as_deref()?)).then_some(pid)
}
