//! The pipes to and from a child. Each has its own thread, so that none can block the others.

use std::io::{self, Read, Write};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::thread::Builder;

/// The output of a child on one stream, up to a limit.
pub(super) struct Stream {
    read: Arc<Mutex<Vec<u8>>>,
    most: usize,
}

impl Stream {
    /// Reads a pipe until it closes or `most` is exceeded, and then sends on `closed`.
    pub(super) fn read(
        mut pipe: impl Read + Send + 'static,
        most: usize,
        closed: Sender<()>,
    ) -> io::Result<Self> {
        let read = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&read);
        Builder::new().spawn(move || {
            let mut buffer = [0; 16 * 1024];
            loop {
                match pipe.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(length) => {
                        let mut all = shared
                            .lock()
                            .unwrap_or_else(std::sync::PoisonError::into_inner);
                        all.extend_from_slice(&buffer[..length]);
                        if all.len() > most {
                            break;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            // The receiver may be gone.
            let _ = closed.send(());
        })?;
        Ok(Self { read, most })
    }

    /// Whether the output exceeded the limit.
    pub(super) fn is_too_much(&self) -> bool {
        self.lock().len() > self.most
    }

    /// Takes the output so far.
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.read
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Writes a text to a pipe and closes it. Ignores errors: a child that ends early does not read everything, and its status says
/// why.
pub(super) fn write(mut pipe: impl Write + Send + 'static, text: Vec<u8>) -> io::Result<()> {
    Builder::new()
        .spawn(move || drop(pipe.write_all(&text)))
        .map(drop)
}
