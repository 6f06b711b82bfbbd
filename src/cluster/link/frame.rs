//! The frames of the link: the smallest unit that is numbered, acknowledged and sent again.
//!
//! ```text
//! channel u16 | number u64 | kind and length u32 | payload
//! ```
//!
//! All numbers are big-endian. The two highest bits of the last one are the kind, the others the length.

use bytes::Bytes;

/// The channel of the link itself: it is neither numbered nor acknowledged.
pub const CONTROL: u16 = 0;
/// The channel of files.
pub const FILES: u16 = 2;

/// The bytes before a payload.
const HEADER: usize = 14;
/// The most bytes of one payload.
pub const MOST_PAYLOAD: usize = 128 * 1024;

const KIND_AT: u32 = 30;
const LENGTH: u32 = (1 << KIND_AT) - 1;

/// A parcel of a channel under its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The channel.
    pub channel: u16,
    /// The parcel's number in its channel: 1 for the first. Frames of [`CONTROL`] all have 0.
    pub number: u64,
    /// The parcel.
    pub parcel: Parcel,
}

/// What a channel carries: a message, whole or in parcels, or the channel's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// What follows the parcel.
    pub kind: ParcelKind,
    /// The bytes.
    pub bytes: Bytes,
}

/// What follows a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParcelKind {
    /// The next parcel of the same message.
    Part,
    /// The next message: this is the last parcel of one.
    Last,
    /// Nothing: the channel has ended. The bytes say why; there are none if the sender was done.
    End,
}

/// Bytes that are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The payload would be too long.
    #[error("a frame of {0} bytes is longer than a frame can be")]
    TooLong(u32),
    /// The kind of the parcel has no meaning.
    #[error("a frame is of an unknown kind")]
    UnknownKind,
}

impl Parcel {
    /// Makes the end of a channel, with the reason for it, or without one if the sender was done.
    pub fn end(why: &str) -> Self {
        let mut most = why.len().min(MOST_PAYLOAD);
        while !why.is_char_boundary(most) {
            most -= 1;
        }
        let bytes = Bytes::copy_from_slice(why.as_bytes().get(..most).unwrap_or_default());
        Self { kind: ParcelKind::End, bytes }
    }

    /// Cuts a message into parcels, at least one.
    pub fn of(message: Vec<u8>) -> impl Iterator<Item = Self> {
        let mut rest = Some(Bytes::from(message));
        std::iter::from_fn(move || {
            let mut bytes = rest.take()?;
            if bytes.len() <= MOST_PAYLOAD {
                return Some(Self { kind: ParcelKind::Last, bytes });
            }
            rest = Some(bytes.split_off(MOST_PAYLOAD));
            Some(Self { kind: ParcelKind::Part, bytes })
        })
    }

    /// Returns the text of an end; bytes that are no text are shown as such.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl Frame {
    /// Appends the frame's bytes. A payload has [`MOST_PAYLOAD`] bytes at the most.
    pub fn encode(&self, into: &mut Vec<u8>) {
        let kind = match self.parcel.kind {
            ParcelKind::Last => 0,
            ParcelKind::Part => 1,
            ParcelKind::End => 2,
        };
        let payload = self.parcel.bytes.get(..MOST_PAYLOAD).unwrap_or(&self.parcel.bytes);
        let length = u32::try_from(payload.len()).unwrap_or_default();
        into.reserve(HEADER + payload.len());
        into.extend(self.channel.to_be_bytes());
        into.extend(self.number.to_be_bytes());
        into.extend((kind << KIND_AT | length).to_be_bytes());
        into.extend(payload);
    }

