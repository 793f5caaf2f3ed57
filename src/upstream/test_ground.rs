//! What the tests of this module stand on: a ring on the test's own thread, resolvers that follow a script.

use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use futures_lite::future::{block_on, or};

use super::{Backend, Message, Post, Resolver, SharedBackend, TableBackend, Upstream};
use crate::config::{self, BackendCluster};
use crate::metrics::Numbers;
use crate::net::{AsyncFd, Net, mailbox};

/// Runs `work` on a ring, which is driven meanwhile.
pub fn on_net<T, F: Future<Output = T>>(work: impl FnOnce(Net) -> F) -> T {
    let net = Net::new().unwrap();
    let driven = async {
        net.drive().await;
        panic!("nobody stops it")
    };
    block_on(or(work(net.clone()), driven))
}

/// Shard 0 of 1, with the backends of this configuration; their keepers do not run.
pub struct Shard {
    pub net: Net,
    pub upstream: Upstream,
    pub numbers: Rc<Numbers>,
}

impl Shard {
    /// The one backend cluster.
    pub(super) fn backend(&self) -> Rc<Backend> {
        self.upstream.backends.values().next().unwrap().clone()
    }

    /// Of all dials, and of those that failed.
    pub fn dials(&self) -> (u64, u64) {
        (self.numbers.backend_dials.get(), self.numbers.backend_dial_failures.get())
    }
}

/// Runs `work` on a shard whose names are resolved by `resolve`.
pub fn on_shard<T>(
    hosts: &[&str],
    resolve: impl Fn(&str) -> Result<Vec<IpAddr>, String> + Send + Sync + 'static,
    work: impl AsyncFnOnce(&Shard) -> T,
) -> T {
    on_net(async |net| {
        let (sender, posted) = mailbox::<Message>(1_000).unwrap();
        let post: Post = Arc::new(move |_, message| sender.send(message));
        let resolver = Resolver::start_with(post.clone(), resolve).unwrap();
        let numbers = Rc::new(Numbers::default());
        let upstream = Upstream::new(&net, (0, 1), post, resolver, numbers.clone());
        let shared = Arc::new(SharedBackend::new(backend_cluster(hosts), 0, Vec::new()));
        let (upstream, _keepers) = upstream.replaced_by(&[TableBackend { shared, tls: None }]);
        let shard = Shard { net: net.clone(), upstream, numbers };
        let posted = AsyncFd::new(&net, posted);
        let receiving = async {
            loop {
                posted.readable().await;
                posted.get().clear();
                while let Some(message) = posted.get().take() {
                    shard.upstream.receive(message);
                }
            }
        };
        let work = pin!(work(&shard));
        or(work, receiving).await
    })
}

/// A backend cluster with these bootstrap servers.
pub fn backend_cluster(hosts: &[&str]) -> BackendCluster {
    let hosts: Vec<String> = hosts.iter().map(|host| format!("\"{host}\"")).collect();
    let text = format!(
        "{{backend_clusters: [{{name: a, bootstrap_servers: [{}]}}], listeners: [{{name: a, addresses: [\"::1\"], ports: \
         [1], policies: [{{type: forward_to_virtual_cluster, config: {{type: port_mapping, advertised_host: a, \
         bootstrap_port: none}}}}]}}]}}",
        hosts.join(", ")
    );
    let snapshot =
        config::load_bytes("klamm.yaml".as_ref(), text.as_bytes()).unwrap_or_else(|faults| panic!("{faults}"));
    snapshot.backend_clusters.into_iter().next().unwrap()
}
