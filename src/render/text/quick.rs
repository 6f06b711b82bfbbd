//! Lines with a prefix, eight bytes at a time.
//!
//! Most output of steps is short lines that need no care, and there may be millions of them. The program is
//! built for size, where compilers leave a loop over bytes as it is, and to call for the copy of a few bytes
//! takes longer than to copy some more: so bytes are looked at and moved in words, and what is too much is
//! overwritten by what follows.

use super::needs_care;

/// One in each byte of a word.
const EACH: u64 = 0x0101_0101_0101_0101;
/// All bits of each byte but the highest. Sums of these do not carry over into the next byte.
const LOW: u64 = 0x7f * EACH;
/// The highest bit of each byte: what the tests below answer with.
const HIGH: u64 = 0x80 * EACH;

/// What is moved for a prefix that is no longer than that.
const SHORT: usize = 48;

/// Appends each line of `chunk` to `out` as [`prefix_lines`](super::prefix_lines) does, if nothing in it
/// needs care. Returns whether it has; if not, `out` is unchanged.
pub(super) fn prefix_clean_lines(prefix: &[u8], chunk: &[u8], out: &mut Vec<u8>) -> bool {
    let (before, lines) = (out.len(), 1 + memchr::memchr_iter(b'\n', chunk).count());
    out.resize(before + chunk.len() + lines * (prefix.len() + 1) + SHORT, 0);
    let mut to = Writer { room: out, at: before };
    let begin = short(prefix);
    let begins_line = |to: &mut Writer<'_>| match begin {
        Some(begin) => to.put(begin, prefix.len()),
        None => prefix.iter().for_each(|byte| to.put([*byte], 1)),
    };
    begins_line(&mut to);
    let (words, rest) = chunk.as_chunks();
    let mut doubts = 0;
    for word in words {
        let mut word = u64::from_le_bytes(*word);
        let mut ends = equal(word, b'\n');
        doubts |= care(word);
        let mut left = 8;
        while ends != 0 {
            let bits = ends.trailing_zeros() + 1;
            let taken = bits as usize / 8;
            to.put(word.to_le_bytes(), taken);
            begins_line(&mut to);
            (word, ends) = (word.checked_shr(bits).unwrap_or(0), ends.checked_shr(bits).unwrap_or(0));
            left -= taken;
        }
        to.put(word.to_le_bytes(), left);
    }
    for &byte in rest {
        doubts |= u64::from(needs_care(byte));
        to.put([byte], 1);
        if byte == b'\n' {
            begins_line(&mut to);
        }
    }
    let end = to.at;
    match doubts {
        0 if chunk.is_empty() || chunk.ends_with(b"\n") => out.truncate(end - prefix.len()),
        0 => {
            out.truncate(end);
            out.push(b'\n');
        }
        _ => out.truncate(before),
    }
    doubts == 0
}

/// Returns a prefix with something behind it, if it is short.
fn short(prefix: &[u8]) -> Option<[u8; SHORT]> {
    let mut padded = [0; SHORT];
    padded.get_mut(..prefix.len())?.copy_from_slice(prefix);
    Some(padded)
}

/// Where lines are put together.
struct Writer<'a> {
    room: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    /// Writes all of `bytes`, of which the first `length` count.
    fn put<const N: usize>(&mut self, bytes: [u8; N], length: usize) {
        if let Some(room) = self.room.get_mut(self.at..).and_then(|room| room.first_chunk_mut()) {
            *room = bytes;
        }
        self.at += length;
    }
}

/// Returns which bytes of a word [need care](needs_care).
fn care(word: u64) -> u64 {
    let control = !(((word & LOW) + 0x60 * EACH) | word) & HIGH;
    (control & !equal(word, b'\t') & !equal(word, b'\n')) | equal(word, 0x7f) | equal(word, 0xc2)
}

/// Returns which bytes of a word are this one.
fn equal(word: u64, byte: u8) -> u64 {
    let unlike = word ^ (u64::from(byte) * EACH);
    !(((unlike & LOW) + LOW) | unlike) & HIGH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns what a byte at a time makes of it.
    fn slowly(prefix: &[u8], chunk: &[u8]) -> Option<Vec<u8>> {
        if chunk.iter().any(|byte| needs_care(*byte)) {
            return None;
        }
        let lines = chunk.split_inclusive(|byte| *byte == b'\n');
        let whole = |line: &[u8]| [prefix, line.strip_suffix(b"\n").unwrap_or(line), b"\n"].concat();
        Some(lines.flat_map(whole).collect())
    }

    fn quickly(prefix: &[u8], chunk: &[u8]) -> Option<Vec<u8>> {
        let mut out = b"before".to_vec();
        let clean = prefix_clean_lines(prefix, chunk, &mut out);
        let added = out.strip_prefix(b"before").unwrap();
        assert!(clean || added.is_empty());
        clean.then(|| added.to_vec())
    }

    #[test]
    fn each_byte_is_known_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for at in 0..19 {
                let mut chunk = *b"some words\nand more";
                chunk[at] = byte;
                assert_eq!(quickly(b"> ", &chunk), slowly(b"> ", &chunk), "{byte:#x} at {at}");
            }
        }
    }

    #[test]
    fn a_prefix_may_be_long() {
        for length in [SHORT, SHORT + 1, 10 * SHORT] {
            let prefix = vec![b'x'; length];
            assert_eq!(quickly(&prefix, b"a\n\nb"), slowly(&prefix, b"a\n\nb"));
        }
    }

    proptest! {
        #[test]
        fn it_is_the_same_as_a_byte_at_a_time(prefix in "[a-z |]{0,32}", chunk in "[ -~äß国\t\n\n\n]{0,60}") {
            prop_assert_eq!(quickly(prefix.as_bytes(), chunk.as_bytes()), slowly(prefix.as_bytes(), chunk.as_bytes()));
        }
    }
}
