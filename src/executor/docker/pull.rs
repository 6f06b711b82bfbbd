//! Fetching an image.

use std::collections::HashMap;
use std::time::Duration;

use bollard::errors::Error;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures::{Stream, StreamExt};
use tokio::time::{Instant, sleep, timeout};

use super::Notify;
use super::auth;
use super::engine::{Engine, words};
use crate::executor::StartError;

/// Waits before another try, when a registry is busy, in seconds.
const WAITS: [u64; 5] = [1, 2, 4, 8, 16];
/// How often progress is told.
const TELL: Duration = Duration::from_secs(5);
/// How long a pull is silent before that is told for the first time.
const SILENCE: Duration = Duration::from_secs(5);

/// Fetches an image; what the engine knows it by.
pub(super) async fn pull(
    engine: &Engine,
    name: &str,
    platform: Option<&str>,
    notify: &Notify,
) -> Result<String, StartError> {
    let name = with_tag(name);
    let started = Instant::now();
    notify(format!("pulling {name}"));
    for wait in WAITS.map(Some).into_iter().chain([None]) {
        match attempt(engine, &name, platform, notify).await {
            Ok(()) => {
                notify(format!("pulled {name} in {:.1} s", started.elapsed().as_secs_f64()));
                return Ok(name);
            }
            Err(error) => match wait.filter(|_| is_busy(&error)) {
                Some(wait) => {
                    notify(format!("{name}: {}; trying again in {wait} s", words(&error)));
                    sleep(Duration::from_secs(wait)).await;
                }
                None => {
                    return Err(engine.blame(&format!("the image `{name}` cannot be pulled"), error));
                }
            },
        }
    }
    Err(StartError::Step(format!("the image `{name}` cannot be pulled")))
}

async fn attempt(engine: &Engine, name: &str, platform: Option<&str>, notify: &Notify) -> Result<(), Error> {
    let mut options = CreateImageOptionsBuilder::default().from_image(name);
    if let Some(platform) = platform {
        options = options.platform(platform);
    }
    let credentials = auth::credentials(engine, name).await;
    let docker = engine.patient();
    let mut layers: HashMap<String, (i64, i64)> = HashMap::new();
    let mut told = Instant::now();
    let mut progress = std::pin::pin!(docker.create_image(Some(options.build()), None, credentials));
    while let Some(info) = next(&mut progress, name, auth::registry_of(engine, name), notify).await {
        let info = info?;
        if let Some(message) = info.error_detail.and_then(|detail| detail.message) {
            return Err(Error::DockerStreamError { error: message });
        }
        let (Some(layer), Some(detail)) = (info.id, info.progress_detail) else { continue };
        let downloads = info.status.is_some_and(|status| status == "Downloading");
        if let (true, Some(done), Some(total)) = (downloads, detail.current, detail.total) {
            layers.insert(layer, (done, total));
        }
        if told.elapsed() >= TELL && !layers.is_empty() {
            told = Instant::now();
            let (done, total) = layers.values().fold((0, 0), |sum, layer| (sum.0 + layer.0, sum.1 + layer.1));
            let [done, total] = [done, total]
                .map(|bytes| bytesize::ByteSize(u64::try_from(bytes).unwrap_or_default()).display().iec());
            notify(format!("pulling {name}: {done} of {total}"));
        }
    }
    Ok(())
}

/// Waits for what the engine says next of a pull. Of a registry that does not answer it says nothing, so that
/// this does, less and less often.
async fn next<T>(
    progress: &mut (impl Stream<Item = T> + Unpin),
    name: &str,
    registry: &str,
    notify: &Notify,
) -> Option<T> {
    let (mut silence, mut interval) = (Duration::ZERO, SILENCE);
    loop {
        match timeout(interval, progress.next()).await {
            Ok(info) => return info,
            Err(_) => {
                silence += interval;
                interval = silence;
                notify(format!(
                    "pulling {name}: still waiting for the registry {registry}, which has sent nothing for {} s",
                    silence.as_secs()
                ));
            }
        }
    }
}

/// Whether it is worth another try: too many requests, or the registry's own trouble.
fn is_busy(error: &Error) -> bool {
    let text = words(error).to_lowercase();
    let code = match error {
        Error::DockerResponseServerError { status_code, .. } => *status_code,
        _ => 0,
    };
    let is_missing =
        ["not found", "denied", "unauthorized", "manifest unknown", "no such host", "connection refused"]
            .iter()
            .any(|word| text.contains(word));
    let is_limited = ["toomanyrequests", "too many requests", "429"].iter().any(|word| text.contains(word));
    let is_trouble = ["500", "502", "503", "504", "internal server error", "bad gateway", "unavailable"];
    is_limited
        || code == 429
        || !is_missing && (is_trouble.iter().any(|word| text.contains(word)) || code == 503)
}

/// Without a tag an engine would fetch every tag that there is.
pub(super) fn with_tag(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or_default();
    if last.contains(':') || name.contains('@') { name.to_owned() } else { format!("{name}:latest") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_a_tag() {
        assert_eq!(with_tag("alpine"), "alpine:latest");
        assert_eq!(with_tag("here:5000/alpine"), "here:5000/alpine:latest");
        assert_eq!(with_tag("here:5000/alpine:3.20"), "here:5000/alpine:3.20");
        assert_eq!(with_tag("alpine@sha256:00"), "alpine@sha256:00");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_registry_is_told_of_less_and_less_often() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let notify: Notify = std::sync::Arc::new(move |text| sender.send(text).unwrap_or_default());
        let slow = futures::stream::once(async {
            sleep(Duration::from_secs(21)).await;
            1
        });
        assert_eq!(next(&mut Box::pin(slow), "here:5000/x:1", "here:5000", &notify).await, Some(1));
        drop(notify);
        let said: Vec<String> = receiver.iter().collect();
        assert!(said[0].ends_with("the registry here:5000, which has sent nothing for 5 s"), "{said:?}");
        assert_eq!(said.len(), 3, "after 5, 10 and 20 s: {said:?}");
    }

    #[test]
    fn busy_registries_are_worth_another_try() {
        let says = |status_code, message: &str| {
            is_busy(&Error::DockerResponseServerError { status_code, message: message.into() })
        };
        assert!(says(500, "toomanyrequests: You have reached your pull rate limit"));
        assert!(says(500, "received unexpected HTTP status: 503 Service Unavailable"));
        assert!(!says(404, "manifest for alpine:9 not found: manifest unknown"));
        assert!(!says(404, "pull access denied for x, repository does not exist"));
        assert!(!says(500, "dial tcp 127.0.0.1:5000: connect: connection refused"));
    }
}
