//! The addresses of names, and who may send us to which of them.
//!
//! A name is looked up once in a run: the address that was judged is the one that is used.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, LazyLock};

use ipnet::IpNet;

use super::fault::Fault;
use crate::io::once::Once;

/// The addresses of names, looked up once in a run, so that an address that was judged is the one that is used.
pub(super) struct Addresses {
    fixed: BTreeMap<String, Vec<IpAddr>>,
    found: Once<String, Result<Vec<IpAddr>, Unresolved>>,
}

/// Why a name has no addresses here. It is a type of its own, so that it is known again among the HTTP client's errors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unresolved {
    /// There is no such name, or it has no address.
    #[error("`{0}` has no address")]
    NoAddress(String),
    /// Nobody could say: the DNS did not answer, or had a failure of its own.
    #[error("`{0}` cannot be looked up now")]
    Unknown(String),
}

impl Unresolved {
    fn of(name: &str, error: &io::Error) -> Self {
        if is_no_such_name(&error.to_string()) {
            Self::NoAddress(name.to_owned())
        } else {
            Self::Unknown(name.to_owned())
        }
    }

    /// The name.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::NoAddress(name) | Self::Unknown(name) => name,
        }
    }

    /// The same among all that goes wrong on the way to a host.
    pub(super) fn fault(&self) -> Fault {
        match self {
            Self::NoAddress(_) => Fault::Name,
            Self::Unknown(_) => Fault::LookUp,
        }
    }
}

/// Whether the system says that there is no such name, or no address of it (EAI_NONAME, EAI_NODATA). The standard library keeps the words
/// of `gai_strerror` and drops the number: those of glibc, musl, and the BSDs with macOS.
pub(in crate::io) fn is_no_such_name(said: &str) -> bool {
    const WORDS: [&str; 6] = [
        "Name or service not known",
        "No address associated with",
        "Name does not resolve",
        "Name has no usable address",
        "nodename nor servname provided",
        "Host not found",
    ];
    WORDS.iter().any(|words| said.contains(words))
}

impl Addresses {
    /// `fixed` are names that are not asked of the DNS.
    pub(super) fn new(fixed: BTreeMap<String, Vec<IpAddr>>) -> Self {
        Self {
            fixed,
            found: Once::default(),
        }
    }

    /// A name's addresses: one at least.
    pub(super) async fn of(&self, name: &str) -> Result<Vec<IpAddr>, Unresolved> {
        let none = || Unresolved::NoAddress(name.to_owned());
        if let Some(addresses) = self.fixed.get(name) {
            return Some(addresses.clone())
                .filter(|addresses| !addresses.is_empty())
                .ok_or_else(none);
        }
        let look_up = || async {
            let found = tokio::net::lookup_host((name, 0))
                .await
                .map_err(|error| Unresolved::of(name, &error))?;
            let found: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            Some(found)
                .filter(|addresses| !addresses.is_empty())
                .ok_or_else(none)
        };
        let addresses = self.found.ask(name.to_owned(), look_up).await;
        if addresses.is_err() {
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
            let found = addresses.of(name.as_str()).await?;
            let found: reqwest::dns::Addrs =
                Box::new(found.into_iter().map(|address| (address, 0).into()));
            Ok(found)
        })
    }
}

/// How far an address reaches, the farthest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Public,
    Private,
    LinkLocal,
    Loopback,
}

/// Whether a host at these addresses may send us on to a host at those: never from outside to a private address, a link-local one
/// (a cloud's metadata service) or this machine. A host that is itself on a private network may name its neighbours. Whoever owns a name may
/// give it any address, so each of its addresses must be such a one.
pub(super) fn may_lead(from: &[IpAddr], to: &[IpAddr]) -> bool {
    let all = |is_near: &dyn Fn(&IpAddr) -> bool| !from.is_empty() && from.iter().all(is_near);
    to.iter().all(|address| match reach(*address) {
        Reach::Public => true,
        Reach::LinkLocal => all(&|from| from == address),
        Reach::Private => all(&|from| matches!(reach(*from), Reach::Private | Reach::Loopback)),
        Reach::Loopback => all(&|from| reach(*from) == Reach::Loopback),
    })
}

fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(_) => reach_alone(address),
        IpAddr::V6(v6) => embedded(v6)
            .map(|inside| reach_alone(inside.into()))
            .fold(reach_alone(address), Reach::max),
    }
}

