//! Which cluster, in which namespace, and as whom: from the files of kubectl, or from the pod that `pipe` runs in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::Uri;
use rustls::ClientConfig;

use super::credentials::{Credentials, of_user};
use super::kubeconfig::{ClusterEntry, ContextEntry, Kubeconfig, UserEntry};
use super::tls::{Identity, client_config, inline_or_file};
use crate::executor::SystemError;

/// The folder in a pod with its token.
const IN_CLUSTER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What is asked for, and where it is looked for.
#[derive(Debug, Clone, Default)]
pub struct AccessRequest {
    /// The context; the current one of the kubeconfig, if there is none.
    pub context: Option<String>,
    /// The namespace; that of the context, if there is none.
    pub namespace: Option<String>,
    /// `$KUBECONFIG`: paths with colons between them.
    pub kubeconfig: Option<String>,
    /// The user's folder, with `.kube/config`.
    pub home: Option<PathBuf>,
    /// `$KUBERNETES_SERVICE_HOST` and `$KUBERNETES_SERVICE_PORT`, in a pod.
    pub in_cluster: Option<(String, String)>,
}

/// How a cluster is reached.
#[derive(Clone)]
pub struct ClusterAccess {
    pub(super) server: Uri,
    /// The host that connections are made to, and that the certificate is for.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) server_name: String,
    /// Nothing where the server speaks plain HTTP, as that of `kubectl proxy` does.
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) credentials: Credentials,
    pub(super) namespace: String,
    context: String,
}

impl std::fmt::Debug for ClusterAccess {
    /// It has tokens and keys in it.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { server, namespace, context, .. } = self;
        let mut shown = out.debug_struct("ClusterAccess");
        shown.field("server", server).field("namespace", namespace).field("context", context);
        shown.finish_non_exhaustive()
    }
}

impl ClusterAccess {
    /// Finds the cluster that is asked for.
    ///
    /// # Errors
    /// If nothing names a cluster, or what names one cannot be used.
    pub async fn find(request: &AccessRequest) -> Result<Self, SystemError> {
        let paths: Vec<PathBuf> = match request.kubeconfig.as_deref().filter(|paths| !paths.is_empty()) {
            Some(paths) => std::env::split_paths(paths).collect(),
            None => request.home.iter().map(|home| home.join(".kube/config")).collect(),
        };
        let config = Kubeconfig::read(&paths)?;
        if config.contexts.is_empty()
            && request.context.is_none()
            && let Some((host, port)) = &request.in_cluster
        {
            return Self::in_cluster(host, port, Path::new(IN_CLUSTER), request).await;
        }
        let wanted = request.context.clone().unwrap_or_else(|| config.current_context.clone());
        let missing = |what: &str, name: &str| {
            let known: Vec<&str> = config.contexts.iter().map(|context| context.name.as_str()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            SystemError::new(
                format!("cannot find a cluster: there is no {what} `{name}`"),
                format!("contexts of the kubeconfig: {known}"),
            )
        };
        let named = config.contexts.iter().find(|context| context.name == wanted);
        let context = &named.ok_or_else(|| missing("context", &wanted))?.context;
        let cluster = config.clusters.iter().find(|cluster| cluster.name == context.cluster);
        let cluster = &cluster.ok_or_else(|| missing("cluster", &context.cluster))?.cluster;
        let without_keys = UserEntry::default();
        let user = config.users.iter().find(|user| user.name == context.user);
        let user = user.map_or(&without_keys, |user| &user.user);
        Self::of(&wanted, cluster, user, context, request).await
    }

    async fn of(
        name: &str,
        cluster: &ClusterEntry,
        user: &UserEntry,
        context: &ContextEntry,
        request: &AccessRequest,
    ) -> Result<Self, SystemError> {
        if cluster.proxy_url.is_some() {
            return Err(SystemError::new(
                format!("cannot reach the cluster of the context `{name}`"),
                "it has a `proxy-url`, which `pipe` does not know",
            ));
        }
        let certificate = inline_or_file(
            "client certificate",
            user.client_certificate_data.as_ref(),
            user.client_certificate.as_deref(),
        )?;
        let key = inline_or_file("client key", user.client_key_data.as_ref(), user.client_key.as_deref())?;
        let own = certificate.zip(key).map(|(certificate, key)| Identity { certificate, key });
        let (credentials, of_program) = of_user(user, cluster).await?;
        let namespace = request.namespace.clone().or_else(|| context.namespace.clone());
        Self::new(name, cluster, own.or(of_program).as_ref(), credentials, namespace)
    }

    /// The cluster that a pod is in.
    async fn in_cluster(
        host: &str,
        port: &str,
        folder: &Path,
        request: &AccessRequest,
    ) -> Result<Self, SystemError> {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let cluster = ClusterEntry {
            server: format!("https://{host}:{port}"),
            certificate_authority: Some(folder.join("ca.crt")),
            ..ClusterEntry::default()
        };
        let own = tokio::fs::read_to_string(folder.join("namespace")).await.ok();
        let namespace = request.namespace.clone().or(own.map(|name| name.trim().to_owned()));
        Self::new("the pod's own", &cluster, None, Credentials::TokenFile(folder.join("token")), namespace)
    }

    fn new(
        context: &str,
        cluster: &ClusterEntry,
        identity: Option<&Identity>,
        credentials: Credentials,
        namespace: Option<String>,
    ) -> Result<Self, SystemError> {
        let wrong = || {
            let what = format!("`{}` is no address of a cluster", cluster.server);
            SystemError::new(what, "it begins with https:// or http:// and a host")
        };
        let server: Uri = cluster.server.parse().map_err(|_| wrong())?;
        let host = server.host().ok_or_else(wrong)?.trim_matches(['[', ']']).to_owned();
        let (default_port, tls) = match server.scheme_str() {
            Some("https") => (443, Some(client_config(cluster, identity)?)),
            Some("http") => (80, None),
            Some(_) | None => return Err(wrong()),
        };
        Ok(Self {
            port: server.port_u16().unwrap_or(default_port),
            server_name: cluster.tls_server_name.clone().unwrap_or_else(|| host.clone()),
            host,
            server,
            tls,
            credentials,
            namespace: namespace.filter(|name| !name.is_empty()).unwrap_or_else(|| "default".to_owned()),
            context: context.to_owned(),
        })
    }

    /// Returns the namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns the name of the context.
    pub fn context(&self) -> &str {
        &self.context
    }

    /// Returns the address of the cluster.
    pub fn server(&self) -> String {
        self.server.to_string().trim_end_matches('/').to_owned()
    }
}
