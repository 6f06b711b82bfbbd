//! Messages between a client and conductors, through the hub.

use pipe_runner::cluster::link::{ClientLink, ConductorLink, Messages};
use tokio::sync::mpsc;

use crate::support::hub::{Cable, Hub, LONG, noise};
use crate::support::machine::Turn;
use crate::support::processes::comes_to_be;

const MIB: usize = 1024 * 1024;

/// The length of a message: from nothing to several frames.
fn length(number: u64) -> usize {
    (number as usize * 7919) % 400_000
}

async fn send(messages: mpsc::Sender<Vec<u8>>, bytes: usize) {
    let mut sent = 0;
    for number in 0.. {
        sent += length(number);
        messages.send(noise(number, length(number))).await.unwrap();
        if sent >= bytes {
            return;
        }
    }
}

/// Takes messages until these are so many bytes, and calls something after each.
async fn expect(messages: &mut mpsc::Receiver<Vec<u8>>, bytes: usize, mut after: impl FnMut(u64)) {
    let mut taken = 0;
    for number in 0.. {
        let message = messages.recv().await.unwrap();
        assert!(message == noise(number, length(number)), "message {number} is another one");
        taken += message.len();
        after(number);
        if taken >= bytes {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_waits_for_its_conductor_and_the_answers_end_in_order() {
    let mut hub = Hub::start(LONG).await;
    let client = hub.client().await;
    let mut first = client.gang("first").await.unwrap();
    let mut second = client.gang("second").await.unwrap();
    first.sender.send(b"order of the first".to_vec()).await.unwrap();
    second.sender.send(b"order of the second".to_vec()).await.unwrap();
    // The second is there before the first.
    for (gang, messages) in [("second", &mut second), ("first", &mut first)] {
        let (conductor, mut orders) = hub.conductor(gang).await;
        assert_eq!(orders.receiver.recv().await.unwrap(), format!("order of the {gang}").into_bytes());
        for number in 0..100 {
            orders.sender.send(format!("{gang} {number}").into_bytes()).await.unwrap();
        }
        drop(orders.sender);
        conductor.finish().await.unwrap();
        for number in 0..100 {
            assert_eq!(messages.receiver.recv().await.unwrap(), format!("{gang} {number}").into_bytes());
        }
        assert_eq!(messages.receiver.recv().await, None);
    }
    assert_eq!((first.end.why().await, second.end.why().await), (None, None));
    client.over().await.unwrap();
    assert_eq!(hub.end().await, (Some(0), String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conductor_may_be_there_before_the_client_knows_its_gang() {
    let hub = Hub::start(LONG).await;
    let (conductor, orders) = hub.conductor("early").await;
    orders.sender.send(b"hello".to_vec()).await.unwrap();
    drop(orders.sender);
    conductor.finish().await.unwrap();
    let client = hub.client().await;
    let mut messages = client.gang("early").await.unwrap();
    assert_eq!(messages.receiver.recv().await.unwrap(), b"hello");
    assert_eq!(messages.receiver.recv().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_are_the_same_whatever_becomes_of_the_connections() {
    let _turn = Turn::take();
    let hub = Hub::start(LONG).await;
    let (mut caller, mut other) = (hub.client_caller(), hub.conductor_caller());
    let (cable, other_cable) = (Cable::between(&mut caller, &hub), Cable::between(&mut other, &hub));
    let (client, _) = ClientLink::connect(caller).await.unwrap();
    let mut messages = client.gang("g").await.unwrap();
    let (conductor, orders) = ConductorLink::connect(other, "g").await.unwrap();
    let Messages { sender, mut receiver, .. } = orders;
    let sending = tokio::spawn(send(sender, 100 * MIB));
    let backwards = tokio::spawn(send(messages.sender, 20 * MIB));
    let taking = tokio::spawn(async move { expect(&mut receiver, 20 * MIB, |_| ()).await });
    let mut cuts = 0;
    expect(&mut messages.receiver, 100 * MIB, |number| {
        match number {
            // For a while there is no client: what the conductor says lies on the hub's disk.
            100 => {
                cable.plug(false);
                assert!(comes_to_be(|| hub.spooled().len() > 2), "{:?}", hub.spooled());
                cable.plug(true);
            }
            number if number % 23 == 0 => cable.cut(),
            number if number % 31 == 0 => other_cable.cut(),
            _ => return,
        }
        cuts += 1;
    })
    .await;
    assert!(cuts > 10, "{cuts} cuts");
    sending.await.unwrap();
    backwards.await.unwrap();
    taking.await.unwrap();
    conductor.finish().await.unwrap();
    assert_eq!(messages.receiver.recv().await, None);
    assert_eq!(messages.end.why().await, None);
    assert_eq!(hub.spooled(), Vec::<std::path::PathBuf>::new(), "what is taken is gone from the disk");
    let memory = hub.most_memory();
    assert!(memory <= 64 * MIB as u64, "the hub had {memory} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_conductors_at_once_leave_the_hub_small() {
    let _turn = Turn::take();
    let hub = Hub::start(LONG).await;
    let mut caller = hub.client_caller();
    let cable = Cable::between(&mut caller, &hub);
    let (client, _) = ClientLink::connect(caller).await.unwrap();
    let mut gangs = Vec::new();
    for number in 0..10 {
        let name = format!("g{number}");
        let messages = client.gang(&name).await.unwrap();
        let (conductor, orders) = hub.conductor(&name).await;
        let sending = tokio::spawn(send(orders.sender, 10 * MIB));
        gangs.push((conductor, messages, sending));
    }
    // All of it comes to the hub while the client is away.
    cable.plug(false);
    assert!(comes_to_be(|| hub.spooled().len() >= 10), "{:?}", hub.spooled());
    for (_, _, sending) in &mut gangs {
        sending.await.unwrap();
    }
    cable.plug(true);
    for (conductor, mut messages, _) in gangs {
        expect(&mut messages.receiver, 10 * MIB, |_| ()).await;
        conductor.finish().await.unwrap();
        assert_eq!(messages.end.why().await, None);
    }
    let memory = hub.most_memory();
    eprintln!("the hub had {memory} bytes");
    assert!(memory <= 64 * MIB as u64, "the hub had {memory} bytes");
    client.over().await.unwrap();
}
