//! The keys of a run: one pair each for the hub, the client and the conductors.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::ring::sign::any_eddsa_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use rustls::sign::SigningKey;

/// What stands before the 32 bytes of an ed25519 private key in PKCS #8 (RFC 8410).
const PKCS8: [u8; 16] = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

/// An end of a link, which is known by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkRole {
    /// The hub.
    Hub,
    /// The run's client.
    Client,
    /// A conductor; all of a run have one key.
    Conductor,
}

impl LinkRole {
    const fn name(self) -> &'static str {
        match self {
            Self::Hub => "hub",
            Self::Client => "client",
            Self::Conductor => "conductor",
        }
    }
}

/// A key that a peer shows that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(SubjectPublicKeyInfoDer<'static>);

/// A private key, with the public one that belongs to it.
#[derive(Clone)]
pub struct PrivateKey {
    text: PrivateText,
    signing: Arc<dyn SigningKey>,
    public: PublicKey,
}

/// The key as it lies in its file.
#[derive(Clone)]
struct PrivateText(String);

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("public", &self.public).finish_non_exhaustive()
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(#[source] getrandom::Error),
    /// The key cannot be used.
    #[error("a key cannot be used: {0}")]
    Unusable(#[source] rustls::Error),
    /// The file holds no key.
    #[error("{} holds no key: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

impl PublicKey {
    pub(super) fn of(der: &[u8]) -> Self {
        Self(der.to_vec().into())
    }

    pub(super) fn der(&self) -> &[u8] {
        &self.0
    }

    fn read(path: PathBuf) -> Result<Self, KeyError> {
        match SubjectPublicKeyInfoDer::from_pem_file(&path) {
            Ok(der) => Ok(Self(der)),
            Err(error) => Err(KeyError::File { path, source: io::Error::other(error) }),
        }
    }
}

impl PrivateKey {
    /// Draws a new key.
    ///
    /// # Errors
    /// If the system has no random bytes.
    pub fn generate() -> Result<Self, KeyError> {
        let mut der = PKCS8.to_vec();
        der.resize(PKCS8.len() + 32, 0);
        getrandom::fill(der.get_mut(PKCS8.len()..).unwrap_or_default()).map_err(KeyError::Random)?;
        Self::of(&der.into()).map_err(KeyError::Unusable)
    }

    fn of(der: &PrivatePkcs8KeyDer<'_>) -> Result<Self, rustls::Error> {
        let signing = any_eddsa_type(der)?;
        let public = signing.public_key().map(|key| PublicKey::of(&key));
        let public = public.ok_or_else(|| rustls::Error::General("the key has no public part".into()))?;
        let text = PrivateText(pem("PRIVATE KEY", der.secret_pkcs8_der()));
        Ok(Self { text, signing, public })
    }

    fn read(path: PathBuf) -> Result<Self, KeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_file(&path).map_err(io::Error::other);
        match der.and_then(|der| Self::of(&der).map_err(io::Error::other)) {
            Ok(key) => Ok(key),
            Err(source) => Err(KeyError::File { path, source }),
        }
    }

    /// Returns the key that peers know.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(super) fn signing(&self) -> Arc<dyn SigningKey> {
        Arc::clone(&self.signing)
    }
}

/// All keys of a run, as its client makes them.
#[derive(Debug, Clone)]
pub struct RunKeys {
    hub: PrivateKey,
    client: PrivateKey,
    conductor: PrivateKey,
}

impl RunKeys {
    /// Draws new keys.
    ///
    /// # Errors
    /// If the system has no random bytes.
    pub fn generate() -> Result<Self, KeyError> {
        let (hub, client) = (PrivateKey::generate()?, PrivateKey::generate()?);
        Ok(Self { hub, client, conductor: PrivateKey::generate()? })
    }

    /// Returns the keys of the client.
    pub fn of_client(&self) -> CallerKeys {
        CallerKeys { own: self.client.clone(), hub: self.hub.public.clone() }
    }

