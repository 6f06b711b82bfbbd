//! The store of a run: files under their hashes, at the hub, for its client and its conductors.
//!
//! The client sends each file once. A conductor fetches what its gang needs, lays it out below a folder, and puts
//! what its steps have made into the store, where the client fetches it.

mod error;
mod exchange;
pub(in crate::cluster) mod hash;
mod layout;
mod manifest;
mod objects;
pub(in crate::cluster) mod stream;

pub use error::StoreError;
pub(in crate::cluster) use exchange::Exchange;
pub use exchange::Sent;
pub use hash::{FileHash, NoHash};
pub(in crate::cluster) use layout::remove_below;
pub use manifest::{Content, InnerPath, Manifest, ManifestEntry, ModifiedTime, OuterPath};
pub(in crate::cluster) use objects::NewObject;
pub use objects::Objects;
pub(in crate::cluster) use stream::FileSink;
