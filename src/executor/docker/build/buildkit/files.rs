//! Sending a folder to BuildKit: it hears what there is, and asks for the files that it does not have yet.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use bytes::Bytes;
use rustix::fs::{major, minor};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;

use super::grpc::{Answers, Broken, Requests};
use super::wire::{Packet, PacketKind, Stat};
use crate::executor::docker::build::archive::capability;
use crate::executor::docker::build::context::{Entry, Kind};

/// How much of a file goes at once, as in Docker.
const PIECE: usize = 32 << 10;

/// Something that is sent.
pub(super) struct Item {
    stat: Stat,
    content: Content,
}

/// Where the bytes of an item are.
enum Content {
    None,
    File(PathBuf),
    Text(Bytes),
}

impl Item {
    /// A file that is in no folder.
    pub(super) fn text(name: &str, text: &[u8]) -> Self {
        let size = i64::try_from(text.len()).unwrap_or(i64::MAX);
        let stat = Stat { path: name.as_bytes().to_vec(), mode: 0o600, size, ..Stat::default() };
        Self { stat, content: Content::Text(Bytes::copy_from_slice(text)) }
    }

    /// Something in the context. All is root's, as docker has it.
    pub(super) fn of(entry: &Entry) -> Self {
        let about = &entry.about;
        let is_device = matches!(entry.kind, Kind::CharDevice | Kind::BlockDevice);
        let device = |part: fn(u64) -> u32| if is_device { i64::from(part(about.rdev())) } else { 0 };
        let (size, link, content) = match &entry.kind {
            Kind::File => (about.size(), None, Content::File(entry.source.clone())),
            Kind::Link(target) => (about.size(), Some(target), Content::None),
            Kind::Same(first) => (0, Some(first), Content::None),
            // Docker sends it as a file without a byte.
            Kind::Socket => (0, None, Content::Text(Bytes::new())),
            Kind::Folder | Kind::Fifo | Kind::CharDevice | Kind::BlockDevice => (0, None, Content::None),
        };
        let capability = capability(entry).map(|value| ("security.capability".to_owned(), value));
        let stat = Stat {
            path: entry.path.as_os_str().as_bytes().to_vec(),
            mode: go_mode(&entry.kind, about.mode()),
            user: 0,
            group: 0,
            size: i64::try_from(size).unwrap_or(i64::MAX),
            modified: about.mtime().saturating_mul(1_000_000_000).saturating_add(about.mtime_nsec()),
            link: link.map(|link| link.as_os_str().as_bytes().to_vec()).unwrap_or_default(),
            device_major: device(major),
            device_minor: device(minor),
            attributes: HashMap::from_iter(capability),
        };
        Self { stat, content }
    }
}

/// The mode of a file as Go writes it.
fn go_mode(kind: &Kind, mode: u32) -> u32 {
    let kind = match kind {
        Kind::Folder => 1 << 31,
        Kind::Link(_) => 1 << 27,
        Kind::BlockDevice => 1 << 26,
        Kind::CharDevice => 1 << 26 | 1 << 21,
        Kind::Fifo => 1 << 25,
        Kind::File | Kind::Same(_) | Kind::Socket => 0,
    };
    let bits = [(0o4000, 1 << 23), (0o2000, 1 << 22), (0o1000, 1 << 20)];
    let special: u32 = bits.iter().filter(|(unix, _)| mode & unix != 0).map(|(_, go)| go).sum();
    kind | special | mode & 0o777
}

/// Sends what there is, and then the files that are asked for, until BuildKit has all that it wants.
pub(super) async fn send(
    items: &[Item],
    requests: &mut Requests,
    answers: &mut Answers,
) -> Result<(), Broken> {
    let (asked, mut wanted) = mpsc::unbounded_channel();
    // BuildKit asks while it still hears what there is; what it asks must not wait, or it would stand still
    // itself.
    let listen = async move {
        while let Some(packet) = requests.next::<Packet>().await? {
            match packet.kind() {
                PacketKind::Request => asked.send(packet.id)?,
                PacketKind::Finish => return Ok(()),
                PacketKind::Error => return Err(String::from_utf8_lossy(&packet.data).into_owned().into()),
                PacketKind::Stat | PacketKind::Data => {
                    return Err("a packet that only this side sends".into());
                }
            }
        }
        Err("BuildKit broke off".into())
    };
    let tell = async {
        for item in items {
            let stat = Some(item.stat.clone());
            answers.send(&Packet { stat, ..Packet::default() }).await?;
        }
        answers.send(&Packet::default()).await?;
        while let Some(id) = wanted.recv().await {
            let item = usize::try_from(id).ok().and_then(|index| items.get(index));
            file(id, item.ok_or("a file that there is not")?, answers).await?;
        }
        Ok::<(), Broken>(())
    };
    futures::try_join!(listen, tell)?;
    answers.send(&Packet { kind: PacketKind::Finish.into(), ..Packet::default() }).await
}

/// Sends the bytes of a file, and its end.
async fn file(id: u32, item: &Item, answers: &mut Answers) -> Result<(), Broken> {
    let packet = |data| Packet { kind: PacketKind::Data.into(), id, data, stat: None };
    match &item.content {
        Content::None => {}
        Content::Text(text) => {
            for piece in text.chunks(PIECE) {
                answers.send(&packet(text.slice_ref(piece))).await?;
            }
        }
        Content::File(path) => {
            let failed = |error| format!("cannot read {}: {error}", path.display());
            let mut file = tokio::fs::File::open(path).await.map_err(failed)?;
            loop {
                let mut piece = Vec::with_capacity(PIECE);
                if file.read_buf(&mut piece).await.map_err(failed)? == 0 {
                    break;
                }
                answers.send(&packet(piece.into())).await?;
            }
        }
    }
    answers.send(&packet(Bytes::new())).await
}

