//! What wrapper and conductor say to each other, as bytes: a letter for the kind, then its fields. Numbers have
//! four bytes, the lowest first; texts and lists have their length before them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

/// The version of what is said here. It is the first field of the first message in all versions.
pub const WRAPPER_PROTOCOL: u32 = 1;

/// What a wrapper says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WrapperMessage {
    /// The first message.
    Hello(Hello),
    /// The step's own process runs.
    Started {
        /// Its number, as the wrapper sees it.
        pid: u32,
    },
    /// The step could not be started: why.
    NotStarted(String),
    /// The step's own process has ended with this code, and no process of the step is left.
    Exited(i32),
    /// The same, by this signal.
    Killed(i32),
    /// The same, because the kernel has killed it for want of memory.
    OutOfMemory,
    /// The wrapper has got this signal from outside, and passes it on to the step.
    Signalled(i32),
}

/// Which step a wrapper is there for, and who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hello {
    /// [`WRAPPER_PROTOCOL`] of the wrapper.
    pub(super) protocol: u32,
    /// The step's name.
    pub(super) step: String,
    /// The wrapper's process, as it sees itself.
    pub(super) pid: u32,
    /// The user that it runs as.
    pub(super) uid: u32,
    /// What shows that it may speak for the step, if the conductor asks for that.
    pub(super) token: Option<String>,
}

/// What a conductor says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ConductorMessage {
    /// The step starts. The ends of its pipes come with it.
    Go(Launch),
    /// The wrapper is not the one that is waited for: why.
    Refused(String),
    /// The stream of this input is whole: the wrapper lets go of its writing end.
    Eof(u32),
    /// SIGTERM for all processes of the step.
    Terminate,
    /// SIGKILL for all processes of the step.
    Kill,
    /// Nothing more will be asked.
    Bye,
}

/// How a step is started. The descriptors beside it come in this order: for each input its reading end and, if it is
/// held, its writing end; then stdout, if it is a stream; then the log.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Launch {
    /// The program and its arguments.
    pub(super) words: Vec<OsString>,
    /// Variables beside those that the wrapper has; later ones win.
    pub(super) env: Vec<(OsString, OsString)>,
    /// The folder to run in.
    pub(super) working_dir: PathBuf,
    /// What it reads.
    pub(super) inputs: Vec<InputEnds>,
    /// Its stdout is a stream, with a pipe of its own.
    pub(super) has_stdout: bool,
}

/// Which ends of an input come with a launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InputEnds {
    /// The descriptor that the step finds it under.
    pub(super) fd: u32,
    /// The wrapper gets the writing end as well, and keeps it until it is told to let go.
    pub(super) is_held: bool,
}

impl std::fmt::Debug for Launch {
    /// Its environment may have secrets in it, and so may its words.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Launch").field("inputs", &self.inputs).finish_non_exhaustive()
    }
}

impl Launch {
    /// Returns how many descriptors come with it.
    pub(super) fn descriptors(&self) -> usize {
        let held = self.inputs.iter().filter(|input| input.is_held).count();
        self.inputs.len() + held + usize::from(self.has_stdout) + 1
    }
}

