//! What `pipe` tells its reaper, as bytes: words with a blank between them, and a zero at the end.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// The end of a message. Neither paths nor environments have it in them.
pub(super) const END: u8 = 0;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// Something is about to exist.
    Care { key: u64, thing: Thing },
    /// The processes have a leader, which started then.
    Lead { key: u64, pid: i32, started: String },
    /// It has gone, or is nobody's business any more.
    Gone { key: u64 },
    /// `pipe` ends as it should.
    Farewell,
}

/// What the reaper may care for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Thing {
    /// Processes with this entry, `NAME=VALUE`, in their environment, or with one of these pipes open, which are named by their
    /// inodes.
    Processes { mark: OsString, pipes: Vec<u64> },
    /// The writing end of a pipe, which comes along with the message.
    Pipe,
    /// A file or a folder.
    Path(PathBuf),
    /// Containers and networks with these labels, each `NAME=VALUE`.
    Labels(Vec<String>),
}

impl Message {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = match self {
            Self::Care { key, thing } => thing.encode(*key),
            Self::Lead { key, pid, started } => format!("lead {key} {pid} {started}").into_bytes(),
            Self::Gone { key } => format!("gone {key}").into_bytes(),
            Self::Farewell => b"farewell".to_vec(),
        };
        bytes.push(END);
        bytes
    }

    /// Reads one message without its end; nothing if it is none.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (word, rest) = split(bytes);
        let (key, rest) = split(rest);
        let key = || std::str::from_utf8(key).ok()?.parse().ok();
        let text = || std::str::from_utf8(rest).ok();
        let care = |thing| Some(Self::Care { key: key()?, thing });
        match word {
            b"farewell" => Some(Self::Farewell),
            b"gone" => Some(Self::Gone { key: key()? }),
            b"lead" => {
                let (pid, started) = text()?.split_once(' ')?;
                Some(Self::Lead { key: key()?, pid: pid.parse().ok()?, started: started.to_owned() })
            }
            b"processes" => {
                let (pipes, mark) = split(rest);
                let pipes = std::str::from_utf8(pipes).ok()?.split_terminator(',');
                let pipes = pipes.map(|pipe| pipe.parse().ok()).collect::<Option<_>>()?;
                care(Thing::Processes { mark: OsString::from_vec(mark.to_vec()), pipes })
            }
            b"pipe" => care(Thing::Pipe),
            b"path" => care(Thing::Path(OsStr::from_bytes(rest).into())),
            b"labels" => care(Thing::Labels(text()?.split('\n').map(str::to_owned).collect())),
            _ => None,
        }
    }
}

impl Thing {
    fn encode(&self, key: u64) -> Vec<u8> {
        let joined;
        let (word, rest): (&str, &[u8]) = match self {
            Self::Processes { mark, pipes } => {
                let pipes: String = pipes.iter().map(|pipe| format!("{pipe},")).collect();
                joined = [pipes.as_bytes(), b" ", mark.as_bytes()].concat();
                ("processes", &joined)
            }
            Self::Pipe => ("pipe", b""),
            Self::Path(path) => ("path", path.as_os_str().as_bytes()),
            Self::Labels(labels) => {
                joined = labels.join("\n").into_bytes();
                ("labels", &joined)
            }
        };
        [format!("{word} {key} ").as_bytes(), rest].concat()
    }
}

/// What stands before the first blank, and what after it.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let at = bytes.iter().position(|&byte| byte == b' ').unwrap_or(bytes.len());
    (bytes.get(..at).unwrap_or_default(), bytes.get(at + 1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_understood() {
        let care = |thing| Message::Care { key: 7, thing };
        let messages = [
            care(Thing::Processes { mark: "PIPE_OUTPUT=/a b/\u{e4}".into(), pipes: vec![4711, u64::MAX] }),
            care(Thing::Processes { mark: "A=".into(), pipes: Vec::new() }),
            care(Thing::Pipe),
            care(Thing::Path(OsStr::from_bytes(b"/odd \xff\nname ").into())),
            care(Thing::Labels(vec!["pipe.run=r 1".into(), "pipe.pid=5".into()])),
            Message::Lead { key: 1, pid: 4711, started: "98765".into() },
            Message::Lead { key: 1, pid: 4711, started: String::new() },
            Message::Gone { key: u64::MAX },
            Message::Farewell,
        ];
        for message in messages {
            let bytes = message.encode();
            let (end, text) = bytes.split_last().unwrap();
            assert_eq!((*end, text.contains(&END)), (END, false), "{message:?}");
            assert_eq!(Message::decode(text), Some(message));
        }
    }

    #[test]
    fn what_is_no_message_is_none() {
        for text in ["", "gone", "gone x", "lead 1", "lead 1 x y", "pipe", "processes 1 7,x, A=", "sing 1"] {
            assert_eq!(Message::decode(text.as_bytes()), None, "{text}");
        }
    }
}
