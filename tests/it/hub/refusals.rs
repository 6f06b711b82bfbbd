//! What a hub refuses.

use pipe_runner::cluster::link::{ClientLink, ConductorLink, LinkError, ProgramVersion, RunKeys};

use crate::support::hub::{Hub, LONG, caller};

fn version() -> ProgramVersion {
    ProgramVersion { version: "9.9.9".into(), ..ProgramVersion::own() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_client_is_refused_and_the_first_stays() {
    let mut hub = Hub::start(LONG).await;
    let client = hub.client().await;
    let error = ClientLink::connect(hub.client_caller()).await.unwrap_err();
    assert_eq!(error.to_string(), "the hub refuses the link: the run has its client already");
    client.over().await.unwrap();
    assert_eq!(hub.end().await.0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gang_has_one_conductor() {
    let hub = Hub::start(LONG).await;
    let _first = hub.conductor("g").await;
    let error = ConductorLink::connect(hub.conductor_caller(), "g").await.unwrap_err();
    assert_eq!(error.to_string(), "the hub refuses the link: gang `g` has its conductor already");
    hub.conductor("h").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_its_own_door_only() {
    let hub = Hub::start(LONG).await;
    // Those of another run.
    let stranger = caller(hub.dial(), RunKeys::generate().unwrap().of_client());
    let error = ClientLink::connect(stranger).await.unwrap_err();
    assert!(matches!(error, LinkError::Key(_)), "{error}");
    // A conductor that poses as the client.
    let error = ClientLink::connect(hub.conductor_caller()).await.unwrap_err();
    assert_eq!(error.to_string(), "the hub refuses the link: a conductor has a gang");
    hub.client().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_is_named_beside_the_own() {
    let hub = Hub::start(LONG).await;
    let mut caller = hub.client_caller();
    caller.program = version();
    let own = env!("CARGO_PKG_VERSION");
    let error = ClientLink::connect(caller).await.unwrap_err();
    assert_eq!(error.to_string(), format!("the helper image is pipe {own}; this is 9.9.9"));
    let mut caller = hub.conductor_caller();
    caller.program = version();
    let error = ConductorLink::connect(caller, "g").await.unwrap_err();
    assert_eq!(error.to_string(), format!("the hub is pipe {own}; this is 9.9.9"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_without_keys_or_a_store_says_what_is_missing() {
    let place = crate::support::Place::new();
    let hub = |listen: &str| {
        let ran = place.pipe(&["pod", "hub", "--listen", listen, "--keys", "keys", "--store", "store"]);
        (ran.code, ran.stderr)
    };
    place.write("keys/other", "");
    let (code, said) = hub("127.0.0.1:0");
    assert_eq!(code, Some(3));
    assert!(said.starts_with("error: the hub cannot run: keys/hub.key holds no key: "), "{said}");
    for (name, text) in RunKeys::generate().unwrap().files(pipe_runner::cluster::link::LinkRole::Hub) {
        place.write(&format!("keys/{name}"), text);
    }
    let (code, said) = hub("nowhere:x");
    assert_eq!(code, Some(3));
    assert!(said.starts_with("error: the hub cannot run: cannot listen at nowhere:x: "), "{said}");
    place.write("store2", "a file");
    let ran = place.pipe(&["pod", "hub", "--listen", "127.0.0.1:0", "--keys", "keys", "--store", "store2"]);
    assert!(
        ran.stderr.starts_with("error: the hub cannot run: cannot use the store at store2: "),
        "{}",
        ran.stderr
    );
}
