//! Ports of pods, with a server that speaks WebSocket.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::server::receive;
use super::{AccessRequest, find, kubeconfig};
use crate::cluster::api::ApiClient;

/// A frame as a server sends it.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x80 | kind, 126];
    out.extend_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
    out.extend_from_slice(payload);
    out
}

/// Reads one frame of the client: its kind and its payload without the mask.
async fn read_frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[1] & 0x80, 0x80, "a client masks");
    let length = match head[1] & 0x7f {
        126 => u64::from(stream.read_u16().await.unwrap()),
        127 => stream.read_u64().await.unwrap(),
        short => u64::from(short),
    };
    let mut mask = [0; 4];
    stream.read_exact(&mut mask).await.unwrap();
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut payload).await.unwrap();
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    (head[0] & 0x0f, payload)
}

async fn client(listener: &TcpListener) -> ApiClient {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::fs::write(&path, kubeconfig(&url, "token: t")).unwrap();
    ApiClient::new(find(&path, AccessRequest::default()).await.unwrap())
}

async fn upgraded(listener: &TcpListener) -> (TcpStream, String) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let request = receive(&mut stream).await;
    let answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    stream.write_all(answer.as_bytes()).await.unwrap();
    // Each stream begins with its port.
    for channel in [0, 1] {
        stream.write_all(&frame(2, &[channel, 0x51, 0x11])).await.unwrap();
    }
    (stream, request.head)
}

#[tokio::test]
async fn bytes_go_both_ways_in_large_messages_and_pings_are_answered() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(&listener).await;
    let (port, server) = tokio::join!(client.forward("hub", 4433), upgraded(&listener));
    let (mut port, (mut server, head)) = (port.unwrap(), server);
    assert!(
        head.starts_with("GET /api/v1/namespaces/team/pods/hub/portforward?ports=4433 HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(head.contains("sec-websocket-protocol: v4.channel.k8s.io\r\n"), "{head}");
    assert!(!head.contains("accept: application/json"), "{head}");
    let bytes: Vec<u8> = (0..1 << 20).map(|number: u32| number as u8).collect();
    let sending = async {
        port.write_all(&bytes).await.unwrap();
        port.flush().await.unwrap();
    };
    let receiving = async {
        let (mut got, mut largest) = (Vec::new(), 0);
        while got.len() < bytes.len() {
            let (kind, payload) = read_frame(&mut server).await;
            assert_eq!((kind, payload[0]), (2, 0));
            largest = largest.max(payload.len());
            got.extend_from_slice(&payload[1..]);
        }
        assert!(got == bytes && largest > 100_000, "the largest message has {largest} bytes");
    };
    tokio::join!(sending, receiving);
    server.write_all(&frame(9, b"there?")).await.unwrap();
    assert_eq!(read_frame(&mut server).await, (10, b"there?".to_vec()));
    server.write_all(&frame(2, b"\0hello")).await.unwrap();
    let mut hello = [0; 5];
    port.read_exact(&mut hello).await.unwrap();
    assert_eq!(&hello, b"hello");
    drop(port);
    assert_eq!(read_frame(&mut server).await.0, 8, "who drops it closes it");
}

#[tokio::test]
async fn a_pod_that_is_gone_says_so_and_then_nothing_more_comes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(&listener).await;
    let (port, server) = tokio::join!(client.forward("hub", 4433), upgraded(&listener));
    let (mut port, (mut server, _)) = (port.unwrap(), server);
    server.write_all(&frame(2, b"\0last")).await.unwrap();
    server.write_all(&frame(2, b"\x01an error occurred forwarding 4433: connection refused")).await.unwrap();
    let mut all = Vec::new();
    port.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"last");
    assert_eq!(port.failure().as_deref(), Some("an error occurred forwarding 4433: connection refused"));
}

#[tokio::test]
async fn a_refused_connection_is_an_error() {
    let server = super::Server::new(vec![super::refusal(404, "NotFound", "pods \"hub\" not found")]).await;
    let client = ApiClient::new(super::access(&server, "").await);
    assert!(client.forward("hub", 4433).await.unwrap_err().is_gone());
}
