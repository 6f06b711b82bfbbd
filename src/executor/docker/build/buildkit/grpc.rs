//! Answers to gRPC calls over one HTTP/2 connection, as far as a session of BuildKit needs them. What comes
//! with the library for all of gRPC would make the program a tenth larger.

use std::error::Error;
use std::future::poll_fn;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Response};
use prost::Message;

/// Why a call broke off. BuildKit says more about it than this side knows.
pub(super) type Broken = Box<dyn Error + Send + Sync>;

/// The most that one message may have, as in Docker.
const MOST: usize = 16 << 20;
/// Before each message: whether it is compressed, and its length.
const PREFIX: usize = 5;
const OK: &str = "0";
const UNKNOWN: &str = "2";
const UNIMPLEMENTED: &str = "12";

/// How much may be under way to this side before it is read.
const WINDOW: u32 = 1 << 20;
/// What the library counts for a small piece beyond its bytes, at most.
const OVERHEAD: usize = 256;

/// How to serve calls. BuildKit asks for each file in a piece of its own, and for all at once: only the
/// window limits them, or the library would take many for an attack.
pub(super) fn server() -> h2::server::Builder {
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
    builder.data_frame_budget(WINDOW as usize * OVERHEAD);
    builder
}

/// What the caller sends.
pub(super) struct Requests {
    body: RecvStream,
    buffer: BytesMut,
}

impl Requests {
    pub(super) fn of(body: RecvStream) -> Self {
        Self { body, buffer: BytesMut::new() }
    }

    /// Reads the next message; nothing at the end.
    pub(super) async fn next<M: Message + Default>(&mut self) -> Result<Option<M>, Broken> {
        loop {
            if let Some(message) = self.whole()? {
                return Ok(Some(M::decode(message)?));
            }
            let Some(piece) = self.body.data().await else { return Ok(None) };
            let piece = piece?;
            self.body.flow_control().release_capacity(piece.len())?;
            self.buffer.extend_from_slice(&piece);
        }
    }

    /// The first message, if all of it is here.
    fn whole(&mut self) -> Result<Option<Bytes>, Broken> {
        let mut prefix = self.buffer.get(..PREFIX).unwrap_or_default();
        if prefix.is_empty() {
            return Ok(None);
        }
        let (is_compressed, length) = (prefix.get_u8() != 0, prefix.get_u32() as usize);
        if is_compressed || length > MOST {
            return Err("a message that is compressed, or too long".into());
        }
        if self.buffer.len() < PREFIX + length {
            return Ok(None);
        }
        self.buffer.advance(PREFIX);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }
}

/// What is answered.
pub(super) struct Answers(SendStream<Bytes>);

impl Answers {
    pub(super) fn begin(respond: &mut SendResponse<Bytes>) -> Result<Self, Broken> {
        let head = Response::builder().header("content-type", "application/grpc").body(())?;
        Ok(Self(respond.send_response(head, false)?))
    }

    /// Sends a message, as fast as the caller takes it.
    pub(super) async fn send(&mut self, message: &impl Message) -> Result<(), Broken> {
        let length = message.encoded_len();
        let mut frame = BytesMut::with_capacity(PREFIX + length);
        frame.put_u8(0);
        frame.put_u32(u32::try_from(length)?);
        message.encode(&mut frame)?;
        let mut frame = frame.freeze();
        while !frame.is_empty() {
            self.0.reserve_capacity(frame.len());
            let room = poll_fn(|context| self.0.poll_capacity(context)).await;
            let room = room.ok_or("the caller takes no more")??;
            self.0.send_data(frame.split_to(room.min(frame.len())), false)?;
        }
        Ok(())
    }

    pub(super) fn end(self, outcome: &Result<(), Broken>) -> Result<(), Broken> {
        match outcome {
            Ok(()) => self.close(OK, ""),
            Err(why) => self.close(UNKNOWN, &why.to_string()),
        }
    }

    /// There is no such call.
    pub(super) fn unknown(self) -> Result<(), Broken> {
        self.close(UNIMPLEMENTED, "not offered")
    }

    fn close(mut self, status: &'static str, message: &str) -> Result<(), Broken> {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static(status));
        if let Ok(message) = HeaderValue::from_str(message) {
            trailers.insert("grpc-message", message);
        }
        Ok(self.0.send_trailers(trailers)?)
    }
}
