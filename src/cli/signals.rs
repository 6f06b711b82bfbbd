//! Signals to `pipe` itself, as numbers on a channel.

use std::io;

use nix::sys::signal::{SigHandler, SigSet, Signal};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::stdio::PATIENCE;

/// Unblocks all signals, and restores the default for those that the parent of this process has ignored:
/// steps inherit both, and a step that does not see TERM cannot clean up. To be called before there is
/// another thread. A hang-up that is ignored stays so for this process; [`listen`] makes sure that steps do
/// not ignore it.
pub(super) fn start_afresh() {
    // It cannot fail with a valid mask.
    let _ = SigSet::empty().thread_set_mask();
    for signal in Signal::iterator().filter(|signal| is_inherited(*signal) && is_ignored(*signal as i32)) {
        // SAFETY: the default handler is not code of this process.
        let _ = unsafe { nix::sys::signal::signal(signal, SigHandler::SigDfl) };
    }
}

/// Returns whether steps would ignore a signal because this process does. SIGPIPE is not among them: Rust
/// ignores it here but not in its children.
fn is_inherited(signal: Signal) -> bool {
    !matches!(signal, Signal::SIGPIPE | Signal::SIGHUP)
}

/// Listens for the signals that end a run. Each arrives as its number, every time it is sent. A hang-up that
/// was ignored when `pipe` was started stays ignored, or `nohup` would have no effect.
pub(super) fn listen() -> io::Result<mpsc::UnboundedReceiver<i32>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
    if is_ignored(SignalKind::hangup().as_raw_value()) {
        // An empty handler: unlike an ignored signal, a handler is reset to the default in steps.
        drop(signal(SignalKind::hangup())?);
    } else {
        kinds.push(SignalKind::hangup());
    }
    for kind in kinds {
        let mut signals = signal(kind)?;
        let sender = sender.clone();
        tokio::spawn(async move {
            // Also after the run has ended: its output may still wait for a reader.
            while signals.recv().await.is_some() {
                PATIENCE.shorten(kind.as_raw_value());
                let _ = sender.send(kind.as_raw_value());
            }
        });
    }
    Ok(receiver)
}

/// Turns the limit on file sizes (`ulimit -f`) into an error of the write, like a full disk, instead of a
/// signal that ends the process. Steps are not affected: `exec` resets handlers.
pub(super) fn outlive_a_full_file() {
    extern "C" fn go_on(_: i32) {}
    // SAFETY: the handler does nothing.
    let _ = unsafe { nix::sys::signal::signal(Signal::SIGXFSZ, SigHandler::Handler(go_on)) };
}

/// Returns whether this process ignores a signal, where `/proc` has it; elsewhere none is taken to be
/// ignored.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}
