//! Git remotes as people use them: `git http-backend` behind HTTP with a password, and OpenSSH's server.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a server does with its clients.
#[derive(Clone, Debug)]
pub(crate) enum Door {
    /// Accepts this user and password.
    Account(&'static str, &'static str),
    /// Redirects everybody to another server.
    Elsewhere(String),
}

/// A server on a free loopback port, for the repositories below a folder. It ends with the process.
pub(crate) struct HttpRemote {
    pub(crate) host: String,
    authorizations: Arc<Mutex<Vec<String>>>,
    sent: Arc<AtomicUsize>,
}

impl HttpRemote {
    pub(crate) fn start(folder: &Path, door: Door) -> Self {
        Self::start_beside(folder, door, &[])
    }

    /// The same, which hands requests for paths that begin so to the servers of an API.
    pub(crate) fn start_beside(folder: &Path, door: Door, apis: &[(String, String)]) -> Self {
        let apis = Arc::new(apis.to_vec());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let authorizations = Arc::new(Mutex::new(Vec::new()));
        let sent = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&sent);
        let (seen, folder) = (Arc::clone(&authorizations), folder.to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(mut stream), seen, folder, door) =
                    (stream, Arc::clone(&seen), folder.clone(), door.clone())
                else {
                    continue;
                };
                let (counter, apis) = (Arc::clone(&counter), Arc::clone(&apis));
                std::thread::spawn(move || {
                    if let Some(answer) = serve(&mut stream, &folder, &door, &seen, &apis) {
                        counter.fetch_add(answer.len(), Ordering::SeqCst);
                        // The client may be gone.
                        drop(stream.write_all(&answer));
                    }
                });
            }
        });
        Self {
            host,
            authorizations,
            sent,
        }
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.host)
    }

    /// How many bytes were sent since this was last asked.
    pub(crate) fn taken(&self) -> usize {
        self.sent.swap(0, Ordering::SeqCst)
    }

    /// Every `Authorization` that was sent here.
    pub(crate) fn authorizations(&self) -> Vec<String> {
        self.authorizations.lock().unwrap().clone()
    }
}

/// The header's value for an account.
pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// The answer to a request.
fn serve(
    stream: &mut TcpStream,
    folder: &Path,
    door: &Door,
    seen: &Mutex<Vec<String>>,
    apis: &[(String, String)],
) -> Option<Vec<u8>> {
    let (head, body) = read(stream)?;
    let mut lines = head.lines();
    let mut words = lines.next().unwrap().split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    if let Some((_, host)) = apis.iter().find(|(path, _)| target.starts_with(path)) {
        return handed_on(host, &head, &body);
    }
    let headers: Vec<(String, &str)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect();
    let sent: Vec<&str> = headers
        .iter()
        .filter(|(name, _)| name == "authorization")
        .map(|(_, value)| *value)
        .collect();
    seen.lock()
        .unwrap()
        .extend(sent.iter().map(|value| (*value).to_owned()));
    let answer =
        match door {
            Door::Elsewhere(url) => {
                format!("HTTP/1.1 302 Found\r\nLocation: {url}{target}\r\n").into_bytes()
            }
            Door::Account(user, password) => match sent[..] {
                [] => b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\n"
                    .to_vec(),
                [one] if one.eq_ignore_ascii_case(&basic(user, password)) => {
                    let headers: BTreeMap<&str, &str> = headers
                        .iter()
                        .map(|(name, value)| (name.as_str(), *value))
                        .collect();
                    backend(folder, method, target, &headers, &body)
                }
                [_] => b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\n"
                    .to_vec(),
                // GitHub answers so to two `Authorization` headers.
                _ => b"HTTP/1.1 400 Bad Request\r\n".to_vec(),
            },
        };
    let whole = answer.windows(4).any(|window| window == b"\r\n\r\n");
    let end: &[u8] = if whole {
        b""
    } else {
        b"Content-Length: 0\r\nConnection: close\r\n\r\n"
    };
    Some([&answer, end].concat())
}

/// The answer of another server to a request.
fn handed_on(host: &str, head: &str, body: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(host).ok()?;
    stream
        .write_all(format!("{head}\r\n\r\n").as_bytes())
        .ok()?;
    stream.write_all(body).ok()?;
    let (head, body) = read(&mut stream)?;
    let head = format!("{head}\r\nConnection: close\r\n\r\n");
    Some([head.as_bytes(), &body].concat())
}

