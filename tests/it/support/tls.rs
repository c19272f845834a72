//! A certificate authority for tests.

#![allow(
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    reason = "each of those who use this file uses a part of it"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// An authority whose certificate is in a file.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub file: PathBuf,
    folder: PathBuf,
}

/// A server's certificate and key: as files, and for a server in this process.
pub struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub config: Arc<rustls::ServerConfig>,
}

/// Whether a certificate is valid today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Valid {
    Now,
    LongAgo,
}

impl Authority {
    pub fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "authority of a test");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let file = folder.join("authority.pem");
        std::fs::write(&file, issuer.pem()).unwrap();
        Self {
            issuer,
            file,
            folder: folder.to_owned(),
        }
    }

    /// A certificate for these names and addresses.
    pub fn identity(&self, names: &[&str], valid: Valid) -> Identity {
        let mut params = CertificateParams::new(
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>(),
        )
        .unwrap();
        if valid == Valid::LongAgo {
            params.not_before = rcgen::date_time_ymd(2001, 1, 1);
            params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        }
        let key_pair = KeyPair::generate().unwrap();
        let issued = params.signed_by(&key_pair, &self.issuer).unwrap();
        let (certificate, key) = (
            self.folder.join(format!("{}.pem", names[0])),
            self.folder.join(format!("{}.key", names[0])),
        );
        std::fs::write(&certificate, issued.pem()).unwrap();
        std::fs::write(&key, key_pair.serialize_pem()).unwrap();
        Identity {
            certificate,
            key,
            config: Arc::new(config(issued.der(), &key_pair)),
        }
    }
}

/// A self-signed server certificate.
pub fn self_signed(folder: &Path, name: &str, is_ca: IsCa) -> Identity {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.is_ca = is_ca;
    let key_pair = KeyPair::generate().unwrap();
    let issued = params.self_signed(&key_pair).unwrap();
    let (certificate, key) = (folder.join("self.pem"), folder.join("self.key"));
    std::fs::write(&certificate, issued.pem()).unwrap();
    std::fs::write(&key, key_pair.serialize_pem()).unwrap();
    Identity {
        certificate,
        key,
        config: Arc::new(config(issued.der(), &key_pair)),
    }
}

fn config(issued: &CertificateDer<'static>, key_pair: &KeyPair) -> rustls::ServerConfig {
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key_pair.serialize_der()));
    rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.clone()], private)
        .unwrap()
}