impl WrapperMessage {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Hello(Hello { protocol, step, pid, uid, token }) => {
                out.push(b'h');
                [*protocol, *pid, *uid].into_iter().for_each(|number| put(&mut out, number));
                put_bytes(&mut out, step.as_bytes());
                out.push(u8::from(token.is_some()));
                token.iter().for_each(|token| put_bytes(&mut out, token.as_bytes()));
            }
            Self::Started { pid } => numbered(&mut out, b's', *pid),
            Self::NotStarted(why) => texted(&mut out, b'n', why),
            Self::Exited(code) => numbered(&mut out, b'e', code.cast_unsigned()),
            Self::Killed(signal) => numbered(&mut out, b'k', signal.cast_unsigned()),
            Self::OutOfMemory => out.push(b'm'),
            Self::Signalled(signal) => numbered(&mut out, b't', signal.cast_unsigned()),
        }
        out
    }

    /// Reads one message; `None` if it is not a message. Of a hello in another protocol only the protocol is read.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = Rest(bytes);
        let message = match rest.byte()? {
            b'h' => {
                let protocol = rest.number()?;
                if protocol != WRAPPER_PROTOCOL {
                    let (step, token) = (String::new(), None);
                    return Some(Self::Hello(Hello { protocol, step, pid: 0, uid: 0, token }));
                }
                let (pid, uid, step) = (rest.number()?, rest.number()?, rest.text()?);
                let token = if rest.flag()? { Some(rest.text()?) } else { None };
                Self::Hello(Hello { protocol, step, pid, uid, token })
            }
            b's' => Self::Started { pid: rest.number()? },
            b'n' => Self::NotStarted(rest.text()?),
            b'e' => Self::Exited(rest.number()?.cast_signed()),
            b'k' => Self::Killed(rest.number()?.cast_signed()),
            b'm' => Self::OutOfMemory,
            b't' => Self::Signalled(rest.number()?.cast_signed()),
            _ => return None,
        };
        rest.is_empty().then_some(message)
    }
}

impl ConductorMessage {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Go(Launch { words, env, working_dir, inputs, has_stdout }) => {
                out.push(b'g');
                put_length(&mut out, words.len());
                words.iter().for_each(|word| put_bytes(&mut out, word.as_bytes()));
                put_length(&mut out, env.len());
                for (name, value) in env {
                    put_bytes(&mut out, name.as_bytes());
                    put_bytes(&mut out, value.as_bytes());
                }
                put_bytes(&mut out, working_dir.as_os_str().as_bytes());
                put_length(&mut out, inputs.len());
                for InputEnds { fd, is_held } in inputs {
                    put(&mut out, *fd);
                    out.push(u8::from(*is_held));
                }
                out.push(u8::from(*has_stdout));
            }
            Self::Refused(why) => texted(&mut out, b'r', why),
            Self::Eof(input) => numbered(&mut out, b'e', *input),
            Self::Terminate => out.push(b't'),
            Self::Kill => out.push(b'k'),
            Self::Bye => out.push(b'b'),
        }
        out
    }

    /// Reads one message; `None` if it is not a message.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = Rest(bytes);
        let message = match rest.byte()? {
            b'g' => Self::Go(Launch {
                words: rest.list(Rest::os_text)?,
                env: rest.list(|rest| Some((rest.os_text()?, rest.os_text()?)))?,
                working_dir: rest.os_text()?.into(),
                inputs: rest.list(|rest| Some(InputEnds { fd: rest.number()?, is_held: rest.flag()? }))?,
                has_stdout: rest.flag()?,
            }),
            b'r' => Self::Refused(rest.text()?),
            b'e' => Self::Eof(rest.number()?),
            b't' => Self::Terminate,
            b'k' => Self::Kill,
            b'b' => Self::Bye,
            _ => return None,
        };
        rest.is_empty().then_some(message)
    }
}