/// Runs the CGI program, and turns its answer into HTTP.
fn backend(
    folder: &Path,
    method: &str,
    target: &str,
    headers: &BTreeMap<&str, &str>,
    body: &[u8],
) -> Vec<u8> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let header = |name: &str| headers.get(name).copied().unwrap_or_default();
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", folder)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("HOME", folder)
        .env("REMOTE_USER", "ada")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(body).unwrap();
    let said = child.wait_with_output().unwrap().stdout;
    let end = said
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8_lossy(&said[..end]).into_owned();
    let status = head
        .lines()
        .find_map(|line| line.strip_prefix("Status: "))
        .unwrap_or("200 OK");
    let rest = &said[end + 4..];
    let head = format!(
        "HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        rest.len()
    );
    [head.as_bytes(), rest].concat()
}

fn read(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    head.truncate(head.len() - 4);
    let header = |name: &str| {
        head.lines()
            .find_map(|line| line.to_lowercase().strip_prefix(name).map(str::to_owned))
    };
    let mut body = Vec::new();
    if header("transfer-encoding: chunked").is_some() {
        // Git sends what is larger than 1 MiB so.
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let length = u64::from_str_radix(line.trim_end(), 16).ok()?;
            let begin = body.len();
            reader
                .by_ref()
                .take(length + 2)
                .read_to_end(&mut body)
                .ok()?;
            if (body.len() - begin) as u64 != length + 2 {
                return None;
            }
            body.truncate(body.len() - 2);
            if length == 0 {
                break;
            }
        }
    } else if let Some(length) = header("content-length: ") {
        body.resize(length.parse().ok()?, 0);
        reader.read_exact(&mut body).ok()?;
    }
    Some((head, body))
}

/// OpenSSH's server, with one process for each connection, and the client's configuration for it.
pub(crate) struct SshRemote {
    /// The configuration for `ssh -F`. The host is `git.example.test`.
    pub(crate) client: PathBuf,
    pub(crate) known_hosts: PathBuf,
    /// The correct line for `known_hosts`.
    pub(crate) right_host: String,
}

impl SshRemote {
    /// Prints why and returns `None` if this machine's server does not accept the tests' configuration.
    pub(crate) fn new(folder: &Path, sshd: &Path) -> Option<Self> {
        std::fs::create_dir(folder).unwrap();
        let at = |name: &str| folder.join(name);
        for key in ["host", "person"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(at(key))
                .status()
                .unwrap();
            assert!(made.success());
        }
        std::fs::copy(at("person.pub"), at("authorized")).unwrap();
        let server = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\nLogLevel QUIET\n",
            at("host").display(),
            at("authorized").display()
        );
        std::fs::write(at("server"), server).unwrap();
        let start = start(sshd, &at("server"))?;
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let client = format!(
            "Host git.example.test\n User {}\n ProxyCommand {start} -i -f {}\n IdentityFile {}\n IdentitiesOnly yes\n IdentityAgent none\n \
             UserKnownHostsFile {}\n GlobalKnownHostsFile /dev/null\n StrictHostKeyChecking yes\n",
            String::from_utf8_lossy(&user).trim(),
            at("server").display(),
            at("person").display(),
            at("known_hosts").display()
        );
        std::fs::write(at("client"), client).unwrap();
        let right_host = format!(
            "git.example.test {}",
            std::fs::read_to_string(at("host.pub")).unwrap()
        );
        Some(Self {
            client: at("client"),
            known_hosts: at("known_hosts"),
            right_host,
        })
    }
}

/// How to start the server: directly, or as root with its own `/run` if its folder is missing. Prints why and returns `None` if
/// neither works.
fn start(sshd: &Path, configuration: &Path) -> Option<String> {
    let sshd = sshd.display();
    for start in [
        sshd.to_string(),
        format!(
            "unshare -m sh -c 'mount -t tmpfs none /run && mkdir -m 0755 /run/sshd && exec {sshd} \"$@\"' sh"
        ),
    ] {
        let test = Command::new("sh")
            .arg("-c")
            .arg(format!("{start} -t -f {}", configuration.display()))
            .output()
            .unwrap();
        if test.status.success() {
            return Some(start);
        }
        eprintln!(
            "`{start}` does not start: {}",
            String::from_utf8_lossy(&test.stderr).trim()
        );
    }
    let required = std::env::var("IMAGO_TEST_REQUIRE").unwrap_or_default();
    assert!(
        !required.contains("sshd") && required != "all",
        "`sshd` is required and does not start here"
    );
    eprintln!("LEFT OUT: sshd does not start here");
    None
}
