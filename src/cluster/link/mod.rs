//! The link between a run's hub and its client or a conductor.
//!
//! From the bottom to the top:
//!
//! 1. a *frame* is a parcel with its channel and its number (`frame.rs`);
//! 2. `channels.rs` knows what is sent, taken and to be sent again, without any I/O;
//! 3. a [`Session`] is made of channels, and outlives its connections (`session.rs`); `line.rs` moves its frames over
//!    one connection, with beats, until it breaks;
//! 4. connections are TLS with the keys of the run (`keys.rs`, `tls.rs`). [`Arrival`] greets at the hub, `call.rs` at
//!    the other end, where it also connects again until the [`Lease`] is over;
//! 5. [`ClientLink`] and [`ConductorLink`] are the two ends that connect: messages of any length (`message.rs`), and files.

mod answer;
pub(in crate::cluster) mod call;
mod channels;
mod client;
mod conductor;
mod control;
mod error;
pub(in crate::cluster) mod frame;
pub(in crate::cluster) mod keys;
mod lease;
mod line;
pub(in crate::cluster) mod message;
pub(in crate::cluster) mod session;
pub(in crate::cluster) mod talk;
mod tls;
mod version;

pub use answer::Arrival;
pub use call::{Caller, Dial, tcp};
pub use channels::Violation;
pub use client::ClientLink;
pub use conductor::ConductorLink;
pub use control::Hello;
pub use error::LinkError;
pub use frame::{CONTROL, FILES, Frame, FrameError, MOST_PAYLOAD, Parcel, ParcelKind};
pub use keys::{CallerKeys, HubKeys, KeyError, LinkRole, PrivateKey, PublicKey, RunKeys};
pub use lease::Lease;
pub use line::ByteStream;
pub use message::{MOST_MESSAGE, Messages, MessagesEnd};
pub use session::{Inlet, Outlet, Session, SessionEnd, Windows};
pub use tls::HubTls;
pub use version::ProgramVersion;

#[cfg(test)]
mod tests;
