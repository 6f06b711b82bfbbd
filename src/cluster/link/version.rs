//! Which program is at an end of the link.

use serde::{Deserialize, Serialize};

/// The number of the link's protocol.
const PROTOCOL: u32 = 1;

/// A build of the program, with the protocol that it speaks. Both ends of a link are of one build: an order is
/// parsed and planned again at the other end, and must mean the same there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramVersion {
    /// The number of the protocol.
    pub protocol: u32,
    /// The version, such as `0.3.0`.
    pub version: String,
    /// The commit, as `pipe --version` shows it; empty where it is not known.
    pub commit: String,
}

impl ProgramVersion {
    /// Returns the version of this program.
    pub fn own() -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let commit = env!("PIPE_VERSION").strip_prefix(version).unwrap_or_default();
        let commit = commit.trim_matches([' ', '(', ')']);
        Self { protocol: PROTOCOL, version: version.to_owned(), commit: commit.to_owned() }
    }

    /// Says that this program is of another build than the peer, which is named by its role: "the helper image".
    pub(super) fn differs(&self, role: &str, peer: &Self) -> String {
        if self.version != peer.version {
            return format!("{role} is pipe {}; this is {}", peer.version, self.version);
        }
        format!("{role} is pipe {}; this is {}", peer.in_full(), self.in_full())
    }

    fn in_full(&self) -> String {
        let protocol = self.protocol;
        match self.commit.as_str() {
            "" => format!("{} (protocol {protocol})", self.version),
            commit => format!("{} ({commit}, protocol {protocol})", self.version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(version: &str, commit: &str) -> ProgramVersion {
        ProgramVersion { protocol: 1, version: version.into(), commit: commit.into() }
    }

    #[test]
    fn two_versions_are_named_alone_and_two_commits_in_full() {
        let this = version("0.3.0", "abc1234 2026-11-24");
        assert_eq!(
            this.differs("the helper image", &version("0.2.1", "")),
            "the helper image is pipe 0.2.1; this is 0.3.0"
        );
        assert_eq!(
            this.differs("the hub", &version("0.3.0", "")),
            "the hub is pipe 0.3.0 (protocol 1); this is 0.3.0 (abc1234 2026-11-24, protocol 1)"
        );
    }

    #[test]
    fn the_own_version_is_what_pipe_says_of_itself() {
        let own = ProgramVersion::own();
        assert!(env!("PIPE_VERSION").starts_with(&own.version));
        assert!(env!("PIPE_VERSION").contains(&own.commit));
        assert!(!own.commit.contains(['(', ')']));
    }
}
