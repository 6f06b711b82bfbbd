//! TLS 1.3 with raw public keys (RFC 7250): each end shows that it has the key that the other one knows.

use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme,
};
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::error::LinkError;
use super::keys::{CallerKeys, HubKeys, LinkRole, PrivateKey, PublicKey};
use super::line::{ByteStream, GREETING};

/// Takes the keys that it knows, and no other.
#[derive(Debug)]
struct Pinned {
    known: Vec<PublicKey>,
    provider: Arc<CryptoProvider>,
}

impl Pinned {
    fn check(&self, key: &CertificateDer<'_>) -> Result<(), Error> {
        match self.known.iter().any(|known| known.der() == key.as_ref()) {
            true => Ok(()),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn check_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = SubjectPublicKeyInfoDer::from(key.as_ref());
        verify_tls13_signature_with_raw_key(
            message,
            &key,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }
}

fn too_old() -> Error {
    Error::General("the link speaks TLS 1.3".into())
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        key: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(key).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(too_old())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, key, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        key: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(key).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(too_old())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, key, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

fn shown(key: &PrivateKey) -> Arc<CertifiedKey> {
    let public = CertificateDer::from(key.public().der().to_vec());
    Arc::new(CertifiedKey::new(vec![public], key.signing()))
}

/// Says which end has the wrong key, where that is what a handshake or a first read has failed of.
pub(super) fn blame(error: io::Error) -> LinkError {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match tls {
        Some(tls @ (Error::InvalidCertificate(_) | Error::AlertReceived(_))) => LinkError::Key(tls.clone()),
        Some(_) | None => LinkError::Connection(error),
    }
}

async fn within<T>(handshake: impl Future<Output = io::Result<T>>) -> Result<T, LinkError> {
    let done = timeout(GREETING, handshake).await.map_err(|_| LinkError::Silence(GREETING))?;
    done.map_err(blame)
}

/// How an end speaks TLS to the hub.
#[derive(Clone)]
pub(super) struct CallerTls(TlsConnector);

impl CallerTls {
    pub(super) fn new(keys: &CallerKeys) -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let pinned = Pinned { known: vec![keys.hub.clone()], provider: Arc::clone(&provider) };
        let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13])?;
        let mut config = config
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(pinned))
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(shown(&keys.own))));
        config.enable_sni = false;
        config.resumption = Resumption::disabled();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    pub(super) async fn wrap(&self, stream: Box<dyn ByteStream>) -> Result<Box<dyn ByteStream>, LinkError> {
        let name = ServerName::try_from("hub").map_err(io::Error::other)?;
        Ok(Box::new(within(self.0.connect(name, stream)).await?))
    }
}

/// How the hub speaks TLS.
#[derive(Clone)]
pub struct HubTls {
    acceptor: TlsAcceptor,
    keys: HubKeys,
}

impl HubTls {
    /// Prepares it for these keys.
    ///
    /// # Errors
    /// If TLS does not take them.
    pub fn new(keys: HubKeys) -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let known = vec![keys.client.clone(), keys.conductor.clone()];
        let pinned = Pinned { known, provider: Arc::clone(&provider) };
        let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13])?;
        let mut config = config
            .with_client_cert_verifier(Arc::new(pinned))
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(shown(&keys.own))));
        config.send_tls13_tickets = 0;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), keys })
    }

    /// Accepts a connection, and tells which peer it is from.
    pub(super) async fn wrap(
        &self,
        stream: Box<dyn ByteStream>,
    ) -> Result<(LinkRole, Box<dyn ByteStream>), LinkError> {
        let stream = within(self.acceptor.accept(stream)).await?;
        let key = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let role = key.and_then(|key| self.keys.role(key.as_ref()));
        let role =
            role.ok_or_else(|| LinkError::Key(CertificateError::ApplicationVerificationFailure.into()))?;
        Ok((role, Box::new(stream)))
    }
}
