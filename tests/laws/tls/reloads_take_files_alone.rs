//! A reload takes certificates, keys, trust and revocation lists; what else the file says is named and left as it runs, and
//! tickets go on exactly as long as what clients are asked for stays the same.

use std::sync::Arc;

use super::material::{Authority, Folder};
use klamm::config::{BackendTrust, Snapshot, reload};
use klamm::tls::ServerTlsConfig;

const BASE: &str = r#"backend_clusters:
  - name: lab
    bootstrap_servers: ["kafka:9092"]
    tls: {ca_bundle: "${file['ca.pem']}", tls_versions: [tls13], client_identity: {certificate: "${file['client.pem']}", key: "${file['client.key']}"}}
listeners:
  - name: door
    addresses: ["127.0.0.1"]
    ports: [9094]
    policies:
      - type: tls_server
        config:
          certificates: [{certificate: "${file['wild.pem']}", key: "${file['wild.key']}"}]
          versions: {min: TLSv1.2, max: TLSv1.3}
          client_authentication: {mode: required, tls_trust_bundles: ["${file['ca.pem']}"], crls: ["${file['ca.crl']}"]}
      - type: forward_to_virtual_cluster
        config: {type: sni, sni_suffix: ".kafka.example", broker_host_format: {type: shared_suffix}}
"#;

/// A folder with all that [`BASE`] names, made by an authority of its own.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.fill();
    folder
}

fn load(folder: &Folder, text: &str) -> Snapshot {
    folder.load(text).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn new_files_are_taken_and_differ_from_nothing() {
    let folder = folder();
    let running = load(&folder, BASE);
    let again = reload(&running, &load(&folder, BASE));
    assert_eq!((&again.snapshot, again.differing.len(), again.uncovered.len()), (&running, 0, 0));

    folder.fill();
    let read = load(&folder, BASE);
    assert_ne!(read, running);
    let reloaded = reload(&running, &read);
    assert_eq!((&reloaded.snapshot, reloaded.differing.len(), reloaded.uncovered.len()), (&read, 0, 0));

    // Files under other names are files all the same.
    folder.write("other.pem", &std::fs::read_to_string(folder.path().join("wild.pem")).unwrap());
    let read = load(&folder, &BASE.replace("wild.pem", "other.pem"));
    let reloaded = reload(&running, &read);
    assert_eq!((&reloaded.snapshot, reloaded.differing.len()), (&read, 0));
}

#[test]
fn decisions_stay_and_are_named() {
    let folder = folder();
    let running = load(&folder, BASE);
    folder.fill();
    let fresh = load(&folder, BASE);
    let server = "listeners[door].policies[0].config";
    for (from, to, path) in [
        ("min: TLSv1.2", "min: TLSv1.3", format!("{server}.versions.min")),
        ("mode: required", "mode: requested", format!("{server}.client_authentication.mode")),
        (
            "mode: required",
            "principal_mapping: \"RULE:^CN=(.*?),.*$/$1/L, DEFAULT\", mode: required",
            format!("{server}.client_authentication.principal_mapping"),
        ),
        (
            "mode: required",
            "principal_source: san_dns, mode: required",
            format!("{server}.client_authentication.principal_source"),
        ),
        ("[tls13]", "[tls12, tls13]", "backend_clusters[lab].tls.tls_versions".to_owned()),
    ] {
        let reloaded = reload(&running, &load(&folder, &BASE.replace(from, to)));
        assert_eq!(reloaded.differing, [path], "{to}");
        assert_eq!(reloaded.snapshot, fresh, "the files are taken: {to}");
    }
    // What asks more or less of the other side is a decision, whole.
    let client = r#"          client_authentication: {mode: required, tls_trust_bundles: ["${file['ca.pem']}"], crls: ["${file['ca.crl']}"]}
"#;
    let reloaded = reload(&running, &load(&folder, &BASE.replace(client, "")));
    assert_eq!(reloaded.differing, [format!("{server}.client_authentication")]);
    let asks = |snapshot: &Snapshot| snapshot.listeners[0].tls.as_ref().unwrap().client_authentication.clone();
    assert_eq!(asks(&reloaded.snapshot), asks(&running));

    let blind = BASE.replace("ca_bundle: \"${file['ca.pem']}\"", "insecure_skip_verify: true");
    let blind = load(&folder, &blind);
    let reloaded = reload(&running, &blind);
    let paths = ["ca_bundle", "insecure_skip_verify"].map(|key| format!("backend_clusters[lab].tls.{key}"));
    assert_eq!(reloaded.differing, paths);
    let trust = |snapshot: &Snapshot| snapshot.backend_clusters[0].tls.as_ref().unwrap().trust.clone();
    assert_eq!(trust(&reloaded.snapshot), trust(&running));
    assert_eq!(trust(&reload(&blind, &fresh).snapshot), BackendTrust::InsecureSkipVerify);
}

#[test]
fn names_that_new_certificates_leave_bare_are_told() {
    let folder = folder();
    let running = load(&folder, BASE);
    let authority = Authority::new("test authority");
    folder.write_issued("wild", &authority.issue(&["*.other.example"], |_| {}));
    let read = load(&folder, &BASE.replace(".kafka.example", ".other.example"));
    let reloaded = reload(&running, &read);
    assert_eq!(reloaded.differing, ["listeners[door].policies[1].config.sni_suffix"]);
    let bare = ("door".into(), "bootstrap-passthrough.kafka.example".to_owned());
    assert_eq!(reloaded.uncovered, [bare]);
}

#[test]
fn ticket_keys_go_on_until_what_clients_are_asked_for_changes() {
    let folder = folder();
    let side = |before: Option<&ServerTlsConfig>| {
        let snapshot = load(&folder, BASE);
        ServerTlsConfig::new(snapshot.listeners[0].tls.as_ref().unwrap(), before).unwrap()
    };
    let first = side(None);
    let same = |after: &ServerTlsConfig| Arc::ptr_eq(&first.config.ticketer, &after.config.ticketer);
    assert!(!same(&side(None)), "another listener has keys of its own, whatever it asks clients for");
    let authority = Authority::new("test authority");
    folder.write_issued("wild", &authority.issue(&["*.kafka.example"], |_| {}));
    assert!(same(&side(Some(&first))), "another certificate");
    folder.write("ca.crl", &authority.revoke(&[8]));
    assert!(!same(&side(Some(&first))), "another revocation list");
}
