//! Errors of the HTTP client, sorted by what happened. They are never printed: they hold URLs.

use std::error::Error;
use std::io::ErrorKind;

use super::addresses::Unresolved;
use super::fault::Fault;
use super::proxies::Between;
use super::settings::Limits;
use crate::io::files::is_of_open_files;

/// Sorts an error of the HTTP client by what happened. `proxy` is the one on the way, which may be what failed.
pub(super) fn sort(error: &reqwest::Error, limits: &Limits, proxy: Option<&Between<'_>>) -> Fault {
    let says = |text: &str| causes(error).any(|cause| cause.to_string().contains(text));
    let cause = causes(error).find_map(of_cause);
    let name = causes(error)
        .find_map(|cause| cause.downcast_ref::<Unresolved>())
        .map(Unresolved::name);
    let Some(proxy) = proxy else {
        return cause.unwrap_or_else(|| {
            if error.is_timeout() {
                return of_time(error, limits);
            }
            match () {
                () if says("invalid HTTP") => Fault::NotHttp,
                () if error.is_connect() => Fault::Refused,
                () => Fault::Lost,
            }
        });
    };
    // The client's errors of proxies are no types of its interface, so their words are all that there is.
    let on_the_way = says("tunnel error") || says("SOCKS error");
    let of_proxy = |fault| Fault::OfProxy(Box::new(fault), proxy.shown());
    match cause {
        Some(Fault::OpenFiles) => Fault::OpenFiles,
        Some(fault @ (Fault::Name | Fault::LookUp))
            if name.is_some_and(|name| !proxy.is_named(name)) =>
        {
            fault
        }
        // No connection is made to anybody else.
        Some(fault @ (Fault::Name | Fault::LookUp | Fault::Refused)) => of_proxy(fault),
        // What follows a tunnel, or has none, is between us and one host alone.
        Some(fault) if on_the_way || !proxy.has_tunnel() => of_proxy(fault),
        // Nor has the host behind a tunnel said anything before TLS is agreed on.
        Some(Fault::Lost) if error.is_connect() => of_proxy(Fault::Lost),
        Some(fault) => fault,
        None if error.is_timeout() => match of_time(error, limits) {
            fault @ Fault::ConnectTimeout(_) => of_proxy(fault),
            fault => fault,
        },
        None if DENIED.iter().any(|(words, _)| says(words)) => {
            let status = DENIED
                .iter()
                .find(|(words, _)| says(words))
                .map_or(407, |(_, status)| *status);
            proxy.refused(status)
        }
        None if on_the_way => of_proxy(Fault::Proxy),
        None if says("invalid HTTP") && proxy.has_tunnel() => Fault::NotHttp,
        None if says("invalid HTTP") => of_proxy(Fault::NotHttp),
        None if error.is_connect() => of_proxy(Fault::Refused),
        None if proxy.has_tunnel() => Fault::Lost,
        None => of_proxy(Fault::Lost),
    }
}

/// What the client's errors of proxies say, where the proxy does not want us, and the status that stands for it.
pub(in crate::io) const DENIED: [(&str, u16); 5] = [
    ("proxy authorization required", 407),
    ("credentials not accepted", 407),
    ("does not support user/pass authentication", 407),
    ("connection not allowed", 403),
    ("client program and identd reported different user-ids", 407),
];

fn of_time(error: &reqwest::Error, limits: &Limits) -> Fault {
    if error.is_connect() {
        Fault::ConnectTimeout(limits.connect)
    } else {
        Fault::AnswerTimeout(limits.answer)
    }
}

/// The error and its causes, through the wrapping of `io::Error`, whose `source` leaves its own content out.
pub(in crate::io) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| {
        let inner = error
            .downcast_ref::<std::io::Error>()
            .and_then(|error| error.get_ref());
        inner
            .map(|inner| inner as &(dyn Error + 'static))
            .or_else(|| error.source())
    })
}

/// What one cause says of what happened, where it says anything.
pub(in crate::io) fn of_cause(cause: &(dyn Error + 'static)) -> Option<Fault> {
    if let Some(unresolved) = cause.downcast_ref::<Unresolved>() {
        return Some(unresolved.fault());
    }
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(match error {
            rustls::Error::InvalidCertificate(reason) if is_authority_as_server(reason) => {
                Fault::AuthorityAsServer
            }
            rustls::Error::InvalidCertificate(reason) => Fault::Certificate(certificate(reason)),
            rustls::Error::InvalidMessage(_) => Fault::PlainHttp,
            _ => Fault::Tls,
        });
    }
    let error = cause.downcast_ref::<std::io::Error>()?;
    match error.kind() {
        _ if is_of_open_files(error) => Some(Fault::OpenFiles),
        ErrorKind::ConnectionRefused
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable => Some(Fault::Refused),
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => Some(Fault::Lost),
        _ => None,
    }
}

/// Whether a certificate was refused for being an authority's. rustls has no word of its own for it, and passes on that of its checks.
fn is_authority_as_server(reason: &rustls::CertificateError) -> bool {
    let rustls::CertificateError::Other(other) = reason else {
        return false;
    };
    matches!(
        other.0.downcast_ref(),
        Some(webpki::Error::CaUsedAsEndEntity)
    )
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
