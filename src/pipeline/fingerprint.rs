//! What the result of a step depends on.

use std::collections::BTreeMap;

/// What a step's result depends on: for each part its name, such as `command`, and a keyed hash of it. Two
/// attempts with the same fingerprint did the same, as far as `pipe` can see.
pub type Fingerprint = BTreeMap<String, String>;
