//! What the conductor keeps of the pipes of a step: a writing end of each that the step reads, until its stream is
//! whole.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::Interest;
use tokio::net::unix::pipe;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::processes::{self, Signs};

/// How often it is looked whether the stream of a pipe has become whole, while it is waited for a reader's end.
const LOOK: Duration = Duration::from_millis(20);

/// The writing ends by input, each until it is let go.
#[derive(Debug, Default)]
pub(super) struct Held {
    ends: Mutex<Vec<Option<Arc<OwnedFd>>>>,
    /// The pipes that processes of the step have open, by inode.
    pipes: Mutex<Vec<u64>>,
}

impl Held {
    /// Takes the ends of all inputs, nothing where one is no pipe; and the inodes of all pipes of the step.
    pub(super) fn fill(&self, ends: Vec<Option<OwnedFd>>, pipes: Vec<u64>) {
        *self.ends.lock() = ends.into_iter().map(|end| end.map(Arc::new)).collect();
        *self.pipes.lock() = pipes;
    }

    /// Lets go of the pipe of an input: its stream is whole, or the reader is gone.
    pub(super) fn release(&self, input: usize) {
        if let Some(end) = self.ends.lock().get_mut(input) {
            *end = None;
        }
    }

    fn end(&self, input: usize) -> Option<Arc<OwnedFd>> {
        self.ends.lock().get(input).cloned().flatten()
    }

    /// Waits until nothing reads these pipes any more, but for those that have been let go. What can be seen from here
    /// and has one of them open is killed: outside of a container the step may outlive its wrapper.
    pub(super) async fn until_nothing_reads(&self) {
        let pipes = self.pipes.lock().clone();
        if !pipes.is_empty() {
            let signs = Signs { pipes, ..Signs::default() };
            // Not waited for: in a pod there is nothing to be seen, and the kernel is at it.
            drop(spawn_blocking(move || processes::kill(&[signs])));
        }
        let count = self.ends.lock().len();
        for input in 0..count {
            while let Some(end) = self.end(input) {
                if unread(&end).await.unwrap_or(true) {
                    break;
                }
            }
        }
    }
}

/// Waits a moment for the last reader of a pipe to close it. Returns whether it has.
async fn unread(end: &OwnedFd) -> io::Result<bool> {
    // The writing end of a pipe that nothing reads reports an error. It stays as it is: others write to it as well.
    let end = pipe::Sender::from_owned_fd_unchecked(end.try_clone()?)?;
    match timeout(LOOK, end.ready(Interest::ERROR)).await {
        Ok(ready) => Ok(ready?.is_error()),
        Err(_) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn it_waits_for_the_last_reader_or_for_the_stream_to_be_whole() {
        let held = Arc::new(Held::default());
        let ((reader, writer), (other, whole)) = (std::io::pipe().unwrap(), std::io::pipe().unwrap());
        held.fill(vec![Some(writer.into()), None, Some(whole.into())], Vec::new());
        let is_over = Arc::new(AtomicBool::new(false));
        let waits = tokio::spawn({
            let (held, is_over) = (Arc::clone(&held), Arc::clone(&is_over));
            async move {
                held.until_nothing_reads().await;
                assert!(is_over.load(Ordering::SeqCst), "something still reads");
            }
        });
        tokio::task::yield_now().await;
        drop(reader);
        is_over.store(true, Ordering::SeqCst);
        held.release(2);
        waits.await.unwrap();
        drop(other);
    }
}
