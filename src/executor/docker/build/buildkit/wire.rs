//! The messages that BuildKit and its client exchange, as far as they are used. Texts that may be no UTF-8
//! are bytes, which look the same on the wire.

use std::collections::HashMap;

/// `fsutil.types.Packet`: a step of sending a folder.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Packet {
    #[prost(enumeration = "PacketKind", tag = "1")]
    pub(super) kind: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) stat: Option<Stat>,
    #[prost(uint32, tag = "3")]
    pub(super) id: u32,
    #[prost(bytes = "bytes", tag = "4")]
    pub(super) data: bytes::Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(super) enum PacketKind {
    /// To BuildKit: there is this; without a stat, there is no more.
    Stat = 0,
    /// From BuildKit: it wants the bytes of a file, by its number in the order of the stats.
    Request = 1,
    /// To BuildKit: bytes of a file; none at its end.
    Data = 2,
    /// Both: all is done.
    Finish = 3,
    /// Both: something went wrong.
    Error = 4,
}

/// `fsutil.types.Stat`: something in a folder.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Stat {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) path: Vec<u8>,
    /// As Go has it, which is not how Unix does.
    #[prost(uint32, tag = "2")]
    pub(super) mode: u32,
    #[prost(uint32, tag = "3")]
    pub(super) user: u32,
    #[prost(uint32, tag = "4")]
    pub(super) group: u32,
    #[prost(int64, tag = "5")]
    pub(super) size: i64,
    /// In nanoseconds.
    #[prost(int64, tag = "6")]
    pub(super) modified: i64,
    #[prost(bytes = "vec", tag = "7")]
    pub(super) link: Vec<u8>,
    #[prost(int64, tag = "8")]
    pub(super) device_major: i64,
    #[prost(int64, tag = "9")]
    pub(super) device_minor: i64,
    #[prost(map = "string, bytes", tag = "10")]
    pub(super) attributes: HashMap<String, Vec<u8>>,
}

/// `moby.filesync.v1.CredentialsRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CredentialsRequest {
    #[prost(string, tag = "1")]
    pub(super) host: String,
}

/// `moby.filesync.v1.CredentialsResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Credentials {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) secret: String,
}

/// `grpc.health.v1.HealthCheckResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Health {
    #[prost(int32, tag = "1")]
    pub(super) status: i32,
}

/// A message of which nothing is wanted.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Anything {}

/// `moby.buildkit.v1.StatusResponse`: what goes on in a build.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Progress {
    #[prost(message, repeated, tag = "3")]
    pub(super) logs: Vec<Log>,
}

/// `moby.buildkit.v1.VertexLog`: what a program wrote.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Log {
    #[prost(bytes = "vec", tag = "4")]
    pub(super) text: Vec<u8>,
}
