//! Finds the cluster: from the kubeconfigs that are named, the default one, or the pod's service account.
//!
//! Several kubeconfigs are merged as kubectl does it: the first file that sets something wins, and files of the list that do not
//! exist are skipped. Everything that a kubeconfig refers to is read here, so that errors name what is missing. Errors repeat the
//! names in a kubeconfig, but nothing else of its content.

mod user;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::config::{AuthInfo, Cluster, Kubeconfig, KubeconfigError};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{self, PemObject};

use super::error::Why;
use super::identity::Identity;
use super::proxy;
use super::settings::Settings;
use crate::io::credentials::Secret;

/// A cluster, and how to authenticate there.
pub(super) struct Target {
    /// The server's URL. Its path is a prefix for that of every request.
    pub(super) server: http::Uri,
    /// The kubeconfig's context; `None` for the service account of a pod.
    pub(super) context: Option<String>,
    pub(super) namespace: String,
    /// Root certificates as DER. `None` means those of the system.
    pub(super) authorities: Option<Vec<Vec<u8>>>,
    /// `insecure-skip-tls-verify`
    pub(super) unverified: bool,
    pub(super) server_name: Option<String>,
    pub(super) proxy: Option<http::Uri>,
    /// Client certificate and key, as PEM.
    pub(super) certificate: Option<(String, Secret)>,
    pub(super) identity: Identity,
    /// Only its impersonation fields (`as`) are used.
    pub(super) acting: AuthInfo,
}

/// Finds the target. Contacts nothing.
pub(super) fn find(settings: &Settings) -> Result<Target, Why> {
    if let Some(list) = settings
        .kubeconfig
        .as_deref()
        .filter(|list| !list.is_empty())
    {
        return of_files(&split(list), settings);
    }
    if let Some(list) = settings.variable("KUBECONFIG") {
        return of_files(&split(list), settings);
    }
    if settings.context.is_none()
        && let Some(target) = of_the_pod(settings)
    {
        return target;
    }
    match settings.variable("HOME") {
        Some(home) => of_files(&[Path::new(home).join(".kube/config")], settings),
        None => Err(Why::NoKubeconfig {
            places: "`~/.kube/config`, as HOME is not set".to_owned(),
        }),
    }
}

fn split(list: &OsStr) -> Vec<PathBuf> {
    std::env::split_paths(list)
        .filter(|path| !path.as_os_str().is_empty())
        .collect()
}

/// The target for the service account of the pod that we run in. `None` outside of a pod.
fn of_the_pod(settings: &Settings) -> Option<Result<Target, Why>> {
    let (host, port) = (
        settings.text("KUBERNETES_SERVICE_HOST")?,
        settings.text("KUBERNETES_SERVICE_PORT")?,
    );
    let file = |name: &str| settings.service_account.join(name);
    let token = file("token");
    token.is_file().then(|| {
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let server = uri(&format!("https://{host}:{port}"))?;
        let authorities = Some(authorities(&read(&file("ca.crt"))?, "the pod's `ca.crt`")?);
        // A projected service account may lack the file `namespace`. Then it is `default`.
        let namespace = std::fs::read_to_string(file("namespace")).unwrap_or_default();
        let proxy = proxy::of_the_environment(&server, settings)?;
        Ok(Target {
            proxy,
            server,
            context: None,
            namespace: or_default(Some(namespace.trim())),
            authorities,
            unverified: false,
            server_name: None,
            certificate: None,
            identity: Identity::service_account(token),
            acting: AuthInfo::default(),
        })
    })
}

fn of_files(paths: &[PathBuf], settings: &Settings) -> Result<Target, Why> {
    let mut merged: Option<Kubeconfig> = None;
    for path in paths {
        let Some(read) = read_kubeconfig(path)? else {
            continue;
        };
        let unlike = || Why::NotAKubeconfig {
            path: path.clone(),
            reason: "it has another `kind` or `apiVersion` than the files before it",
        };
        merged = Some(match merged {
            Some(before) => before.merge(read).map_err(|_| unlike())?,
            None => read,
        });
    }
    let Some(kubeconfig) = merged else {
        let places: Vec<String> = paths
            .iter()
            .map(|path| format!("`{}`", path.display()))
            .collect();
        return Err(Why::NoKubeconfig {
            places: places.join(", "),
        });
    };
    of_context(kubeconfig, settings)
}

