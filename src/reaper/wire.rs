//! Messages over a socket, with descriptors beside them.

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

/// Bytes that one read asks for.
const PIECE: usize = 16 * 1024;
/// Descriptors that one read takes; a system may join those of a few messages.
const MOST_DESCRIPTORS: usize = 16;

#[cfg(target_os = "linux")]
const SEND: SendFlags = SendFlags::NOSIGNAL;
#[cfg(not(target_os = "linux"))]
const SEND: SendFlags = SendFlags::empty();

/// Sends a message, and a descriptor with its first byte.
///
/// # Errors
/// If the reader is gone, or does not read within the socket's timeout.
pub(super) fn send(socket: impl AsFd, message: &Message, end: Option<BorrowedFd<'_>>) -> io::Result<()> {
    send_bytes(socket, &message.encode(), end)
}

fn send_bytes(socket: impl AsFd, bytes: &[u8], end: Option<BorrowedFd<'_>>) -> io::Result<()> {
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

    /// Waits for the next message; `None` once the sender is gone. Skips bytes that are not a message.
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

    /// Returns the descriptor that came with the message.
    pub(super) fn take_end(&mut self) -> Option<OwnedFd> {
        self.ends.pop_front()
    }

    /// Waits for bytes and reads them; `false` at the end of the connection.
    fn fill(&mut self) -> io::Result<bool> {
        let mut piece = [0; PIECE];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
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
    use std::io::{PipeReader, PipeWriter};
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use super::super::message::Resource;
    use super::*;

    fn both_sides() -> (UnixStream, Inbox<UnixStream>) {
        let (here, there) = UnixStream::pair().unwrap();
        (here, Inbox::new(there))
    }

    fn register(key: u64, resource: Resource) -> Message {
        Message::Register { key, resource }
    }

    #[test]
    fn descriptors_arrive_with_their_messages() {
        let (socket, mut inbox) = both_sides();
        let long = register(1, Resource::Path("/long/".repeat(100_000).into()));
        let sender = std::thread::spawn({
            let long = long.clone();
            move || {
                let (reader, writer) = io::pipe().unwrap();
                send(&socket, &register(0, Resource::Descriptor), Some(reader.as_fd())).unwrap();
                send(&socket, &long, None).unwrap();
                send(&socket, &register(2, Resource::Descriptor), Some(writer.as_fd())).unwrap();
                send_bytes(&socket, b"nonsense\0", None).unwrap();
            }
        });
        assert_eq!(inbox.next(), Some(register(0, Resource::Descriptor)));
        let mut reader = PipeReader::from(inbox.take_end().unwrap());
        assert_eq!(inbox.next(), Some(long));
        assert_eq!(inbox.next(), Some(register(2, Resource::Descriptor)));
        let mut writer = PipeWriter::from(inbox.take_end().unwrap());
        assert_eq!(inbox.next(), None);
        sender.join().unwrap();
        io::Write::write_all(&mut writer, b"x").unwrap();
        drop(writer);
        assert_eq!(io::read_to_string(&mut reader).unwrap(), "x");
    }

    #[test]
    fn a_message_arrives_while_both_sides_are_alive() {
        let (socket, mut inbox) = both_sides();
        for key in 0..3 {
            send(&socket, &Message::Release { key }, None).unwrap();
            assert_eq!(inbox.next(), Some(Message::Release { key }));
        }
    }

    #[test]
    fn more_messages_than_the_socket_holds_arrive_in_order() {
        let (socket, mut inbox) = both_sides();
        let count = 10_000;
        let sender = std::thread::spawn(move || {
            (0..count).for_each(|key| send(&socket, &Message::Release { key }, None).unwrap());
        });
        for key in 0..count {
            assert_eq!(inbox.next(), Some(Message::Release { key }));
        }
        assert_eq!(inbox.next(), None);
        sender.join().unwrap();
    }

    #[test]
    fn a_reader_that_is_stuck_is_an_error_and_does_not_block() {
        let (socket, _inbox) = both_sides();
        socket.set_write_timeout(Some(Duration::from_millis(1))).unwrap();
        let error = (0..).find_map(|key| send(&socket, &Message::Release { key }, None).err()).unwrap();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}
