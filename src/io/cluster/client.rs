//! Builds kube's client for a target, and sorts its errors.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::client::ClientBuilder;
use kube::config::AuthInfo;

use super::error::Why;
use super::kubeconfig::Target;
use super::settings::{Limits, Settings};
use crate::io::credentials::Secret;
use crate::io::registry::addresses::is_no_such_name;
use crate::io::registry::client_error::{DENIED, causes, of_cause};
use crate::io::registry::fault::Fault;

/// The client: connections and TLS. It does not authenticate, retry, or read the environment.
pub(super) fn client(
    target: &Target,
    settings: &Settings,
    certificate: Option<&(String, Secret)>,
) -> Result<kube::Client, Why> {
    let mut config = kube::Config::new(target.server.clone());
    config.default_namespace.clone_from(&target.namespace);
    config.root_cert = match target.server.scheme_str() {
        Some("https") => target.authorities.clone(),
        // No root certificates, because plain HTTP needs none. Those of the system take long to read, and may be missing.
        _ => Some(Vec::new()),
    };
    config.accept_invalid_certs = target.unverified;
    config.tls_server_name.clone_from(&target.server_name);
    config.proxy_url.clone_from(&target.proxy);
    config.connect_timeout = Some(settings.limits.connect);
    config.read_timeout = Some(settings.limits.answer);
    config.write_timeout = Some(settings.limits.answer);
    // The read timeout must not count the time that a kept-alive connection was idle.
    config.reset_reader_on_write = true;
    config.default_retry = false;
    config.auth_info = AuthInfo {
        client_certificate_data: certificate.map(|(certificate, _)| STANDARD.encode(certificate)),
        client_key_data: certificate.map(|(_, key)| STANDARD.encode(key.expose()).into()),
        ..target.acting.clone()
    };
    let unusable = |part: &str, reason: &str, hint| Why::Unusable {
        part: part.to_owned(),
        reason: reason.to_owned(),
        hint,
    };
    let built = ClientBuilder::try_from(config).map_err(|error| match error {
        kube::Error::RustlsTls(kube::client::RustlsTlsError::AddRootCertificate(_)) if target.authorities.is_none() => unusable(
            "the system's list of certificate authorities",
            "there is none, or it cannot be read",
            "install the package `ca-certificates`, or give the kubeconfig a `certificate-authority`",
        ),
        kube::Error::RustlsTls(kube::client::RustlsTlsError::AddRootCertificate(_)) => {
            unusable("the kubeconfig's `certificate-authority`", "it contains something that is not a certificate", "correct it")
        }
        kube::Error::RustlsTls(kube::client::RustlsTlsError::InvalidServerName(_)) => {
            unusable("the kubeconfig's `tls-server-name`", "it is not a host name", "correct it")
        }
        kube::Error::RustlsTls(_) | kube::Error::InferKubeconfig(_) => unusable(
            "the client certificate",
            "certificate and key are not PEM, or do not belong together",
            "sign in to the cluster again",
        ),
        kube::Error::HttpError(_) => {
            unusable("the kubeconfig's `as`", "it contains characters that an HTTP header may not have", "correct it")
        }
        _ => unusable("the kubeconfig", "its settings for TLS and the proxy do not fit together", "correct them"),
    })?;
    Ok(built.build())
}

/// Sorts an error of the HTTP client by its cause. The error itself is never printed, because it may contain a URL with a
/// password. `proxy` is the proxy in use; it may be what failed.
pub(super) fn fault(error: &kube::Error, limits: &Limits, proxy: Option<&http::Uri>) -> Fault {
    let texts: Vec<String> = causes(error).map(ToString::to_string).collect();
    let says = |text: &str| texts.iter().any(|cause| cause.contains(text));
    let Some(proxy) = proxy else {
        return between_two(error, limits, &texts);
    };
    // The client has no public types for errors of proxies, so only their texts tell them apart.
    let on_the_way = says("tunnel error") || says("SOCKS error");
    let denied = DENIED.iter().find(|(words, _)| says(words));
    let fault = match (denied, between_two(error, limits, &texts)) {
        (Some((_, 407)), _) if user(proxy).is_some() => Fault::ProxyCredentials,
        (Some((_, status)), _) => Fault::ProxyStatus(*status),
        // Without a cause of its own, the error says only that the tunnel failed.
        (None, Fault::Refused) if on_the_way && causes(error).find_map(of_cause).is_none() => {
            Fault::Proxy
        }
        // The connection that failed was the one to the proxy.
        (
            None,
            fault @ (Fault::Name | Fault::LookUp | Fault::Refused | Fault::ConnectTimeout(_)),
        ) => fault,
        (None, fault) if on_the_way && fault != Fault::OpenFiles => fault,
        // The server behind a tunnel has said nothing before TLS is agreed on.
        (None, Fault::Lost) if says("(Connect)") => Fault::Lost,
        (None, fault) => return fault,
    };
    let port = match (proxy.port_u16(), proxy.scheme_str()) {
        (Some(port), _) => port,
        (None, Some("https")) => 443,
        (None, Some("socks5")) => 1080,
        (None, _) => 80,
    };
    let shown = format!("{}:{port}", proxy.host().unwrap_or_default());
    Fault::OfProxy(Box::new(fault), shown)
}

/// The user and the password in a proxy's URL.
fn user(proxy: &http::Uri) -> Option<&str> {
    let (user, _) = proxy.authority()?.as_str().rsplit_once('@')?;
    Some(user)
}

fn between_two(error: &kube::Error, limits: &Limits, texts: &[String]) -> Fault {
    let says = |text: &str| texts.iter().any(|cause| cause.contains(text));
    if let Some(fault) = causes(error).find_map(of_cause) {
        return fault;
    }
    let timed_out = |cause: &(dyn std::error::Error + 'static)| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut)
    };
    if causes(error).any(timed_out) {
        // After the connection was made, the server may have carried out the request.
        return if says("(Connect)") {
            Fault::ConnectTimeout(limits.connect)
        } else {
            Fault::AnswerTimeout(limits.answer)
        };
    }
    if says("dns error") {
        return if texts.iter().any(|said| is_no_such_name(said)) {
            Fault::Name
        } else {
            Fault::LookUp
        };
    }
    if says("invalid HTTP") {
        return Fault::NotHttp;
    }
    if says("(Connect)") {
        Fault::Refused
    } else {
        Fault::Lost
    }
}
