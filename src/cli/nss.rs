//! Name lookups of the static binary. glibc loads a shared library for each service that `/etc/nsswitch.conf`
//! names. In a static binary these libraries bring a second copy of glibc with them, and the process crashes.
//! So the static binary uses the services that are linked into it, whatever the file says.

use std::ffi::{CStr, c_char, c_int};

/// Databases of glibc, and the services for each.
const SERVICES: [(&CStr, &CStr); 2] = [(c"hosts", c"files dns"), (c"passwd", c"files")];

unsafe extern "C" {
    fn __nss_configure_lookup(database: *const c_char, services: *const c_char) -> c_int;
}

/// Selects the built-in services. To be called at the start of the process, before any lookup.
pub(super) fn use_built_in_services() {
    for (database, services) in SERVICES {
        // SAFETY: both are static C strings, which glibc only reads. It fails if it has no memory or no such
        // service, and then changes nothing.
        unsafe { __nss_configure_lookup(database.as_ptr(), services.as_ptr()) };
    }
}
