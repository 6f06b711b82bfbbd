//! Frames of a WebSocket, as a client sends and gets them (RFC 6455).

use bytes::{Buf as _, Bytes, BytesMut};

/// The largest frame that is taken: servers send less.
const LARGEST: u64 = 4 << 20;

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    /// More of the message before.
    Continued,
    /// Text.
    Text,
    /// Bytes.
    Binary,
    /// The end.
    Close,
    /// Asks for an answer.
    Ping,
    /// The answer.
    Pong,
}

/// Why bytes are no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum WebSocketError {
    /// A kind that there is not.
    #[error("a frame of the unknown kind {0}")]
    Kind(u8),
    /// More than is taken.
    #[error("a frame of {0} bytes")]
    TooLarge(u64),
    /// A server must not mask what it sends.
    #[error("a masked frame")]
    Masked,
}

impl FrameKind {
    fn of(number: u8) -> Result<Self, WebSocketError> {
        Ok(match number {
            0 => Self::Continued,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            other => return Err(WebSocketError::Kind(other)),
        })
    }

    fn number(self) -> u8 {
        match self {
            Self::Continued => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }
}

/// Appends a whole message in one frame. Its bytes are those of the parts, one after another.
pub(super) fn encode(kind: FrameKind, parts: &[&[u8]], mask: [u8; 4], out: &mut Vec<u8>) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.push(0x80 | kind.number());
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => out.push(0x80 | short),
        (_, Ok(middle)) => {
            out.push(0x80 | 126);
            out.extend_from_slice(&middle.to_be_bytes());
        }
        (_, Err(_)) => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    let bytes = parts.iter().flat_map(|part| part.iter());
    out.extend(bytes.zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// Takes a frame off the front of what has come; nothing if it is not all there yet.
pub(super) fn decode(buffer: &mut BytesMut) -> Result<Option<(FrameKind, Bytes)>, WebSocketError> {
    let [first, second, ..] = **buffer else { return Ok(None) };
    let kind = FrameKind::of(first & 0x0f)?;
    if second & 0x80 != 0 {
        return Err(WebSocketError::Masked);
    }
    let (head, length) = match (second & 0x7f, &buffer[2..]) {
        (126, [a, b, ..]) => (4, u64::from(u16::from_be_bytes([*a, *b]))),
        (127, [a, b, c, d, e, f, g, h, ..]) => (10, u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h])),
        (126 | 127, _) => return Ok(None),
        (short, _) => (2, u64::from(short)),
    };
    if length > LARGEST {
        return Err(WebSocketError::TooLarge(length));
    }
    let length = usize::try_from(length).map_err(|_| WebSocketError::TooLarge(length))?;
    if buffer.len() < head + length {
        return Ok(None);
    }
    buffer.advance(head);
    Ok(Some((kind, buffer.split_to(length).freeze())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a server would have sent: without a mask.
    fn unmasked(frame: &[u8]) -> Vec<u8> {
        let head = match frame[1] & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        let mask = &frame[head..head + 4];
        let mut out = frame[..head].to_vec();
        out[1] &= 0x7f;
        out.extend(frame[head + 4..].iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        out
    }

    proptest! {
        #[test]
        fn a_frame_comes_out_as_it_went_in(bytes in proptest::collection::vec(any::<u8>(), 0..70_000), mask: [u8; 4], cut in 0..100_usize) {
            let mut out = Vec::new();
            encode(FrameKind::Binary, &[&[7], &bytes], mask, &mut out);
            let sent = unmasked(&out);
            let cut = sent.len() * cut / 100;
            let mut buffer = BytesMut::from(&sent[..cut]);
            prop_assert_eq!(decode(&mut buffer), Ok(None));
            buffer.extend_from_slice(&sent[cut..]);
            let (kind, payload) = decode(&mut buffer).unwrap().unwrap();
            prop_assert_eq!((kind, payload[0], &payload[1..]), (FrameKind::Binary, 7, &bytes[..]));
            prop_assert!(buffer.is_empty());
        }

        #[test]
        fn garbage_is_an_error_or_waits(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(&mut BytesMut::from(&bytes[..]));
        }
    }

    #[test]
    fn what_no_server_may_send_is_refused() {
        let of = |bytes: &[u8]| decode(&mut BytesMut::from(bytes));
        assert_eq!(of(&[0x83, 0]), Err(WebSocketError::Kind(3)));
        assert_eq!(of(&[0x82, 0x80, 0, 0, 0, 0]), Err(WebSocketError::Masked));
        assert_eq!(of(&[0x82, 127, 255, 0, 0, 0, 0, 0, 0, 0]), Err(WebSocketError::TooLarge(0xff << 56)));
    }
}
