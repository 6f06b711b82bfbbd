//! How one step that is written becomes many. A matrix as data: its axes, all their combinations, and how the steps
//! are called that run with them. A called file as a part of its caller's pipeline.
//!
//! Nothing here knows how these are written, or reports anything: `lower::matrix` and `lower::calls` do.

mod calls;
mod names;
mod product;

use crate::pipeline::{MatrixValue, Span};

pub use calls::{Shift, join};
pub use names::{parts, slug};
pub use product::{Pattern, exclude, product, size};

/// The most combinations that a matrix may have.
pub const MOST: u64 = 1_000;

/// An axis with its values.
#[derive(Debug, Clone)]
pub struct Axis {
    /// Its name.
    pub name: String,
    /// Its values, in order, each with its place.
    pub values: Vec<(MatrixValue, Span)>,
    /// Whether the values stand in the file.
    pub is_literal: bool,
    /// The params that its values come from.
    pub params: Vec<String>,
}

/// The values of a step, one for each axis, in the order of the axes.
pub type Combination = Vec<MatrixValue>;

/// Returns whether two combinations are the same.
pub fn is_same(one: &Combination, other: &Combination) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.spelled() == other.spelled())
}