#[cfg(test)]
mod tests {
    use h2::{RecvStream, SendStream};
    use http::Request;
    use prost::Message;

    use super::super::grpc;
    use super::*;

    /// BuildKit's side of a call, whose messages are cut into small pieces.
    struct BuildKit {
        requests: SendStream<Bytes>,
        answers: Requests,
    }

    impl BuildKit {
        /// Calls for a folder over a connection in memory.
        async fn ask(items: Vec<Item>) -> Self {
            let (here, there) = tokio::io::duplex(4096);
            tokio::spawn(async move {
                let mut connection = grpc::server().handshake::<_, Bytes>(there).await.unwrap();
                while let Some(call) = connection.accept().await {
                    let (request, mut respond) = call.unwrap();
                    let mut requests = Requests::of(request.into_body());
                    let mut answers = Answers::begin(&mut respond).unwrap();
                    let items: Vec<Item> = items.iter().map(Item::again).collect();
                    tokio::spawn(async move {
                        let outcome = send(&items, &mut requests, &mut answers).await;
                        answers.end(&outcome).unwrap();
                    });
                }
            });
            let (client, connection) =
                h2::client::Builder::new().data_frame_budget(usize::MAX).handshake(here).await.unwrap();
            tokio::spawn(connection);
            let mut client = client.ready().await.unwrap();
            let call = Request::post("http://pipe/").body(()).unwrap();
            let (response, requests) = client.send_request(call, false).unwrap();
            let answers: RecvStream = response.await.unwrap().into_body();
            Self { requests, answers: Requests::of(answers) }
        }

        fn say(&mut self, kind: PacketKind, id: u32) {
            let message = Packet { kind: kind.into(), id, ..Packet::default() }.encode_to_vec();
            let length = u32::try_from(message.len()).unwrap().to_be_bytes();
            let frame: Vec<u8> = [0].into_iter().chain(length).chain(message).collect();
            for piece in frame.chunks(3) {
                self.requests.send_data(Bytes::copy_from_slice(piece), false).unwrap();
            }
        }

        async fn next(&mut self) -> Packet {
            self.answers.next().await.unwrap().unwrap()
        }
    }

    impl Item {
        fn again(&self) -> Self {
            let content = match &self.content {
                Content::None => Content::None,
                Content::File(path) => Content::File(path.clone()),
                Content::Text(text) => Content::Text(text.clone()),
            };
            Self { stat: self.stat.clone(), content }
        }
    }

    #[tokio::test]
    async fn buildkit_gets_the_files_that_it_asks_for_while_it_still_hears_what_there_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, vec![7; 3 * PIECE + 1]).unwrap();
        let text = Item::text("text", b"some");
        let file = Item { content: Content::File(path), ..text.again() };
        let folder = Item { content: Content::None, ..text.again() };
        // More than fits on the way, in both directions.
        let many = 20_000;
        let items = [text, file, folder].iter().cycle().take(many).map(Item::again).collect();
        let mut buildkit = BuildKit::ask(items).await;
        for id in 0..many {
            assert_eq!(buildkit.next().await.stat.unwrap().path, b"text");
            // Those that are files, and only some of those with many bytes.
            if id % 3 == 0 || id % 300 == 1 {
                buildkit.say(PacketKind::Request, u32::try_from(id).unwrap());
            }
        }
        assert_eq!(buildkit.next().await, Packet::default(), "there is no more");
        let (mut ends, mut bytes) = (0, 0);
        let wanted = many.div_ceil(3) + many.div_ceil(300);
        while ends < wanted {
            let packet = buildkit.next().await;
            assert_eq!(packet.kind(), PacketKind::Data);
            ends += usize::from(packet.data.is_empty());
            bytes += packet.data.len();
        }
        assert_eq!(bytes, many.div_ceil(3) * 4 + many.div_ceil(300) * (3 * PIECE + 1));
        buildkit.say(PacketKind::Finish, 0);
        assert_eq!(buildkit.next().await.kind(), PacketKind::Finish);
        assert_eq!(buildkit.answers.next::<Packet>().await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_buildkit_must_not_say_ends_the_call() {
        for (kind, id) in [(PacketKind::Request, 1), (PacketKind::Data, 0), (PacketKind::Error, 0)] {
            let mut buildkit = BuildKit::ask(vec![Item::text("text", b"some")]).await;
            buildkit.say(kind, id);
            while let Ok(Some(packet)) = buildkit.answers.next::<Packet>().await {
                assert_eq!(packet.kind(), PacketKind::Stat, "{kind:?}");
            }
        }
    }

    #[test]
    fn modes_are_those_of_go() {
        assert_eq!(go_mode(&Kind::File, 0o100_644), 0o644);
        assert_eq!(go_mode(&Kind::Folder, 0o041_777), 1 << 31 | 1 << 20 | 0o777);
        assert_eq!(go_mode(&Kind::File, 0o106_755), 1 << 23 | 1 << 22 | 0o755);
        assert_eq!(go_mode(&Kind::Link("x".into()), 0o120_777), 1 << 27 | 0o777);
        assert_eq!(go_mode(&Kind::CharDevice, 0o020_600), 1 << 26 | 1 << 21 | 0o600);
    }
}
