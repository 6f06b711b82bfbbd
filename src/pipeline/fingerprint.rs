//! What the result of a step hangs on.

use std::collections::BTreeMap;

/// What a step's result hangs on, part by part: the part's name, such as `command`, and a keyed hash of it. Two attempts
/// with the same fingerprint did the same, as far as can be told.
pub type Fingerprint = BTreeMap<String, String>;