/// As far as the farthest range that an address is in.
fn reach_alone(address: IpAddr) -> Reach {
    static RANGES: LazyLock<Vec<(IpNet, Reach)>> = LazyLock::new(|| {
        let range = |(text, reach): &(&str, Reach)| {
            let range = text.parse();
            (range.expect("the table has ranges alone"), *reach)
        };
        SPECIAL.iter().map(range).collect()
    });
    let reaches = RANGES
        .iter()
        .filter(|(range, _)| range.contains(&address))
        .map(|(_, reach)| *reach);
    reaches.max().unwrap_or(Reach::Public)
}

/// The registry of special addresses (RFC 6890), and the clouds' services for their own machines. What is set aside for documentation
/// leads nowhere, and counts as public.
#[rustfmt::skip]
const SPECIAL: [(&str, Reach); 26] = [
    ("0.0.0.0/8", Reach::Loopback),            // this host
    ("127.0.0.0/8", Reach::Loopback),
    ("169.254.0.0/16", Reach::LinkLocal),
    ("168.63.129.16/32", Reach::LinkLocal),    // Azure
    ("192.0.0.192/32", Reach::LinkLocal),      // Oracle
    ("100.100.100.200/32", Reach::LinkLocal),  // Alibaba
    ("10.0.0.0/8", Reach::Private),
    ("172.16.0.0/12", Reach::Private),
    ("192.168.0.0/16", Reach::Private),
    ("100.64.0.0/10", Reach::Private),         // shared address space
    ("192.0.0.0/24", Reach::Private),          // protocol assignments
    ("198.18.0.0/15", Reach::Private),         // benchmarking
    ("224.0.0.0/3", Reach::Private),           // multicast and reserved
    ("::/127", Reach::Loopback),
    ("fe80::/10", Reach::LinkLocal),
    ("fd00:ec2::254/128", Reach::LinkLocal),   // Amazon
    ("fd20:ce::254/128", Reach::LinkLocal),    // Google
    ("fc00::/7", Reach::Private),              // unique local
    ("fec0::/10", Reach::Private),             // site-local, as it was
    ("ff00::/8", Reach::Private),              // multicast
    ("100::/64", Reach::Private),              // discard-only
    ("5f00::/16", Reach::Private),             // segment routing
    ("64:ff9b:1::/48", Reach::Private),        // translation within one network
    ("2001:2::/48", Reach::Private),           // benchmarking
    ("2001:10::/28", Reach::Private),          // ORCHID
    ("2001:20::/28", Reach::Private),          // ORCHID, the second
];

