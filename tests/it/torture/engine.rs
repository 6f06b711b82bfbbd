//! The engine that cases end and start again: the test's own, for one case at a time.

use std::sync::{Mutex, PoisonError};

use crate::support::daemon::Daemon;

/// Started when the first case needs it, gone when the test ends.
#[derive(Default)]
pub struct Engine(Mutex<Option<Daemon>>);

impl Engine {
    /// Lends it out, running; a case that ends it starts it again. A case that panics takes it along.
    pub fn lend<T>(&self, case: impl FnOnce(&mut Daemon) -> T) -> T {
        let mut own = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut daemon = own.take().unwrap_or_else(|| {
            let daemon = Daemon::start();
            daemon.load("debian:bookworm-slim");
            daemon
        });
        let outcome = case(&mut daemon);
        *own = Some(daemon);
        outcome
    }
}
