//! A signal that all holders of something are gone.

use tokio::sync::watch;

/// A guard held, and cloned, by every resource of an attempt, of a container, or of whatever else may outlive
/// its owner.
#[derive(Debug, Clone)]
pub struct HoldGuard(watch::Sender<()>);

/// The counterpart of a [`HoldGuard`], which resolves once every clone of the guard is dropped.
#[derive(Debug, Clone)]
pub struct Released(watch::Receiver<()>);

impl HoldGuard {
    /// Makes a guard and its counterpart.
    pub fn new() -> (Self, Released) {
        let (guard, released) = watch::channel(());
        (Self(guard), Released(released))
    }

    /// Returns another counterpart.
    pub fn released(&self) -> Released {
        Released(self.0.subscribe())
    }
}

impl Released {
    /// Waits until every clone of the guard is dropped.
    pub async fn wait(mut self) {
        // No value is ever sent: the only change is that the senders are gone.
        let _ = self.0.changed().await;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::poll;

    use super::*;

    #[tokio::test]
    async fn the_last_clone_releases() {
        let (guard, released) = HoldGuard::new();
        let (other, late) = (guard.clone(), guard.released());
        let mut wait = pin!(released.wait());
        drop(guard);
        assert!(poll!(&mut wait).is_pending(), "a clone is held");
        drop(other);
        wait.await;
        late.wait().await;
    }
}
