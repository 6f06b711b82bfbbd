//! The way to the conductor, whose container may start later than this one.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::super::wire::Connection;
use super::SystemError;

/// Pause between two looks for the socket.
const PAUSE: Duration = Duration::from_millis(20);
/// How long the conductor's container may take longer than this one.
const PATIENCE: Duration = Duration::from_secs(600);

/// Connects to the conductor, once its socket is there. Nothing if the conductor is dead: nothing listens at the socket.
pub(super) async fn connect(socket: &Path) -> Result<Option<Connection>, SystemError> {
    let begun = Instant::now();
    loop {
        match Connection::to(socket) {
            Ok(connection) => return Ok(Some(connection)),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound && begun.elapsed() < PATIENCE => {
                sleep(PAUSE).await;
            }
            Err(error) => {
                let what = format!("cannot connect to the conductor at {}", socket.display());
                return Err(SystemError::new(what, error));
            }
        }
    }
}
