//! How a run begins in a cluster: rights are checked, the hub is made and waited for, and the files are uploaded.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::files::Files;
use super::pods::{PodState, Pods};
use super::{Cluster, Shared};
use crate::cluster::api::{AccessRequest, ApiClient, ApiError, ClusterAccess, ObjectKind};
use crate::cluster::link::{ByteStream, Caller, ClientLink, Dial, LinkRole, ProgramVersion, RunKeys};
use crate::cluster::order::OrderSecrets;
use crate::cluster::pod::{
    ContainerUser, HUB_PORT, HubOrder, claim_manifest, hub_name, job_manifest, secret_manifest,
};
use crate::cluster::why::{refused, starting};
use crate::cluster::{rights, status::PodObject};
use crate::executor::SystemError;
use crate::file::LoadOptions;
use crate::pipeline::Kubernetes;

/// How long the first connection to a hub that runs may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The run that a cluster is opened for.
pub struct ClusterOrder<'a> {
    /// The id of the run.
    pub run: &'a str,
    /// The folder that steps run in, absolute.
    pub working_dir: &'a Path,
    /// What the file says about the cluster.
    pub kubernetes: &'a Kubernetes,
    /// The image with `pipe` in it.
    pub helper_image: String,
    /// The secrets of the run.
    pub secrets: OrderSecrets,
    /// Folders outside of the working directory that pods read.
    pub outside: Vec<PathBuf>,
    /// What the pipeline was read with.
    pub options: LoadOptions,
    /// Images that are to be used for those that are named.
    pub locked: HashMap<String, String>,
    /// Who `pipe` runs as here, and a step that names no user in the cluster.
    pub caller: ContainerUser,
}

/// Finds the cluster that is asked for, and checks that the user may do all that a run needs. Nothing is made.
///
/// # Errors
/// There is no such cluster, it does not answer, or rights are missing.
pub async fn find(request: &AccessRequest, kubernetes: &Kubernetes) -> Result<ApiClient, SystemError> {
    let access = ClusterAccess::find(request).await?;
    let namespace = access.namespace().to_owned();
    let api = ApiClient::new(access);
    let needed = rights::needed(kubernetes.store.class.is_some());
    let checked = api.check_rights(needed).await.map_err(|error| failed("cannot ask the cluster", error))?;
    match rights::missing(&namespace, &checked.missing) {
        Some((what, help)) => Err(SystemError::new(what, help)),
        None => Ok(api),
    }
}

fn failed(what: &str, error: ApiError) -> SystemError {
    match error {
        ApiError::System(error) => error,
        ApiError::Refused(answer) => SystemError::new(what, refused(&answer).sentence),
        error @ ApiError::Busy { .. } => SystemError::new(what, error.to_string()),
    }
}

impl Cluster {
    /// Opens a cluster for a run. If that fails, or is dropped half-way, [`abandon`](Self::abandon) removes what was made.
    ///
    /// # Errors
    /// The cluster refuses the hub, the hub does not start, or files cannot be uploaded.
    pub async fn open(api: ApiClient, order: ClusterOrder<'_>) -> Result<Self, SystemError> {
        let ClusterOrder { run, working_dir, kubernetes, helper_image, .. } = &order;
        let keys = RunKeys::generate().map_err(|error| SystemError::new("cannot make keys", error))?;
        let (data, of_hub, of_conductor) = secrets(&keys, &order.secrets);
        let hub = HubOrder { run, helper_image, hub_secrets: &of_hub, kubernetes };
        let made = api.create(ObjectKind::Job, &job_manifest(&hub)).await;
        let owner = made.map_err(|error| failed("cannot start the hub of the run", error))?.uid;
        let secret = api.create(ObjectKind::Secret, &secret_manifest(run, &owner, &data)).await;
        secret.map_err(|error| failed("cannot make the Secret of the run", error))?;
        if let Some(claim) = claim_manifest(run, &owner, &kubernetes.store) {
            let made = api.create(ObjectKind::Claim, &claim).await;
            made.map_err(|error| failed("cannot make the volume of the hub", error))?;
        }
        let pods = Pods::watch(api.clone(), format!("pipe.run={run}"));
        let (hub_pod, address) = wait_for_hub(&pods, kubernetes.start_timeout).await?;
        let dial = dial(api.clone(), hub_pod.clone());
        let caller =
            Caller { dial, keys: keys.of_client(), program: ProgramVersion::own(), patience: PATIENCE };
        let connected = ClientLink::connect(caller).await;
        let (client, mut said) =
            connected.map_err(|error| SystemError::new("cannot reach the hub of the run", error))?;
        let (trouble, troubles) = watch::channel(None);
        tokio::spawn(async move {
            while let Some(why) = said.recv().await {
                trouble.send_replace(Some(why));
            }
        });
        let files = Files::upload(&client, working_dir, &kubernetes.workspace, order.outside.clone()).await?;
        let shared = Shared {
            run: (*run).to_owned(),
            job: hub_name(run),
            owner,
            hub: socket_address(&address),
            hub_pod,
            helper_image: helper_image.clone(),
            kubernetes: (*kubernetes).clone(),
            conductor_secrets: of_conductor,
            locked: order.locked,
            caller: order.caller,
            options: order.options,
            files,
            pods,
            troubles,
            lease: client.lease(),
            api,
        };
        Ok(Self { shared: Arc::new(shared), client: Mutex::new(Some(Arc::new(client))) })
    }