    /// Reads the frame that bytes begin with, and tells how many bytes it has; nothing if it is not all there.
    ///
    /// # Errors
    /// If the bytes begin with no frame. That shows as soon as the header is there.
    pub fn decode(bytes: &[u8]) -> Result<Option<(Self, usize)>, FrameError> {
        let Some((&channel, rest)) = bytes.split_first_chunk() else { return Ok(None) };
        let Some((&number, rest)) = rest.split_first_chunk() else { return Ok(None) };
        let Some((&word, rest)) = rest.split_first_chunk() else { return Ok(None) };
        let word = u32::from_be_bytes(word);
        let kind = match word >> KIND_AT {
            0 => ParcelKind::Last,
            1 => ParcelKind::Part,
            2 => ParcelKind::End,
            _ => return Err(FrameError::UnknownKind),
        };
        let length = word & LENGTH;
        let payload = usize::try_from(length).unwrap_or(usize::MAX);
        if payload > MOST_PAYLOAD {
            return Err(FrameError::TooLong(length));
        }
        let Some(payload) = rest.get(..payload) else { return Ok(None) };
        let parcel = Parcel { kind, bytes: Bytes::copy_from_slice(payload) };
        let size = HEADER + payload.len();
        let (channel, number) = (u16::from_be_bytes(channel), u64::from_be_bytes(number));
        Ok(Some((Self { channel, number, parcel }, size)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds() -> impl Strategy<Value = ParcelKind> {
        prop_oneof![Just(ParcelKind::Part), Just(ParcelKind::Last), Just(ParcelKind::End)]
    }

    fn frames() -> impl Strategy<Value = Frame> {
        let payload = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            Just(vec![7; MOST_PAYLOAD - 1]),
            Just(vec![8; MOST_PAYLOAD])
        ];
        (any::<u16>(), any::<u64>(), kinds(), payload).prop_map(|(channel, number, kind, bytes)| Frame {
            channel,
            number,
            parcel: Parcel { kind, bytes: bytes.into() },
        })
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in(frames in prop::collection::vec(frames(), 0..6), cut in any::<prop::sample::Index>()) {
            let mut bytes = Vec::new();
            frames.iter().for_each(|frame| frame.encode(&mut bytes));
            let mut rest = bytes.as_slice();
            for frame in &frames {
                let (found, size) = Frame::decode(rest).unwrap().unwrap();
                prop_assert_eq!(&found, frame);
                // However much of it is missing, it is waited for.
                prop_assert_eq!(Frame::decode(&rest[..cut.index(size)]), Ok(None));
                rest = &rest[size..];
            }
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn any_bytes_are_a_frame_a_beginning_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(Some((frame, size))) = Frame::decode(&bytes) {
                let mut again = Vec::new();
                frame.encode(&mut again);
                prop_assert_eq!(&again, &bytes[..size]);
            }
        }

        #[test]
        fn a_message_is_the_sum_of_its_pieces(length in 0..3 * MOST_PAYLOAD) {
            let message: Vec<u8> = (0_u32..).map(|n| n.to_le_bytes()[0]).take(length).collect();
            let parcels: Vec<Parcel> = Parcel::of(message.clone()).collect();
            let (last, parts) = parcels.split_last().unwrap();
            prop_assert_eq!(last.kind, ParcelKind::Last);
            prop_assert!(parts.iter().all(|part| part.kind == ParcelKind::Part));
            prop_assert!(parcels.iter().all(|parcel| parcel.bytes.len() <= MOST_PAYLOAD));
            prop_assert_eq!(parcels.iter().flat_map(|parcel| parcel.bytes.to_vec()).collect::<Vec<_>>(), message);
        }
    }

    #[test]
    fn a_length_over_the_limit_is_refused_before_its_bytes_are_there() {
        let mut bytes = vec![0; 10];
        bytes.extend((MOST_PAYLOAD as u32 + 1).to_be_bytes());
        assert_eq!(Frame::decode(&bytes), Err(FrameError::TooLong(MOST_PAYLOAD as u32 + 1)));
        let mut bytes = vec![0; 10];
        bytes.extend((3_u32 << KIND_AT).to_be_bytes());
        assert_eq!(Frame::decode(&bytes), Err(FrameError::UnknownKind));
    }

    #[test]
    fn an_endless_reason_is_cut_between_characters() {
        let end = Parcel::end(&"ü".repeat(MOST_PAYLOAD));
        assert!(end.bytes.len() <= MOST_PAYLOAD && end.text().chars().all(|c| c == 'ü'));
    }
}
