//! A small server of a test: each connection has a thread of its own, and none is taken any more once it is dropped.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::Fallible;

/// Takes connections while it lives.
pub struct Listening {
    over: Arc<AtomicBool>,
}

impl Listening {
    /// Listens at `host` and `port`, and gives each connection to `serve`, blocking.
    pub fn at(host: &str, port: u16, serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Fallible<Listening> {
        let listener = TcpListener::bind((host, port))?;
        listener.set_nonblocking(true)?;
        let (over, serve) = (Arc::new(AtomicBool::new(false)), Arc::new(serve));
        let ended = Arc::clone(&over);
        thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let serve = Arc::clone(&serve);
                        thread::spawn(move || {
                            // It cannot fail on a socket that there is.
                            let _ = stream.set_nonblocking(false);
                            serve(stream);
                        });
                    }
                    Err(_) => thread::sleep(Duration::from_millis(2)),
                }
            }
        });
        Ok(Listening { over })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
