//! The resolver thread: getaddrinfo(3) blocks, so no shard may call it.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use super::{Message, Post};

/// Names that may wait to be resolved; shards query each name once at a time.
const QUERIES_MAX: usize = 4096;

struct Query {
    host: Arc<str>,
    shard: usize,
}

/// Sends queries to the resolver thread.
#[derive(Clone)]
pub struct Resolver(SyncSender<Query>);

impl Resolver {
    /// Starts the thread; it ends with the last `Resolver`.
    ///
    /// # Errors
    ///
    /// No thread could be started.
    #[expect(clippy::disallowed_methods, reason = "the thread that is started may block")]
    pub fn start(post: Post) -> io::Result<Resolver> {
        let (sender, queries) = sync_channel::<Query>(QUERIES_MAX);
        std::thread::Builder::new().name("klamm-resolver".into()).spawn(move || {
            for Query { host, shard } in queries {
                let addresses = resolve(&host);
                let mut message = Message::Resolved { host, addresses };
                // The mailbox is full: the shard is busy, and it waits for this answer no more urgently than for
                // what it is busy with.
                while let Err(back) = post(shard, message) {
                    message = back;
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
            }
        })?;
        Ok(Resolver(sender))
    }

    /// Queries a name; the answer comes to the shard as [`Message::Resolved`]. False: too many queries wait.
    pub fn query(&self, host: Arc<str>, shard: usize) -> bool {
        match self.0.try_send(Query { host, shard }) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "on the resolver thread")]
fn resolve(host: &str) -> Result<Vec<IpAddr>, String> {
    let found = (host, 0).to_socket_addrs().map_err(|error| error.to_string())?;
    let mut addresses = Vec::new();
    for address in found {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    if addresses.is_empty() { Err("the name has no address".into()) } else { Ok(addresses) }
}
