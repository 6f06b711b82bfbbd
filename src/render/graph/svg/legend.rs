//! What a drawing's lines, frames and colours mean.

use std::fmt::Write as _;

use super::super::model::{Class, FrameKind, Graph};
use super::geometry::Picture;
use super::style::{number, text_width};
use super::{DASHED, class, has_services, head_of};

/// From the drawing to the first row of the legend, and from row to row.
const LEGEND_GAP: f64 = 44.0;
const LEGEND_ROW: f64 = 24.0;
/// How wide a legend may always be, however small the drawing.
const LEGEND_WIDTH: f64 = 660.0;

/// What the lines, frames and colours in use mean, in rows below 0, 0.
pub(super) struct Legend {
    pub(super) text: String,
    pub(super) width: f64,
    pub(super) height: f64,
    /// How wide a row may be.
    widest: f64,
    /// Where the next entry goes.
    next: f64,
}

impl Legend {
    pub(super) fn new(graph: &Graph, picture: &Picture) -> Self {
        let widest = picture.width.max(LEGEND_WIDTH);
        let mut legend = Self { text: String::new(), width: 0.0, height: 0.0, widest, next: 0.0 };
        let lines = [
            ("order", "runs after"),
            ("stream", "stream, at the same time"),
            ("stored", "stream, from disk"),
            ("use", "is up for"),
        ];
        for (kind, words) in
            lines.into_iter().filter(|(kind, _)| graph.drawn().any(|edge| class(&edge.kind) == *kind))
        {
            let head = if kind == "use" { String::new() } else { head_of(kind) };
            legend.add(words, &format!("<path class=\"{kind}\"{head} d=\"M0 -4H21\"/>"));
        }
        if has_services(graph) {
            legend.add(
                "service",
                &format!("<g class=\"step\">{}</g>", swatch("").replace("rx=\"4\"", "rx=\"8\"")),
            );
        }
        let has = |kind| graph.frames.iter().any(|frame| frame.kind == kind && !frame.nodes.is_empty());
        if has(FrameKind::File) {
            legend.add("in one file", &swatch("file"));
        }
        if has(FrameKind::Container) {
            legend.add("in one container", &swatch("container"));
        }
        if !picture.frames.is_empty() {
            legend.add("starts together", &swatch("gang"));
        }
        if graph.nodes.iter().any(|node| node.condition.is_some()) {
            legend.add("runs if its condition holds", &format!("<g class=\"step\">{}</g>", dashed()));
        }
        // Outcomes in a row of their own.
        legend.next = f64::INFINITY;
        for class in
            Class::ALL.into_iter().filter(|class| graph.nodes.iter().any(|it| it.class == Some(*class)))
        {
            legend.add(class.name(), &format!("<g class=\"step {}\">{}</g>", class.name(), swatch("")));
        }
        legend
    }

    fn add(&mut self, words: &str, sample: &str) {
        let width = 38.0 + text_width(words, 6.4);
        if self.height == 0.0 {
            (self.next, self.height) = (0.0, LEGEND_GAP);
        } else if self.next + width > self.widest {
            self.next = 0.0;
            self.height += LEGEND_ROW;
        }
        let (x, y) = (number(self.next), number(self.height - 4.0));
        let text = format!("<text class=\"legend\" x=\"38\" y=\"0\">{words}</text>");
        let _ = writeln!(self.text, "<g transform=\"translate({x} {y})\">{sample}{text}</g>");
        self.width = self.width.max(self.next + width);
        self.next += width + 26.0;
    }
}

fn dashed() -> String {
    swatch("").replace("/>", &format!("{DASHED}/>"))
}

fn swatch(class: &str) -> String {
    format!("<rect class=\"{class}\" x=\"0\" y=\"-12\" width=\"28\" height=\"16\" rx=\"4\"/>")
}
