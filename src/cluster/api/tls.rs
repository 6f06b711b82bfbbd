//! TLS to an API server: whom it is trusted by, and who asks.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::kubeconfig::ClusterEntry;
use crate::executor::SystemError;

/// A certificate and its key, as PEM.
#[derive(Clone, Default)]
pub(super) struct Identity {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Vec<u8>,
}

/// Returns what is given inline as base64, else the content of a file.
pub(super) fn inline_or_file(
    what: &str,
    data: Option<&String>,
    file: Option<&Path>,
) -> Result<Option<Vec<u8>>, SystemError> {
    if let Some(data) = data {
        let packed: String = data.split_whitespace().collect();
        let wrong = |error| SystemError::new(format!("the {what} in the kubeconfig is no base64"), error);
        return Ok(Some(STANDARD.decode(packed).map_err(wrong)?));
    }
    let read = |path: &Path| {
        let failed = |error| SystemError::new(format!("cannot read the {what} {}", path.display()), error);
        std::fs::read(path).map_err(failed)
    };
    file.map(read).transpose()
}

/// Makes the configuration of connections to a cluster.
pub(super) fn client_config(
    cluster: &ClusterEntry,
    identity: Option<&Identity>,
) -> Result<Arc<ClientConfig>, SystemError> {
    if cluster.insecure_skip_tls_verify {
        return Err(SystemError::new(
            "the kubeconfig has `insecure-skip-tls-verify`, which `pipe` does not do",
            "add `certificate-authority` with the certificate of the cluster",
        ));
    }
    let wrong = |error| SystemError::new("cannot use the certificates of the kubeconfig", error);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(wrong)?
        .with_root_certificates(roots(cluster)?);
    let config = match identity {
        None => config.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = parsed(identity)?;
            config.with_client_auth_cert(chain, key).map_err(wrong)?
        }
    };
    Ok(Arc::new(config))
}

/// Whom the cluster is trusted by: the authority that the kubeconfig names, else those of this machine.
fn roots(cluster: &ClusterEntry) -> Result<RootCertStore, SystemError> {
    let mut roots = RootCertStore::empty();
    let data = cluster.certificate_authority_data.as_ref();
    match inline_or_file("certificate authority", data, cluster.certificate_authority.as_deref())? {
        Some(pem) => {
            let wrong =
                |error| SystemError::new("cannot read the certificate authority of the cluster", error);
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
                roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
            }
        }
        None => {
            // One that cannot be read is one that is not trusted.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(roots)
}

type Parsed = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn parsed(identity: &Identity) -> Result<Parsed, SystemError> {
    let wrong = |error: rustls::pki_types::pem::Error| {
        SystemError::new("cannot read the client certificate of the kubeconfig", error.to_string())
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&identity.certificate).collect();
    let key = PrivateKeyDer::from_pem_slice(&identity.key).map_err(wrong)?;
    Ok((chain.map_err(wrong)?, key))
}
