//! A proxy for CONNECT that leads well-known names to servers of the test: so the binary asks `hub.docker.com`, and nobody else does.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A running proxy. It stops with the test's process.
pub(crate) struct Tunnel {
    pub(crate) address: SocketAddr,
    names: Arc<Mutex<BTreeMap<String, SocketAddr>>>,
}

impl Tunnel {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tunnel = Self {
            address: listener.local_addr().unwrap(),
            names: Arc::default(),
        };
        let names = Arc::clone(&tunnel.names);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let names = Arc::clone(&names);
                std::thread::spawn(move || serve(client, &names));
            }
        });
        tunnel
    }

    /// Leads port 443 of a name there from now on. A name that leads nowhere is refused.
    pub(crate) fn lead(&self, name: &str, to: SocketAddr) {
        let mut names = self.names.lock().unwrap();
        names.insert(format!("{name}:443"), to);
    }
}

fn serve(mut client: TcpStream, names: &Mutex<BTreeMap<String, SocketAddr>>) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && client.read_exact(&mut byte).is_ok() {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    let name = head.split(' ').nth(1).unwrap_or_default();
    let Some(to) = names.lock().unwrap().get(name).copied() else {
        drop(client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
        return;
    };
    let mut server = TcpStream::connect(to).unwrap();
    drop(client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n"));
    let (mut from_client, mut to_server) =
        (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || {
        drop(std::io::copy(&mut from_client, &mut to_server));
        drop(to_server.shutdown(Shutdown::Write));
    });
    drop(std::io::copy(&mut server, &mut client));
}
