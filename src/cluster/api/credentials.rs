//! Who asks: a token, a file that has one, a password, or a program that gives either a token or a certificate.

use std::path::PathBuf;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::kubeconfig::{ClusterEntry, ExecEntry, UserEntry};
use super::tls::Identity;
use crate::executor::SystemError;

/// What a request is sent with.
#[derive(Clone)]
pub(super) enum Credentials {
    /// Nothing, or a certificate of the connection.
    None,
    /// The value of the header `Authorization`.
    Header(String),
    /// A file with a token, which is written anew from time to time.
    TokenFile(PathBuf),
}

impl Credentials {
    /// Returns the value of the header `Authorization`.
    pub(super) async fn header(&self) -> Result<Option<String>, SystemError> {
        match self {
            Self::None => Ok(None),
            Self::Header(value) => Ok(Some(value.clone())),
            Self::TokenFile(path) => {
                let failed =
                    |error| SystemError::new(format!("cannot read the token {}", path.display()), error);
                let token = tokio::fs::read_to_string(path).await.map_err(failed)?;
                Ok(Some(bearer(&token)))
            }
        }
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {}", token.trim())
}

/// Returns what a user of a kubeconfig sends, and the certificate that the connection shows, if a program gives one.
pub(super) async fn of_user(
    user: &UserEntry,
    cluster: &ClusterEntry,
) -> Result<(Credentials, Option<Identity>), SystemError> {
    if let Some(token) = &user.token {
        return Ok((Credentials::Header(bearer(token)), None));
    }
    if let Some(path) = &user.token_file {
        return Ok((Credentials::TokenFile(path.clone()), None));
    }
    if let (Some(name), Some(password)) = (&user.username, &user.password) {
        let pair = STANDARD.encode(format!("{name}:{password}"));
        return Ok((Credentials::Header(format!("Basic {pair}")), None));
    }
    match &user.exec {
        Some(exec) => of_program(exec, cluster).await,
        None => Ok((Credentials::None, None)),
    }
}

/// What a program answers.
#[derive(Deserialize)]
struct ExecCredential {
    status: Option<ExecStatus>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ExecStatus {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

/// Asks a program, as kubectl does. It may talk to the user on the terminal.
async fn of_program(
    exec: &ExecEntry,
    cluster: &ClusterEntry,
) -> Result<(Credentials, Option<Identity>), SystemError> {
    let ExecEntry { api_version, command, args, env, install_hint, provide_cluster_info } = exec;
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        SystemError::new(
            format!("cannot get credentials from `{command}`, which the kubeconfig names"),
            error,
        )
    };
    let mut spec = json!({"interactive": false});
    if *provide_cluster_info {
        let authority = cluster.certificate_authority_data.clone();
        spec["cluster"] = json!({"server": cluster.server, "certificate-authority-data": authority});
    }
    let info = json!({"apiVersion": api_version, "kind": "ExecCredential", "spec": spec});
    let mut program = tokio::process::Command::new(command);
    program.args(args.iter().flatten()).env("KUBERNETES_EXEC_INFO", info.to_string());
    program.envs(env.iter().flatten().map(|variable| (&variable.name, &variable.value)));
    program.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    let output = program.output().await.map_err(|error| match install_hint {
        Some(hint) => failed(format!("{error}: {}", hint.trim()).into()),
        None => failed(error.into()),
    })?;
    if !output.status.success() {
        return Err(failed(format!("it ended with {}", output.status).into()));
    }
    let answer: ExecCredential =
        serde_json::from_slice(&output.stdout).map_err(|error| failed(error.into()))?;
    let ExecStatus { token, client_certificate_data, client_key_data } = answer.status.unwrap_or_default();
    let identity = match (client_certificate_data, client_key_data) {
        (Some(certificate), Some(key)) => {
            Some(Identity { certificate: certificate.into_bytes(), key: key.into_bytes() })
        }
        (_, _) => None,
    };
    match (token, identity) {
        (None, None) => Err(failed("it gave neither a token nor a certificate".into())),
        (Some(token), identity) => Ok((Credentials::Header(bearer(&token)), identity)),
        (None, identity) => Ok((Credentials::None, identity)),
    }
}