    /// Returns the files that an end needs, each by its name: its private key, and the public keys of its peers. They
    /// are to be readable by that end alone.
    pub fn files(&self, role: LinkRole) -> Vec<(String, String)> {
        let all = [
            (LinkRole::Hub, &self.hub),
            (LinkRole::Client, &self.client),
            (LinkRole::Conductor, &self.conductor),
        ];
        let is_peer = |other: LinkRole| (role == LinkRole::Hub) != (other == LinkRole::Hub);
        let file = |(other, key): (LinkRole, &PrivateKey)| {
            if other == role {
                Some((format!("{}.key", other.name()), key.text.0.clone()))
            } else {
                is_peer(other).then(|| (format!("{}.pub", other.name()), pem("PUBLIC KEY", key.public.der())))
            }
        };
        all.into_iter().filter_map(file).collect()
    }
}

/// The keys that the hub has.
#[derive(Debug, Clone)]
pub struct HubKeys {
    pub(super) own: PrivateKey,
    pub(super) client: PublicKey,
    pub(super) conductor: PublicKey,
}

impl HubKeys {
    /// Reads them from the folder where the hub's [files](RunKeys::files) lie.
    ///
    /// # Errors
    /// If a file is missing, or holds no key.
    pub fn read(folder: &Path) -> Result<Self, KeyError> {
        let own = PrivateKey::read(folder.join("hub.key"))?;
        let client = PublicKey::read(folder.join("client.pub"))?;
        Ok(Self { own, client, conductor: PublicKey::read(folder.join("conductor.pub"))? })
    }

    /// Tells which peer has a key.
    pub(super) fn role(&self, key: &[u8]) -> Option<LinkRole> {
        if key == self.client.der() {
            Some(LinkRole::Client)
        } else {
            (key == self.conductor.der()).then_some(LinkRole::Conductor)
        }
    }
}

/// The keys that an end has which connects to the hub.
#[derive(Debug, Clone)]
pub struct CallerKeys {
    pub(super) own: PrivateKey,
    pub(super) hub: PublicKey,
}

impl CallerKeys {
    /// Reads them from the folder where the end's [files](RunKeys::files) lie.
    ///
    /// # Errors
    /// If a file is missing, or holds no key.
    pub fn read(folder: &Path, role: LinkRole) -> Result<Self, KeyError> {
        let own = PrivateKey::read(folder.join(format!("{}.key", role.name())))?;
        Ok(Self { own, hub: PublicKey::read(folder.join("hub.pub"))? })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(keys: &RunKeys, role: LinkRole) -> Vec<String> {
        keys.files(role).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn each_end_gets_its_own_private_key_and_no_other() {
        let keys = RunKeys::generate().unwrap();
        assert_eq!(names(&keys, LinkRole::Hub), ["hub.key", "client.pub", "conductor.pub"]);
        assert_eq!(names(&keys, LinkRole::Client), ["hub.pub", "client.key"]);
        assert_eq!(names(&keys, LinkRole::Conductor), ["hub.pub", "conductor.key"]);
        assert!(!format!("{keys:?}").contains(&keys.hub.text.0));
    }

    #[test]
    fn keys_are_read_as_they_were_written() {
        let keys = RunKeys::generate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        for role in [LinkRole::Hub, LinkRole::Conductor] {
            for (name, text) in keys.files(role) {
                fs::write(folder.path().join(name), text).unwrap();
            }
        }
        let hub = HubKeys::read(folder.path()).unwrap();
        assert_eq!(hub.own.public(), keys.hub.public());
        assert_eq!(hub.role(keys.client.public().der()), Some(LinkRole::Client));
        assert_eq!(hub.role(keys.conductor.public().der()), Some(LinkRole::Conductor));
        assert_eq!(hub.role(keys.hub.public().der()), None);
        let conductor = CallerKeys::read(folder.path(), LinkRole::Conductor).unwrap();
        assert_eq!(conductor.own.public(), keys.conductor.public());
        assert_eq!(&conductor.hub, keys.hub.public());
    }

    #[test]
    fn a_file_without_a_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join("hub.key"),
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        )
        .unwrap();
        let error = HubKeys::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("hub.key holds no key: "), "{error}");
        assert!(CallerKeys::read(folder.path(), LinkRole::Client).is_err());
    }
}
