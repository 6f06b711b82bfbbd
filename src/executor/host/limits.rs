//! How many descriptors this process may have open at once.

use rustix::process::{Pid, Resource, Rlimit, getrlimit, setrlimit};

/// macOS refuses more than OPEN_MAX whatever the hard limit says.
#[cfg(target_vendor = "apple")]
const MOST: Option<u64> = Some(10_240);
#[cfg(not(target_vendor = "apple"))]
const MOST: Option<u64> = None;

/// The limit on open descriptors: raised for this process, and as it was for the processes that it starts.
/// Programs that wait with `select` cannot live with descriptors past 1023, and the usual limit keeps them
/// below.
#[derive(Debug, Clone, Copy, Default)]
pub struct Descriptors {
    /// What it was, if it is another now.
    before: Option<Rlimit>,
}

impl Descriptors {
    /// Raises the limit as far as this process may.
    pub fn raise() -> Self {
        let before = getrlimit(Resource::Nofile);
        let raised = Rlimit { current: least(before.maximum, MOST), ..before };
        let gains = before.current.is_some_and(|before| raised.current.is_none_or(|raised| raised > before));
        let before = (gains && setrlimit(Resource::Nofile, raised).is_ok()).then_some(before);
        Self { before }
    }

    /// How many there may be; `None` stands for no limit.
    pub fn most() -> Option<u64> {
        getrlimit(Resource::Nofile).current
    }

    /// Gives a process that has just been started the limit that this one was started with.
    #[cfg(target_os = "linux")]
    pub(super) fn restore(self, of: Pid) {
        if let Some(before) = self.before {
            // It may have ended already.
            let _ = rustix::process::prlimit(Some(of), Resource::Nofile, before);
        }
    }

    /// Other systems do not let one process set the limits of another: children have the raised one.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn restore(self, _of: Pid) {
        let Self { before: _ } = self;
    }
}

/// The lower of two limits, each of which may be missing.
fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}
