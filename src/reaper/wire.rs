//! Bytes over the socket, with descriptors beside them, and a bell.
//!
//! What is told to the reaper is of use to it only once `pipe` has died, but for the few messages that somebody waits for. So
//! the others lie in the socket, and it sleeps on until the bell is rung, a pipe of its own, or until the socket is closed:
//! to wake it for each of them would cost two changes of process.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut, PipeWriter};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, poll};
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
/// May lie in the socket unread; systems let it hold 8 KiB and more.
const MOST_UNREAD: usize = 4 * 1024;
/// What a message takes there beside its bytes, at least.
const EACH: usize = 64;

#[cfg(target_os = "linux")]
const SEND: SendFlags = SendFlags::NOSIGNAL;
#[cfg(not(target_os = "linux"))]
const SEND: SendFlags = SendFlags::empty();

/// The side of `pipe`.
#[derive(Debug)]
pub(super) struct Outbox {
    socket: UnixStream,
    bell: PipeWriter,
    unread: usize,
}

impl Outbox {
    /// The bell is the writing end of a pipe that only the other side reads.
    ///
    /// # Errors
    /// If it cannot be used so that it never blocks.
    pub(super) fn new(socket: UnixStream, bell: PipeWriter) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&bell, true)?;
        Ok(Self { socket, bell, unread: 0 })
    }

    /// Sends a message, and a descriptor with it. It may lie unread for as long as this process lives, unless it is to be read
    /// at once.
    ///
    /// # Errors
    /// If the other side has gone, or does not read.
    pub(super) fn send(
        &mut self,
        message: &Message,
        mut end: Option<BorrowedFd<'_>>,
        at_once: bool,
    ) -> io::Result<()> {
        for piece in message.encode().chunks(MOST_UNREAD) {
            send(&self.socket, piece, end.take())?;
            self.unread += piece.len() + EACH;
            if self.unread > MOST_UNREAD {
                self.ring()?;
            }
        }
        if at_once { self.ring() } else { Ok(()) }
    }

    fn ring(&mut self) -> io::Result<()> {
        self.unread = 0;
        match rustix::io::retry_on_intr(|| rustix::io::write(&self.bell, &[0])) {
            // It has been rung so often that once more makes no difference.
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Sends all of it; the descriptor goes with the first byte.
fn send(socket: impl AsFd, bytes: &[u8], end: Option<BorrowedFd<'_>>) -> io::Result<()> {
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
pub(super) struct Inbox<S, B> {
    socket: S,
    bell: B,
    unread: Vec<u8>,
    ends: VecDeque<OwnedFd>,
}

impl<S: AsFd, B: AsFd> Inbox<S, B> {
    pub(super) fn new(socket: S, bell: B) -> Self {
        Self { socket, bell, unread: Vec::new(), ends: VecDeque::new() }
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

    /// Reads once there is something to be read; whether there was anything before the other side went.
    fn fill(&mut self) -> io::Result<bool> {
        loop {
            match self.read() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait()?,
                read => return read,
            }
        }
    }

    /// Sleeps until the bell rings, or the other side goes.
    fn wait(&self) -> io::Result<()> {
        let mut both =
            [PollFd::new(&self.socket, PollFlags::empty()), PollFd::new(&self.bell, PollFlags::IN)];
        rustix::io::retry_on_intr(|| poll(&mut both, None))?;
        if both[1].revents().contains(PollFlags::IN) {
            rustix::io::retry_on_intr(|| rustix::io::read(&self.bell, &mut [0; 64]))?;
        }
        Ok(())
    }

    fn read(&mut self) -> io::Result<bool> {
        let mut piece = [0; PIECE];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_ENDS))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let read = loop {
            let into = &mut [IoSliceMut::new(&mut piece)];
            match recvmsg(&self.socket, into, &mut beside, RecvFlags::DONTWAIT) {
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
    use std::io::PipeReader;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::super::message::Thing;
    use super::*;

    /// Longer than anything here takes, on the slowest machine.
    const PATIENCE: Duration = Duration::from_secs(30);

    fn both_sides() -> (Outbox, Inbox<UnixStream, PipeReader>) {
        let (here, there) = UnixStream::pair().unwrap();
        let (its_bell, bell) = io::pipe().unwrap();
        (Outbox::new(here, bell).unwrap(), Inbox::new(there, its_bell))
    }

    fn care(key: u64, thing: Thing) -> Message {
        Message::Care { key, thing }
    }

    #[test]
    fn descriptors_arrive_with_their_messages() {
        let (mut outbox, mut inbox) = both_sides();
        let long = care(1, Thing::Path("/long/".repeat(100_000).into()));
        let sender = std::thread::spawn({
            let long = long.clone();
            move || {
                let (reader, writer) = io::pipe().unwrap();
                outbox.send(&care(0, Thing::Pipe), Some(reader.as_fd()), false).unwrap();
                outbox.send(&long, None, false).unwrap();
                outbox.send(&care(2, Thing::Pipe), Some(writer.as_fd()), false).unwrap();
                send(&outbox.socket, b"nonsense\0", None).unwrap();
            }
        });
        assert_eq!(inbox.next(), Some(care(0, Thing::Pipe)));
        let mut reader = PipeReader::from(inbox.take_end().unwrap());
        assert_eq!(inbox.next(), Some(long));
        assert_eq!(inbox.next(), Some(care(2, Thing::Pipe)));
        let mut writer = PipeWriter::from(inbox.take_end().unwrap());
        assert_eq!(inbox.next(), None);
        sender.join().unwrap();
        io::Write::write_all(&mut writer, b"x").unwrap();
        drop(writer);
        assert_eq!(io::read_to_string(&mut reader).unwrap(), "x");
    }

    #[test]
    fn what_somebody_waits_for_is_read_while_both_live() {
        let (mut outbox, mut inbox) = both_sides();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            while let Some(message) = inbox.next() {
                tell.send(message).unwrap();
            }
        });
        let gone = |key| Message::Gone { key };
        for key in 0..3 {
            outbox.send(&gone(key), None, false).unwrap();
            outbox.send(&gone(100 + key), None, true).unwrap();
            assert_eq!(told.recv_timeout(PATIENCE), Ok(gone(key)));
            assert_eq!(told.recv_timeout(PATIENCE), Ok(gone(100 + key)));
        }
    }

    #[test]
    fn the_bell_does_not_ring_for_every_message_and_nothing_piles_up() {
        let (mut outbox, mut inbox) = both_sides();
        let (few, count) = (100, 10_000);
        (0..few).for_each(|key| outbox.send(&Message::Gone { key }, None, false).unwrap());
        rustix::io::ioctl_fionbio(&inbox.bell, true).unwrap();
        let rings = io::Read::read(&mut inbox.bell, &mut [0; 1000]).unwrap();
        assert!((1..10).contains(&rings), "{rings}");
        let sender = std::thread::spawn(move || {
            (few..count).for_each(|key| outbox.send(&Message::Gone { key }, None, false).unwrap());
        });
        for key in 0..count {
            assert_eq!(inbox.next(), Some(Message::Gone { key }));
        }
        assert_eq!(inbox.next(), None);
        sender.join().unwrap();
    }

    #[test]
    fn a_bell_that_nobody_hears_does_not_block() {
        let (mut outbox, mut inbox) = both_sides();
        // More than a pipe holds.
        (0..100_000).for_each(|_| outbox.ring().unwrap());
        drop(outbox);
        assert_eq!(inbox.next(), None);
    }
}
