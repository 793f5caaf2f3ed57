//! What names resolve to, as one shard remembers it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Resolver;
use crate::net::{Net, Signal};

/// Addresses are used for so long before the name is asked again.
const FRESH: Duration = Duration::from_secs(30);

type Answer = Result<Arc<[IpAddr]>, Arc<str>>;

#[derive(Default)]
struct Name {
    answer: Option<(Instant, Answer)>,
    asked: bool,
}

/// The names of a shard; one query per name is in flight.
pub struct Names {
    net: Net,
    shard: usize,
    resolver: Resolver,
    names: RefCell<HashMap<Arc<str>, Name>>,
    changed: Signal,
}

impl Names {
    /// Knows no name yet.
    pub fn new(net: &Net, shard: usize, resolver: Resolver) -> Names {
        Names { net: net.clone(), shard, resolver, names: RefCell::default(), changed: Signal::new(net) }
    }

    /// All addresses of `host`, an address among them as it stands.
    ///
    /// # Errors
    ///
    /// The name does not resolve.
    pub async fn resolve(&self, host: &Arc<str>) -> io::Result<Arc<[IpAddr]>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(Arc::new([address]));
        }
        loop {
            let count = self.changed.count();
            if let Some(answer) = self.fresh(host) {
                return answer.map_err(|error| io::Error::other(format!("{host}: {error}")));
            }
            self.ask(host)?;
            self.changed.after(count).await;
        }
    }

    /// The next `resolve` asks again: what the name gave did not work.
    pub fn forget(&self, host: &str) {
        if let Some(name) = self.names.borrow_mut().get_mut(host) {
            name.answer = None;
        }
    }

    fn fresh(&self, host: &str) -> Option<Answer> {
        let names = self.names.borrow();
        let (at, answer) = names.get(host)?.answer.as_ref()?;
        (self.net.now().saturating_duration_since(*at) < FRESH).then(|| answer.clone())
    }

    fn ask(&self, host: &Arc<str>) -> io::Result<()> {
        let mut names = self.names.borrow_mut();
        let name = names.entry(host.clone()).or_default();
        if !name.asked {
            if !self.resolver.ask(host.clone(), self.shard) {
                return Err(io::Error::other(format!("{host}: too many names wait to be resolved")));
            }
            name.asked = true;
        }
        Ok(())
    }

    /// Takes the resolver's answer. A failure is remembered no longer than the tasks need that wait for it.
    pub fn resolved(&self, host: Arc<str>, addresses: Result<Vec<IpAddr>, String>) {
        /// Failures are asked again after this.
        const FAILURE_FRESH: Duration = Duration::from_millis(500);
        let now = self.net.now();
        let (at, answer) = match addresses {
            Ok(addresses) => (now, Ok(addresses.into())),
            Err(error) => (now.checked_sub(FRESH - FAILURE_FRESH).unwrap_or(now), Err(error.into())),
        };
        let mut names = self.names.borrow_mut();
        let name = names.entry(host).or_default();
        *name = Name { answer: Some((at, answer)), asked: false };
        drop(names);
        self.changed.raise();
    }
}
