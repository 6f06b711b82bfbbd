//! Drawings of a pipeline, made without any external program. The caller fills in a [`Graph`]; each drawing
//! is a function of it alone.

mod dot;
mod fold;
mod mermaid;
mod model;
mod nest;
mod svg;
#[cfg(test)]
mod tests;
mod text;

pub use dot::dot;
pub use fold::folded;
pub use mermaid::mermaid;
pub use model::{ArrowKind, Class, FrameKind, Graph, GraphEdge, GraphFrame, GraphNode, LATER};
pub use svg::svg;
pub use text::text;
