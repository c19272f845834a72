//! The proxy for the API server: the kubeconfig's `proxy-url`, or that of the environment, as in kubectl.
//!
//! `NO_PROXY` applies only to the environment's proxy. A loopback address never goes through that proxy.

use super::error::Why;
use super::settings::Settings;
use crate::io::no_proxy::is_excluded;

/// The proxy that the environment sets for a server.
pub(super) fn of_the_environment(
    server: &http::Uri,
    settings: &Settings,
) -> Result<Option<http::Uri>, Why> {
    let names = match server.scheme_str() {
        Some("https") => ["HTTPS_PROXY", "https_proxy"],
        _ => ["HTTP_PROXY", "http_proxy"],
    };
    let Some((name, value)) = names
        .into_iter()
        .find_map(|name| Some((name, settings.text(name)?)))
    else {
        return Ok(None);
    };
    let not_for = settings
        .text("NO_PROXY")
        .or_else(|| settings.text("no_proxy"))
        .unwrap_or_default();
    let host = server.host().unwrap_or_default();
    let port = server
        .port_u16()
        .unwrap_or(if server.scheme_str() == Some("https") {
            443
        } else {
            80
        });
    if is_excluded(host, port, not_for) {
        return Ok(None);
    }
    parse(value)
        .map(Some)
        .ok_or_else(|| unusable(&format!("`{name}`")))
}

/// Parses a proxy's URL. Without a scheme it is plain HTTP.
pub(super) fn parse(text: &str) -> Option<http::Uri> {
    let text = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let uri: http::Uri = text.parse().ok()?;
    let usable = matches!(uri.scheme_str(), Some("http" | "https" | "socks5"))
        && uri.host().is_some_and(|host| !host.is_empty());
    usable.then_some(uri)
}

/// The error for a proxy's URL. It does not show the URL, which may contain a password.
pub(super) fn unusable(part: &str) -> Why {
    Why::Unusable {
        part: format!("the proxy in {part}"),
        reason: "it is not an http, https or socks5 URL".to_owned(),
        hint: "correct the proxy's address",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_url_or_a_host_with_a_port() {
        assert_eq!(
            parse("proxy.test:3128").unwrap().to_string(),
            "http://proxy.test:3128/"
        );
        assert!(parse("socks5://proxy.test:1080").is_some());
        assert!(parse("ftp://proxy.test").is_none());
    }
}
