//! Tokens that no step can guess.

use std::fmt::Write as _;
use std::io;

/// 128 random bits in hexadecimal.
///
/// # Errors
/// The system has none to give.
pub fn random() -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().fold(String::new(), |mut token, byte| {
        let _ = write!(token, "{byte:02x}"); // writing to a string cannot fail
        token
    }))
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_two_are_the_same() {
        let [one, other] = [super::random().unwrap(), super::random().unwrap()];
        assert_eq!((one.len(), other.len()), (32, 32));
        assert_ne!(one, other);
    }
}
