//! The distribution project's own registry, Debian's `docker-registry`, as a child process.
//!
//! Content is pushed through its own API to an open instance. Then another instance with other settings is started on the same
//! storage.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::programs;
use super::registry::digest;

/// A running `docker-registry`. Dropping it ends the process.
pub struct Distribution {
    pub address: SocketAddr,
    child: Child,
}

/// Whether the program is installed; see `programs`.
pub fn is_installed() -> bool {
    programs::find("docker-registry").is_some()
}

impl Distribution {
    /// Starts an instance on this storage. `settings` is YAML to append to the usual lines; `http` goes below `http:`.
    pub fn start(storage: &Path, http: &str, settings: &str) -> Self {
        // Try again, because another process may take the port before the child does.
        (0..5)
            .find_map(|_| Self::try_start(storage, http, settings))
            .expect("docker-registry starts")
    }

    fn try_start(storage: &Path, http: &str, settings: &str) -> Option<Self> {
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let config = format!(
            "version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\nstorage:\n  filesystem:\n    rootdirectory: {}\n\
             http:\n  addr: {address}\n{http}{settings}",
            storage.display()
        );
        let file = storage.with_extension(format!("{}.yml", address.port()));
        std::fs::write(&file, config).unwrap();
        let child = Command::new("docker-registry")
            .args(["serve".as_ref(), file.as_os_str()])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut registry = Self { address, child };
        for _ in 0..1500 {
            if registry.child.try_wait().unwrap().is_some() {
                return None;
            }
            if TcpStream::connect(address).is_ok() {
                return Some(registry);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    /// Pushes an index with one image for each platform to an open registry over plain HTTP. Returns its digest.
    pub fn push(&self, repository: &str, tag: &str, platforms: &[&str], content: &str) -> String {
        let manifests: Vec<serde_json::Value> = platforms
            .iter()
            .map(|platform| {
                let (os, architecture) = platform.split_once('/').unwrap();
                let config = serde_json::json!({"os": os, "architecture": architecture, "author": content}).to_string();
                let started = self.send("POST", &format!("/v2/{repository}/blobs/uploads/"), "", b"");
                let location = started.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap().to_owned();
                let path = location.split_once(&self.address.to_string()).map_or(location.as_str(), |(_, path)| path);
                let digest_of_config = digest(config.as_bytes());
                let put = self.send("PUT", &format!("{path}&digest={digest_of_config}"), "application/octet-stream", config.as_bytes());
                assert!(put.starts_with("HTTP/1.1 201"), "{put}");
                let manifest = serde_json::json!({
                    "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                    "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": digest_of_config, "size": config.len()},
                    "layers": [],
                });
                let (digest, size) = self.put(repository, &format!("{tag}-{architecture}"), &manifest);
                serde_json::json!({
                    "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "digest": digest, "size": size,
                    "platform": {"os": os, "architecture": architecture},
                })
            })
            .collect();
        let list = "application/vnd.docker.distribution.manifest.list.v2+json";
        self.put(
            repository,
            tag,
            &serde_json::json!({"schemaVersion": 2, "mediaType": list, "manifests": manifests}),
        )
        .0
    }

    fn put(&self, repository: &str, tag: &str, manifest: &serde_json::Value) -> (String, usize) {
        let bytes = manifest.to_string();
        let put = self.send(
            "PUT",
            &format!("/v2/{repository}/manifests/{tag}"),
            manifest["mediaType"].as_str().unwrap(),
            bytes.as_bytes(),
        );
        assert!(put.starts_with("HTTP/1.1 201"), "{put}");
        (digest(bytes.as_bytes()), bytes.len())
    }

    fn send(&self, method: &str, path: &str, media_type: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\r\n",
            self.address,
            body.len()
        )
        .unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Distribution {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
