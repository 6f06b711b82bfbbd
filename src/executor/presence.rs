//! Knowing when nothing is left of an attempt, even where nobody waits for it any more.

use tokio::sync::watch;

/// Held, and copied, by whatever there may be of an attempt.
#[derive(Debug, Clone)]
pub struct Presence {
    _goes: watch::Sender<()>,
}

/// The other side of a [`Presence`].
#[derive(Debug)]
pub struct Absence(watch::Receiver<()>);

impl Presence {
    /// For one attempt.
    pub fn new() -> (Self, Absence) {
        let (presence, absence) = watch::channel(());
        (Self { _goes: presence }, Absence(absence))
    }
}

impl Absence {
    /// Waits until every copy of the presence is gone.
    pub async fn comes(mut self) {
        // It never changes; it goes.
        let _ = self.0.changed().await;
    }
}