fn put(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

/// What is too long for its length to be said is too long for a message, which the sender refuses.
fn put_length(out: &mut Vec<u8>, length: usize) {
    put(out, u32::try_from(length).unwrap_or(u32::MAX));
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn numbered(out: &mut Vec<u8>, kind: u8, number: u32) {
    out.push(kind);
    put(out, number);
}

fn texted(out: &mut Vec<u8>, kind: u8, text: &str) {
    out.push(kind);
    put_bytes(out, text.as_bytes());
}

/// What of a message has not been read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(length as usize)
    }

    fn text(&mut self) -> Option<String> {
        Some(std::str::from_utf8(self.bytes()?).ok()?.to_owned())
    }

    fn os_text(&mut self) -> Option<OsString> {
        Some(OsString::from_vec(OsStr::from_bytes(self.bytes()?).as_bytes().to_vec()))
    }

    /// Reads a list. Each item takes bytes, so that a length which is a lie costs nothing.
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        (0..self.number()?).map(|_| item(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn os_text() -> impl Strategy<Value = OsString> {
        vec(any::<u8>(), 0..20).prop_map(OsString::from_vec)
    }

    fn launch() -> impl Strategy<Value = Launch> {
        let inputs =
            vec((any::<u32>(), any::<bool>()).prop_map(|(fd, is_held)| InputEnds { fd, is_held }), 0..5);
        let env = vec((os_text(), os_text()), 0..5);
        (vec(os_text(), 0..5), env, os_text(), inputs, any::<bool>()).prop_map(
            |(words, env, dir, inputs, has_stdout)| Launch {
                words,
                env,
                working_dir: dir.into(),
                inputs,
                has_stdout,
            },
        )
    }

    fn of_conductor() -> impl Strategy<Value = ConductorMessage> {
        prop_oneof![
            launch().prop_map(ConductorMessage::Go),
            any::<String>().prop_map(ConductorMessage::Refused),
            any::<u32>().prop_map(ConductorMessage::Eof),
            Just(ConductorMessage::Terminate),
            Just(ConductorMessage::Kill),
            Just(ConductorMessage::Bye),
        ]
    }

    fn of_wrapper() -> impl Strategy<Value = WrapperMessage> {
        let hello = (any::<String>(), any::<u32>(), any::<u32>(), any::<Option<String>>())
            .prop_map(|(step, pid, uid, token)| Hello { protocol: WRAPPER_PROTOCOL, step, pid, uid, token });
        prop_oneof![
            hello.prop_map(WrapperMessage::Hello),
            any::<u32>().prop_map(|pid| WrapperMessage::Started { pid }),
            any::<String>().prop_map(WrapperMessage::NotStarted),
            any::<i32>().prop_map(WrapperMessage::Exited),
            any::<i32>().prop_map(WrapperMessage::Killed),
            Just(WrapperMessage::OutOfMemory),
            any::<i32>().prop_map(WrapperMessage::Signalled),
        ]
    }

    proptest! {
        #[test]
        fn what_is_said_is_understood(one in of_conductor(), other in of_wrapper()) {
            prop_assert_eq!(ConductorMessage::decode(&one.encode()), Some(one));
            prop_assert_eq!(WrapperMessage::decode(&other.encode()), Some(other));
        }

        #[test]
        fn what_is_cut_or_too_long_is_no_message(one in of_conductor(), other in of_wrapper(), cut in any::<prop::sample::Index>()) {
            for (bytes, is_conductors) in [(one.encode(), true), (other.encode(), false)] {
                let understood = |bytes: &[u8]| match is_conductors {
                    true => ConductorMessage::decode(bytes).is_some(),
                    false => WrapperMessage::decode(bytes).is_some(),
                };
                prop_assert!(!understood(&bytes[..cut.index(bytes.len())]));
                prop_assert!(!understood(&[&bytes[..], b"x"].concat()));
            }
        }

        #[test]
        fn garbage_is_no_reason_to_panic(bytes in vec(any::<u8>(), 0..64)) {
            let _ = ConductorMessage::decode(&bytes);
            let _ = WrapperMessage::decode(&bytes);
        }
    }

    #[test]
    fn a_length_that_is_a_lie_costs_nothing() {
        let lie = [b"g".as_slice(), &u32::MAX.to_le_bytes()].concat();
        assert_eq!(ConductorMessage::decode(&lie), None);
    }

    #[test]
    fn of_another_protocol_the_number_is_understood() {
        let mut bytes = vec![b'h'];
        put(&mut bytes, 7);
        bytes.extend_from_slice(b"whatever comes then");
        let Some(WrapperMessage::Hello(hello)) = WrapperMessage::decode(&bytes) else { panic!("no hello") };
        assert_eq!(hello.protocol, 7);
    }
}
