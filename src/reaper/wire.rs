//! Bytes over the socket, with descriptors beside them.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

use super::message::{END, Message};

/// What one read asks for.
const PIECE: usize = 16 * 1024;
/// A system may hand over the descriptors of a few messages at once.
const MOST_ENDS: usize = 16;

#[cfg(target_os = "linux")]
const SEND: SendFlags = SendFlags::NOSIGNAL;
#[cfg(not(target_os = "linux"))]
const SEND: SendFlags = SendFlags::empty();

/// Sends all of it; the descriptor goes with the first byte.
pub(super) fn send(socket: impl AsFd, bytes: &[u8], end: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let ends: Vec<BorrowedFd<'_>> = end.into_iter().collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !ends.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(&ends)) {
        return Err(io::Error::other("a descriptor does not fit into a message"));
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        match sendmsg(&socket, &[IoSlice::new(rest)], &mut beside, SEND) {
            Ok(sent) => {
                rest = rest.get(sent..).unwrap_or_default();
                beside.clear();
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Reads messages, and the descriptors that came with them, in order.
pub(super) struct Inbox<S> {
    socket: S,
    unread: Vec<u8>,
    ends: VecDeque<OwnedFd>,
}

impl<S: AsFd> Inbox<S> {
    pub(super) fn new(socket: S) -> Self {
        Self { socket, unread: Vec::new(), ends: VecDeque::new() }
    }

    /// Waits for the next message; nothing once the other side has gone. What cannot be understood is passed over.
    pub(super) fn next(&mut self) -> Option<Message> {
        loop {
            while let Some(end) = self.unread.iter().position(|&byte| byte == END) {
                let text: Vec<u8> = self.unread.drain(..=end).collect();
                if let Some(message) = text.get(..end).and_then(Message::decode) {
                    return Some(message);
                }
            }
            if !self.fill().unwrap_or(false) {
                return None;
            }
        }
    }

    /// The descriptor that came with the message.
    pub(super) fn take_end(&mut self) -> Option<OwnedFd> {
        self.ends.pop_front()
    }

    /// Reads once; whether there was anything.
    fn fill(&mut self) -> io::Result<bool> {
        let mut piece = [0; PIECE];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_ENDS))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let read = loop {
            let into = &mut [IoSliceMut::new(&mut piece)];
            match recvmsg(&self.socket, into, &mut beside, RecvFlags::empty()) {
                Err(Errno::INTR) => {}
                other => break other?.bytes,
            }
        };
        for message in beside.drain() {
            let RecvAncillaryMessage::ScmRights(ends) = message else { continue };
            for end in ends {
                fcntl_setfd(&end, FdFlags::CLOEXEC)?;
                self.ends.push_back(end);
            }
        }
        self.unread.extend_from_slice(piece.get(..read).unwrap_or_default());
        Ok(read > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::super::message::Thing;
    use super::*;

    #[test]
    fn descriptors_arrive_with_their_messages() {
        let (here, there) = UnixStream::pair().unwrap();
        let care = |key, thing| Message::Care { key, thing };
        let long = care(1, Thing::Path("/long/".repeat(10_000).into()));
        let sender = std::thread::spawn({
            let long = long.clone();
            move || {
                let (reader, writer) = std::io::pipe().unwrap();
                send(&here, &care(0, Thing::Pipe).encode(), Some(reader.as_fd())).unwrap();
                send(&here, &long.encode(), None).unwrap();
                send(&here, &care(2, Thing::Pipe).encode(), Some(writer.as_fd())).unwrap();
                send(&here, b"nonsense\0", None).unwrap();
            }
        });
        let mut inbox = Inbox::new(there);
        assert_eq!(inbox.next(), Some(care(0, Thing::Pipe)));
        let mut reader = std::io::PipeReader::from(inbox.take_end().unwrap());
        assert_eq!(inbox.next(), Some(long));
        assert_eq!(inbox.next(), Some(care(2, Thing::Pipe)));
        let mut writer = std::io::PipeWriter::from(inbox.take_end().unwrap());
        assert_eq!(inbox.next(), None);
        sender.join().unwrap();
        io::Write::write_all(&mut writer, b"x").unwrap();
        drop(writer);
        assert_eq!(io::read_to_string(&mut reader).unwrap(), "x");
    }
}
