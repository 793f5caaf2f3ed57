//! Tables of small snapshots, looked up.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::cluster::{HostFormat, HostNames, ListenerId, NodeId, NodePorts, PortMapping, ShadowWarnings};
use crate::config::{Admin, BackendCluster, Limits, Node, Shards, Sni, TlsServer, TlsVersions, VirtualCluster};

fn snapshot(names: &[&str], forwards: Vec<Forward>, ports: Vec<u16>) -> Snapshot {
    let listener = Listener {
        id: ListenerId::of("desk"),
        name: "desk".into(),
        addresses: vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
        ports,
        tls: None,
        forwards,
        description: None,
        labels: BTreeMap::new(),
    };
    let node = Node {
        shards: Shards::Auto,
        admin: Admin::Address("127.0.0.1:1".parse().unwrap()),
        drain_duration: Duration::ZERO,
        limits: Limits::default(),
        description: None,
        labels: BTreeMap::new(),
    };
    let backend = BackendCluster {
        id: BackendId::of("lab"),
        name: "lab".into(),
        bootstrap_servers: Vec::new(),
        metadata_update_interval: Duration::ZERO,
        tls: None,
        description: None,
        labels: BTreeMap::new(),
    };
    let virtual_cluster = |name: &&str| VirtualCluster {
        id: VirtualClusterId::of(name),
        name: (*name).into(),
        backend: 0,
        dns_label: Some((*name).into()),
        description: None,
        labels: BTreeMap::new(),
        namespace: None,
        shadow_warnings: ShadowWarnings::default(),
    };
    let virtual_clusters = names.iter().map(virtual_cluster).collect();
    Snapshot { node, backend_clusters: vec![backend], virtual_clusters, listeners: vec![listener] }
}

fn sni(format: HostFormat, labels: &[&str], suffix: &str) -> Forward {
    let names = |label: &&str| Arc::new(AddressMap::Names(HostNames::new(format, label, suffix, 9094)));
    let targets = labels.iter().map(names).enumerate().collect();
    Forward::Sni(Sni { suffix: suffix.into(), advertised_port: 9094, format, destination: None, targets })
}

#[test]
fn each_port_of_each_address_has_its_route() {
    let mapping = PortMapping {
        advertised_host: "gateway".into(),
        bootstrap_port: Some(100),
        ports: vec![100, 101, 102].into(),
        min_broker_id: 5,
        node_ports: NodePorts::default(),
    };
    let forward = Forward::PortMapping { virtual_cluster: 0, address_map: Arc::new(AddressMap::Ports(mapping)) };
    let snapshot = snapshot(&["passthrough"], vec![forward], vec![100, 101, 102]);
    let node = |ingress: &Ingress| match &ingress.mode {
        IngressMode::Plain(destination) => destination.node,
        IngressMode::Tls(_) => panic!("the listener is plain"),
    };
    let table: Vec<_> = ingresses(&snapshot).iter().map(|(at, ingress)| (at.to_string(), node(ingress))).collect();
    let expected = [
        ("127.0.0.1:100", None),
        ("[::1]:100", None),
        ("127.0.0.1:101", Some(NodeId(5))),
        ("[::1]:101", Some(NodeId(5))),
        ("127.0.0.1:102", Some(NodeId(6))),
        ("[::1]:102", Some(NodeId(6))),
    ];
    assert_eq!(table, expected.map(|(at, node)| (at.to_string(), node)));
    assert!(host_names(&snapshot, &snapshot.listeners[0]).is_none());
}

/// A port mapping behind host names takes what has no name, or a name of something else; never a name of ours that is
/// nobody's.
#[test]
fn the_first_policy_that_matches_is_used() {
    let mapping = PortMapping {
        advertised_host: "gateway".into(),
        bootstrap_port: Some(100),
        ports: vec![100, 101].into(),
        min_broker_id: 1,
        node_ports: NodePorts::default(),
    };
    let by_port = Forward::PortMapping { virtual_cluster: 1, address_map: Arc::new(AddressMap::Ports(mapping)) };
    let by_name = sni(HostFormat::SharedSuffix, &["alice"], ".kafka.example");
    let tls = TlsServer {
        certificates: vec![],
        versions: TlsVersions::ALL,
        allow_plaintext: true,
        client_authentication: None,
    };
    let ingresses_of = |forwards: Vec<Forward>| {
        let mut snapshot = snapshot(&["alice", "bob"], forwards, vec![100, 101]);
        snapshot.listeners[0].tls = Some(Arc::new(tls.clone()));
        snapshot.listeners[0].addresses.truncate(1);
        ingresses(&snapshot).into_iter().map(|(_, ingress)| ingress).collect::<Vec<_>>()
    };
    let found = |ingress: &Ingress, name: Option<&str>| {
        let IngressMode::Tls(tls) = &ingress.mode else { panic!("the listener has TLS") };
        assert!(tls.allow_plaintext && ingress.id == ListenerId::of("desk"));
        let to = tls.destination(name.map(str::as_bytes))?;
        Ok((to.route.virtual_cluster.to_string(), to.node.map(|node| node.0)))
    };
    let to = |cluster: &str, node| Ok((cluster.to_owned(), node));
    let (unknown, none) = (Err(NoDestination::UnknownName), Err(NoDestination::NoName));
    let ours = Some("broker-7-alice.kafka.example");
    let nobodys = Some("bootstrap-carol.kafka.example");
    let foreign = Some("gateway.example");

    let both = ingresses_of(vec![by_name.clone(), by_port.clone()]);
    assert_eq!(found(&both[1], ours), to("alice", Some(7)));
    for name in [
        nobodys,
        Some("kafka.alice.kafka.example"),
        Some("broker-07-alice.kafka.example"),
        Some("alice.Kafka.example."),
    ] {
        assert_eq!(found(&both[1], name), unknown, "{name:?}");
    }
    assert_eq!((found(&both[0], foreign), found(&both[1], None)), (to("bob", None), to("bob", Some(1))));

    // The name that the port mapping itself is advertised by may be below the suffix.
    let Forward::PortMapping { virtual_cluster, address_map } = &by_port else { panic!() };
    let AddressMap::Ports(mapping) = &**address_map else { panic!() };
    let below = PortMapping { advertised_host: "Ports.kafka.example".into(), ..mapping.clone() };
    let below =
        Forward::PortMapping { virtual_cluster: *virtual_cluster, address_map: Arc::new(AddressMap::Ports(below)) };
    let both = ingresses_of(vec![by_name.clone(), below]);
    assert_eq!(found(&both[1], Some("ports.kafka.example.")), to("bob", Some(1)));
    assert_eq!(found(&both[1], Some("port.kafka.example")), unknown);

    let names = ingresses_of(vec![by_name]);
    assert_eq!(found(&names[0], ours), to("alice", Some(7)));
    assert_eq!(
        (found(&names[0], nobodys), found(&names[0], foreign), found(&names[0], None)),
        (unknown.clone(), unknown, none)
    );

    let ports = ingresses_of(vec![by_port]);
    assert_eq!((found(&ports[1], ours), found(&ports[0], None)), (to("bob", Some(1)), to("bob", None)));
}

