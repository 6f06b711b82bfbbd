use std::collections::VecDeque;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

const CHANNEL: u16 = 9;
const WINDOW: usize = 4096;

fn parcel(bytes: Vec<u8>) -> Parcel {
    Parcel { kind: ParcelKind::Last, bytes: Bytes::from(bytes) }
}

fn frame(number: u64, kind: ParcelKind) -> Frame {
    Frame { channel: CHANNEL, number, parcel: Parcel { kind, bytes: Bytes::new() } }
}

/// What happens to a channel and its connection.
#[derive(Debug, Clone)]
enum Act {
    Push(u16),
    Send,
    Deliver,
    Take,
    Acknowledge,
    /// The connection breaks, and what was on its way is lost.
    Break,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => (0_u16..3000).prop_map(Act::Push),
        3 => Just(Act::Send),
        3 => Just(Act::Deliver),
        2 => Just(Act::Take),
        2 => Just(Act::Acknowledge),
        1 => Just(Act::Break),
    ];
    prop::collection::vec(act, 0..300)
}

/// A channel, its two sides and the connection between them.
#[derive(Default)]
struct World {
    outgoing: Outgoing,
    incoming: Incoming,
    frames: VecDeque<Frame>,
    news: VecDeque<u64>,
    pushed: Vec<Bytes>,
    taken: Vec<Bytes>,
}

impl World {
    fn act(&mut self, act: &Act) {
        match act {
            Act::Push(length) if self.outgoing.has_room(WINDOW) => {
                let parcel = parcel(vec![self.pushed.len().to_le_bytes()[0]; usize::from(*length)]);
                self.pushed.push(parcel.bytes.clone());
                self.outgoing.push(parcel);
            }
            Act::Push(_) => {}
            Act::Send => self.frames.extend(self.outgoing.next(CHANNEL)),
            Act::Deliver => {
                if let Some(frame) = self.frames.pop_front() {
                    self.incoming.accept(frame, WINDOW).unwrap();
                }
            }
            Act::Take => {
                self.taken.extend(self.incoming.take().map(|parcel| parcel.bytes));
                self.news.extend(self.incoming.news(WINDOW));
            }
            Act::Acknowledge => {
                if let Some(number) = self.news.pop_front() {
                    self.outgoing.acknowledge(CHANNEL, number).unwrap();
                }
            }
            Act::Break => {
                self.frames.clear();
                self.news.clear();
                self.outgoing.resume(CHANNEL, self.incoming.arrived()).unwrap();
                self.incoming.resume();
                self.news.extend(self.incoming.news(WINDOW));
            }
        }
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_or_doubled_wherever_the_connection_breaks(acts in acts()) {
        let mut world = World::default();
        for act in &acts {
            world.act(act);
            prop_assert!(world.pushed.starts_with(&world.taken));
        }
        // With a connection that holds, all of it comes through, and the window is free again.
        for _ in 0..=acts.len() {
            [Act::Send, Act::Deliver, Act::Take, Act::Acknowledge].iter().for_each(|act| world.act(act));
        }
        prop_assert_eq!(&world.pushed, &world.taken);
        prop_assert!(world.outgoing.is_taken() && world.outgoing.has_room(1));
    }
}

#[test]
fn what_a_peer_may_not_do_is_an_error() {
    let mut incoming = Incoming::default();
    let gap = Violation::Gap { channel: CHANNEL, last: 0, found: 2 };
    assert_eq!(incoming.accept(frame(2, ParcelKind::Last), WINDOW), Err(gap));
    incoming.accept(frame(1, ParcelKind::End), WINDOW).unwrap();
    assert_eq!(incoming.accept(frame(2, ParcelKind::Last), WINDOW), Err(Violation::AfterEnd(CHANNEL)));

    let mut outgoing = Outgoing::default();
    outgoing.push(parcel(Vec::new()));
    let never = Violation::NeverSent { channel: CHANNEL, number: 1 };
    assert_eq!(outgoing.acknowledge(CHANNEL, 1), Err(never));
    assert_eq!(outgoing.resume(CHANNEL, 2), Err(Violation::NeverSent { channel: CHANNEL, number: 2 }));
    outgoing.next(CHANNEL).unwrap();
    outgoing.acknowledge(CHANNEL, 1).unwrap();
    assert_eq!(outgoing.resume(CHANNEL, 0), Err(Violation::Forgotten(CHANNEL)));
}

#[test]
fn a_flood_of_empty_pieces_is_stopped_as_well() {
    let mut incoming = Incoming::default();
    let flood = (1..).find_map(|number| incoming.accept(frame(number, ParcelKind::Part), WINDOW).err());
    assert_eq!(flood, Some(Violation::Flood(CHANNEL)));
    assert!(incoming.waiting.len() <= (WINDOW + MOST_PAYLOAD) / OVERHEAD + 1);
}
