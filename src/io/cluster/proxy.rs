//! The proxy on the way to the API server: the kubeconfig's `proxy-url`, or the environment's, as kubectl has it.
//!
//! `NO_PROXY` holds for the environment's alone. A loopback address is never asked through a proxy of the environment.

use std::net::IpAddr;

use super::error::Why;
use super::settings::Settings;

/// The proxy that the environment names for a server.
pub(super) fn of_the_environment(server: &http::Uri, settings: &Settings) -> Result<Option<http::Uri>, Why> {
    let names = match server.scheme_str() {
        Some("https") => ["HTTPS_PROXY", "https_proxy"],
        _ => ["HTTP_PROXY", "http_proxy"],
    };
    let Some((name, value)) = names.into_iter().find_map(|name| Some((name, settings.text(name)?))) else { return Ok(None) };
    let not_for = settings.text("NO_PROXY").or_else(|| settings.text("no_proxy")).unwrap_or_default();
    let host = server.host().unwrap_or_default();
    let port = server.port_u16().unwrap_or(if server.scheme_str() == Some("https") { 443 } else { 80 });
    if is_excluded(host, port, not_for) {
        return Ok(None);
    }
    parse(value).map(Some).ok_or_else(|| unusable(&format!("`{name}`")))
}

/// A proxy's URL; without a scheme it is plain http.
pub(super) fn parse(text: &str) -> Option<http::Uri> {
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let uri: http::Uri = text.parse().ok()?;
    let usable = matches!(uri.scheme_str(), Some("http" | "https" | "socks5")) && uri.host().is_some_and(|host| !host.is_empty());
    usable.then_some(uri)
}

/// Its value may hold a password and is not shown.
pub(super) fn unusable(part: &str) -> Why {
    Why::Unusable {
        part: format!("the proxy in {part}"),
        reason: "it is no http, https or socks5 URL".to_owned(),
        hint: "correct the proxy's address",
    }
}

/// Whether `NO_PROXY` leaves a host out: names with all below them, addresses, ranges of addresses, `*`; each with a port or without.
fn is_excluded(host: &str, port: u16, not_for: &str) -> bool {
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    not_for.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        if let (Some(address), Some((range, bits))) = (address, entry.split_once('/')) {
            return range.parse().ok().zip(bits.parse().ok()).is_some_and(|(range, bits)| is_in(address, range, bits));
        }
        let (name, its_port) = match entry.rsplit_once(':') {
            Some((name, digits)) if !name.contains(':') || name.ends_with(']') => (name, digits.parse::<u16>().ok()),
            _ => (entry, None),
        };
        if its_port.is_some_and(|its| its != port) {
            return false;
        }
        let name = name.trim_matches(['[', ']']).trim_start_matches('*').trim_start_matches('.').to_ascii_lowercase();
        match address {
            Some(address) => name.parse() == Ok(address),
            None => host == name || host.strip_suffix(&name).is_some_and(|rest| rest.ends_with('.')),
        }
    })
}

/// Whether an address is in a range of its own family.
fn is_in(address: IpAddr, range: IpAddr, bits: u32) -> bool {
    match (address, range) {
        (IpAddr::V4(address), IpAddr::V4(range)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            address.to_bits() & mask == range.to_bits() & mask
        }
        (IpAddr::V6(address), IpAddr::V6(range)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            address.to_bits() & mask == range.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_names_hosts_addresses_and_ranges() {
        for (host, not_for) in [
            ("localhost", ""),
            ("127.0.0.1", ""),
            ("[::1]", ""),
            ("kube.example.test", "*"),
            ("kube.example.test", "other.test, example.test"),
            ("kube.example.test", ".example.test"),
            ("kube.example.test", "*.example.test"),
            ("Kube.example.test", "kube.EXAMPLE.test:6443"),
            ("10.96.0.1", "10.96.0.0/12"),
            ("10.96.0.1", "10.96.0.1"),
            ("10.96.0.1", "0.0.0.0/0"),
            ("[fd00::1]", "fd00::/8"),
        ] {
            assert!(is_excluded(host, 6443, not_for), "{host} {not_for}");
        }
        for (host, not_for) in [
            ("kube.example.test", ""),
            ("kube.example.test", "kube.example.test:443"),
            ("kube.example.test", "ample.test"),
            ("10.96.0.1", "10.0.0.0/16"),
            ("10.96.0.1", "fd00::/8, 10.96.0.0/99, 10.96.0.0/x"),
        ] {
            assert!(!is_excluded(host, 6443, not_for), "{host} {not_for}");
        }
    }

    #[test]
    fn a_proxy_is_a_url_or_a_host_with_a_port() {
        assert_eq!(parse("proxy.test:3128").unwrap().to_string(), "http://proxy.test:3128/");
        assert!(parse("socks5://proxy.test:1080").is_some());
        assert!(parse("ftp://proxy.test").is_none());
    }
}
