//! What goes over the channel of the link itself.

use serde::{Deserialize, Serialize};

use super::frame::{CONTROL, Frame, Parcel, ParcelKind};
use super::version::ProgramVersion;

/// The last number that arrived on each channel.
pub(super) type Numbers = Vec<(u16, u64)>;

/// So many channels fit into one message.
pub(super) const MOST_NUMBERS: usize = 4000;

/// A message of the link itself. The greetings keep their form in every version: they are read before it is known
/// that both ends are of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Control {
    /// The first message of a connection, from the end that has connected.
    Hello(Hello),
    /// The answer to it.
    Welcome(Welcome),
    /// The other answer: the link is refused for good.
    Refused(Refusal),
    /// After a greeting: what has arrived on further channels.
    Arrived(Numbers),
    /// Up to which number the parcels of these channels have been taken.
    Taken(Numbers),
    /// The peer is there.
    Beat,
    /// The link has ended, for this reason.
    Bye(String),
}

/// What the end that has connected says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Which program it is.
    #[serde(flatten)]
    pub program: ProgramVersion,
    /// The name of the session: a connection with the same name goes on with it.
    pub session: String,
    /// The name of its gang, if it is a conductor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gang: Option<String>,
    /// What has arrived in the session so far.
    #[serde(flatten)]
    pub(super) arrived: ArrivedSoFar,
}

/// What has arrived in a session, in a greeting and the messages after it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ArrivedSoFar {
    /// The first channels.
    #[serde(default)]
    arrived: Numbers,
    /// How many messages with further channels follow.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) further: usize,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl ArrivedSoFar {
    /// Returns what a greeting holds, and what follows it.
    pub(super) fn split(numbers: &Numbers) -> (Self, Vec<Control>) {
        let mut chunks = numbers.chunks(MOST_NUMBERS).map(<[_]>::to_vec);
        let arrived = chunks.next().unwrap_or_default();
        let rest: Vec<Control> = chunks.map(Control::Arrived).collect();
        (Self { arrived, further: rest.len() }, rest)
    }

    /// Adds one message of those that follow.
    pub(super) fn add(&mut self, numbers: Numbers) {
        self.arrived.extend(numbers);
        self.further = self.further.saturating_sub(1);
    }

    /// Returns all that there is.
    pub(super) fn numbers(&self) -> &Numbers {
        &self.arrived
    }
}

/// What the end that was connected to says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Welcome {
    #[serde(flatten)]
    pub(super) program: ProgramVersion,
    /// The run's lease in milliseconds.
    pub(super) lease: u64,
    #[serde(flatten)]
    pub(super) arrived: ArrivedSoFar,
}

/// Why a link is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refusal {
    #[serde(flatten)]
    pub(super) program: ProgramVersion,
    /// The reason; none if it is the program's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
}

impl Control {
    pub(super) fn frame(&self) -> Result<Frame, serde_json::Error> {
        let parcel = Parcel { kind: ParcelKind::Last, bytes: serde_json::to_vec(self)?.into() };
        Ok(Frame { channel: CONTROL, number: 0, parcel })
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::frame::MOST_PAYLOAD;
    use super::*;

    #[test]
    fn greetings_have_a_form_that_stays() {
        let program = ProgramVersion { protocol: 1, version: "0.3.0".into(), commit: "abc".into() };
        let hello = Hello {
            program: program.clone(),
            session: "5e".into(),
            gang: None,
            arrived: ArrivedSoFar::split(&vec![(1, 7)]).0,
        };
        let text =
            |control: Control| String::from_utf8(control.frame().unwrap().parcel.bytes.to_vec()).unwrap();
        assert_eq!(
            text(Control::Hello(hello)),
            r#"{"hello":{"protocol":1,"version":"0.3.0","commit":"abc","session":"5e","arrived":[[1,7]]}}"#
        );
        assert_eq!(
            text(Control::Refused(Refusal { program, why: None })),
            r#"{"refused":{"protocol":1,"version":"0.3.0","commit":"abc"}}"#
        );
        // A later version may say more.
        let later = br#"{"hello":{"protocol":2,"version":"1.0.0","commit":"","session":"x","moon":"full"}}"#;
        assert!(matches!(Control::parse(later), Ok(Control::Hello(hello)) if hello.program.protocol == 2));
    }

    #[test]
    fn the_numbers_of_all_channels_there_can_be_fit_into_messages() {
        let numbers: Numbers = (0..u16::MAX).map(|channel| (channel, u64::MAX)).collect();
        let (mut so_far, rest) = ArrivedSoFar::split(&numbers);
        assert_eq!(so_far.further, rest.len());
        for control in rest {
            assert!(control.frame().unwrap().parcel.bytes.len() <= MOST_PAYLOAD);
            let Control::Arrived(numbers) = control else { panic!("{control:?}") };
            so_far.add(numbers);
        }
        assert_eq!((so_far.numbers(), so_far.further), (&numbers, 0));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = Control::parse(&bytes);
        }
    }
}