/// Returns `None` if the file does not exist.
fn read_kubeconfig(path: &Path) -> Result<Option<Kubeconfig>, Why> {
    let path = path.to_owned();
    match Kubeconfig::read_from(&path) {
        Ok(mut read) => {
            // Treat an empty context as unset, so that a later file can set it.
            read.current_context = read.current_context.filter(|name| !name.is_empty());
            Ok(Some(read))
        }
        Err(KubeconfigError::ReadConfig(error, _))
            if error.kind() == std::io::ErrorKind::NotFound =>
        {
            Ok(None)
        }
        Err(KubeconfigError::ReadConfig(error, _)) => Err(Why::Unreadable {
            path,
            reason: error.to_string(),
        }),
        Err(KubeconfigError::Parse(error)) => match error.location() {
            Some(place) => Err(Why::Syntax {
                path,
                line: place.line(),
                column: place.column(),
            }),
            None => Err(Why::NotAKubeconfig {
                path,
                reason: "it does not parse",
            }),
        },
        Err(_) => Err(Why::NotAKubeconfig {
            path,
            reason: "its documents cannot be merged",
        }),
    }
}

fn of_context(kubeconfig: Kubeconfig, settings: &Settings) -> Result<Target, Why> {
    let known = || {
        kubeconfig
            .contexts
            .iter()
            .map(|context| context.name.clone())
            .collect::<Vec<_>>()
    };
    let named = settings
        .context
        .clone()
        .or_else(|| kubeconfig.current_context.clone());
    let Some(name) = named else {
        return Err(Why::NoContext { known: known() });
    };
    let context = kubeconfig
        .contexts
        .iter()
        .find(|context| context.name == name)
        .and_then(|context| context.context.clone());
    let Some(context) = context else {
        return Err(Why::UnknownContext {
            name,
            known: known(),
        });
    };
    let missing = |part, missing: &str| Why::Missing {
        context: name.clone(),
        part,
        name: missing.to_owned(),
    };

    let cluster = kubeconfig
        .clusters
        .into_iter()
        .find(|cluster| cluster.name == context.cluster);
    let cluster = cluster
        .and_then(|cluster| cluster.cluster)
        .ok_or_else(|| missing("cluster", &context.cluster))?;
    let user = match context.user.as_deref().filter(|user| !user.is_empty()) {
        Some(wanted) => {
            let user = kubeconfig
                .auth_infos
                .into_iter()
                .find(|user| user.name == wanted);
            user.ok_or_else(|| missing("user", wanted))?
                .auth_info
                .unwrap_or_default()
        }
        None => AuthInfo::default(),
    };
    let namespace = or_default(context.namespace.as_deref());
    Ok(Target {
        context: Some(name),
        ..target(&cluster, user, namespace, settings)?
    })
}

