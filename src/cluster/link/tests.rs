//! Links over pipes in memory, on paused time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::call::{Call, Part};
use super::*;

const LEASE: Duration = Duration::from_secs(60);
const CHANNEL: u16 = 16;

/// A hub that has one peer: the far end of the link.
struct Far {
    keys: RunKeys,
    session: Session,
    /// The connection that is served, for tests to break it.
    connection: Arc<Mutex<Option<JoinHandle<()>>>>,
    /// Whether connections are accepted.
    is_up: watch::Sender<bool>,
    dials: mpsc::UnboundedSender<DuplexStream>,
    served: watch::Sender<usize>,
}

impl Far {
    fn new() -> Self {
        let keys = RunKeys::generate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in keys.files(LinkRole::Hub) {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let tls = HubTls::new(HubKeys::read(folder.path()).unwrap()).unwrap();
        let (dials, mut dialled) = mpsc::unbounded_channel();
        let far = Self {
            keys,
            session: Session::new(Windows::CLIENT),
            connection: Arc::default(),
            is_up: watch::Sender::new(true),
            dials,
            served: watch::Sender::new(0),
        };
        let (session, connection, served) = (far.session.clone(), far.connection.clone(), far.served.clone());
        tokio::spawn(async move {
            let lease = Arc::new(Lease::new(LEASE));
            while let Some(stream) = dialled.recv().await {
                let (tls, session, lease, served) =
                    (tls.clone(), session.clone(), lease.clone(), served.clone());
                let serving = tokio::spawn(async move {
                    if let Ok(arrival) = Arrival::read(Box::new(stream), &tls).await {
                        served.send_modify(|served| *served += 1);
                        arrival.serve(&session, &lease).await;
                    }
                });
                *connection.lock() = Some(serving);
            }
        });
        far
    }

    fn dial(&self) -> Dial {
        let (dials, is_up) = (self.dials.clone(), self.is_up.subscribe());
        Arc::new(move || {
            let (near, far) = tokio::io::duplex(16 * 1024);
            let answer: io::Result<Box<dyn ByteStream>> = match *is_up.borrow() && dials.send(far).is_ok() {
                true => Ok(Box::new(near)),
                false => Err(io::ErrorKind::ConnectionRefused.into()),
            };
            Box::pin(std::future::ready(answer))
        })
    }

    fn caller(&self) -> Caller {
        let (dial, keys) = (self.dial(), self.keys.of_client());
        Caller { dial, keys, program: ProgramVersion::own(), patience: Duration::from_secs(5) }
    }

    async fn call(&self) -> Call {
        Call::start(self.caller(), part(1)).await.unwrap()
    }

    /// Breaks the present connection.
    fn cut(&self) {
        if let Some(connection) = self.connection.lock().take() {
            connection.abort();
        }
    }
}

fn part(share: u32) -> Part {
    Part { windows: Windows::CLIENT, gang: None, share, peer: "the helper image" }
}

fn message(number: usize) -> Vec<u8> {
    let length = number * 7919 % 300_000;
    number.to_le_bytes().into_iter().cycle().take(length).collect()
}

async fn send_all(messages: mpsc::Sender<Vec<u8>>, count: usize) {
    for number in 0..count {
        messages.send(message(number)).await.unwrap();
    }
}

async fn expect_all(messages: &mut mpsc::Receiver<Vec<u8>>, count: usize) {
    for number in 0..count {
        let found = messages.recv().await.unwrap();
        assert!(found == message(number), "message {number}");
    }
    assert_eq!(messages.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn messages_come_through_whole_and_in_order_however_often_the_connection_breaks() {
    const COUNT: usize = 200;
    let far = Far::new();
    let near = far.call().await;
    let (mut here, sent) = message::open(&near.session, CHANNEL);
    let (mut there, _) = message::open(&far.session, CHANNEL);
    tokio::spawn(send_all(here.sender, COUNT));
    tokio::spawn(send_all(there.sender, COUNT));
    let cutting = async {
        for number in 0..COUNT {
            let found = here.receiver.recv().await.unwrap();
            assert!(found == message(number), "message {number}");
            // What is under way in both directions is lost.
            if number % 7 == 0 {
                far.cut();
            }
        }
        assert_eq!(here.receiver.recv().await, None);
    };
    tokio::join!(cutting, expect_all(&mut there.receiver, COUNT));
    assert_eq!((here.end.why().await, there.end.why().await), (None, None));
    sent.await.unwrap().unwrap();
    assert!(*far.served.borrow() > COUNT / 14, "{} connections", *far.served.borrow());
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_is_not_read_blocks_no_other_and_takes_no_more_memory() {
    let far = Far::new();
    let near = far.call().await;
    let mut files = near.session.outlet(FILES);
    let stuck = tokio::spawn(async move {
        let mut sent = 0;
        let parcel = Parcel { kind: ParcelKind::Part, bytes: vec![0; MOST_PAYLOAD].into() };
        while tokio::time::timeout(LEASE, files.send(parcel.clone())).await.is_ok() {
            sent += MOST_PAYLOAD;
        }
        sent
    });
    let (here, _) = message::open(&near.session, CHANNEL);
    let (mut there, _) = message::open(&far.session, CHANNEL);
    tokio::spawn(send_all(here.sender, 50));
    expect_all(&mut there.receiver, 50).await;
    assert!(stuck.await.unwrap() <= 4 * 1024 * 1024 + MOST_PAYLOAD);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_link_outlives_many_leases_by_its_beats() {
    let far = Far::new();
    let near = far.call().await;
    sleep(20 * LEASE).await;
    assert_eq!(near.session.why_ended(), None);
    assert_eq!(*far.served.borrow(), 1, "the first connection still holds");
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_is_silent_for_the_share_of_the_lease_is_gone() {
    for share in [1, 2] {
        let far = Far::new();
        let near = Call::start(far.caller(), part(share)).await.unwrap();
        sleep(5 * LEASE).await;
        far.is_up.send_replace(false);
        far.cut();
        let cut = Instant::now();
        let end = near.session.ended().await.to_string();
        let length = LEASE / share;
        let beat = Duration::from_secs(1);
        assert!(cut.elapsed() <= length && cut.elapsed() + 2 * beat >= length, "{:?}", cut.elapsed());
        let length = humantime::format_duration(length);
        assert_eq!(
            end,
            format!("the hub has not been heard for {length}: the connection failed: connection refused")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_comes_back_within_the_lease_is_found_again() {
    let far = Far::new();
    let near = far.call().await;
    let (mut here, _) = message::open(&far.session, CHANNEL);
    let (there, _) = message::open(&near.session, CHANNEL);
    far.is_up.send_replace(false);
    far.cut();
    send_all(there.sender.clone(), 3).await;
    sleep(LEASE - Duration::from_secs(10)).await;
    far.is_up.send_replace(true);
    drop(there.sender);
    expect_all(&mut here.receiver, 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_with_very_many_channels_is_resumed_as_well() {
    const CHANNELS: u16 = 5_000;
    let far = Far::new();
    let near = far.call().await;
    for round in 0..2 {
        for channel in CHANNEL..CHANNELS {
            let message = Parcel { kind: ParcelKind::Last, bytes: vec![round].into() };
            near.session.outlet(channel).send(message.clone()).await.unwrap();
            far.session.outlet(channel).send(message).await.unwrap();
        }
        for channel in CHANNEL..CHANNELS {
            assert_eq!(far.session.inlet(channel).recv().await.unwrap().bytes.as_ref(), [round]);
            assert_eq!(near.session.inlet(channel).recv().await.unwrap().bytes.as_ref(), [round]);
        }
        far.cut();
    }
    assert_eq!(*far.served.borrow(), 2);
}

#[tokio::test(start_paused = true)]
async fn goodbye_is_said_with_its_reason() {
    let far = Far::new();
    let near = far.call().await;
    far.session.end("the run is over");
    assert_eq!(near.session.ended().await.to_string(), "the run is over");
    let far = Far::new();
    far.call().await.close("done").await;
    assert_eq!(far.session.ended().await.to_string(), "done");
}

#[tokio::test(start_paused = true)]
async fn an_end_without_the_right_key_is_no_end() {
    let far = Far::new();
    let stranger = RunKeys::generate().unwrap();
    // The end knows another hub.
    let error =
        Call::start(Caller { keys: stranger.of_client(), ..far.caller() }, part(1)).await.unwrap_err();
    assert!(matches!(error, LinkError::Key(_)), "{error}");
    // The hub knows another end.
    let keys = CallerKeys { own: PrivateKey::generate().unwrap(), ..far.keys.of_client() };
    let error = Call::start(Caller { keys, ..far.caller() }, part(1)).await.unwrap_err();
    assert!(matches!(error, LinkError::Key(_)), "{error}");
    assert_eq!(*far.served.borrow(), 0);
}

#[tokio::test(start_paused = true)]
async fn another_build_is_refused_in_one_sentence() {
    let far = Far::new();
    let program = ProgramVersion { version: "9.9.9".into(), ..ProgramVersion::own() };
    let error = Call::start(Caller { program, ..far.caller() }, part(1)).await.unwrap_err();
    let own = env!("CARGO_PKG_VERSION");
    assert_eq!(error.to_string(), format!("the helper image is pipe {own}; this is 9.9.9"));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_breaks_the_rules_is_told_so_and_has_lost_its_session() {
    let far = Far::new();
    let near = far.call().await;
    let mut outlet = far.session.outlet(CHANNEL);
    outlet.send(Parcel::end("")).await.unwrap();
    near.session.inlet(CHANNEL).recv().await.unwrap();
    outlet.flush().await.unwrap();
    // A hub that starts afresh under the same name has lost what had arrived.
    let error = far.session.attach(&Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), format!("the peer has lost what it had of channel {CHANNEL}"));
}
