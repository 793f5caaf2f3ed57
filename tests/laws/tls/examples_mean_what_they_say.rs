//! The examples with TLS load, and say in their comments what is true: whose names lead where, and who is let in.

use std::sync::Arc;

use klamm::cluster::{AddressMap, Mode, NodeId};
use klamm::config::{self, Forward, Snapshot};

use super::material::{Authority, Folder};

const TWO_TENANTS: &str = include_str!("../../../config/sni-two-tenants.yaml");
const MTLS: &str = include_str!("../../../config/mtls.yaml");

/// The files that both examples name.
fn folder() -> Folder {
    let (folder, authority) = (Folder::new(), Authority::new("test authority"));
    std::fs::create_dir(folder.path().join("tls")).unwrap();
    for name in ["tls/kafka-ca.pem", "tls/clients-ca.pem"] {
        folder.write(name, &authority.pem());
    }
    folder.write_issued("tls/klamm-client", &authority.client("klamm", 1));
    for (name, covers) in [("alice", "*.alice.klamm.test"), ("bob", "*.bob.klamm.test"), ("klamm", "*.klamm.test")] {
        folder.write_issued(&format!("tls/{name}"), &authority.issue(&[covers], |_| {}));
    }
    folder
}

fn load(folder: &Folder, text: &str) -> Snapshot {
    let snapshot = folder.load(text).unwrap_or_else(|faults| panic!("{faults}\n{text}"));
    assert_eq!(config::warnings(&snapshot), [""; 0]);
    let printed = config::print(&snapshot);
    assert_eq!(folder.load(&printed).as_ref(), Ok(&snapshot), "{printed}");
    snapshot
}

/// What clients of each virtual cluster are told of node 2, and where they begin.
fn told(snapshot: &Snapshot) -> Vec<(String, String, u16)> {
    let [Forward::Sni(sni)] = &*snapshot.listeners[0].forwards else { panic!("{:?}", snapshot.listeners) };
    let told = |(_, addresses): &(usize, Arc<AddressMap>)| {
        let AddressMap::Names(names) = &**addresses else { panic!("{addresses:?}") };
        let node = addresses.advertised(NodeId(2)).unwrap();
        (names.bootstrap(), node.host(), node.port)
    };
    sni.targets.iter().map(told).collect()
}

#[test]
fn two_tenants_share_one_port_and_no_name() {
    let folder = folder();
    let snapshot = load(&folder, TWO_TENANTS);
    let name = |front: &str, label: &str| format!("{front}.{label}.klamm.test");
    let expected = ["alice", "bob"].map(|label| (name("bootstrap", label), name("broker-2", label), 9094));
    assert_eq!(told(&snapshot), expected);
    let covered = snapshot.listeners[0].tls.as_ref().unwrap().coverage();
    for (bootstrap, node, _) in &expected {
        assert!(covered.covers(bootstrap) && covered.covers(node), "{bootstrap}");
        assert!(TWO_TENANTS.contains(&format!("{bootstrap}:9094")), "{bootstrap} is not in the comment");
    }
    for (cluster, prefix) in snapshot.virtual_clusters.iter().zip(["vc-alice.", "vc-bob."]) {
        let names = cluster.namespace.as_ref().unwrap();
        assert_eq!((names.mode, &*names.prefix), (Mode::HidePrefix, prefix));
    }
}

#[test]
fn clients_and_klamm_show_certificates() {
    let folder = folder();
    let snapshot = load(&folder, MTLS);
    let names = ("bootstrap-orders.klamm.test".to_owned(), "broker-2-orders.klamm.test".to_owned(), 9094);
    assert_eq!(told(&snapshot), [names]);
    let server = snapshot.listeners[0].tls.as_ref().unwrap();
    assert!(server.versions.tls13 && !server.versions.tls12 && !server.allow_plaintext);
    let clients = server.client_authentication.as_ref().unwrap();
    assert!(clients.required);
    let principal = |subject: &str| clients.principal_mapping.principal(subject).ok();
    assert_eq!(principal("CN=Alice,O=Example").as_deref(), Some("alice"));
    assert_eq!(principal("O=Example"), None);
    let backend = snapshot.backend_clusters[0].tls.as_ref().unwrap();
    assert!(backend.client_identity.is_some());
}
