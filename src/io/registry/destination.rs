//! Where a question goes: through the maps, to the host that answers for the registry, over the scheme that it speaks.
//!
//! Plain http is for hosts that the user names and for this machine. On this machine both are usual, so a port is looked at first.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::Registry;
use super::host::Host;
use super::map::{self, Target, names};
use super::refusal::refusal;
use super::trace::{Step, Way};
use super::transport::authority;
use crate::engine::answer::Refusal;
use crate::engine::code::Code;
use crate::engine::image::Lookup;

/// Where a question goes.
pub(super) struct Destination {
    pub(super) target: Target,
    /// Scheme, host and port.
    pub(super) base: Url,
    pub(super) host: Arc<Host>,
    /// How many of the repository's pull secrets were of no use.
    pub(super) secret: usize,
}

impl Registry {
    /// Where a lookup's questions go: through the maps, to the host that answers for the registry, over the scheme that it speaks.
    pub(super) async fn destination(
        &self,
        lookup: &Lookup,
        way: &Way<'_>,
    ) -> Result<Destination, Refusal> {
        let (target, by) = map::target(&self.maps, lookup);
        self.detours.mapped(by);
        if target.registry != lookup.registry() || target.repository != lookup.repository() {
            way.note(Step::Mapped {
                to: format!("{}/{}", target.registry, target.repository),
            });
        }
        if target.repository.is_empty() {
            let cause = format!(
                "a registry map leaves nothing of the image's name to ask `{}` for",
                target.registry
            );
            let name = lookup.repository().rsplit('/').next().unwrap_or_default();
            return Err(refusal(
                Code::Settings,
                cause,
                &format!(
                    "map it to a whole name, such as `{}/{name}`",
                    target.registry
                ),
            ));
        }
        let host = map::host(&target.registry);
        let not_a_host = || {
            refusal(
                Code::NameNotResolved,
                format!("`{host}` is not a host"),
                "check the registry's name",
            )
        };
        let url =
            |scheme: &str| Url::parse(&format!("{scheme}://{host}/")).map_err(|_| not_a_host());
        let plain = url("http")?;
        let base = if self.asks_as_nobody(&target) {
            self.detours.plain(&target);
            plain
        } else if names(&self.insecure, &target) {
            plain
        } else if is_loopback(&plain) {
            let port = plain.port_or_known_default().unwrap_or(80);
            let look = || {
                speaks_tls(
                    plain.host_str().unwrap_or_default(),
                    port,
                    self.limits.connect,
                )
            };
            if self.schemes.ask(host.to_owned(), look).await {
                url("https")?
            } else {
                plain
            }
        } else {
            url("https")?
        };
        let host = self.transport.host(&base, authority(&base));
        Ok(Destination {
            target,
            base,
            host,
            secret: 0,
        })
    }
}

impl Registry {
    /// Whether a registry is asked over plain http by no wish of the user's, so that no secret may go there.
    pub(super) fn asks_as_nobody(&self, target: &Target) -> bool {
        names(&self.insecure_as_nobody, target) && !names(&self.insecure, target)
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Whether a loopback port speaks TLS: a server of TLS answers this stub of a greeting with an alert, one of plain HTTP with text.
async fn speaks_tls(host: &str, port: u16, limit: Duration) -> bool {
    // A record with half a ClientHello, then the line ends for which a server of HTTP waits.
    const GREETING: [u8; 15] = *b"\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03\r\n\r\n";
    const ALERT: u8 = 0x15;
    const HANDSHAKE: u8 = 0x16;
    let look = async {
        let mut stream = tokio::net::TcpStream::connect((host.trim_matches(['[', ']']), port))
            .await
            .ok()?;
        stream.write_all(&GREETING).await.ok()?;
        stream.read_u8().await.ok()
    };
    let limit = limit.min(Duration::from_secs(2));
    matches!(timeout(limit, look).await, Ok(Some(ALERT | HANDSHAKE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_known_by_name_and_by_address() {
        for (url, is) in [
            ("http://localhost:5000/", true),
            ("http://registry.localhost/", true),
            ("http://127.8.9.1/", true),
            ("http://[::1]:5000/", true),
            ("http://localhost.example.test/", false),
            ("http://128.0.0.1/", false),
            ("http://notlocalhost/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), is, "{url}");
        }
    }
}