#[test]
fn a_name_means_one_virtual_cluster_and_node_and_nothing_by_guess() {
    use NoHostMatch::{Below, Foreign};
    let forwards = vec![
        sni(HostFormat::SharedSuffix, &["alice", "bob"], ".kafka.example"),
        sni(HostFormat::PerClusterSuffix, &["alice", "bob"], ".other.example"),
    ];
    let snapshot = snapshot(&["alice", "bob"], forwards, vec![9094]);
    let table = host_names(&snapshot, &snapshot.listeners[0]).unwrap();
    assert_eq!(table.routes().len(), 4);
    let found =
        |name: &str| table.look_up(name.as_bytes()).map(|to| (&*to.route.virtual_cluster, to.node.map(|n| n.0)));
    for (name, matched) in [
        ("bootstrap-alice.kafka.example", Ok(("alice", None))),
        ("BOOTSTRAP-Bob.Kafka.Example.", Ok(("bob", None))),
        ("broker-0-bob.kafka.example", Ok(("bob", Some(0)))),
        ("broker-2147483647.alice.other.example", Ok(("alice", Some(i32::MAX)))),
        ("bootstrap.bob.other.example", Ok(("bob", None))),
        ("bootstrap-carol.kafka.example", Err(Below)),
        ("broker-1.carol.other.example", Err(Below)),
        ("broker-1-alice.other.example", Err(Below)),
        ("bootstrap-alice.kafka.example..", Err(Below)),
        ("xbootstrap-alice.kafka.example", Err(Below)),
        ("broker-01-alice.kafka.example", Err(Below)),
        ("broker--1-alice.kafka.example", Err(Below)),
        ("kafka.alice.other.example", Err(Below)),
        ("KAFKA.alice.Other.Example..", Err(Below)),
        ("broker-2147483648.alice.other.example", Err(Below)),
        (".kafka.example", Err(Below)),
        ("bootstrap-alice.kafka.exampl", Err(Foreign)),
        ("bootstrap-alicekafka.example", Err(Foreign)),
        ("bootstrap-alice.kafka.examples", Err(Foreign)),
        ("alice.kafka.example", Err(Below)),
        ("kafka.example", Err(Foreign)),
        ("bootstrap", Err(Foreign)),
        ("127.0.0.1", Err(Foreign)),
        ("", Err(Foreign)),
    ] {
        assert_eq!(found(name), matched, "{name}");
    }
    assert_eq!(table.look_up(&[b'a'; 70_000]).unwrap_err(), Below);
}

/// A table of 100,000 names: each is found, and means what it was made of.
#[test]
fn a_hundred_thousand_names_are_all_found_and_no_other_is() {
    let labels: Vec<String> = (0..50_000).map(|number| format!("vc{number}")).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let forwards = vec![
        sni(HostFormat::SharedSuffix, &labels, ".kafka.example"),
        sni(HostFormat::PerClusterSuffix, &labels, ".kafka.example"),
    ];
    let snapshot = snapshot(&labels, forwards, vec![9094]);
    let table = host_names(&snapshot, &snapshot.listeners[0]).unwrap();
    assert_eq!(table.routes().len(), 100_000);
    for route in table.routes() {
        let AddressMap::Names(names) = &*route.addresses else { panic!() };
        let bootstrap = table.look_up(names.bootstrap().as_bytes()).unwrap();
        assert!(Arc::ptr_eq(bootstrap.route, route) && bootstrap.node.is_none());
        for node in [NodeId(0), NodeId(7), NodeId(i32::MAX)] {
            let name = route.addresses.advertised(node).unwrap().host();
            let matched = table.look_up(name.to_uppercase().as_bytes()).unwrap();
            assert!(Arc::ptr_eq(matched.route, route) && matched.node == Some(node), "{name}");
        }
        let longer = format!("bootstrap-{}", names.own);
        assert!(table.look_up(longer.as_bytes()).is_err(), "{longer}");
    }
}
