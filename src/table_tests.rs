//! What a table has of the one before it.

use std::path::Path;

use rcgen::{CertificateParams, KeyPair};

use super::*;
use crate::config;

/// A listener with these certificates, behind it two backend clusters, the first of which is shown the first certificate.
/// `changes` are made to the text.
fn snapshot(folder: &Path, certificates: &[&str], changes: &[(&str, &str)]) -> Snapshot {
    let mut written = Vec::new();
    for file in certificates {
        let path = folder.join(file);
        if !path.exists() {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec!["here.example".to_owned()]).unwrap();
            std::fs::write(&path, params.self_signed(&key).unwrap().pem()).unwrap();
            std::fs::write(path.with_extension("key"), key.serialize_pem()).unwrap();
        }
        written.push(format!("{{certificate: \"${{file['{file}']}}\", key: \"${{file['{file}.key']}}\"}}"));
    }
    let mut text = format!(
        "
backend_clusters:
  - {{name: near, bootstrap_servers: [\"kafka:9092\"], tls: {{insecure_skip_verify: true, client_identity: {first}}}}}
  - {{name: far, bootstrap_servers: [\"kafka:9093\"]}}
virtual_clusters:
  - {{name: one, destination: {{name: near}}}}
  - {{name: two, destination: {{name: far}}}}
listeners:
  - name: desk
    addresses: [\"127.0.0.1\"]
    ports: [\"9094-9095\"]
    policies:
      - {{type: tls_server, config: {{certificates: [{all}]}}}}
      - {{type: forward_to_virtual_cluster, config: {{type: port_mapping, destination: {{name: one}}, \
         advertised_host: here.example}}}}
",
        first = written[0],
        all = written.join(", ")
    );
    for (old, new) in changes {
        assert!(text.contains(old), "{old}");
        text = text.replace(old, new);
    }
    let read = config::load_bytes(&folder.join("klamm.yaml"), text.as_bytes());
    read.unwrap_or_else(|faults| panic!("{faults}\n{text}"))
}

#[test]
fn what_did_not_change_is_the_same_in_the_next_table() {
    let folder = tempfile::tempdir().unwrap();
    let first = Table::of(snapshot(folder.path(), &["a"], &[]), 1, None).unwrap();
    let next = |certificates: &[&str], changes: &[(&str, &str)]| {
        Table::of(snapshot(folder.path(), certificates, changes), 1, Some(&first)).unwrap()
    };
    let server = |table: &Table| table.server_tls[&ListenerId::of("desk")].clone();
    let backend = |table: &Table| table.backends[0].tls.clone().unwrap().config;
    // The TLS of the listener and of the backend, the ways of connections, the keepers of both backends.
    let same = |table: &Table| {
        let kept = |at: usize| Arc::ptr_eq(&table.backends[at].shared, &first.backends[at].shared);
        (
            Arc::ptr_eq(&server(table), &server(&first)),
            Arc::ptr_eq(&backend(table), &backend(&first)),
            Arc::ptr_eq(&table.ingresses, &first.ingresses),
            [kept(0), kept(1)],
        )
    };
    assert_eq!(same(&next(&["a"], &[])), (true, true, true, [true, true]));

    let more = next(&["a", "b"], &[]);
    assert_eq!(same(&more), (false, true, true, [true, true]));
    assert!(Arc::ptr_eq(&server(&more).config.ticketer, &server(&first).config.ticketer));
    assert_eq!(same(&next(&["b"], &[])), (false, false, true, [true, true]));

    let moved = next(&["a"], &[("kafka:9093", "kafka:9094")]);
    assert_eq!(same(&moved), (true, true, true, [true, false]), "a backend elsewhere is another one, under its name");
    assert_eq!(moved.backends[1].shared.id, first.backends[1].shared.id);
    assert!(!same(&next(&["a"], &[("destination: {name: one}", "destination: {name: two}")])).2);
    assert!(!same(&next(&["a"], &[("9094-9095", "9094-9096")])).2);
    assert!(!same(&next(&["a"], &[("name: far}", "name: near}")])).2);
}

#[test]
fn an_address_leads_to_its_ingress_with_the_tls_of_its_listener_or_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let table = Table::of(snapshot(folder.path(), &["a"], &[]), 1, None).unwrap();
    let at = |address: &str| table.ingress(address.parse().unwrap());
    let (ingress, server_tls) = at("127.0.0.1:9095").unwrap();
    assert_eq!(&*ingress.listener, "desk");
    assert!(Arc::ptr_eq(&server_tls.unwrap(), &table.server_tls[&ListenerId::of("desk")]));
    assert!(at("127.0.0.1:9096").is_none() && at("127.0.0.2:9095").is_none());
}
