//! The addresses of names, and who may send us to which of them.
//!
//! A name is looked up once in a run: the address that was judged is the one that is used.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::io::once::Once;

/// The addresses of names, looked up once in a run, so that an address that was judged is the one that is used.
pub(super) struct Addresses {
    fixed: BTreeMap<String, Vec<IpAddr>>,
    found: Once<String, Option<Vec<IpAddr>>>,
}

impl Addresses {
    /// `fixed` are names that are not asked of the DNS.
    pub(super) fn new(fixed: BTreeMap<String, Vec<IpAddr>>) -> Self {
        Self { fixed, found: Once::default() }
    }

    /// A name's addresses, where it has any.
    pub(super) async fn of(&self, name: &str) -> Option<Vec<IpAddr>> {
        if let Some(addresses) = self.fixed.get(name) {
            return Some(addresses.clone()).filter(|addresses| !addresses.is_empty());
        }
        let look_up = || async {
            let found = tokio::net::lookup_host((name, 0)).await.ok()?;
            Some(found.map(|address| address.ip()).collect::<Vec<_>>()).filter(|addresses| !addresses.is_empty())
        };
        let addresses = self.found.ask(name.to_owned(), look_up).await;
        if addresses.is_none() {
            // Another try may find it.
            self.found.forget(|known| known == name);
        }
        addresses
    }
}

/// The same for the HTTP client.
pub(super) struct SharedAddresses(pub(super) Arc<Addresses>);

impl reqwest::dns::Resolve for SharedAddresses {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let addresses = Arc::clone(&self.0);
        Box::pin(async move {
            let found = addresses.of(name.as_str()).await.ok_or("the name has no address")?;
            let found: reqwest::dns::Addrs = Box::new(found.into_iter().map(|address| (address, 0).into()));
            Ok(found)
        })
    }
}

/// How far an address reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Public,
    Private,
    LinkLocal,
    Loopback,
}

/// Whether a host at these addresses may send us on to a host at those: never from outside to a private address, a link-local one
/// (a cloud's metadata service) or this machine. A host that is itself on a private network may name its neighbours.
pub(super) fn may_lead(from: &[IpAddr], to: &[IpAddr]) -> bool {
    to.iter().all(|address| match reach(*address) {
        Reach::Public => true,
        Reach::LinkLocal => from.contains(address),
        Reach::Private => from.iter().any(|from| matches!(reach(*from), Reach::Private | Reach::Loopback)),
        Reach::Loopback => from.iter().any(|from| reach(*from) == Reach::Loopback),
    })
}

fn reach(address: IpAddr) -> Reach {
    let address = match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4),
        v4 => v4,
    };
    if address.is_loopback() || address.is_unspecified() {
        return Reach::Loopback;
    }
    match address {
        IpAddr::V4(v4) if v4.is_link_local() => Reach::LinkLocal,
        IpAddr::V4(v4) if v4.is_private() || (v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64) => Reach::Private,
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Reach::LinkLocal,
        IpAddr::V6(v6) if v6.is_unique_local() => Reach::Private,
        _ => Reach::Public,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_outside_leads_to_a_private_address() {
        let (public, private, loopback, metadata) = ("203.0.113.9", "10.1.2.3", "127.0.0.1", "169.254.169.254");
        for (from, to, may) in [
            (public, public, true),
            (public, private, false),
            (public, "192.168.0.1", false),
            (public, "100.64.0.1", false),
            (public, loopback, false),
            (public, metadata, false),
            (public, "fd00::1", false),
            (public, "::ffff:10.0.0.1", false),
            (public, "::1", false),
            (public, "0.0.0.0", false),
            (public, "2001:db8::1", true),
            (private, "192.168.0.1", true),
            (private, metadata, false),
            (private, loopback, false),
            (private, public, true),
            (loopback, private, true),
            (loopback, "::1", true),
        ] {
            assert_eq!(may_lead(&[from.parse().unwrap()], &[to.parse().unwrap()]), may, "{from} -> {to}");
        }
        assert!(!may_lead(&[public.parse().unwrap()], &[public.parse().unwrap(), private.parse().unwrap()]));
    }
}
