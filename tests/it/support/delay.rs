//! A proxy that adds latency between a client and a server: half a round trip to every byte, and a whole one to a new connection.

#![allow(
    unreachable_pub,
    reason = "each of those who use this file uses it as a module of their own"
)]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// Starts a proxy for a server. It runs until the process ends.
pub fn start(server: SocketAddr, round_trip: Duration) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for client in listener.incoming() {
            // The kernel accepts at once, but a client a round trip away could not have sent anything before this time.
            let open = Instant::now() + round_trip;
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(server)) else {
                continue;
            };
            let (Ok(from_client), Ok(from_server)) = (client.try_clone(), server.try_clone())
            else {
                continue;
            };
            pass(from_client, server, open, round_trip / 2);
            pass(from_server, client, open, round_trip / 2);
        }
    });
    Ok(address)
}

/// Forwards bytes, each piece after a delay.
fn pass(mut from: TcpStream, mut to: TcpStream, open: Instant, delay: Duration) {
    let (sender, receiver) = channel::<(Instant, Vec<u8>)>();
    std::thread::spawn(move || {
        let mut piece = [0; 16 * 1024];
        while let Ok(count) = from.read(&mut piece) {
            let due = Instant::now().max(open) + delay;
            if count == 0 || sender.send((due, piece[..count].to_vec())).is_err() {
                return;
            }
        }
    });
    std::thread::spawn(move || {
        if to.set_nodelay(true).is_err() {
            return;
        }
        for (due, piece) in receiver {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&piece).is_err() {
                return;
            }
        }
        // The other side may be gone already.
        drop(to.shutdown(Shutdown::Write));
    });
}
