//! Signals to `pipe` itself, as numbers on a channel.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Listens for the signals that end a run. Each arrives as its number, every time it is sent. A hang-up that was ignored
/// when `pipe` was started stays ignored, or `nohup` would have no effect.
pub(super) fn listen() -> io::Result<mpsc::UnboundedReceiver<i32>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
    if !is_ignored(SignalKind::hangup()) {
        kinds.push(SignalKind::hangup());
    }
    for kind in kinds {
        let mut signals = signal(kind)?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() && sender.send(kind.as_raw_value()).is_ok() {}
        });
    }
    Ok(receiver)
}

/// Whether this process ignores a signal, where `/proc` tells; elsewhere none is taken to be ignored.
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (kind.as_raw_value() - 1) & 1 == 1
}
