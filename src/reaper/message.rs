//! The messages from `pipe` to its reaper, as bytes: words separated by a blank, with a zero at the end.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// The end of a message. Paths and environments cannot contain it.
pub(super) const END: u8 = 0;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// A resource is about to exist.
    Register { key: u64, resource: Resource },
    /// The first process of a step has been started, at this time in kernel ticks.
    SetLeader { key: u64, pid: i32, started: String },
    /// A resource is gone, or need not be removed any more.
    Release { key: u64 },
    /// `pipe` is about to exit, and has removed its resources.
    CleanExit,
}

/// What the reaper can clean up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resource {
    /// Processes with this entry, `NAME=VALUE`, in their environment, or with one of these pipes open, by
    /// inode.
    Processes { mark: OsString, pipes: Vec<u64> },
    /// A descriptor, which travels beside the message.
    Descriptor,
    /// A file or directory.
    Path(PathBuf),
    /// Containers and networks with all these labels, each `NAME=VALUE`.
    Labels(Vec<String>),
    /// Files that a step may make and that have to be deleted, encoded by the runner. It contains no zero.
    Products(Vec<u8>),
}

impl Message {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = match self {
            Self::Register { key, resource } => resource.encode(*key),
            Self::SetLeader { key, pid, started } => format!("leader {key} {pid} {started}").into_bytes(),
            Self::Release { key } => format!("release {key}").into_bytes(),
            Self::CleanExit => b"clean-exit".to_vec(),
        };
        bytes.push(END);
        bytes
    }

    /// Reads one message without its final zero; `None` if it is not a message.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (word, rest) = split(bytes);
        let (key, rest) = split(rest);
        let key = || std::str::from_utf8(key).ok()?.parse().ok();
        let text = || std::str::from_utf8(rest).ok();
        let register = |resource| Some(Self::Register { key: key()?, resource });
        match word {
            b"clean-exit" => Some(Self::CleanExit),
            b"release" => Some(Self::Release { key: key()? }),
            b"leader" => {
                let (pid, started) = text()?.split_once(' ')?;
                Some(Self::SetLeader { key: key()?, pid: pid.parse().ok()?, started: started.to_owned() })
            }
            b"processes" => {
                let (pipes, mark) = split(rest);
                let pipes = std::str::from_utf8(pipes).ok()?.split_terminator(',');
                let pipes = pipes.map(|pipe| pipe.parse().ok()).collect::<Option<_>>()?;
                register(Resource::Processes { mark: OsString::from_vec(mark.to_vec()), pipes })
            }
            b"descriptor" => register(Resource::Descriptor),
            b"path" => register(Resource::Path(OsStr::from_bytes(rest).into())),
            b"products" => register(Resource::Products(rest.to_vec())),
            b"labels" => register(Resource::Labels(text()?.split('\n').map(str::to_owned).collect())),
            _ => None,
        }
    }
}

impl Resource {
    /// Returns the word that a message begins with.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Processes { .. } => "processes",
            Self::Descriptor => "descriptor",
            Self::Path(_) => "path",
            Self::Labels(_) => "labels",
            Self::Products(_) => "products",
        }
    }

    fn encode(&self, key: u64) -> Vec<u8> {
        let joined;
        let rest: &[u8] = match self {
            Self::Processes { mark, pipes } => {
                let pipes: String = pipes.iter().map(|pipe| format!("{pipe},")).collect();
                joined = [pipes.as_bytes(), b" ", mark.as_bytes()].concat();
                &joined
            }
            Self::Descriptor => b"",
            Self::Products(encoded) => encoded,
            Self::Path(path) => path.as_os_str().as_bytes(),
            Self::Labels(labels) => {
                joined = labels.join("\n").into_bytes();
                &joined
            }
        };
        [format!("{} {key} ", self.word()).as_bytes(), rest].concat()
    }
}

/// Returns the bytes before the first blank, and those after it.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let at = bytes.iter().position(|&byte| byte == b' ').unwrap_or(bytes.len());
    (bytes.get(..at).unwrap_or_default(), bytes.get(at + 1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_message_is_decoded_to_itself() {
        let register = |resource| Message::Register { key: 7, resource };
        let messages = [
            register(Resource::Processes {
                mark: "PIPE_OUTPUT=/a b/\u{e4}".into(),
                pipes: vec![4711, u64::MAX],
            }),
            register(Resource::Processes { mark: "A=".into(), pipes: Vec::new() }),
            register(Resource::Descriptor),
            register(Resource::Path(OsStr::from_bytes(b"/odd \xff\nname ").into())),
            register(Resource::Products(b"{\"a\": 1}".to_vec())),
            register(Resource::Labels(vec!["pipe.run=r 1".into(), "pipe.pid=5".into()])),
            Message::SetLeader { key: 1, pid: 4711, started: "98765".into() },
            Message::SetLeader { key: 1, pid: 4711, started: String::new() },
            Message::Release { key: u64::MAX },
            Message::CleanExit,
        ];
        for message in messages {
            let bytes = message.encode();
            let (end, text) = bytes.split_last().unwrap();
            assert_eq!((*end, text.contains(&END)), (END, false), "{message:?}");
            assert_eq!(Message::decode(text), Some(message));
        }
    }

    #[test]
    fn other_text_is_not_a_message() {
        for text in [
            "",
            "release",
            "release x",
            "leader 1",
            "leader 1 x y",
            "descriptor",
            "processes 1 7,x, A=",
            "sing 1",
        ] {
            assert_eq!(Message::decode(text.as_bytes()), None, "{text}");
        }
    }
}
