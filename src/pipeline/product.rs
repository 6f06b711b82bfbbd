//! Files that steps produce.

/// A file that a step has promised with `produces`, as it was when the step had succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The path, relative to the step's working directory where it lies in that.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in lower-case hexadecimal digits.
    pub sha256: String,
    /// The step has not touched it: an earlier run or another program has made it.
    pub unchanged: bool,
}
