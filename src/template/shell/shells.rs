//! The shells that may read a script: what computes differs from one to another.

use std::ops::BitOr;

/// A set of shells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Shells(u8);

impl Shells {
    /// GNU's.
    pub const BASH: Self = Self(1);
    /// Debian's `sh`.
    pub const DASH: Self = Self(2);
    /// busybox's `sh`.
    pub const ASH: Self = Self(4);
    /// AT&T's.
    pub const KSH: Self = Self(8);
    /// `ksh` on BSD, `sh` on Android.
    pub const MKSH: Self = Self(16);
    /// The Z shell.
    pub const ZSH: Self = Self(32);
    /// Those that usually go by the name of `sh`.
    pub const SH: Self = Self(1 | 2 | 4 | 8);
    /// Every shell.
    pub const ALL: Self = Self(1 | 2 | 4 | 8 | 16 | 32);

    /// Returns the shells of a name that a file gives.
    pub fn named(name: &str) -> Self {
        match name {
            "bash" => Self::BASH,
            "dash" => Self::DASH,
            // Debian's `ash` is dash.
            "ash" => Self::ASH | Self::DASH,
            "ksh" => Self::KSH | Self::MKSH,
            "zsh" => Self::ZSH,
            _ => Self::SH,
        }
    }

    /// Returns whether a shell is in both.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns the shells of both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOr for Shells {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.and(other)
    }
}
