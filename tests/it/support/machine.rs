//! The machine, which some tests load with many processes, much memory or long loops: one of them at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The turn of a test that loads the machine, for as long as this lives. Tests that load it little run
/// beside.
pub struct Turn(#[expect(dead_code, reason = "held until it is dropped")] MutexGuard<'static, ()>);

impl Turn {
    /// Waits until no other test has it.
    pub fn take() -> Self {
        static TURNS: Mutex<()> = Mutex::new(());
        // A test that has failed in its turn has nothing to do with the next.
        Self(TURNS.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
