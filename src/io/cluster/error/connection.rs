//! Why an API server gave no answer: code, text and hint.

use super::Purpose;
use crate::engine::code::Code;
use crate::io::files::MORE_OPEN_FILES;
use crate::io::registry::fault::{AUTHORITY_AS_SERVER, Fault, NOT_OF_AN_AUTHORITY, of_proxy};

pub(super) fn code(fault: &Fault) -> Code {
    match fault {
        Fault::Name => Code::NameNotResolved,
        Fault::LookUp => Code::NameLookup,
        Fault::Refused => Code::ConnectionRefused,
        Fault::OpenFiles => Code::OpenFiles,
        Fault::ConnectTimeout(_) | Fault::AnswerTimeout(_) => Code::Timeout,
        Fault::Lost => Code::ConnectionLost,
        Fault::Certificate(_) | Fault::AuthorityAsServer => Code::Certificate,
        Fault::PlainHttp => Code::PlainHttp,
        Fault::Tls => Code::Tls,
        Fault::Proxy | Fault::ProxyStatus(_) | Fault::ProxyCredentials | Fault::OfProxy(..) => {
            Code::Proxy
        }
        Fault::TooLarge(_) => Code::TooLarge,
        Fault::NotHttp | Fault::Redirect(_) | Fault::Settings(_) | Fault::Beyond(..) => {
            Code::NotAnApiServer
        }
    }
}

pub(super) fn text(fault: &Fault, server: &str) -> String {
    match fault {
        Fault::Name => format!("the name in `{server}` has no address"),
        Fault::LookUp => {
            format!("the name in `{server}` cannot be looked up now: the DNS gave no answer")
        }
        Fault::Refused => format!("no connection to `{server}`: it is refused or has no route"),
        Fault::OpenFiles => format!("no connection to `{server}`: too many files are open"),
        Fault::ConnectTimeout(limit) => format!(
            "no connection to `{server}` within {} s",
            limit.as_secs_f64()
        ),
        Fault::AnswerTimeout(limit) => format!(
            "`{server}` gave no complete answer within {} s",
            limit.as_secs_f64()
        ),
        Fault::Lost => format!("`{server}` broke the connection off"),
        Fault::Certificate(reason) => {
            format!("the certificate of `{server}` is not trusted: {reason}")
        }
        Fault::AuthorityAsServer => format!("the certificate of `{server}` {AUTHORITY_AS_SERVER}"),
        Fault::PlainHttp => format!("`{server}` does not speak TLS"),
        Fault::Tls => format!("the TLS handshake with `{server}` failed"),
        Fault::OfProxy(fault, proxy) => of_proxy(fault, &format!("`{proxy}`"), server),
        Fault::Proxy | Fault::ProxyStatus(_) | Fault::ProxyCredentials => {
            of_proxy(fault, "on the way", server)
        }
        Fault::TooLarge(limit) => format!("`{server}` answered with more than {limit} bytes"),
        Fault::NotHttp | Fault::Redirect(_) | Fault::Settings(_) | Fault::Beyond(..) => {
            format!("`{server}` answered with something that is not HTTP")
        }
    }
}

pub(super) fn hint(fault: &Fault, server: &str, purpose: Purpose) -> String {
    match fault {
        Fault::Name => "check the server's name in the kubeconfig, and the DNS of this machine".to_owned(),
        Fault::LookUp => "try again later; if it stays so, check the DNS of this machine".to_owned(),
        Fault::Refused => "check that the cluster is running, and its address in the kubeconfig".to_owned(),
        Fault::OpenFiles => MORE_OPEN_FILES.to_owned(),
        Fault::ConnectTimeout(_) => {
            "check that the cluster can be reached from here: a VPN, a firewall, `proxy-url` in the kubeconfig".to_owned()
        }
        Fault::AnswerTimeout(_) | Fault::Lost => match purpose {
            Purpose::Read => "try again later".to_owned(),
            Purpose::Change => "try again; what was sent may have been done".to_owned(),
        },
        Fault::Certificate(_) => "correct `certificate-authority` or `tls-server-name` in the kubeconfig".to_owned(),
        Fault::AuthorityAsServer => NOT_OF_AN_AUTHORITY.to_owned(),
        Fault::PlainHttp => {
            format!("correct the server's address in the kubeconfig: {}", server.replacen("https://", "http://", 1))
        }
        Fault::Tls => "check the client certificate in the kubeconfig".to_owned(),
        Fault::OfProxy(fault, _) => against_proxy(fault).to_owned(),
        Fault::Proxy | Fault::ProxyStatus(_) | Fault::ProxyCredentials => {
            against_proxy(fault).to_owned()
        }
        Fault::TooLarge(_) => "look for an object of this size in the cluster".to_owned(),
        Fault::NotHttp | Fault::Redirect(_) | Fault::Settings(_) | Fault::Beyond(..) => {
            "check the server's address in the kubeconfig".to_owned()
        }
    }
}

fn against_proxy(fault: &Fault) -> &'static str {
    match fault {
        Fault::LookUp => "try again later; if it stays so, check the DNS of this machine",
        Fault::Certificate(_) | Fault::AuthorityAsServer | Fault::Tls => {
            "ask whoever runs the proxy, or name the server in NO_PROXY"
        }
        Fault::ProxyStatus(407) => {
            "give the proxy's address a user and a password, as in `http://USER:PASSWORD@HOST:PORT`: `proxy-url` in the kubeconfig, or HTTPS_PROXY"
        }
        Fault::ProxyCredentials => {
            "correct the user and the password in `proxy-url` of the kubeconfig, or in HTTPS_PROXY"
        }
        _ => "check `proxy-url` in the kubeconfig, HTTPS_PROXY and NO_PROXY",
    }
}
