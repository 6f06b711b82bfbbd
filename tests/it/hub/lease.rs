//! How long a hub and its conductors live without their client.

use std::time::Duration;

use pipe_runner::cluster::link::ClientLink;

use crate::support::hub::{Cable, Hub, LONG};
use crate::support::processes::{comes_to_be, signal};

/// A short lease, which a busy machine keeps all the same, and several of it.
const LEASE: &str = "4s";
const SEVERAL: Duration = Duration::from_secs(16);

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_lives_as_long_as_its_client_and_takes_its_conductors_with_it() {
    let mut hub = Hub::start(LEASE).await;
    let client = hub.client().await;
    let mut messages = client.gang("g").await.unwrap();
    let (conductor, mut orders) = hub.conductor("g").await;
    // All are silent, and live by their beats alone.
    assert!(hub.outlives(SEVERAL).await);
    messages.sender.send(b"still there?".to_vec()).await.unwrap();
    assert_eq!(orders.receiver.recv().await.unwrap(), b"still there?");
    orders.sender.send(b"yes".to_vec()).await.unwrap();
    assert_eq!(messages.receiver.recv().await.unwrap(), b"yes");
    drop(client);
    let why = "the client has been gone for 4s";
    assert_eq!(hub.end().await, (Some(3), format!("{why}\n")));
    assert_eq!(orders.receiver.recv().await, None);
    assert_eq!(orders.end.why().await.as_deref(), Some(why));
    assert_eq!(conductor.ended().await.to_string(), why);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_without_a_client_ends_as_well() {
    let mut hub = Hub::start(LEASE).await;
    assert_eq!(hub.end().await.0, Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_cut_off_again_and_again_keeps_its_hub() {
    let mut hub = Hub::start(LEASE).await;
    let mut caller = hub.client_caller();
    let cable = Cable::between(&mut caller, &hub);
    let (client, _) = ClientLink::connect(caller).await.unwrap();
    for _ in 0..10 {
        cable.cut();
        assert!(comes_to_be(|| cable.connections() == 1));
        assert!(hub.outlives(SEVERAL / 20).await);
    }
    client.over().await.unwrap();
    assert_eq!(hub.end().await.0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conductor_that_does_not_hear_its_hub_ends_after_half_of_the_lease_and_the_client_after_all_of_it()
{
    let mut hub = Hub::start(LEASE).await;
    let client = hub.client().await;
    let (conductor, mut orders) = hub.conductor("g").await;
    hub.kill().await;
    assert_eq!(orders.receiver.recv().await, None);
    let end = conductor.ended().await.to_string();
    assert!(end.starts_with("the hub has not been heard for 2s: the connection failed: "), "{end}");
    let end = client.ended().await.to_string();
    assert!(end.starts_with("the hub has not been heard for 4s: the connection failed: "), "{end}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_learns_of_a_conductor_that_is_gone() {
    let hub = Hub::start(LEASE).await;
    let client = hub.client().await;
    let mut messages = client.gang("g").await.unwrap();
    let (conductor, orders) = hub.conductor("g").await;
    orders.sender.send(b"the last words".to_vec()).await.unwrap();
    assert_eq!(messages.receiver.recv().await.unwrap(), b"the last words");
    drop(conductor);
    assert_eq!(messages.receiver.recv().await, None);
    let why = messages.end.why().await.unwrap();
    assert_eq!(why, "the conductor of gang `g` has not been heard for 4s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_terminated_says_so() {
    let mut hub = Hub::start(LONG).await;
    let client = hub.client().await;
    let (conductor, _orders) = hub.conductor("g").await;
    signal("TERM", &hub.id().to_string());
    let why = "the hub was asked to end";
    assert_eq!(hub.end().await, (Some(3), format!("{why}\n")));
    assert_eq!(client.ended().await.to_string(), why);
    assert_eq!(conductor.ended().await.to_string(), why);
}
