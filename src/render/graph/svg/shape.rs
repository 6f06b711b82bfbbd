//! Rectangles and lines.

use std::fmt::Write as _;

use super::style::number;

const CORNER: f64 = 10.0;

/// A rectangle by its corner and size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A piece of a line.
#[derive(Debug, Clone, Copy)]
pub(super) enum Segment {
    Start(f64, f64),
    Across(f64),
    Down(f64),
    /// An S-curve that leaves and arrives level.
    Curve(f64, f64),
    /// A quarter turn around the first point to the second.
    Corner((f64, f64), (f64, f64)),
}

impl Rect {
    /// Returns the least rectangle around two.
    pub(super) fn around(self, other: Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let (right, bottom) = (self.right().max(other.right()), self.bottom().max(other.bottom()));
        Self { x, y, width: right - x, height: bottom - y }
    }

    pub(super) fn right(&self) -> f64 {
        self.x + self.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.y + self.height
    }
}

/// Path data.
pub(super) fn path(segments: &[Segment]) -> String {
    let mut out = String::new();
    let mut at = (0.0, 0.0);
    for segment in segments {
        at = match *segment {
            Segment::Start(x, y) => {
                let _ = write!(out, "M{} {}", number(x), number(y));
                (x, y)
            }
            Segment::Across(x) => {
                let _ = write!(out, "H{}", number(x));
                (x, at.1)
            }
            Segment::Down(y) => {
                let _ = write!(out, "V{}", number(y));
                (at.0, y)
            }
            Segment::Curve(x, y) => {
                let bend = number((at.0 + x) / 2.0);
                let _ = write!(out, "C{bend} {} {bend} {y} {} {y}", number(at.1), number(x), y = number(y));
                (x, y)
            }
            Segment::Corner(by, (x, y)) => {
                let _ = write!(out, "Q{} {} {} {}", number(by.0), number(by.1), number(x), number(y));
                (x, y)
            }
        };
    }
    out
}

/// Returns the outline of a gang: along the tops of its parts, and back along their bottoms.
pub(super) fn outline(parts: &[Rect]) -> Vec<Segment> {
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
        return Vec::new();
    };
    let mut line = vec![Segment::Start(first.x, first.y + CORNER), corner((first.x, first.y), CORNER, 0.0)];
    for pair in parts.windows(2) {
        line.extend([Segment::Across(pair[0].right()), Segment::Curve(pair[1].x, pair[1].y)]);
    }
    line.extend([
        Segment::Across(last.right() - CORNER),
        corner((last.right(), last.y), 0.0, CORNER),
        Segment::Down(last.bottom() - CORNER),
        corner((last.right(), last.bottom()), -CORNER, 0.0),
    ]);
    for pair in parts.windows(2).rev() {
        line.extend([Segment::Across(pair[1].x), Segment::Curve(pair[0].right(), pair[0].bottom())]);
    }
    line.extend([
        Segment::Across(first.x + CORNER),
        corner((first.x, first.bottom()), 0.0, -CORNER),
        Segment::Down(first.y + CORNER),
    ]);
    line
}

/// Around a corner, to a point so far from it.
fn corner((x, y): (f64, f64), right: f64, down: f64) -> Segment {
    Segment::Corner((x, y), (x + right, y + down))
}
