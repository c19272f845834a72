//! What goes wrong between us and a host, before there is an answer to look at; and what is said of it.
//!
//! Errors of the HTTP client are sorted by what happened, and never printed: they hold URLs.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

use super::refusal::refusal;
use crate::engine::answer::Refusal;
use crate::io::files::{MORE_OPEN_FILES, is_of_open_files};

/// What went wrong between us and a host, before there was an answer to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::io) enum Fault {
    /// The name has no address.
    Name,
    /// Refused, or no way there.
    Refused,
    /// This process may open no further socket.
    OpenFiles,
    /// The connection could not be made in time.
    ConnectTimeout(Duration),
    /// The answer did not come, or not to its end, in time.
    AnswerTimeout(Duration),
    /// The connection broke.
    Lost,
    /// The certificate is not trusted, with the reason.
    Certificate(&'static str),
    /// The host uses a certificate authority's certificate as its own.
    AuthorityAsServer,
    /// The host does not speak TLS.
    PlainHttp,
    /// TLS failed otherwise.
    Tls,
    /// The proxy refused.
    Proxy,
    /// What came is not HTTP.
    NotHttp,
    /// More bytes than this.
    TooLarge(usize),
    /// A redirect that we do not follow, with the reason.
    Redirect(String),
    /// A setting of ours cannot be used, with the reason.
    Settings(String),
    /// What went wrong at a host that a redirect named, with that host: it says nothing of the host that was asked.
    Beyond(Box<Fault>, String),
}

/// What is wrong with a certificate of which the usual recipe (`openssl req -x509`) makes an authority's.
pub(in crate::io) const AUTHORITY_AS_SERVER: &str = "is a certificate authority's (CA:TRUE), which is used as the server's own";
/// What helps against that; to trust it is of no use.
pub(in crate::io) const NOT_OF_AN_AUTHORITY: &str = "make the server another one, signed by that authority, or self-signed \
    with `-addext basicConstraints=critical,CA:FALSE`";

impl Fault {
    /// Whether another try may end otherwise.
    pub(in crate::io) fn passes(&self) -> bool {
        if let Self::Beyond(fault, _) = self {
            return fault.passes();
        }
        matches!(
            self,
            Self::Name | Self::Refused | Self::OpenFiles | Self::ConnectTimeout(_) | Self::AnswerTimeout(_) | Self::Lost
        )
    }

    /// Whether it took as long as an answer may take.
    pub(in crate::io) fn is_slow(&self) -> bool {
        match self {
            Self::Beyond(fault, _) => fault.is_slow(),
            fault => matches!(fault, Self::AnswerTimeout(_)),
        }
    }

    /// Whether it says that the host cannot be reached at all, whatever is asked of it.
    pub(in crate::io) fn is_of_the_host(&self) -> bool {
        matches!(
            self,
            Self::Name
                | Self::Refused
                | Self::ConnectTimeout(_)
                | Self::Certificate(_)
                | Self::AuthorityAsServer
                | Self::PlainHttp
                | Self::Tls
                | Self::Proxy
        )
    }

    /// Sorts an error of the HTTP client by what happened.
    pub(super) fn of(error: &reqwest::Error, connect: Duration, answer: Duration) -> Self {
        // A proxy that is not there says nothing of the host behind it.
        let says = |text: &str| causes(error).any(|cause| cause.to_string().contains(text));
        let tunnel = says("tunnel") || says("socks") || says("SOCKS");
        match causes(error).find_map(of_cause) {
            Some(Self::Refused) if tunnel => return Self::Proxy,
            Some(fault) => return fault,
            None => {}
        }
        if error.is_timeout() {
            return if error.is_connect() { Self::ConnectTimeout(connect) } else { Self::AnswerTimeout(answer) };
        }
        if tunnel {
            return Self::Proxy;
        }
        if error.is_dns() {
            return Self::Name;
        }
        if says("invalid HTTP") {
            return Self::NotHttp;
        }
        if error.is_connect() { Self::Refused } else { Self::Lost }
    }

