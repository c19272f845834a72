//! A GitHub App: it proves who it is with a key, and gets a token of an hour for one repository.
//!
//! Follows <https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app>. The token is limited to the repository at
//! hand, and to the two permissions that a pull request needs.

use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::SigningKey;
use serde_json::json;

use super::error::ForgeError;
use crate::engine::code::Code;
use crate::io::credentials::Secret;

/// The largest file that may be a key.
const LARGEST_KEY: u64 = 64 * 1024;
/// How long before now a proof says it was made: the clock of GitHub may be behind ours.
const BEFORE: Duration = Duration::from_secs(60);
/// How long a proof is good. GitHub takes ten minutes at most.
const LIFE: Duration = Duration::from_secs(540);

/// A GitHub App. `Debug` shows its id alone.
#[derive(Clone, Debug)]
pub struct GitHubApp {
    pub(super) id: String,
    /// In PEM.
    key: Secret,
}

impl GitHubApp {
    /// Reads the app's private key, and checks that it can sign. `id` is the app's number, or its client ID.
    pub fn read(id: &str, key: &Path) -> Result<Self, ForgeError> {
        let act = format!("use the key `{}` of the GitHub App", key.display());
        let refused =
            |cause: String, hint: &str| ForgeError::new(Code::ForgeToken, &act, cause, hint);
        let is_id = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '_' | '-');
        if id.is_empty() || !id.chars().all(is_id) {
            return Err(refused(
                "the app's id is neither a number nor a client ID".to_owned(),
                "copy it from the app's settings into `--github-app-id`",
            ));
        }
        let hint = "generate a private key in the app's settings, and name its file with `--github-app-key`";
        let size = std::fs::metadata(key).map(|found| found.len());
        if size.as_ref().is_ok_and(|size| *size > LARGEST_KEY) {
            return Err(refused("it is too large for a key".to_owned(), hint));
        }
        let pem = std::fs::read_to_string(key).map_err(|error| refused(error.to_string(), hint))?;
        let app = Self {
            id: id.to_owned(),
            key: Secret::new(pem),
        };
        app.signing_key()
            .map_err(|cause| refused(cause.to_owned(), hint))?;
        Ok(app)
    }

    /// A proof of who the app is: a JSON web token, signed with RS256.
    pub(super) fn proof(&self, now: SystemTime) -> Result<Secret, &'static str> {
        let seconds = |time: SystemTime| {
            let since = time.duration_since(SystemTime::UNIX_EPOCH);
            since.unwrap_or_default().as_secs()
        };
        let claims = json!({
            "iat": seconds(now - BEFORE),
            "exp": seconds(now + LIFE),
            // The app's number is one, its client ID a text.
            "iss": self.id.parse::<u64>().map_or_else(|_| json!(self.id), |id| json!(id)),
        });
        let encoded = |text: String| URL_SAFE_NO_PAD.encode(text);
        let signed = format!(
            "{}.{}",
            encoded(json!({ "alg": "RS256", "typ": "JWT" }).to_string()),
            encoded(claims.to_string())
        );
        let key = self.signing_key()?;
        let signature = key
            .choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256])
            .and_then(|signer| signer.sign(signed.as_bytes()).ok())
            .ok_or("it cannot sign")?;
        let signature = URL_SAFE_NO_PAD.encode(signature);
        Ok(Secret::new(format!("{signed}.{signature}")))
    }

    fn signing_key(&self) -> Result<std::sync::Arc<dyn SigningKey>, &'static str> {
        let der = PrivateKeyDer::from_pem_slice(self.key.expose().as_bytes())
            .map_err(|_| "it holds no private key in PEM")?;
        let key = any_supported_type(&der).map_err(|_| "its private key cannot be read")?;
        key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256])
            .map(|_| key)
            .ok_or("its private key is not an RSA key")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_cannot_sign_is_refused_before_anything_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let elliptic = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let file = folder.path().join("app.pem");
        for (text, id, cause) in [
            ("", "12", "it holds no private key in PEM"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
                "12",
                "its private key cannot be read",
            ),
            (&elliptic, "12", "its private key is not an RSA key"),
            (
                &elliptic,
                "a b",
                "the app's id is neither a number nor a client ID",
            ),
        ] {
            std::fs::write(&file, text).unwrap();
            let error = GitHubApp::read(id, &file).unwrap_err();
            assert_eq!((error.code(), error.cause()), (Code::ForgeToken, cause));
        }
        let absent = GitHubApp::read("12", &folder.path().join("none.pem")).unwrap_err();
        assert!(absent.hint().contains("--github-app-key"));
    }
}
