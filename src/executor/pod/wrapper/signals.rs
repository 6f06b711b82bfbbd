//! The signals that a wrapper gets. The first process of a container ignores those that it does not ask for.

use std::io;

use futures::future::select_all;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal says.
pub(super) enum Sign {
    /// A child has ended.
    Child,
    /// The step is to end, by this signal.
    Outside(i32),
}

/// Signals that have come.
pub(super) struct Signals {
    child: Signal,
    /// Those that ask a program to end. Which one a cluster sends is up to the image.
    others: Vec<(i32, Signal)>,
}

impl Signals {
    /// Listens from now on.
    pub(super) fn listen() -> io::Result<Self> {
        let kinds = [
            SignalKind::terminate(),
            SignalKind::interrupt(),
            SignalKind::quit(),
            SignalKind::hangup(),
            SignalKind::user_defined1(),
            SignalKind::user_defined2(),
        ];
        let others = kinds.into_iter().map(|kind| Ok((kind.as_raw_value(), signal(kind)?)));
        Ok(Self { child: signal(SignalKind::child())?, others: others.collect::<io::Result<_>>()? })
    }

    /// Waits for the next signal.
    pub(super) async fn next(&mut self) -> Sign {
        tokio::select! {
            _ = self.child.recv() => Sign::Child,
            signal = first(&mut self.others) => Sign::Outside(signal),
        }
    }

    /// Waits for a signal that asks for the end.
    pub(super) async fn outside(&mut self) -> i32 {
        first(&mut self.others).await
    }
}

async fn first(signals: &mut [(i32, Signal)]) -> i32 {
    let all = signals.iter_mut().map(|(number, signal)| {
        Box::pin(async move {
            signal.recv().await;
            *number
        })
    });
    select_all(all).await.0
}
