//! A registry of nothing but digests, for `benches/side-by-side`: every tag of every repository has one, made from the path.
//!
//! `registry [MILLISECONDS]` listens on two ports of the loopback, prints them as `NEAR FAR`, and serves until its standard input ends. Who
//! asks the second is so far away (50 ms unless said otherwise). It needs the standard library alone, so that `rustc -O` makes it in a moment.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it is for a script, and what it meets unexpectedly ends it"
)]

#[path = "../tests/it/support/delay.rs"]
mod delay;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

fn main() {
    let far = std::env::args()
        .nth(1)
        .map_or(50, |typed| typed.parse().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = listener.local_addr().unwrap();
    let far = delay::start(near, Duration::from_millis(far)).unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            std::thread::spawn(move || serve(connection));
        }
    });
    println!("{} {}", near.port(), far.port());
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// Answers one request after the other, until the other end has no more.
fn serve(mut connection: TcpStream) {
    connection.set_nodelay(true).unwrap();
    let mut lines = BufReader::new(connection.try_clone().unwrap())
        .lines()
        .map_while(Result::ok);
    while let Some(request) = lines.next() {
        // The headers end with an empty line, and there is no body.
        lines
            .by_ref()
            .take_while(|line| !line.is_empty())
            .for_each(drop);
        let mut hasher = DefaultHasher::new();
        request.split(' ').nth(1).hash(&mut hasher);
        let digest = format!("{:016x}", hasher.finish()).repeat(4);
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.oci.image.index.v1+json\r\ndocker-content-digest: sha256:{digest}\r\n\
             content-length: 0\r\n\r\n"
        );
        if connection.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
