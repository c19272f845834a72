//! An HTTP/1.1 server on a free loopback port, with or without TLS. It can misbehave: cut an answer off, drip it, never end,
//! never answer.
//!
//! It uses one thread for each connection and nothing asynchronous, so that a test can use it beside any runtime. Dropping it
//! stops the server.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// The part after `?`, still encoded.
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    /// The first header of this name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Body,
}

/// How a body is sent.
#[derive(Clone, Debug)]
pub enum Body {
    Whole(Vec<u8>),
    /// Sends half of it, then closes the connection.
    Cut(Vec<u8>),
    /// Sends a byte at a time, with this pause between.
    Drip(Vec<u8>, Duration),
    /// Sends the letter `a` as long as the client reads.
    Endless,
    /// Closes the connection without even a status.
    Nothing,
    /// Keeps the connection open without even a status.
    Silence,
}

impl Response {
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Whole(Vec::new()),
        }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers
            .retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers
            .retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self
    }

    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Whole(bytes.into());
        self
    }

    pub fn sent(mut self, how: impl FnOnce(Vec<u8>) -> Body) -> Self {
        let bytes = match &mut self.body {
            Body::Whole(bytes) => std::mem::take(bytes),
            _ => Vec::new(),
        };
        self.body = how(bytes);
        self
    }
}

/// A running server.
pub struct Server {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
}

type Handler = dyn Fn(&Request) -> Response + Send + Sync;

impl Server {
    pub fn start(
        tls: Option<Arc<rustls::ServerConfig>>,
        handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, stopped) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let handler: Arc<Handler> = Arc::new(handler);
        let (counted, over) = (Arc::clone(&connections), Arc::clone(&stopped));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), handler, tls) = (stream, Arc::clone(&handler), tls.clone()) else {
                    continue;
                };
                let (counted, over) = (Arc::clone(&counted), Arc::clone(&over));
                std::thread::spawn(move || serve(stream, tls, &*handler, &counted, &over));
            }
        });
        Self {
            address,
            connections,
            stopped,
        }
    }

    /// How many connections have sent a request.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener's thread, which waits for a connection, so that it sees the flag.
        drop(TcpStream::connect(self.address));
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

fn serve(
    stream: TcpStream,
    tls: Option<Arc<rustls::ServerConfig>>,
    handler: &Handler,
    connections: &AtomicUsize,
    over: &AtomicBool,
) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut stream: Box<dyn Stream> = match tls {
        Some(config) => Box::new(rustls::StreamOwned::new(
            rustls::ServerConnection::new(config).unwrap(),
            stream,
        )),
        None => Box::new(stream),
    };
    let mut first = true;
    while let Some(request) = read(&mut *stream) {
        if std::mem::take(&mut first) {
            connections.fetch_add(1, Ordering::SeqCst);
        }
        let response = handler(&request);
        if over.load(Ordering::SeqCst) || !write(&mut *stream, &request, response, over) {
            return;
        }
    }
}

fn read(stream: &mut dyn Stream) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        match stream.read(&mut chunk) {
            Ok(count) if count > 0 => bytes.extend_from_slice(&chunk[..count]),
            _ => return None,
        }
        if !bytes[0].is_ascii_uppercase() {
            // Answer like other servers do to a client that starts with TLS. The connection ends here in any case.
            return stream
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .ok()
                .and(None);
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    words
        .next()
        .filter(|version| version.starts_with("HTTP/"))?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(key, value)| (key.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(key, _)| key == "content-length")
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        match stream.read(&mut chunk) {
            Ok(count) if count > 0 => body.extend_from_slice(&chunk[..count]),
            _ => return None,
        }
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let body = String::from_utf8_lossy(&body).into_owned();
    Some(Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body,
    })
}

/// Sends the answer. Returns whether the connection may be reused.
fn write(
    stream: &mut dyn Stream,
    request: &Request,
    response: Response,
    over: &AtomicBool,
) -> bool {
    let length = match &response.body {
        Body::Whole(bytes) | Body::Cut(bytes) | Body::Drip(bytes, _) => Some(bytes.len()),
        Body::Endless => None,
        Body::Nothing => return false,
        Body::Silence => {
            while !over.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(20));
            }
            return false;
        }
    };
    let mut head = format!("HTTP/1.1 {} X\r\n", response.status);
    for (name, value) in &response.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    match length {
        Some(length) => head.push_str(&format!("content-length: {length}\r\n\r\n")),
        None => head.push_str("connection: close\r\n\r\n"),
    }
    let mut out = head.into_bytes();
    if request.method == "HEAD" {
        return stream.write_all(&out).and_then(|()| stream.flush()).is_ok() && length.is_some();
    }
    match response.body {
        Body::Whole(bytes) => {
            out.extend_from_slice(&bytes);
            stream.write_all(&out).and_then(|()| stream.flush()).is_ok()
        }
        Body::Cut(bytes) => {
            out.extend_from_slice(&bytes[..bytes.len() / 2]);
            // The connection ends here in any case.
            stream
                .write_all(&out)
                .and_then(|()| stream.flush())
                .is_err()
                && over.load(Ordering::SeqCst)
        }
        Body::Drip(bytes, pause) => {
            stream.write_all(&out).is_ok()
                && bytes.chunks(1).all(|byte| {
                    std::thread::sleep(pause);
                    !over.load(Ordering::SeqCst)
                        && stream.write_all(byte).and_then(|()| stream.flush()).is_ok()
                })
        }
        Body::Endless => {
            let block = [b'a'; 16 * 1024];
            let mut open = stream.write_all(&out).is_ok();
            while open && !over.load(Ordering::SeqCst) {
                open = stream
                    .write_all(&block)
                    .and_then(|()| stream.flush())
                    .is_ok();
            }
            false
        }
        Body::Nothing | Body::Silence => false,
    }
}
