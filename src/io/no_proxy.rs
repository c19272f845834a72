//! `NO_PROXY`: the hosts that are asked without a proxy, registries and API servers alike.
//!
//! curl, Go and Python read it each in their own way; here it holds what any of them takes. A loopback address is never asked
//! through a proxy.

use std::net::IpAddr;

use ipnet::IpNet;

/// Whether `NO_PROXY` leaves a host out: names with all below them, addresses, ranges of addresses, `*`; each with a port or
/// without.
pub(in crate::io) fn is_excluded(host: &str, port: u16, not_for: &str) -> bool {
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    not_for
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .any(|entry| {
            if entry == "*" {
                return true;
            }
            if let Some(address) = address
                && entry.contains('/')
            {
                return entry
                    .parse::<IpNet>()
                    .is_ok_and(|range| range.contains(&address));
            }
            let (name, its_port) = match entry.rsplit_once(':') {
                Some((name, digits)) if !name.contains(':') || name.ends_with(']') => {
                    (name, digits.parse::<u16>().ok())
                }
                _ => (entry, None),
            };
            if its_port.is_some_and(|its| its != port) {
                return false;
            }
            let name = name
                .trim_matches(['[', ']'])
                .trim_start_matches('*')
                .trim_start_matches('.')
                .to_ascii_lowercase();
            match address {
                Some(address) => name.parse() == Ok(address),
                None => {
                    host == name
                        || host
                            .strip_suffix(&name)
                            .is_some_and(|rest| rest.ends_with('.'))
                }
            }
        })
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
}
