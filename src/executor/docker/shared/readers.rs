//! The readers of pipes in shared containers: steps, and what successful ones have left in the background.

use std::sync::Arc;

use super::processes::Processes;
use crate::executor::docker::Shared;

/// Notes the processes of a reader, as long as one of its pipes is open and may have to be severed.
pub(super) fn note(shared: &Shared, processes: &Arc<Processes>) {
    if processes.is_reader() {
        let mut readers = shared.readers.lock();
        readers.retain(|reader| reader.has_open_pipes());
        readers.push(Arc::clone(processes));
    }
}

/// Kills every process that has read from one of these pipes in a shared container, and returns when there is none.
pub(in super::super) async fn sever(shared: &Shared, pipes: &[u64]) {
    let readers = shared.readers.lock().clone();
    let of_these = readers.iter().filter(|reader| reader.reads(pipes));
    futures::future::join_all(of_these.map(|reader| reader.none_left(|| true))).await;
}
