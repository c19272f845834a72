//! What goes wrong between us and a host, before there is an answer to look at; and what is said of it.

use std::time::Duration;

use super::refusal::refusal;
use crate::engine::answer::Refusal;
use crate::engine::code::Code;
use crate::io::files::MORE_OPEN_FILES;

/// What went wrong between us and a host, before there was an answer to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::io) enum Fault {
    /// The name has no address.
    Name,
    /// The name could not be looked up: whether it has an address is not known.
    LookUp,
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
    /// The proxy did not connect us, for a reason that is not known.
    Proxy,
    /// The proxy answered with this status to the request to connect us.
    ProxyStatus(u16),
    /// The proxy wants other credentials than those that its address has.
    ProxyCredentials,
    /// What went wrong at, or on the way to, the proxy with this host and port. It says nothing of the host behind it.
    OfProxy(Box<Fault>, String),
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
pub(in crate::io) const AUTHORITY_AS_SERVER: &str =
    "is a certificate authority's (CA:TRUE), which is used as the server's own";
/// What helps against that; to trust it is of no use.
pub(in crate::io) const NOT_OF_AN_AUTHORITY: &str = "make the server another one, signed by that authority, or self-signed \
    with `-addext basicConstraints=critical,CA:FALSE`";

impl Fault {
    /// Whether another try may end otherwise.
    pub(in crate::io) fn passes(&self) -> bool {
        match self {
            Self::Beyond(fault, _) => fault.passes(),
            Self::OfProxy(fault, _) => **fault == Self::NotHttp || fault.passes(),
            // Forbidden, or not signed in: asking again would be refused again, and may lock an account.
            Self::ProxyStatus(status) => !matches!(status, 403 | 407),
            fault => matches!(
                fault,
                Self::Name
                    | Self::LookUp
                    | Self::Refused
                    | Self::OpenFiles
                    | Self::ConnectTimeout(_)
                    | Self::AnswerTimeout(_)
                    | Self::Lost
                    | Self::Proxy
            ),
        }
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
                | Self::LookUp
                | Self::Refused
                | Self::ConnectTimeout(_)
                | Self::Certificate(_)
                | Self::AuthorityAsServer
                | Self::PlainHttp
                | Self::Tls
                | Self::Proxy
                | Self::ProxyStatus(_)
                | Self::ProxyCredentials
                | Self::OfProxy(..)
        )
    }

    /// What is said of it, and what may help.
    pub(in crate::io) fn refusal(&self, host: &str) -> Refusal {
        let seconds = |limit: &Duration| limit.as_secs_f64();
        match self {
            Self::Name => refusal(
                Code::NameNotResolved,
                format!("the name `{host}` has no address"),
                "check the registry's name, and the DNS of this machine",
            ),
            Self::LookUp => refusal(
                Code::NameLookup,
                format!("the name `{host}` cannot be looked up now: the DNS gave no answer"),
                "try again later; if it stays so, check the DNS of this machine",
            ),
            Self::Refused => refusal(
                Code::ConnectionRefused,
                format!("no connection to `{host}`: it is refused or has no route"),
                "check that the registry is running, and the port",
            ),
            Self::OpenFiles => refusal(
                Code::OpenFiles,
                format!("no connection to `{host}`: too many files are open"),
                MORE_OPEN_FILES,
            ),
            Self::ConnectTimeout(limit) => refusal(
                Code::Timeout,
                format!("no connection to `{host}` within {} s", seconds(limit)),
                "check that the registry can be reached from here; a proxy is set with HTTPS_PROXY",
            ),
            Self::AnswerTimeout(limit) => refusal(
                Code::Timeout,
                format!(
                    "`{host}` gave no complete answer within {} s",
                    seconds(limit)
                ),
                "try again later",
            ),
            Self::Lost => refusal(
                Code::ConnectionLost,
                format!("`{host}` broke the connection off"),
                "try again later",
            ),
            Self::Certificate(reason) => refusal(
                Code::Certificate,
                format!("the certificate of `{host}` is not trusted: {reason}"),
                "name its authority's certificate with `--registry-ca FILE`",
            ),
            Self::AuthorityAsServer => refusal(
                Code::Certificate,
                format!("the certificate of `{host}` {AUTHORITY_AS_SERVER}"),
                NOT_OF_AN_AUTHORITY,
            ),
            Self::PlainHttp => refusal(
                Code::PlainHttp,
                format!("`{host}` does not speak TLS"),
                &format!(
                    "if it is meant to be asked over plain http, add `--insecure-registry {host}`"
                ),
            ),
            Self::Tls => refusal(
                Code::Tls,
                format!("the TLS handshake with `{host}` failed"),
                "check the registry's TLS settings",
            ),
            Self::Proxy | Self::ProxyStatus(_) | Self::ProxyCredentials => refusal(
                Code::Proxy,
                of_proxy(self, "on the way", host),
                against_proxy(self),
            ),
            Self::OfProxy(fault, proxy) => refusal(
                Code::Proxy,
                of_proxy(fault, &format!("`{proxy}`"), host),
                against_proxy(fault),
            ),
            Self::NotHttp => refusal(
                Code::NotARegistry,
                format!("`{host}` answered with something that is not HTTP"),
                "check the registry's name and port",
            ),
            Self::TooLarge(limit) => refusal(
                Code::TooLarge,
                format!("`{host}` answered with more than {limit} bytes"),
                "check that the name is that of a registry",
            ),
            Self::Redirect(reason) => refusal(
                Code::Redirect,
                format!("`{host}` {reason}"),
                "check the registry's name",
            ),
            Self::Beyond(fault, elsewhere) => {
                let beyond = fault.refusal(elsewhere);
                Refusal {
                    cause: format!("`{host}` redirects to another host: {}", beyond.cause),
                    ..beyond
                }
            }
            Self::Settings(reason) => {
                refusal(Code::Settings, reason.clone(), "correct the setting")
            }
        }
    }
}

