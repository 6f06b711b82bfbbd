//! Where the C library of a static binary looks up names. Its own way is to load whatever modules `/etc/nsswitch.conf` asks
//! for; they bring another copy of the library with them, and the process crashes.

use std::ffi::{CStr, c_char, c_int};

/// For the names of machines and of users.
const SERVICES: [(&CStr, &CStr); 2] = [(c"hosts", c"files dns"), (c"passwd", c"files")];

unsafe extern "C" {
    fn __nss_configure_lookup(database: *const c_char, services: *const c_char) -> c_int;
}

/// Keeps to what is built into the library. For the start of the process, when nobody looks anything up yet.
pub(super) fn keep_to_what_is_built_in() {
    for (database, services) in SERVICES {
        // SAFETY: both are C strings that live for ever, and the library only reads them. It fails where there is no memory
        // or such a service, and then leaves all as it was.
        unsafe { __nss_configure_lookup(database.as_ptr(), services.as_ptr()) };
    }
}
