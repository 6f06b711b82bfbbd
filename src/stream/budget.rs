//! How much pipe space one run may hold.
//!
//! The size of its pipes is half of a fan-out's speed, but Linux lets a user hold only so much of it
//! (`pipe-user-pages-soft`, 64 MiB unless changed). Past that, enlarging fails and *every new pipe* of that
//! user gets 8 KiB, those inside the steps' own shell pipelines included. So a run shares one budget and
//! gives the first pipes most of it, later ones less and less.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The size that the system gives every pipe.
const ORDINARY: u64 = 64 * 1024;
/// Larger pipes gain nothing more, and by default the system refuses them.
const LARGEST: u64 = 1024 * 1024;
/// A pipe gets at most this part of what is left.
const PART: u64 = 16;
/// A budget that leaves room for the process itself within 100 MB.
const MOST: u64 = 64 * 1024 * 1024;

/// The budget for the enlarged pipes of a run.
#[derive(Debug)]
pub struct PipeBudget {
    left: AtomicU64,
}

impl PipeBudget {
    /// Returns a budget of half of what the system allows one user, so that other programs keep their pipes.
    /// Of 64 MiB that is 17 pipes of 1 MiB, then as many of 512 KiB, and so on.
    pub fn new() -> Arc<Self> {
        Self::with_limit(allowance() / 2)
    }

    /// Returns a budget of so many bytes.
    pub fn with_limit(bytes: u64) -> Arc<Self> {
        Arc::new(Self { left: AtomicU64::new(bytes) })
    }

    /// Returns how many bytes are left.
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// Makes a pipe as large as the budget and the system allow, and never smaller. A file that is not a
    /// pipe, or a pipe that cannot grow, stays as it is: this cannot fail. The bytes return to the budget
    /// when the share is dropped.
    pub fn enlarge(self: &Arc<Self>, end: impl AsFd) -> PipeShare {
        let mut bytes = self.borrow();
        let reached = grow(end, bytes);
        if reached < bytes {
            self.give_back(bytes - reached);
            bytes = reached;
        }
        PipeShare { budget: Arc::clone(self), bytes }
    }

    /// Takes the next pipe's share, a power of two; 0 where it would be no gain.
    fn borrow(&self) -> u64 {
        let share = |left: u64| {
            let part = (left / PART).min(LARGEST);
            if part > ORDINARY { 1 << part.ilog2() } else { 0 }
        };
        let before = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left - share(left)))
            .unwrap_or(0);
        share(before)
    }

    fn give_back(&self, bytes: u64) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// A pipe's part of the budget, held while the pipe is in use.
#[derive(Debug)]
pub struct PipeShare {
    budget: Arc<PipeBudget>,
    bytes: u64,
}

impl PipeShare {
    /// Returns the size of the pipe in bytes, or 0 if it was left as it was.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for PipeShare {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

/// Returns how many bytes of pipes the system allows an ordinary user.
fn allowance() -> u64 {
    // Pages may be larger than this; then we ask for less than we could.
    const PAGE: u64 = 4096;
    let pages = std::fs::read_to_string("/proc/sys/fs/pipe-user-pages-soft");
    match pages.ok().and_then(|text| text.trim().parse::<u64>().ok()) {
        // 0 stands for no limit.
        None | Some(0) => MOST,
        Some(pages) => pages.saturating_mul(PAGE).min(2 * MOST),
    }
}

/// Grows a pipe to `wanted` bytes, or the next smaller size that the system grants; 0 if it did not grow.
#[cfg(target_os = "linux")]
fn grow(end: impl AsFd, wanted: u64) -> u64 {
    use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};
    let Ok(before) = fcntl_getpipe_size(&end) else {
        return 0;
    };
    let mut size = usize::try_from(wanted).unwrap_or(0);
    while size > before {
        // The size is read back: the kernel rounds.
        if fcntl_setpipe_size(&end, size).is_ok() {
            return fcntl_getpipe_size(&end).unwrap_or(size) as u64;
        }
        size /= 2;
    }
    0
}

/// Elsewhere pipes grow by themselves, or not at all.
#[cfg(not(target_os = "linux"))]
fn grow(_end: impl AsFd, _wanted: u64) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pipes_get_most_and_the_budget_is_never_overdrawn() {
        let budget = PipeBudget::with_limit(32 << 20);
        let shares: Vec<u64> = std::iter::repeat_with(|| budget.borrow()).take(200).collect();
        assert_eq!(&shares[..18], [vec![1 << 20; 17], vec![1 << 19]].concat());
        assert!(shares.is_sorted_by(|a, b| a >= b));
        assert_eq!(shares.last(), Some(&0));
        assert_eq!(shares.iter().sum::<u64>() + budget.left(), 32 << 20);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_pipe_grows_and_its_share_returns() {
        let budget = PipeBudget::with_limit(32 << 20);
        let (_reader, writer) = crate::stream::pipe().unwrap();
        let share = budget.enlarge(&writer);
        assert_eq!(rustix::pipe::fcntl_getpipe_size(&writer).unwrap() as u64, share.bytes().max(64 << 10));
        assert_eq!(budget.left(), (32 << 20) - share.bytes());
        drop(share);
        assert_eq!(budget.left(), 32 << 20);
    }

    #[test]
    fn what_is_no_pipe_stays_as_it_is() {
        let budget = PipeBudget::with_limit(32 << 20);
        let share = budget.enlarge(tempfile::tempfile().unwrap());
        assert_eq!((share.bytes(), budget.left()), (0, 32 << 20));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_pipe_is_never_made_smaller() {
        let budget = PipeBudget::with_limit(4 << 20);
        let (_reader, writer) = crate::stream::pipe().unwrap();
        rustix::pipe::fcntl_setpipe_size(&writer, 512 << 10).unwrap();
        let share = budget.enlarge(&writer);
        assert_eq!((share.bytes(), budget.left()), (0, 4 << 20));
        assert_eq!(rustix::pipe::fcntl_getpipe_size(&writer).unwrap(), 512 << 10);
    }
}
