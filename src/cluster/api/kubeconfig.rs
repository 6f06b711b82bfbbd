//! A kubeconfig: clusters, users, and contexts that join them. Several files are joined; the first that names something
//! counts.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::executor::SystemError;

/// What of a kubeconfig is read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct Kubeconfig {
    pub(super) current_context: String,
    pub(super) clusters: Vec<NamedCluster>,
    pub(super) users: Vec<NamedUser>,
    pub(super) contexts: Vec<NamedContext>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct NamedCluster {
    pub(super) name: String,
    pub(super) cluster: ClusterEntry,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct ClusterEntry {
    pub(super) server: String,
    pub(super) certificate_authority: Option<PathBuf>,
    pub(super) certificate_authority_data: Option<String>,
    pub(super) insecure_skip_tls_verify: bool,
    pub(super) tls_server_name: Option<String>,
    pub(super) proxy_url: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct NamedUser {
    pub(super) name: String,
    pub(super) user: UserEntry,
}

impl std::fmt::Debug for NamedUser {
    /// It has keys and tokens in it.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("NamedUser").field("name", &self.name).finish_non_exhaustive()
    }
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct UserEntry {
    pub(super) client_certificate: Option<PathBuf>,
    pub(super) client_certificate_data: Option<String>,
    pub(super) client_key: Option<PathBuf>,
    pub(super) client_key_data: Option<String>,
    pub(super) token: Option<String>,
    #[serde(rename = "tokenFile")]
    pub(super) token_file: Option<PathBuf>,
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    pub(super) exec: Option<ExecEntry>,
}

/// A program that gives credentials, as clouds have them.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ExecEntry {
    pub(super) api_version: String,
    pub(super) command: String,
    pub(super) args: Option<Vec<String>>,
    pub(super) env: Option<Vec<ExecVariable>>,
    pub(super) install_hint: Option<String>,
    pub(super) provide_cluster_info: bool,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ExecVariable {
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct NamedContext {
    pub(super) name: String,
    pub(super) context: ContextEntry,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ContextEntry {
    pub(super) cluster: String,
    pub(super) user: String,
    pub(super) namespace: Option<String>,
}

impl Kubeconfig {
    /// Reads and joins files. One that is not there is left out.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, SystemError> {
        let mut all = Self::default();
        for path in paths {
            let text = match std::fs::read_to_string(path) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(SystemError::new(format!("cannot read {}", path.display()), error)),
            };
            all.join(Self::parse(&text, path)?);
        }
        Ok(all)
    }

    /// Reads a kubeconfig. Paths in it are seen from its folder.
    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, SystemError> {
        let wrong =
            |error| SystemError::new(format!("cannot understand the kubeconfig {}", path.display()), error);
        let mut config: Self = serde_yaml::from_str(text).map_err(wrong)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let rooted = |file: &mut Option<PathBuf>| {
            if let Some(file) = file {
                *file = folder.join(&*file);
            }
        };
        for NamedCluster { cluster, .. } in &mut config.clusters {
            rooted(&mut cluster.certificate_authority);
        }
        for NamedUser { user, .. } in &mut config.users {
            rooted(&mut user.client_certificate);
            rooted(&mut user.client_key);
            rooted(&mut user.token_file);
            if let Some(exec) = user.exec.as_mut().filter(|exec| exec.command.contains('/')) {
                exec.command = folder.join(&exec.command).to_string_lossy().into_owned();
            }
        }
        Ok(config)
    }

    fn join(&mut self, other: Self) {
        if self.current_context.is_empty() {
            self.current_context = other.current_context;
        }
        let new = |known: bool| !known;
        for cluster in other.clusters {
            if new(self.clusters.iter().any(|known| known.name == cluster.name)) {
                self.clusters.push(cluster);
            }
        }
        for user in other.users {
            if new(self.users.iter().any(|known| known.name == user.name)) {
                self.users.push(user);
            }
        }
        for context in other.contexts {
            if new(self.contexts.iter().any(|known| known.name == context.name)) {
                self.contexts.push(context);
            }
        }
    }
}
