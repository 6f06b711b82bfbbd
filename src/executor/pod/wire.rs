//! Messages over a seqpacket socket, with descriptors beside them. The kernel keeps packets apart and bounds
//! their length, so a long message goes in several: the first byte of a packet says whether it is the last of its
//! message.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::Path;
use std::sync::Arc;

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType, bind, connect,
    listen, recvmsg, sendmsg, shutdown, socket_with,
};
use tokio::io::Interest;
use tokio::net::{UnixListener, UnixStream};

/// Bytes of a message in one packet.
const PIECE: usize = 32 * 1024;
/// The longest message. What the kernel takes as a program's arguments and environment is shorter.
const LONGEST: usize = 4 << 20;
/// Descriptors that one packet carries.
const ENDS: usize = 64;
/// The most descriptors of a message.
const MOST_ENDS: usize = 4096;
/// Wrappers that may wait to be let in.
const BACKLOG: i32 = 1024;

const MORE: u8 = 0;
const LAST: u8 = 1;

/// A message as bytes, with its descriptors.
pub(super) type Letter = (Vec<u8>, Vec<OwnedFd>);

/// One side of a connection. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Connection(Arc<UnixStream>);

/// Takes letters from a connection.
#[derive(Debug)]
pub(super) struct Mailbox {
    connection: Connection,
    /// What has come of the next letter.
    bytes: Vec<u8>,
    ends: Vec<OwnedFd>,
}

/// Listens at a path, which every user may connect to. It is there only once connections are taken: a wrapper that is
/// refused knows that the conductor is dead.
///
/// # Errors
/// The folder cannot be written, or the path is too long for a socket.
pub(super) fn listen_at(path: &Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut unborn = path.as_os_str().to_owned();
    unborn.push(".new");
    let unborn = Path::new(&unborn);
    let socket = new_socket()?;
    bind(&socket, &SocketAddrUnix::new(unborn)?)?;
    std::fs::set_permissions(unborn, std::fs::Permissions::from_mode(0o666))?;
    listen(&socket, BACKLOG)?;
    std::fs::rename(unborn, path)?;
    let socket = StdListener::from(socket);
    socket.set_nonblocking(true)?;
    UnixListener::from_std(socket)
}

