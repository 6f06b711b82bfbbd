//! Which step holds up a stream: one rule for the live view, the summary on a terminal, `pipe show`, and the page of
//! a CI service.

use crate::event::{EdgeStats, StreamStats};
use crate::pipeline::StepId;

/// What a stream waits for. Shares are percent of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// The stream waits for this reader.
    Reader(StepId, u128),
    /// All readers wait for the producer.
    Producer(u128),
}

/// Returns what the stream has waited for since `before`, or in its whole life.
///
/// A reader's share is the time for which it blocked the stream. The greatest holds the pace if it is at least a
/// fifth of the time and at least twice the next. Else the producer is waited for if it is at least half of the
/// time. Nothing is named where a stream has one reader: what waits for what there is told by its rate alone.
pub fn pace(now: &StreamStats, before: Option<&StreamStats>) -> Option<Pace> {
    let since = |of: fn(&StreamStats) -> u128| of(now).saturating_sub(before.map_or(0, of));
    // Milliseconds, as journals have them: a run that is shown again says the same.
    let time = since(|stats| stats.lasted.as_millis());
    if now.edges.len() < 2 || time == 0 {
        return None;
    }
    let earlier = |edge: &EdgeStats| {
        let edges = before.into_iter().flat_map(|stats| &stats.edges);
        edges.filter(|it| it.reader == edge.reader).map(|it| it.blocked.as_millis()).next().unwrap_or(0)
    };
    let share = |length: u128| (length * 100 / time).min(100);
    let blocked = |edge: &EdgeStats| edge.blocked.as_millis().saturating_sub(earlier(edge));
    let mut edges: Vec<(u128, StepId)> =
        now.edges.iter().map(|edge| (share(blocked(edge)), edge.reader)).collect();
    edges.sort_by_key(|(share, _)| std::cmp::Reverse(*share));
    let (first, reader) = edges.first().copied()?;
    let next = edges.get(1).map_or(0, |(share, _)| *share);
    let starved = share(since(|stats| stats.starved.as_millis()));
    if first >= 20 && first >= 2 * next {
        Some(Pace::Reader(reader, first))
    } else {
        (starved >= 50).then_some(Pace::Producer(starved))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::event::sample::{CHECKSUM, COMPRESS, COUNT, stats};

    /// A stream of ten seconds: for how many tenths of a second it was starved, and each reader blocked it.
    fn stream(starved: u64, blocked: &[u64]) -> StreamStats {
        let readers = [(COMPRESS, 9), (CHECKSUM, 9), (COUNT, 9)];
        let mut stats = stats(9, 1.0, readers.get(..blocked.len()).unwrap());
        stats.lasted = Duration::from_secs(10);
        stats.starved = Duration::from_millis(starved * 100);
        for (edge, tenths) in stats.edges.iter_mut().zip(blocked) {
            edge.blocked = Duration::from_millis(tenths * 100);
        }
        stats
    }

    fn whole(starved: u64, blocked: &[u64]) -> Option<Pace> {
        pace(&stream(starved, blocked), None)
    }

    #[test]
    fn the_bottleneck_is_named_and_nothing_else() {
        let compress = |share| Some(Pace::Reader(StepId::new(COMPRESS), share));
        assert_eq!(whole(0, &[41, 2, 0]), compress(41));
        assert_eq!(whole(0, &[20, 10, 0]), compress(20));
        assert_eq!(whole(0, &[19, 0, 0]), None, "less than a fifth of the time");
        assert_eq!(whole(0, &[40, 21, 0]), None, "less than twice the next");
        assert_eq!(whole(0, &[45, 45, 45]), None, "all are equally slow");
        assert_eq!(whole(50, &[5, 5]), Some(Pace::Producer(50)));
        assert_eq!(whole(49, &[5, 5]), None);
        assert_eq!(whole(60, &[30, 5]), compress(30), "a reader comes first");
        assert_eq!(whole(0, &[0, 0]), None);
    }

    #[test]
    fn a_single_reader_that_just_reads_is_never_named() {
        assert_eq!(whole(0, &[95]), None);
        assert_eq!(whole(95, &[0]), None);
        assert_eq!(whole(95, &[]), None);
    }

    #[test]
    fn the_last_second_may_differ_from_the_whole() {
        let (before, mut now) = (stream(80, &[1, 1]), stream(80, &[9, 1]));
        now.lasted += Duration::from_secs(1);
        assert_eq!(pace(&now, None), Some(Pace::Producer(72)));
        assert_eq!(pace(&now, Some(&before)), Some(Pace::Reader(StepId::new(COMPRESS), 80)));
        assert_eq!(pace(&before, Some(&before)), None, "no time has passed");
    }
}