    /// What is said of it, and what may help.
    pub(super) fn refusal(&self, host: &str) -> Refusal {
        let seconds = |limit: &Duration| limit.as_secs_f64();
        match self {
            Self::Name => refusal(
                "name-not-resolved",
                format!("the name `{host}` has no address"),
                "check the registry's name, and the DNS of this machine",
            ),
            Self::Refused => refusal(
                "connection-refused",
                format!("no connection to `{host}`: it is refused or has no route"),
                "check that the registry is running, and the port",
            ),
            Self::OpenFiles => {
                refusal("open-files", format!("no connection to `{host}`: too many files are open"), MORE_OPEN_FILES)
            }
            Self::ConnectTimeout(limit) => refusal(
                "timeout",
                format!("no connection to `{host}` within {} s", seconds(limit)),
                "check that the registry can be reached from here; a proxy is set with HTTPS_PROXY",
            ),
            Self::AnswerTimeout(limit) => {
                refusal("timeout", format!("`{host}` gave no whole answer within {} s", seconds(limit)), "try again later")
            }
            Self::Lost => refusal("connection-lost", format!("`{host}` broke the connection off"), "try again later"),
            Self::Certificate(reason) => refusal(
                "certificate",
                format!("the certificate of `{host}` is not trusted: {reason}"),
                "name its authority's certificate with `--registry-ca FILE`",
            ),
            Self::AuthorityAsServer => {
                refusal("certificate", format!("the certificate of `{host}` {AUTHORITY_AS_SERVER}"), NOT_OF_AN_AUTHORITY)
            }
            Self::PlainHttp => refusal(
                "plain-http",
                format!("`{host}` does not speak TLS"),
                &format!("if it is meant to be asked over plain http, add `--insecure-registry {host}`"),
            ),
            Self::Tls => refusal("tls", format!("the TLS handshake with `{host}` failed"), "check the registry's TLS settings"),
            Self::Proxy => refusal(
                "proxy",
                format!("the proxy does not connect to `{host}`"),
                "check HTTPS_PROXY, or name the host in NO_PROXY",
            ),
            Self::NotHttp => refusal(
                "not-a-registry",
                format!("`{host}` answered with something that is not HTTP"),
                "check the registry's name and port",
            ),
            Self::TooLarge(limit) => refusal(
                "too-large",
                format!("`{host}` answered with more than {limit} bytes"),
                "check that the name is that of a registry",
            ),
            Self::Redirect(reason) => refusal("redirect", format!("`{host}` {reason}"), "check the registry's name"),
            Self::Beyond(fault, elsewhere) => {
                let beyond = fault.refusal(elsewhere);
                Refusal { cause: format!("`{host}` redirects to another host: {}", beyond.cause), ..beyond }
            }
            Self::Settings(reason) => refusal("settings", reason.clone(), "correct the setting"),
        }
    }
}

/// The error and its causes, through the wrapping of `io::Error`, whose `source` leaves its own content out.
pub(in crate::io) fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| {
        let inner = error.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
        inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source())
    })
}

/// What one cause says of what happened, where it says anything.
pub(in crate::io) fn of_cause(cause: &(dyn Error + 'static)) -> Option<Fault> {
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(match error {
            rustls::Error::InvalidCertificate(reason) if is_authority_as_server(reason) => Fault::AuthorityAsServer,
            rustls::Error::InvalidCertificate(reason) => Fault::Certificate(certificate(reason)),
            rustls::Error::InvalidMessage(_) => Fault::PlainHttp,
            _ => Fault::Tls,
        });
    }
    let error = cause.downcast_ref::<std::io::Error>()?;
    match error.kind() {
        _ if is_of_open_files(error) => Some(Fault::OpenFiles),
        ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Some(Fault::Refused),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
            Some(Fault::Lost)
        }
        _ => None,
    }
}

/// Whether a certificate was refused for being an authority's. The checks of rustls have no word of their own for it.
fn is_authority_as_server(reason: &rustls::CertificateError) -> bool {
    matches!(reason, rustls::CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity"))
}

fn certificate(reason: &rustls::CertificateError) -> &'static str {
    use rustls::CertificateError as E;
    match reason {
        E::Expired | E::ExpiredContext { .. } => "it has expired",
        E::NotValidYet | E::NotValidYetContext { .. } => "it is not valid yet",
        E::NotValidForName | E::NotValidForNameContext { .. } => "it is for another name",
        // The second is that of an authority with the name of one that is trusted.
        E::UnknownIssuer | E::BadSignature => "it is signed by an unknown authority",
        E::Revoked => "it is revoked",
        E::BadEncoding => "it is malformed",
        _ => "it does not pass the checks",
    }
}
