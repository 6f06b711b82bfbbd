//! A server of scripted answers, on loopback.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) head: String,
    pub(super) body: String,
}

impl Received {
    pub(super) fn line(&self) -> String {
        self.head.lines().next().unwrap().to_owned()
    }
}

/// Answers each connection once, and closes it.
pub(super) struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<Received>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Gives these answers, one after another; then it is gone.
    pub(super) async fn new(answers: Vec<String>) -> Self {
        let answers = Mutex::new(answers.into_iter());
        Self::start(move |_| answers.lock().next()).await
    }

    /// Gives the answers that a function makes.
    pub(super) async fn answering(answer: impl Fn(&Received) -> String + Send + 'static) -> Self {
        Self::start(move |request| Some(answer(request))).await
    }

    async fn start(answer: impl Fn(&Received) -> Option<String> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = receive(&mut stream).await;
                seen.lock().push(request.clone());
                let Some(answer) = answer(&request) else { return };
                // The client may be gone, which is its own affair.
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { port, requests, task }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn requests(&self) -> Vec<Received> {
        self.requests.lock().clone()
    }
}

/// Reads the head of a request, and the body that it announces.
pub(super) async fn receive(stream: &mut TcpStream) -> Received {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
            break end + 4;
        }
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the request is cut off");
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    while bytes.len() < end + length.unwrap_or_default() {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the body is cut off");
    }
    Received { head, body: String::from_utf8(bytes[end..].to_vec()).unwrap() }
}

/// An answer of JSON.
pub(super) fn answer(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// An answer that refuses.
pub(super) fn refusal(code: u16, reason: &str, message: &str) -> String {
    let body =
        serde_json::json!({"kind": "Status", "code": code, "reason": reason, "message": message}).to_string();
    format!("HTTP/1.1 {code} X\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// An answer without a length, which ends with the connection: a watch.
pub(super) fn stream(lines: &[&str]) -> String {
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}")
}
