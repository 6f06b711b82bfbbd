//! Runs whose gangs run in a cluster: what a pod is told, what conducts a gang there, the hub that joins them to the client,
//! and the store of files.

#[cfg(feature = "kubernetes")]
pub mod api;
#[cfg(target_os = "linux")]
pub mod conductor;
pub mod helper;
pub mod hub;
pub mod hubs;
pub mod link;
pub mod order;
pub mod pod;
pub mod refusal;
pub mod rights;
#[cfg(feature = "kubernetes")]
pub mod site;
pub mod status;
pub mod store;
pub mod upload;
pub mod why;
