//! Why a pod does not start, why it ended, and why it was not made: what a cluster says, as a sentence, and what that means
//! for the steps.
//!
//! Nothing is asked here. The link says first that a pod is gone; what the cluster says of it explains that, and comes
//! late.

#[cfg(test)]
mod tests;

use super::status::{ApiAnswer, ContainerState, ContainerStatus, PodObject, PodStatus, TerminatedState};

/// How often a pull may fail before it is taken for what it is. A node tries again by itself.
pub const PULLS: u32 = 3;

/// Larger exit codes are those of processes that were killed, with the signal's number added.
const BY_SIGNAL: i32 = 128;

/// What is wrong with a pod, or with the request for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What it means.
    pub kind: TroubleKind,
    /// The container that it is about; `None` is the whole pod.
    pub container: Option<String>,
    /// Words for people, without a full stop.
    pub sentence: String,
}

/// What trouble means for the steps of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TroubleKind {
    /// It may pass: the pod waits until its start times out.
    MayPass,
    /// An image was not pulled: it may pass, and is final after [`PULLS`] times.
    Pull,
    /// It cannot start, however long it waits: the start of the step has failed.
    NeverStarts,
    /// The step needed more memory than it may have.
    OutOfMemory,
    /// The cluster has ended it, by its own reasons: the steps failed, and may be tried again.
    EndedByCluster,
    /// The pod had more time than its steps may take; `pipe` in it has not ended them.
    TookTooLong,
    /// A part of `pipe` in the pod has failed, or the cluster: no step is to blame.
    Engine,
    /// The user has no right to it.
    Forbidden,
}

impl TroubleKind {
    /// Returns whether waiting changes nothing. A pull that fails is tried again by the node.
    pub fn is_final(self) -> bool {
        match self {
            Self::MayPass | Self::Pull => false,
            Self::NeverStarts
            | Self::OutOfMemory
            | Self::EndedByCluster
            | Self::TookTooLong
            | Self::Engine
            | Self::Forbidden => true,
        }
    }
}

impl Trouble {
    fn new(kind: TroubleKind, container: Option<&str>, sentence: impl Into<String>) -> Self {
        Self { kind, container: container.map(str::to_owned), sentence: sentence.into() }
    }
}

/// Returns why a pod that should start does not; nothing if it only takes its time. What is final comes first.
pub fn starting(pod: &PodObject) -> Vec<Trouble> {
    let status = &pod.status;
    let mut found: Vec<Trouble> = of_pod(pod).into_iter().collect();
    found.extend(status.conditions.iter().filter_map(|condition| {
        let is_it = condition.kind == "PodScheduled" && condition.status == "False";
        let words = condition.message.as_deref().unwrap_or("the scheduler does not say why");
        is_it.then(|| Trouble::new(TroubleKind::MayPass, None, format!("no node takes the pod: {words}")))
    }));
    found.extend(status.init_container_statuses.iter().filter_map(init_container));
    found.extend(status.container_statuses.iter().filter_map(waiting));
    found.extend(status.container_statuses.iter().filter_map(not_created));
    found.sort_by_key(|trouble| !trouble.kind.is_final());
    found
}

/// Returns why a container whose first process is gone without a word has ended; nothing if the cluster does not say yet.
/// Its exit code is not looked at: the first process reports that of the step.
pub fn ended(pod: &PodObject, container: &str) -> Option<Trouble> {
    let status = pod.status.container_statuses.iter().find(|status| status.name == container);
    let terminated = status.and_then(|status| status.state.terminated.as_ref());
    let is_memory = terminated.is_some_and(|terminated| terminated.reason.as_deref() == Some("OOMKilled"));
    if is_memory {
        return Some(Trouble::new(TroubleKind::OutOfMemory, Some(container), "out of memory"));
    }
    of_pod(pod).or_else(|| {
        let TerminatedState { exit_code, reason, message } = terminated?;
        let words = message.as_deref().map(one_line).filter(|words| !words.is_empty());
        let words = words.or_else(|| reason.clone()).unwrap_or_else(|| "no reason is given".to_owned());
        let how = if *exit_code > BY_SIGNAL { "killed by the cluster" } else { "ended by itself" };
        let sentence = format!("{how}: {words} (exit code {exit_code})");
        Some(Trouble::new(TroubleKind::EndedByCluster, Some(container), sentence))
    })
}

/// What holds for a pod as a whole: it has failed, or it is on the way out.
fn of_pod(pod: &PodObject) -> Option<Trouble> {
    let PodStatus { phase, reason, message, .. } = &pod.status;
    let words = message.as_deref().map(str::trim).filter(|words| !words.is_empty());
    let with = |what: &str| words.map_or_else(|| what.to_owned(), |words| format!("{what}: {words}"));
    let node = pod.spec.node_name.as_deref().unwrap_or("of the pod");
    let (kind, sentence) = match reason.as_deref() {
        Some("Evicted") => (TroubleKind::EndedByCluster, with("evicted by the cluster")),
        Some("Preempting" | "Preempted") => {
            (TroubleKind::EndedByCluster, with("ended for a pod of higher priority"))
        }
        Some("NodeLost") => (TroubleKind::EndedByCluster, format!("the node {node} went away")),
        Some("Shutdown" | "Terminated" | "NodeShutdown") => {
            (TroubleKind::EndedByCluster, format!("the node {node} was shut down"))
        }
        Some("DeadlineExceeded") => (TroubleKind::TookTooLong, with("the pod took too long")),
        Some("UnexpectedAdmissionError" | "OutOfcpu" | "OutOfmemory" | "OutOfpods" | "NodeAffinity") => {
            (TroubleKind::EndedByCluster, with(&format!("the node {node} took the pod and could not run it")))
        }
        Some(other) if phase == "Failed" => {
            (TroubleKind::EndedByCluster, with(&format!("ended by the cluster ({other})")))
        }
        Some(_) | None if pod.metadata.is_going() => {
            (TroubleKind::EndedByCluster, "terminated by the cluster: the pod was deleted".to_owned())
        }
        Some(_) | None => return None,
    };
    Some(Trouble::new(kind, None, sentence))
}

