//! What the tests of this module stand on: a ring on the test's own thread, resolvers that follow a script, hosts that are silent.

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use futures_lite::future::{block_on, or};
use socket2::{Domain, Type};

use super::{Backend, Message, Post, Resolver, SharedBackend, TableBackend, Upstream};
use crate::cluster::{Catalogue, HostPort, Node, NodeApis, NodeId};
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

    /// As if a refresh had found these nodes.
    pub fn set_nodes(&self, nodes: Vec<Node>) {
        let catalogue = Catalogue { version: 1, cluster_id: None, nodes };
        *self.backend().catalogue.borrow_mut() = Some(Arc::new(catalogue));
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

/// A Kafka of one version of each API, on loopback, that answers Metadata with `metadata`.
pub struct Kafka {
    pub address: SocketAddr,
}

impl Kafka {
    /// Each answer is made of its own address.
    pub fn start(metadata: impl Fn(SocketAddr) -> Vec<u8> + Send + Sync + 'static) -> Kafka {
        let listening = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listening.local_addr().unwrap();
        let metadata = Arc::new(metadata);
        std::thread::spawn(move || {
            for stream in listening.incoming() {
                let (mut stream, metadata) = (stream.unwrap(), metadata.clone());
                std::thread::spawn(move || while answer(&mut stream, &|| metadata(address)).is_some() {});
            }
        });
        Kafka { address }
    }
}

fn answer(stream: &mut TcpStream, metadata: &dyn Fn() -> Vec<u8>) -> Option<()> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut request = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut request).ok()?;
    let body = match request[1] {
        18 => [&[0, 0, 0, 0, 0, 2][..], &[0, 3, 0, 5, 0, 5], &[0, 18, 0, 0, 0, 0]].concat(),
        3 => metadata(),
        key => panic!("a request with api key {key}"),
    };
    let response = [&(body.len() as u32 + 4).to_be_bytes(), &request[4..8], &body].concat();
    stream.write_all(&response).ok()
}

/// A Metadata answer of version 5 with these nodes.
pub fn metadata(nodes: &[(i32, SocketAddr)]) -> Vec<u8> {
    let mut body = vec![0; 4];
    body.extend((nodes.len() as u32).to_be_bytes());
    for (id, address) in nodes {
        let host = address.ip().to_string();
        body.extend(id.to_be_bytes());
        body.extend((host.len() as u16).to_be_bytes());
        body.extend(host.as_bytes());
        body.extend(u32::from(address.port()).to_be_bytes());
        body.extend([0xff, 0xff]);
    }
    body.extend([0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 0]);
    body
}

/// A node that offers nothing, with which no more than a connection is made.
pub fn node(id: i32, address: SocketAddr) -> Node {
    let apis = NodeApis {
        ranges: Vec::new(),
        supported_features: Vec::new(),
        finalized_features_epoch: -1,
        finalized_features: Vec::new(),
        zk_migration_ready: false,
    };
    let host = address.ip().to_string().into();
    Node { id: NodeId(id), address: HostPort { host, port: address.port() }, apis: Some(Arc::new(apis)) }
}

/// A port where nobody listens.
pub fn refusing() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A host that does not answer a SYN: its queue of connections is full.
pub struct Silent {
    pub address: SocketAddr,
    _listening: TcpListener,
    _queued: Vec<socket2::Socket>,
}

impl Silent {
    pub fn start() -> Silent {
        let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        socket.listen(0).unwrap();
        let listening = TcpListener::from(socket);
        let address = listening.local_addr().unwrap();
        let queued = (0..4).map(|_| {
            let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None).unwrap();
            let error = socket.connect(&address.into()).err();
            assert!(error.is_none_or(|error| error.raw_os_error() == Some(libc::EINPROGRESS)));
            socket
        });
        let queued = queued.collect();
        let late = TcpStream::connect_timeout(&address, std::time::Duration::from_millis(50)).map(|_| ());
        assert_eq!(late.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
        Silent { address, _listening: listening, _queued: queued }
    }
}
