//! The identity that is sent to the API server, and its `Authorization` header.
//!
//! A token file is read for every request, because tokens rotate. If it cannot be read, the last token from it is used. A
//! plugin's token is used until the server refuses it.

use std::path::PathBuf;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::error::{Sent, Why};
use super::plugin::Plugin;
use crate::io::credentials::Secret;

/// How to authenticate.
pub(super) enum Identity {
    /// Without credentials.
    Nobody,
    /// Without credentials, because they are not sent over plain HTTP.
    NobodyOverHttp,
    /// By the client certificate alone.
    Certificate,
    /// By a fixed header.
    Header(Secret),
    /// By a token that is read from a file.
    TokenFile {
        path: PathBuf,
        last: Mutex<Option<Secret>>,
        whose: Sent,
    },
    /// By a credential plugin. `cluster` is what the plugin gets to know of the cluster.
    Plugin {
        plugin: Plugin,
        cluster: Option<Value>,
    },
}

impl Identity {
    pub(super) fn token(token: &Secret) -> Self {
        Self::Header(bearer(token))
    }

    pub(super) fn password(name: &str, password: &Secret) -> Self {
        Self::Header(Secret::new(format!(
            "Basic {}",
            STANDARD.encode(format!("{name}:{}", password.expose()))
        )))
    }

    /// Reads the token from `path`, and uses `fallback` while that fails.
    pub(super) fn token_file(path: PathBuf, fallback: Option<Secret>) -> Self {
        Self::TokenFile {
            path,
            last: Mutex::new(fallback),
            whose: Sent::User,
        }
    }

    pub(super) fn service_account(path: PathBuf) -> Self {
        Self::TokenFile {
            path,
            last: Mutex::new(None),
            whose: Sent::ServiceAccount,
        }
    }

    pub(super) fn plugin(plugin: Plugin, cluster: Option<Value>) -> Self {
        Self::Plugin { plugin, cluster }
    }

    /// Which credentials are sent.
    pub(super) fn sent(&self) -> Sent {
        match self {
            Self::Nobody => Sent::Nothing,
            Self::NobodyOverHttp => Sent::NothingOverHttp,
            Self::Certificate | Self::Header(_) => Sent::User,
            Self::TokenFile { whose, .. } => *whose,
            Self::Plugin { .. } => Sent::Plugin,
        }
    }

    /// The current `Authorization` header. `None` for a plugin, whose header is in the session.
    pub(super) fn header(&self) -> Result<Option<Secret>, Why> {
        match self {
            Self::Nobody | Self::NobodyOverHttp | Self::Certificate | Self::Plugin { .. } => {
                Ok(None)
            }
            Self::Header(header) => Ok(Some(header.clone())),
            Self::TokenFile { path, last, .. } => {
                let mut last = last.lock().expect("no holder of this lock panics");
                match std::fs::read_to_string(path) {
                    Ok(token) if !token.trim().is_empty() => {
                        *last = Some(Secret::new(token.trim()))
                    }
                    Ok(_) if last.is_none() => {
                        return Err(Why::Unreadable {
                            path: path.clone(),
                            reason: "there is no token in it".to_owned(),
                        });
                    }
                    Err(error) if last.is_none() => {
                        return Err(Why::Unreadable {
                            path: path.clone(),
                            reason: error.to_string(),
                        });
                    }
                    Ok(_) | Err(_) => {}
                }
                Ok(last.as_ref().map(bearer))
            }
        }
    }
}

/// The header for a bearer token.
pub(super) fn bearer(token: &Secret) -> Secret {
    Secret::new(format!("Bearer {}", token.expose()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(identity: &Identity) -> String {
        identity.header().unwrap().unwrap().expose().to_owned()
    }

    #[test]
    fn a_token_file_is_read_again_and_its_last_token_outlives_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let identity = Identity::service_account(path.clone());
        let missing = identity.header().unwrap_err();
        assert!(
            missing
                .to_string()
                .starts_with(&format!("cannot read `{}`: ", path.display())),
            "{missing}"
        );
        std::fs::write(&path, "first\n").unwrap();
        assert_eq!(header(&identity), "Bearer first");
        std::fs::write(&path, "second\n").unwrap();
        assert_eq!(header(&identity), "Bearer second");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(header(&identity), "Bearer second");
    }

    #[test]
    fn a_password_is_sent_as_basic() {
        assert_eq!(
            header(&Identity::password("user", &Secret::new("pass"))),
            "Basic dXNlcjpwYXNz"
        );
    }
}
