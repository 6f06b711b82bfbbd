//! Readers that may lag behind the others of their stream, on disk: those whose file says so (`buffer`), and those for whom
//! a gang might stand still.
//!
//! A gang can stand still for ever when a step reads several streams that come from one: it reads the first to its end, so
//! that the second is full, so that its maker takes nothing more of the common stream, so that the first does not go on.
//! Whenever no byte has moved in such a gang for a while, each stream that one reader starves for while another is full
//! goes past the full one, over disk: the rule of Parks for process networks (T. M. Parks, "Bounded Scheduling of Process
//! Networks", 1995), except that a buffer grows without end once it has to.

use std::os::fd::OwnedFd;

use tokio::sync::mpsc;

use super::flow::Flow;
use super::signal::Signal;
use super::wires::Wires;
use crate::executor::{EngineError, Inlet};
use crate::reaper::Charge;
use crate::runner::Shared;
use crate::stream::{FanoutEvent, Spool};

/// A reader's pipe, and how far it may lag; `None` is as far as its pipe goes.
pub(super) struct Reading {
    pub(super) inlet: Inlet,
    pub(super) lag: Option<u64>,
}

/// By reader what lets it lag, and what keeps the pipes of the others open if this process is killed.
type Lagging = (Vec<Option<Spool>>, Vec<Charge>);

/// Puts spools before the pipes of readers that may lag. Returns the sinks for the fan-out, in the same order.
pub(super) fn spools(
    shared: &Shared,
    stream: &str,
    readings: Vec<Reading>,
    failed: &mpsc::UnboundedSender<(u32, Signal)>,
    (round, index): (u32, usize),
) -> Result<(Lagging, Vec<OwnedFd>), EngineError> {
    let (mut spools, mut held, mut sinks) = (Vec::new(), Vec::new(), Vec::new());
    for Reading { inlet, lag } in readings {
        match lag {
            Some(limit) if cfg!(target_os = "linux") => {
                let signals = failed.clone();
                let failed = move |error| {
                    let event = FanoutEvent::Failed(error);
                    let _ = signals.send((round, Signal::Stream { stream: index, event }));
                };
                let folder = &shared.place.streams_dir;
                let name = format!("stream `{stream}`");
                let sink = (inlet.end, inlet.held);
                let (spool, sink) = Spool::start(&name, sink, folder, limit, &shared.budget, failed)
                    .map_err(|error| {
                        EngineError::new(format!("cannot connect the stream `{stream}`"), error)
                    })?;
                spools.push(Some(spool));
                sinks.push(sink);
            }
            _ => {
                spools.push(None);
                held.push(inlet.held);
                sinks.push(inlet.end);
            }
        }
    }
    Ok(((spools, held), sinks))
}

impl Wires {
    /// Helps a gang on that has stood still since this was last asked.
    pub(super) fn relieve(&mut self) {
        if !self.is_woven {
            return;
        }
        let flows = || self.wires.iter().filter_map(|wire| wire.flow.as_ref());
        let bytes = |flow: &Flow| {
            let snapshot = flow.snapshot();
            snapshot.taken + snapshot.sinks.iter().map(|sink| sink.taken).sum::<u64>()
        };
        let moved = flows().map(bytes).sum();
        if moved == self.moved {
            flows().filter(|flow| flow.is_moving()).for_each(Flow::relieve);
        }
        self.moved = moved;
    }
}