fn new_socket() -> io::Result<OwnedFd> {
    Ok(socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

impl Connection {
    /// Connects to a path.
    ///
    /// # Errors
    /// There is no socket, or nothing listens.
    pub(super) fn to(path: &Path) -> io::Result<Self> {
        let socket = new_socket()?;
        connect(&socket, &SocketAddrUnix::new(path)?)?;
        let socket = StdStream::from(socket);
        socket.set_nonblocking(true)?;
        Ok(Self(Arc::new(UnixStream::from_std(socket)?)))
    }

    /// Takes a connection that has come in.
    pub(super) fn of(socket: UnixStream) -> Self {
        Self(Arc::new(socket))
    }

    /// Returns what takes letters from this connection.
    pub(super) fn mailbox(&self) -> Mailbox {
        Mailbox { connection: self.clone(), bytes: Vec::new(), ends: Vec::new() }
    }

    /// Ends the connection, for both sides.
    pub(super) fn hang_up(&self) {
        // The other side may have done so before.
        let _ = shutdown(self.0.as_fd(), Shutdown::Both);
    }

    /// Sends a letter. Not to be called by two tasks at once, nor dropped half-way unless the connection is.
    ///
    /// # Errors
    /// The other side is gone, or the letter is too long.
    pub(super) async fn send(&self, bytes: &[u8], ends: &[BorrowedFd<'_>]) -> io::Result<()> {
        if bytes.len() > LONGEST || ends.len() > MOST_ENDS {
            return Err(io::Error::new(io::ErrorKind::ArgumentListTooLong, "the message is too long"));
        }
        let (mut pieces, mut groups) = (bytes.chunks(PIECE), ends.chunks(ENDS));
        let packets = pieces.len().max(groups.len()).max(1);
        for left in (0..packets).rev() {
            let piece = pieces.next().unwrap_or_default();
            let group = groups.next().unwrap_or_default();
            let mark = if left == 0 { LAST } else { MORE };
            self.0.async_io(Interest::WRITABLE, || send_packet(&self.0, mark, piece, group)).await?;
        }
        Ok(())
    }
}

fn send_packet(socket: &UnixStream, mark: u8, piece: &[u8], ends: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(ENDS))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !ends.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(ends)) {
        return Err(io::Error::other("the descriptors do not fit into a packet"));
    }
    let packet = [IoSlice::new(std::slice::from_ref(&mark)), IoSlice::new(piece)];
    sendmsg(socket.as_fd(), &packet, &mut beside, SendFlags::NOSIGNAL)?;
    Ok(())
}

impl Mailbox {
    /// Waits for the next letter; `None` once the other side is gone. What has come of a letter is kept if the future
    /// is dropped.
    ///
    /// # Errors
    /// What has come is no letter, or longer than one may be.
    pub(super) async fn next(&mut self) -> io::Result<Option<Letter>> {
        loop {
            let socket = Arc::clone(&self.connection.0);
            let (bytes, ends) = (&mut self.bytes, &mut self.ends);
            let mark = socket.async_io(Interest::READABLE, || receive_packet(&socket, bytes, ends)).await?;
            if self.bytes.len() > LONGEST || self.ends.len() > MOST_ENDS {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the message is too long"));
            }
            match mark {
                None if self.bytes.is_empty() => return Ok(None),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(MORE) => {}
                Some(LAST) => {
                    return Ok(Some((std::mem::take(&mut self.bytes), std::mem::take(&mut self.ends))));
                }
                Some(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no message")),
            }
        }
    }
}

/// Adds a packet to what has come. Returns its mark; nothing once the other side is gone.
fn receive_packet(
    socket: &UnixStream,
    bytes: &mut Vec<u8>,
    ends: &mut Vec<OwnedFd>,
) -> io::Result<Option<u8>> {
    let mut mark = [0];
    let mut piece = vec![0; PIECE];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(ENDS))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let mut into = [IoSliceMut::new(&mut mark), IoSliceMut::new(&mut piece)];
    let received = match recvmsg(socket.as_fd(), &mut into, &mut beside, RecvFlags::CMSG_CLOEXEC) {
        // The other side has been killed with something of ours unread.
        Err(rustix::io::Errno::CONNRESET) => return Ok(None),
        other => other?,
    };
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            ends.extend(received);
        }
    }
    if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the packet is too long"));
    }
    let Some(length) = received.bytes.checked_sub(1) else { return Ok(None) };
    bytes.extend_from_slice(piece.get(..length).unwrap_or_default());
    Ok(mark.first().copied())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    async fn both_sides() -> (Connection, Connection) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let listener = listen_at(&path).unwrap();
        let one = Connection::to(&path).unwrap();
        let (other, _) = listener.accept().await.unwrap();
        (one, Connection::of(other))
    }

    #[tokio::test]
    async fn long_letters_and_many_descriptors_arrive_whole() {
        let (one, other) = both_sides().await;
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| number as u8).collect();
        let pipes: Vec<_> = (0..200).map(|_| std::io::pipe().unwrap()).collect();
        let readers: Vec<_> = pipes.iter().map(|(reader, _)| reader.as_fd()).collect();
        let mut mailbox = other.mailbox();
        let (sent, received) = tokio::join!(one.send(&bytes, &readers), mailbox.next());
        sent.unwrap();
        let (got, ends) = received.unwrap().unwrap();
        assert!(got == bytes && ends.len() == 200);
        for (number, ((reader, mut writer), end)) in pipes.into_iter().zip(ends).enumerate() {
            drop(reader);
            writer.write_all(&[number as u8]).unwrap();
            drop(writer);
            let mut text = Vec::new();
            std::fs::File::from(end).read_to_end(&mut text).unwrap();
            assert_eq!(text, [number as u8]);
        }
        drop((one, mailbox, other));
    }

    #[tokio::test]
    async fn the_end_of_one_side_is_seen_by_the_other() {
        let (one, other) = both_sides().await;
        one.send(b"", &[]).await.unwrap();
        one.send(b"x", &[]).await.unwrap();
        drop(one);
        let mut mailbox = other.mailbox();
        let mut next = async || mailbox.next().await.unwrap().map(|(bytes, _)| bytes);
        assert_eq!([next().await, next().await, next().await], [Some(vec![]), Some(b"x".to_vec()), None]);
    }

    #[tokio::test]
    async fn what_is_too_long_is_an_error_on_either_side() {
        let (one, other) = both_sides().await;
        assert!(one.send(&vec![0; LONGEST + 1], &[]).await.is_err());
        let mut mailbox = other.mailbox();
        let endless = async { while send_more(&one).await.is_ok() {} };
        tokio::select! {
            () = endless => panic!("the other side has hung up"),
            letter = mailbox.next() => assert_eq!(letter.unwrap_err().kind(), io::ErrorKind::InvalidData),
        }
    }

    async fn send_more(to: &Connection) -> io::Result<()> {
        to.0.async_io(Interest::WRITABLE, || send_packet(&to.0, MORE, &[0; PIECE], &[])).await
    }

    #[tokio::test]
    async fn a_packet_with_another_mark_is_no_letter() {
        let (one, other) = both_sides().await;
        one.0.async_io(Interest::WRITABLE, || send_packet(&one.0, 7, b"x", &[])).await.unwrap();
        assert!(other.mailbox().next().await.is_err());
    }

    #[tokio::test]
    async fn without_a_listener_there_is_no_connection() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        assert_eq!(Connection::to(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        drop(listen_at(&path).unwrap());
        assert_eq!(Connection::to(&path).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
