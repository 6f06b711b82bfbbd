//! Why a stream edge is stored, in words.

use std::fmt;

use petgraph::graph::EdgeIndex;

use super::graph::{self, Link, StepGraph};
use crate::pipeline::{Pipeline, Step, StepId, Stream, StreamId};

/// How many steps of one chain, and how many parts of an explanation, are spelled out at each end of a long
/// one.
const SHOWN: usize = 4;

/// Why a stream edge is stored: its reader cannot run at the same time as its producer. `Display` says it in
/// words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// What joins the producer to the reader in another way. Each hop ends where the next begins, or at a
    /// step that runs together with that one; the same holds for the producer and the first hop, and for the
    /// last hop and the reader.
    pub hops: Vec<Hop>,
    text: String,
}

/// One step that needs another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop {
    /// The step that is needed.
    pub from: StepId,
    /// The step that needs it.
    pub to: StepId,
    /// The stream by which; `None` for `depends_on`.
    pub stream: Option<StreamId>,
}

impl Reason {
    pub(super) fn new(
        pipeline: &Pipeline,
        graph: &StepGraph,
        (producer, reader): (StepId, StepId),
        detour: &[EdgeIndex],
    ) -> Self {
        let hop = |&link: &EdgeIndex| {
            let (from, to) = graph.edge_endpoints(link)?;
            let stream = match graph[link] {
                Link::Order | Link::Use => None,
                Link::Stream(stream) | Link::Stored(stream) => Some(stream),
            };
            Some(Hop { from: graph::step(from), to: graph::step(to), stream })
        };
        let hops: Vec<Hop> = detour.iter().filter_map(hop).collect();
        let text = explain(pipeline, producer, reader, &hops);
        Self { hops, text }
    }
}

impl Reason {
    /// Returns what the file says of the stream or of the reader; nothing if that allows a live edge.
    pub(super) fn asked(pipeline: &Pipeline, stream: &Stream, reader: &Step) -> Option<Self> {
        let is_later = reader.role != pipeline.step(stream.producer).role;
        let text = match (stream.store, reader.terminal) {
            (true, _) => format!("`{}` has `store: true`", stream.name),
            (false, true) => format!("`{}` has the terminal, and runs alone", reader.name),
            (false, false) if is_later => format!(
                "`{}` has `finally: true` and runs when all others have ended, so it reads the stream from disk",
                reader.name
            ),
            (false, false) => return None,
        };
        Some(Self { hops: Vec::new(), text })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

fn explain(pipeline: &Pipeline, producer: StepId, reader: StepId, hops: &[Hop]) -> String {
    let name = |step| pipeline.step(step).name.as_str();
    let mut parts = Vec::new();
    let mut at = producer;
    for chain in hops.chunk_by(|a, b| a.to == b.from && a.stream == b.stream) {
        let (Some(first), Some(last)) = (chain.first(), chain.last()) else {
            continue;
        };
        if first.from != at {
            parts.push(format!("{} runs together with {}", name(first.from), name(at)));
        }
        let steps: Vec<&str> = chain.iter().map(|hop| name(hop.from)).chain([name(last.to)]).collect();
        parts.push(match first.stream {
            None => format!("{} by depends_on", shorten(&steps, " → ")),
            Some(stream) => {
                format!("{} by stream `{}`", shorten(&steps, " → "), pipeline.stream(stream).name)
            }
        });
        at = last.to;
    }
    if at != reader {
        parts.push(format!("{} runs together with {}", name(at), name(reader)));
    }
    let straight = hops.first().is_some_and(|hop| hop.from == producer)
        && hops.windows(2).all(|pair| pair[0].to == pair[1].from)
        && at == reader;
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (producer, reader, why) = (name(producer), name(reader), shorten(&parts, ", "));
    if straight {
        format!("`{reader}` runs after `{producer}` ({why}), so it reads the stream from disk")
    } else {
        format!("`{reader}` cannot run together with `{producer}` ({why}), so it reads the stream from disk")
    }
}

/// Joins words, leaving out the middle of a long row.
fn shorten(words: &[&str], by: &str) -> String {
    if words.len() <= 2 * SHOWN + 1 {
        return words.join(by);
    }
    let (head, tail) = (&words[..SHOWN], &words[words.len() - SHOWN..]);
    let left_out = words.len() - 2 * SHOWN;
    format!("{}{by}… {left_out} more …{by}{}", head.join(by), tail.join(by))
}
