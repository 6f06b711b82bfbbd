//! Names from a journal, which may come from anywhere.

use std::borrow::Cow;

/// Takes the control characters out: a terminal would act on them, and no name needs one.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    match text.contains(char::is_control) {
        true => text.replace(char::is_control, "").into(),
        false => text.into(),
    }
}
