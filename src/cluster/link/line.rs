//! One connection of a session, from the greeting to its end.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::control::{ArrivedSoFar, Control};
use super::error::LinkError;
use super::frame::{CONTROL, Frame};
use super::lease::{Lease, Rhythm};
use super::session::{Next, Session};

/// A connection, whatever it goes over.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// How long a greeting may take.
pub(super) const GREETING: Duration = Duration::from_secs(10);

/// How long the peer may take to close a connection after a goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// A connection that frames go over.
pub(super) struct Line {
    reader: Reader,
    writer: WriteHalf<Box<dyn ByteStream>>,
}

struct Reader {
    stream: ReadHalf<Box<dyn ByteStream>>,
    /// What has come and is no whole frame yet; it begins at `at`.
    unread: Vec<u8>,
    at: usize,
}

/// The bytes that a reader asks for at once.
const READ: usize = 64 * 1024;

impl Reader {
    /// Reads the next frame. Nothing is lost if this is dropped.
    async fn frame(&mut self) -> Result<Frame, LinkError> {
        loop {
            let found = Frame::decode(self.unread.get(self.at..).unwrap_or_default())?;
            if let Some((frame, size)) = found {
                self.at += size;
                return Ok(frame);
            }
            self.unread.drain(..self.at);
            self.at = 0;
            self.unread.reserve(READ);
            if self.stream.read_buf(&mut self.unread).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }
}

impl Line {
    pub(super) fn new(stream: Box<dyn ByteStream>) -> Self {
        let (stream, writer) = tokio::io::split(stream);
        Self { reader: Reader { stream, unread: Vec::new(), at: 0 }, writer }
    }

    /// Writes a message of the link itself.
    pub(super) async fn say(&mut self, control: &Control) -> Result<(), LinkError> {
        let mut bytes = Vec::new();
        control.frame()?.encode(&mut bytes);
        self.writer.write_all(&bytes).await?;
        Ok(self.writer.flush().await?)
    }

    /// Reads a greeting.
    pub(super) async fn hear(&mut self) -> Result<Control, LinkError> {
        let frame = timeout(GREETING, self.reader.frame()).await;
        let frame = frame.map_err(|_| LinkError::Silence(GREETING))??;
        match frame.channel {
            CONTROL => Ok(Control::parse(&frame.parcel.bytes)?),
            _ => Err(LinkError::Greeting),
        }
    }

    /// Reads what follows a greeting.
    pub(super) async fn hear_further(&mut self, arrived: &mut ArrivedSoFar) -> Result<(), LinkError> {
        while arrived.further > 0 {
            match self.hear().await? {
                Control::Arrived(numbers) => arrived.add(numbers),
                Control::Hello(_) | Control::Welcome(_) | Control::Refused(_) => {
                    return Err(LinkError::Greeting);
                }
                Control::Taken(_) | Control::Beat | Control::Bye(_) => return Err(LinkError::Greeting),
            }
        }
        Ok(())
    }

    /// Closes the connection once the peer has done so, so that it sees what was said last.
    pub(super) async fn last(mut self) {
        let mut rest = [0; 512];
        let hang_up = async {
            if self.writer.shutdown().await.is_ok() {
                while self.reader.stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
            }
        };
        // A peer that stays is left.
        let _ = timeout(GREETING, hang_up).await;
    }

    /// Moves the frames of a session until the connection breaks, the peer is silent, or the session ends. A peer
    /// that breaks the rules ends the session.
    pub(super) async fn serve(
        self,
        session: &Session,
        connection: u64,
        lease: &Lease,
        rhythm: Rhythm,
    ) -> LinkError {
        let Self { mut reader, mut writer } = self;
        let error = tokio::select! {
            biased;
            () = session.replaced(connection) => LinkError::Replaced,
            Err(error) = read(&mut reader, session, connection, lease, rhythm.silence) => error,
            Err(error) = write(&mut writer, session, connection, rhythm.beat) => error,
            else => LinkError::Replaced,
        };
        if !error.is_passing() {
            session.end(&error.to_string());
        }
        if let LinkError::Ended(_) = error {
            // A socket that is closed with bytes unread may take the goodbye with it.
            let mut rest = [0; 512];
            let hang_up = async { while reader.stream.read(&mut rest).await.is_ok_and(|read| read > 0) {} };
            let _ = timeout(GOODBYE, hang_up).await;
        }
        error
    }
}

async fn read(
    reader: &mut Reader,
    session: &Session,
    connection: u64,
    lease: &Lease,
    silence: Duration,
) -> Result<(), LinkError> {
    loop {
        let frame = timeout(silence, reader.frame()).await.map_err(|_| LinkError::Silence(silence))??;
        lease.renew();
        if frame.channel != CONTROL {
            session.accept(connection, frame)?;
            continue;
        }
        match Control::parse(&frame.parcel.bytes)? {
            Control::Beat => {}
            Control::Taken(taken) => session.acknowledge(connection, &taken)?,
            Control::Bye(why) => {
                session.end(&why);
                return Err(session.ended().await.into());
            }
            Control::Hello(_) | Control::Welcome(_) | Control::Refused(_) | Control::Arrived(_) => {
                return Err(LinkError::Greeting);
            }
        }
    }
}

async fn write(
    writer: &mut WriteHalf<Box<dyn ByteStream>>,
    session: &Session,
    connection: u64,
    beat: Duration,
) -> Result<(), LinkError> {
    let mut beats = interval(beat);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match session.next(connection, &mut bytes)? {
            Next::Write => {}
            Next::Stop => return Err(LinkError::Replaced),
            Next::Bye(end) => {
                Control::Bye(end.0.as_ref().to_owned()).frame()?.encode(&mut bytes);
                writer.write_all(&bytes).await?;
                writer.shutdown().await?;
                return Err(end.into());
            }
            Next::Wait => tokio::select! {
                () = session.written() => continue,
                _ = beats.tick() => Control::Beat.frame()?.encode(&mut bytes),
            },
        }
        writer.write_all(&bytes).await?;
        writer.flush().await?;
    }
}
