//! Who we are to the API server, and the header that says so.
//!
//! A token file is read for every request, because tokens rotate; when it cannot be read, the last token that could is used. What a plugin
//! gave is used until the server refuses it.

use std::path::PathBuf;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::error::{Sent, Why};
use super::plugin::Plugin;
use crate::io::credentials::Secret;

/// Who we are.
pub(super) enum Identity {
    /// Nobody.
    Nobody,
    /// Nobody, because the server is asked over plain http.
    NobodyOverHttp,
    /// Whom the client certificate names.
    Certificate,
    /// A header that stays.
    Header(Secret),
    /// A token in a file.
    TokenFile {
        path: PathBuf,
        last: Mutex<Option<Secret>>,
        whose: Sent,
    },
    /// What a plugin gives, with what it is told of the cluster.
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

    /// `fallback` is used while the file cannot be read.
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

    /// What is sent for signing in.
    pub(super) fn sent(&self) -> Sent {
        match self {
            Self::Nobody => Sent::Nothing,
            Self::NobodyOverHttp => Sent::NothingOverHttp,
            Self::Certificate | Self::Header(_) => Sent::User,
            Self::TokenFile { whose, .. } => *whose,
            Self::Plugin { .. } => Sent::Plugin,
        }
    }

    /// The `Authorization` header now, but for a plugin's, which is the session's.
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

/// A token as a header.
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