    /// Removes what a run has made, whatever of it there is.
    pub async fn abandon(api: &ApiClient, run: &str) {
        // What is not deleted now goes by itself, once the hub has ended.
        let _ = api.delete(ObjectKind::Job, &hub_name(run)).await;
    }
}

/// What is in the Secret of a run, and which of its keys the hub and conductors read.
type Keyed = (BTreeMap<String, Vec<u8>>, Vec<String>, Vec<String>);

fn secrets(keys: &RunKeys, values: &OrderSecrets) -> Keyed {
    let mut data = BTreeMap::new();
    let mut add = |role: LinkRole| -> Vec<String> {
        let files = keys.files(role).into_iter();
        files
            .map(|(name, text)| {
                data.insert(name.clone(), text.into_bytes());
                name
            })
            .collect()
    };
    let (of_hub, mut of_conductor) = (add(LinkRole::Hub), add(LinkRole::Conductor));
    for (name, secret) in values.iter() {
        data.insert(name.to_owned(), secret.reveal().as_bytes().to_vec());
        of_conductor.push(name.to_owned());
    }
    (data, of_hub, of_conductor)
}

/// Waits until the hub runs. Returns its pod, and the pod's address.
async fn wait_for_hub(pods: &Pods, patience: Duration) -> Result<(String, String), SystemError> {
    let what = "cannot start the hub of the run";
    let end = Instant::now() + patience;
    let mut known = pods.all();
    let mut last = None;
    loop {
        let found = known.borrow_and_update().values().find_map(PodState::pod).cloned();
        if let Some(pod) = found {
            if let Some(address) = running(&pod) {
                return Ok((pod.metadata.name.clone(), address));
            }
            let trouble = starting(&pod).into_iter().next();
            let is_over = pod.is_over();
            if let Some(trouble) = trouble.filter(|trouble| is_over || trouble.kind.is_final()) {
                return Err(SystemError::new(what, trouble.sentence));
            }
            if is_over {
                return Err(SystemError::new(what, "its pod has ended; `kubectl logs` says why"));
            }
            last = starting(&pod).into_iter().next().map(|trouble| trouble.sentence);
        }
        match timeout_at(end, known.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => {
                return Err(SystemError::new(what, "the cluster does not show the pods of the run"));
            }
            Err(_) => {
                let why = last.unwrap_or_else(|| "its pod has not started".to_owned());
                let patience = humantime::format_duration(patience);
                return Err(SystemError::new(what, format!("{why} (waited for {patience})")));
            }
        }
    }
}

/// Returns where the hub listens.
fn socket_address(address: &str) -> String {
    match address.contains(':') {
        true => format!("[{address}]:{HUB_PORT}"),
        false => format!("{address}:{HUB_PORT}"),
    }
}

fn running(pod: &PodObject) -> Option<String> {
    let is_it = pod.status.phase == "Running";
    pod.status.pod_ip.clone().filter(|_| is_it)
}

/// Connects to the hub through the cluster's API.
fn dial(api: ApiClient, pod: String) -> Dial {
    Arc::new(move || {
        let (api, pod) = (api.clone(), pod.clone());
        Box::pin(async move {
            let port = api.forward(&pod, HUB_PORT).await.map_err(io::Error::other)?;
            Ok(Box::new(port) as Box<dyn ByteStream>)
        })
    })
}
