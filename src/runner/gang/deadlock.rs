//! Gangs that stand still, and how they are helped on.
//!
//! A gang can deadlock when a step reads several streams that come from one: it reads the first to its end,
//! so the second fills up, so the step that makes the second takes nothing more of the common stream, so the
//! first does not go on. Whenever no byte has moved in such a gang for a while, each stream for which one
//! reader starves while another is full goes past the full one, over disk: the rule of Parks for process
//! networks (T. M. Parks, "Bounded Scheduling of Process Networks", 1995), except that a buffer grows without
//! end once it has to.

use super::live::LiveStream;

/// Helps a gang on in which no byte has moved since the last call. `moved` is how many had moved by then.
pub(super) fn break_up<'s>(streams: impl Iterator<Item = &'s LiveStream> + Clone, moved: &mut u64) {
    let bytes = |stream: &LiveStream| {
        let snapshot = stream.snapshot();
        snapshot.taken + snapshot.sinks.iter().map(|sink| sink.taken).sum::<u64>()
    };
    let before = std::mem::replace(moved, streams.clone().map(bytes).sum());
    if before == *moved {
        streams.filter(|stream| stream.is_moving()).for_each(|stream| stream.pipes.break_deadlock());
    }
}
