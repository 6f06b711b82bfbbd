//! Which of the standard streams were closed when this process was started.
//!
//! The standard library opens `/dev/null` in the place of a closed one before `main`, so that what is written
//! there vanishes without an error. Afterwards such a stream looks like one that a caller has redirected to
//! `/dev/null`. So this module looks before it.

use std::os::fd::{BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

static CLOSED: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];

/// What the loader calls before everything else.
// SAFETY: the section is the place for functions of this kind, and the loader calls each once, with the
// process's one thread.
#[used]
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
static LOOK: extern "C" fn() = look;

extern "C" fn look() {
    for (number, closed) in (0..).zip(&CLOSED) {
        // SAFETY: the descriptor is only asked about, which is harmless for one that is not open.
        let stream = unsafe { BorrowedFd::borrow_raw(number) };
        closed.store(rustix::io::fcntl_getfd(stream).is_err(), Ordering::Relaxed);
    }
}

/// Returns whether the standard stream of this number was closed.
pub(super) fn was_closed(number: RawFd) -> bool {
    let known = usize::try_from(number).ok().and_then(|number| CLOSED.get(number));
    known.is_some_and(|closed| closed.load(Ordering::Relaxed))
}
