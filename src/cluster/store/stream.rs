//! One file over the channel of files: a head, and parcels up to an empty last one.

use std::fs::File;
use std::io::{self, Read};

use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::error::StoreError;
use super::hash::FileHash;
use crate::cluster::link::frame::{MOST_PAYLOAD, Parcel, ParcelKind};
use crate::cluster::link::session::{Inlet, Outlet};
use crate::cluster::link::talk::FileHead;

/// Something that the bytes of a file go to.
pub(in crate::cluster) trait FileSink: Sized + Send + 'static {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn finish(self) -> io::Result<()>;
}

/// Runs what may wait for the disk.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

async fn send_head(outlet: &mut Outlet, head: &FileHead) -> Result<(), StoreError> {
    let bytes = serde_json::to_vec(head).map_err(io::Error::other).map_err(StoreError::Disk)?;
    Ok(outlet.send(Parcel { kind: ParcelKind::Last, bytes: bytes.into() }).await?)
}

/// Sends a file, or why it cannot be opened. Returns how many bytes it has. A file that cannot be read to its end
/// comes to an end all the same; its bytes have another hash then.
///
/// # Errors
/// If the file cannot be read, or the session has ended.
pub(in crate::cluster) async fn send(
    outlet: &mut Outlet,
    hash: FileHash,
    open: impl FnOnce() -> io::Result<File> + Send + 'static,
) -> Result<u64, StoreError> {
    let mut file = match aside(open).await {
        Ok(file) => file,
        Err(error) => {
            send_head(outlet, &FileHead { hash, why_not: Some(error.to_string()) }).await?;
            return Err(StoreError::Disk(error));
        }
    };
    send_head(outlet, &FileHead { hash, why_not: None }).await?;
    let mut sent = 0;
    loop {
        let read = aside(move || {
            let mut bytes = Vec::with_capacity(MOST_PAYLOAD);
            file.by_ref().take(MOST_PAYLOAD as u64).read_to_end(&mut bytes)?;
            Ok((file, bytes))
        });
        let bytes = match read.await {
            Ok((next, bytes)) => {
                file = next;
                bytes
            }
            Err(error) => {
                outlet.send(Parcel { kind: ParcelKind::Last, bytes: Bytes::new() }).await?;
                return Err(StoreError::Disk(error));
            }
        };
        let is_end = bytes.is_empty();
        sent += bytes.len() as u64;
        let kind = if is_end { ParcelKind::Last } else { ParcelKind::Part };
        outlet.send(Parcel { kind, bytes: bytes.into() }).await?;
        if is_end {
            return Ok(sent);
        }
    }
}

/// Takes the head of the next file.
pub(in crate::cluster) async fn head(inlet: &mut Inlet) -> Result<FileHead, StoreError> {
    let parcel = inlet.recv().await?;
    match parcel.kind {
        ParcelKind::Last => serde_json::from_slice(&parcel.bytes).map_err(|_| StoreError::Confused),
        ParcelKind::Part | ParcelKind::End => Err(StoreError::Confused),
    }
}

/// Takes the bytes of a file, all of them even if the sink fails.
///
/// # Errors
/// If the session has ended; whether the file is whole is the inner result.
pub(in crate::cluster) async fn body<S: FileSink>(
    inlet: &mut Inlet,
    create: impl FnOnce() -> io::Result<S> + Send + 'static,
) -> Result<io::Result<()>, StoreError> {
    let mut sink = aside(create).await;
    loop {
        let parcel = inlet.recv().await?;
        if parcel.kind == ParcelKind::End {
            return Err(StoreError::Confused);
        }
        sink = match sink {
            Ok(mut sink) if !parcel.bytes.is_empty() => {
                aside(move || sink.write(&parcel.bytes).map(|()| sink)).await
            }
            sink => sink,
        };
        if parcel.kind == ParcelKind::Last {
            return Ok(match sink {
                Ok(sink) => aside(move || sink.finish()).await,
                Err(error) => Err(error),
            });
        }
    }
}