/// What is said of a proxy on the way to a host.
pub(in crate::io) fn of_proxy(fault: &Fault, proxy: &str, host: &str) -> String {
    let on_the_way = format!("the proxy {proxy} on the way to `{host}`");
    match fault {
        Fault::Name => format!("the name of {on_the_way} has no address"),
        Fault::LookUp => {
            format!("the name of {on_the_way} cannot be looked up now: the DNS gave no answer")
        }
        Fault::Refused => format!("no connection to {on_the_way}: it is refused or has no route"),
        Fault::ConnectTimeout(limit) | Fault::AnswerTimeout(limit) => format!(
            "no connection to `{host}` through the proxy {proxy} within {} s",
            limit.as_secs_f64()
        ),
        Fault::Lost => format!("{on_the_way} broke the connection off"),
        Fault::Certificate(reason) => {
            format!("the certificate of {on_the_way} is not trusted: {reason}")
        }
        Fault::AuthorityAsServer => {
            format!("the certificate of {on_the_way} {AUTHORITY_AS_SERVER}")
        }
        Fault::PlainHttp => format!("{on_the_way} does not speak TLS"),
        Fault::Tls => format!("the TLS handshake with {on_the_way} failed"),
        Fault::NotHttp => format!("{on_the_way} answered with something that is not HTTP"),
        Fault::ProxyStatus(_) | Fault::ProxyCredentials => {
            let status = match fault {
                Fault::ProxyStatus(status) => *status,
                _ => 407,
            };
            let phrase = reqwest::StatusCode::from_u16(status)
                .ok()
                .and_then(|status| status.canonical_reason());
            let answered = format!("{status} {}", phrase.unwrap_or_default());
            format!("{on_the_way} answered {}", answered.trim_end())
        }
        _ => format!("the proxy {proxy} does not connect to `{host}`"),
    }
}

/// What helps against it. A proxy is never to be trusted for that, and no registry's credentials help.
fn against_proxy(fault: &Fault) -> &'static str {
    const OPERATOR: &str = "ask whoever runs the proxy, or name the host in NO_PROXY";
    match fault {
        Fault::LookUp => "try again later; if it stays so, check the DNS of this machine",
        Fault::Lost => "try again later",
        Fault::Certificate(_) | Fault::AuthorityAsServer | Fault::Tls => OPERATOR,
        Fault::ProxyStatus(403) => OPERATOR,
        Fault::PlainHttp => {
            "write `http://` before the proxy's address in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY"
        }
        Fault::ProxyCredentials => {
            "correct the user and the password in its variable, or name the host in NO_PROXY"
        }
        Fault::ProxyStatus(407) => {
            "give its variable a user and a password, as in `http://USER:PASSWORD@HOST:PORT`, or name the host in NO_PROXY"
        }
        Fault::ProxyStatus(_) => "try again later, or name the host in NO_PROXY",
        _ => {
            "check the proxy's address in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, or name the host in NO_PROXY"
        }
    }
}