/// The IPv4 addresses that stand in an IPv6 address and are where a packet may end up.
fn embedded(address: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let of = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    let found = match address.segments() {
        // Loopback and the unspecified address are in the form of the next.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => [None, None],
        // IPv4-compatible, -mapped and -translated.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => {
            [Some(of(high, low)), None]
        }
        // NAT64, and NAT64 within one network.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 1, _, _, _, high, low] => {
            [Some(of(high, low)), None]
        }
        // 6to4.
        [0x2002, high, low, ..] => [Some(of(high, low)), None],
        // Teredo: the server, and the client with all bits turned.
        [0x2001, 0, server_high, server_low, _, _, high, low] => {
            [Some(of(server_high, server_low)), Some(of(!high, !low))]
        }
        // ISATAP.
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => [Some(of(high, low)), None],
        _ => [None, None],
    };
    found.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_outside_leads_to_a_private_address() {
        let (public, private, loopback, metadata) =
            ("203.0.113.9", "10.1.2.3", "127.0.0.1", "169.254.169.254");
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
            assert_eq!(
                may_lead(&[from.parse().unwrap()], &[to.parse().unwrap()]),
                may,
                "{from} -> {to}"
            );
        }
        // One more address of the name that sends us makes it no neighbour.
        for address in [private, loopback, metadata] {
            let address = address.parse().unwrap();
            assert!(!may_lead(&[public.parse().unwrap(), address], &[address]));
            assert!(!may_lead(&[address, public.parse().unwrap()], &[address]));
        }
        assert!(!may_lead(&[], &[private.parse().unwrap()]));
        assert!(may_lead(
            &[private.parse().unwrap(), "fd00::2".parse().unwrap()],
            &[private.parse().unwrap()]
        ));
        assert!(!may_lead(
            &[public.parse().unwrap()],
            &[public.parse().unwrap(), private.parse().unwrap()]
        ));
    }
    #[test]
    fn a_name_that_does_not_exist_is_another_thing_than_one_that_cannot_be_looked_up() {
        for (said, fault) in [
            (
                "failed to lookup address information: Name or service not known",
                Fault::Name,
            ),
            (
                "failed to lookup address information: No address associated with hostname",
                Fault::Name,
            ),
            (
                "failed to lookup address information: Name does not resolve",
                Fault::Name,
            ),
            (
                "failed to lookup address information: nodename nor servname provided, or not known",
                Fault::Name,
            ),
            (
                "failed to lookup address information: Temporary failure in name resolution",
                Fault::LookUp,
            ),
            (
                "failed to lookup address information: Try again",
                Fault::LookUp,
            ),
            (
                "failed to lookup address information: Non-recoverable failure in name resolution",
                Fault::LookUp,
            ),
            ("something that no system has said yet", Fault::LookUp),
        ] {
            let unresolved = Unresolved::of("registry.example.test", &io::Error::other(said));
            assert_eq!(unresolved.fault(), fault, "{said}");
            assert!(unresolved.fault().passes() && unresolved.name() == "registry.example.test");
        }
        let (none, unknown) = (
            Fault::Name.refusal("reg.test"),
            Fault::LookUp.refusal("reg.test"),
        );
        assert_eq!(
            (none.code.as_str(), unknown.code.as_str()),
            ("name-not-resolved", "name-lookup")
        );
        assert!(
            !unknown.cause.contains("no address")
                && !unknown.hint.unwrap().contains("registry's name")
        );
    }

    /// Each range that nobody outside may lead to, by its first and its last address.
    #[test]
    fn no_special_range_is_public_from_its_first_to_its_last_address() {
        for (first, last) in [
            ("0.0.0.0", "0.255.255.255"),
            ("10.0.0.0", "10.255.255.255"),
            ("100.64.0.0", "100.127.255.255"),
            ("127.0.0.0", "127.255.255.255"),
            ("169.254.0.0", "169.254.255.255"),
            ("172.16.0.0", "172.31.255.255"),
            ("192.0.0.0", "192.0.0.255"),
            ("192.168.0.0", "192.168.255.255"),
            ("198.18.0.0", "198.19.255.255"),
            ("224.0.0.0", "239.255.255.255"),
            ("240.0.0.0", "255.255.255.255"),
            ("168.63.129.16", "168.63.129.16"),
            ("::", "::1"),
            ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
            ("100::", "100::ffff:ffff:ffff:ffff"),
            ("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"),
            ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ] {
            for address in [first, last] {
                assert_ne!(reach(address.parse().unwrap()), Reach::Public, "{address}");
            }
        }
        let before_and_after = [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
        ];
        let more = [
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "8.8.8.8",
        ];
        let of_v6 = [
            "2606:4700::1111",
            "2003::1",
            "64:ff9b:0:1::1",
            "fbff::1",
            "2001:4860::8888",
        ];
        for address in before_and_after.iter().chain(&more).chain(&of_v6) {
            assert_eq!(reach(address.parse().unwrap()), Reach::Public, "{address}");
        }
    }

    #[test]
    fn an_ipv4_address_inside_an_ipv6_address_reaches_as_far_as_it_does_alone() {
        for v4 in [
            "127.0.0.1",
            "0.1.2.3",
            "10.1.2.3",
            "169.254.169.254",
            "198.18.0.1",
            "192.168.1.1",
            "203.0.113.9",
            "8.8.8.8",
        ] {
            let address: Ipv4Addr = v4.parse().unwrap();
            let [a, b, c, d] = address.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            for v6 in [
                format!("::ffff:{v4}"),
                format!("::ffff:0:{v4}"),
                format!("64:ff9b::{v4}"),
                format!("2002:{high:x}:{low:x}::1"),
                format!("2001:0:808:808:0:0:{:x}:{:x}", !high, !low),
                format!("2001:0:{high:x}:{low:x}:0:0:f7f7:f7f7"),
                format!("2606:4700::5efe:{v4}"),
                format!("2606:4700::200:5efe:{v4}"),
            ] {
                assert_eq!(
                    reach(v6.parse().unwrap()),
                    reach(address.into()),
                    "{v4} in {v6}"
                );
            }
            assert_ne!(
                reach(format!("64:ff9b:1::{v4}").parse().unwrap()),
                Reach::Public,
                "{v4}"
            );
        }
    }
}
