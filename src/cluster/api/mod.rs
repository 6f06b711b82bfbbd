//! A client of the Kubernetes API: the few objects that a run makes, and the connection to its hub.
//!
//! It is small on purpose. hyper and rustls are in the program already; a client of all of Kubernetes would make it a
//! quarter larger. A request has a connection of its own: a run makes a few dozen.
//!
//! ```text
//! kubeconfig, pod ──▶ access ──▶ ApiClient ──▶ request, watch, forward
//!                                   │
//!                     credentials ──┘
//! ```

mod access;
mod client;
mod credentials;
mod error;
mod forward;
mod kubeconfig;
mod objects;
#[cfg(test)]
mod tests;
mod tls;
mod watch;
mod websocket;

pub use access::{AccessRequest, ClusterAccess};
pub use client::ApiClient;
pub use error::ApiError;
pub use forward::ForwardedPort;
pub use objects::{CheckedRights, ObjectKind};
pub use watch::{PodChange, PodWatch};
