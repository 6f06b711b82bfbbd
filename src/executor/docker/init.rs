//! What the engine's init says in place of a step's program that it does not find. The engine itself does not
//! look for it.

use std::borrow::Cow;

use super::refusal::no_program;

/// The beginning of what a container says on stderr, which may be the engine's init in place of the step's
/// program. It is held back for as long as it may turn out to be that: it comes in pieces.
#[derive(Default)]
pub(super) struct Opening {
    pub(super) held: Vec<u8>,
    is_over: bool,
}

/// How the engine's init begins, and how it ends where it does not find the program.
const INIT_SAYS: &[u8] = b"[FATAL tini (";

impl Opening {
    /// What to pass on, now that this came.
    pub(super) fn take<'a>(&mut self, message: &'a [u8], image: &str) -> Cow<'a, [u8]> {
        if self.is_over {
            return message.into();
        }
        self.held.extend_from_slice(message);
        let shared = self.held.len().min(INIT_SAYS.len());
        let may_be = self.held.get(..shared) == INIT_SAYS.get(..shared);
        if may_be && !self.held.ends_with(b"\n") {
            return Cow::Borrowed(&[]);
        }
        self.is_over = true;
        let said = std::mem::take(&mut self.held);
        match missing_program(&said) {
            Some(program) => (no_program(image, program) + "\n").into_bytes().into(),
            None => said.into(),
        }
    }
}

/// The program that the image does not have, if that is what the engine's init says: `[FATAL tini (7)] exec
/// sh failed: No such file or directory`.
fn missing_program(said: &[u8]) -> Option<&str> {
    let said = std::str::from_utf8(said).ok()?.trim_end();
    let (_, said) = said.strip_prefix("[FATAL tini (")?.split_once(")] exec ")?;
    said.strip_suffix(" failed: No such file or directory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_init_says_in_pieces_is_understood() {
        let mut opening = Opening::default();
        let pieces = ["[FATAL", " tini (7)] ", "exec sh failed: No such file or directory", "\n", "more\n"];
        let passed: Vec<_> =
            pieces.iter().map(|piece| opening.take(piece.as_bytes(), "x:1").into_owned()).collect();
        let passed = String::from_utf8(passed.concat()).unwrap();
        assert!(
            passed.starts_with("the image `x:1` has no `sh`") && passed.ends_with("\nmore\n"),
            "{passed}"
        );
        let mut opening = Opening::default();
        assert_eq!(&*opening.take(b"[FATAL", "x:1"), b"");
        assert_eq!(&*opening.take(b" error] of the step's own", "x:1"), b"[FATAL error] of the step's own");
    }

    #[test]
    fn a_missing_program_is_told_from_what_a_step_says() {
        let said = |text: &'static str| missing_program(text.as_bytes());
        assert_eq!(said("[FATAL tini (7)] exec sh failed: No such file or directory\n"), Some("sh"));
        assert_eq!(said("[FATAL tini (7)] exec sh failed: Permission denied\n"), None);
        assert_eq!(said("sh: No such file or directory\n"), None);
    }
}