/// Why a container has not started.
fn waiting(status: &ContainerStatus) -> Option<Trouble> {
    let waiting = status.state.waiting.as_ref()?;
    let (reason, image) = (waiting.reason.as_deref()?, &status.image);
    let words = waiting.message.as_deref().unwrap_or("no reason is given");
    let (kind, sentence) = match reason {
        "ErrImagePull" | "ImagePullBackOff" => {
            (TroubleKind::Pull, format!("the image {image} cannot be pulled: {}", plain(words)))
        }
        "ErrImageNeverPull" => (
            TroubleKind::NeverStarts,
            format!("the node has no image {image}, and `pull: never` keeps it from fetching it"),
        ),
        "InvalidImageName" => {
            (TroubleKind::NeverStarts, format!("{image} is no name of an image: {}", plain(words)))
        }
        "ImageInspectError" | "RegistryUnavailable" => {
            (TroubleKind::Pull, format!("the image {image} cannot be used: {}", plain(words)))
        }
        "CreateContainerConfigError" if words.contains("runAsNonRoot") => (
            TroubleKind::NeverStarts,
            format!(
                "the image {image} runs as root, which the pod must not: give the step a `user` with a number"
            ),
        ),
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            (TroubleKind::NeverStarts, format!("its container cannot be made: {}", plain(words)))
        }
        // It takes its time.
        _ => return None,
    };
    Some(Trouble::new(kind, Some(&status.name), sentence))
}

/// Says that a container has ended before its first process began.
fn not_created(status: &ContainerStatus) -> Option<Trouble> {
    let ContainerState { terminated, waiting: _, running: _ } = &status.state;
    let terminated = terminated.as_ref()?;
    let is_it = matches!(terminated.reason.as_deref(), Some("StartError" | "ContainerCannotRun"));
    let words = terminated.message.as_deref().unwrap_or("no reason is given");
    let sentence = format!("its container cannot start: {}", plain(words));
    is_it.then(|| Trouble::new(TroubleKind::NeverStarts, Some(&status.name), sentence))
}

/// An init container is `pipe`'s own.
fn init_container(status: &ContainerStatus) -> Option<Trouble> {
    if let Some(trouble) = waiting(status).or_else(|| not_created(status)) {
        let kind = if trouble.kind.is_final() { TroubleKind::Engine } else { trouble.kind };
        return Some(Trouble { kind, ..trouble });
    }
    let terminated = status.state.terminated.as_ref().filter(|terminated| terminated.exit_code != 0)?;
    let words = terminated.message.as_deref().map(one_line).filter(|words| !words.is_empty());
    let words = words.map_or_else(String::new, |words| format!("{words}, "));
    let sentence = format!(
        "`pipe` cannot be put into the pod by the image {}: {words}exit code {}",
        status.image, terminated.exit_code
    );
    Some(Trouble::new(TroubleKind::Engine, Some(&status.name), sentence))
}

/// Returns why an API server has refused a request.
pub fn refused(answer: &ApiAnswer) -> Trouble {
    let ApiAnswer { code, reason, message } = answer;
    let kind = match (code, reason.as_str()) {
        // Room comes when other pods end.
        (403, _) if message.contains("exceeded quota") => TroubleKind::MayPass,
        (403, _) if message.contains("failed quota") || is_admission(message) => TroubleKind::NeverStarts,
        (401 | 403, _) => TroubleKind::Forbidden,
        (400 | 404 | 409 | 413 | 422, _) => TroubleKind::NeverStarts,
        (429 | 500..=599, _) | (_, "TooManyRequests" | "Timeout" | "ServerTimeout") => TroubleKind::MayPass,
        (_, _) => TroubleKind::Engine,
    };
    let message = if message.is_empty() { format!("{reason} (code {code})") } else { message.clone() };
    Trouble::new(kind, None, format!("the cluster refused it: {message}"))
}

/// Whether a pod is refused for what it is, and not for who asks: a standard of pod security, a webhook, an old policy.
fn is_admission(message: &str) -> bool {
    ["violates PodSecurity", "admission webhook", "unable to validate against any", "denied the request"]
        .iter()
        .any(|words| message.contains(words))
}

/// Joins the lines of a log.
fn one_line(words: &str) -> String {
    let lines: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("; ")
}

/// Leaves out what the words of nodes begin with and say nothing by.
fn plain(words: &str) -> &str {
    words.strip_prefix("rpc error: code = Unknown desc = ").unwrap_or(words)
}