fn target(
    cluster: &Cluster,
    user: AuthInfo,
    namespace: String,
    settings: &Settings,
) -> Result<Target, Why> {
    let server = cluster.server.as_deref().unwrap_or_default();
    let server = if server.contains("://") {
        server.to_owned()
    } else {
        format!("https://{server}")
    };
    let server = uri(&server)?;
    let pem = data_or_file(
        cluster.certificate_authority_data.as_deref(),
        cluster.certificate_authority.as_deref(),
        "certificate-authority",
    )?;
    let authorities = pem
        .as_deref()
        .map(|pem| authorities(pem, "the kubeconfig's `certificate-authority`"))
        .transpose()?;
    let proxy = match cluster
        .proxy_url
        .as_deref()
        .filter(|proxy| !proxy.is_empty())
    {
        Some(proxy) => Some(proxy::parse(proxy).ok_or_else(|| proxy::unusable("`proxy-url`"))?),
        None => proxy::of_the_environment(&server, settings)?,
    };
    let (identity, certificate) = match server.scheme_str() {
        Some("https") => user::identity(&user, cluster, pem.as_deref())?,
        _ => (Identity::NobodyOverHttp, None),
    };
    Ok(Target {
        server,
        context: None,
        namespace,
        authorities,
        unverified: cluster.insecure_skip_tls_verify.unwrap_or(false),
        server_name: cluster
            .tls_server_name
            .clone()
            .filter(|name| !name.is_empty()),
        proxy,
        certificate,
        identity,
        acting: AuthInfo {
            impersonate: user.impersonate,
            impersonate_uid: user.impersonate_uid,
            impersonate_groups: user.impersonate_groups,
            impersonate_user_extra: user.impersonate_user_extra,
            ..AuthInfo::default()
        },
    })
}

fn or_default(namespace: Option<&str>) -> String {
    namespace
        .filter(|namespace| !namespace.is_empty())
        .unwrap_or("default")
        .to_owned()
}

/// Parses the URL of a server.
fn uri(text: &str) -> Result<http::Uri, Why> {
    let unusable = || Why::Unusable {
        part: "the server's address".to_owned(),
        reason: "it is not an http or https URL".to_owned(),
        hint: "correct the server's address",
    };
    let uri: http::Uri = text.parse().map_err(|_| unusable())?;
    let usable = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.host().is_some_and(|host| !host.is_empty());
    // A password in the URL would appear in messages, and no client sends it.
    let plain = uri
        .authority()
        .is_some_and(|authority| !authority.as_str().contains('@'));
    if usable && plain {
        Ok(uri)
    } else {
        Err(unusable())
    }
}

/// A field that holds either base64 (`NAME-data`) or the path of a file.
fn data_or_file(
    data: Option<&str>,
    file: Option<&str>,
    name: &'static str,
) -> Result<Option<Vec<u8>>, Why> {
    if let Some(data) = data.filter(|data| !data.is_empty()) {
        let unusable = |_| Why::Unusable {
            part: format!("the kubeconfig's `{name}-data`"),
            reason: "it is not base64".to_owned(),
            hint: "create the kubeconfig again",
        };
        return STANDARD.decode(data.trim()).map(Some).map_err(unusable);
    }
    file.filter(|file| !file.is_empty())
        .map(|file| read(Path::new(file)))
        .transpose()
}

fn read(path: &Path) -> Result<Vec<u8>, Why> {
    std::fs::read(path).map_err(|error| Why::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

fn authorities(bytes: &[u8], part: &str) -> Result<Vec<Vec<u8>>, Why> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes)
        .map(|certificate| Ok::<_, pem::Error>(certificate?.to_vec()))
        .collect();
    found
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or_else(|| Why::Unusable {
            part: part.to_owned(),
            reason: "there is no PEM certificate in it".to_owned(),
            hint: "name a file of PEM certificates",
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_certificate_is_found_and_a_broken_one_is_not_passed_over() {
        let one = "-----BEGIN CERTIFICATE-----\r\nYWJj\r\n-----END CERTIFICATE-----\r\n";
        let key = "-----BEGIN PRIVATE KEY-----\nYWJj\n-----END PRIVATE KEY-----\n";
        assert_eq!(
            authorities(format!("text\n{one}{key}{one}").as_bytes(), "it").unwrap(),
            [b"abc", b"abc"]
        );
        for broken in [
            "no certificate",
            key,
            "-----BEGIN CERTIFICATE-----\nYWJj\n",
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----",
        ] {
            let text = format!("{one}{broken}");
            let text = if broken.contains("CERT") {
                &text
            } else {
                broken
            };
            assert!(authorities(text.as_bytes(), "it").is_err(), "{broken}");
        }
    }
}
