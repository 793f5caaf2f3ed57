//! Each broken setting of TLS and host names is told with its path and what would be right; what is right loads, prints
//! and loads again.

use super::material::Folder;
use klamm::config::{self, BackendTrust, PrincipalSource, TlsVersions};
use klamm::tls::BackendTlsConfig;
use rcgen::date_time_ymd;

const BASE: &str = r#"backend_clusters:
  - name: lab
    bootstrap_servers: ["kafka:9092"]
    tls: {ca_bundle: "${file['ca.pem']}", tls_versions: [tls13], client_identity: {certificate: "${file['client.pem']}", key: "${file['client.key']}"}}
virtual_clusters:
  - {name: vc-a, destination: {name: lab}, dns_label: alice}
  - {name: vc-b, destination: {name: lab}, dns_label: bob}
listeners:
  - name: door
    addresses: ["127.0.0.1"]
    ports: [9094]
    policies:
      - type: tls_server
        config:
          certificates: [{certificate: "${file['wild.pem']}", key: "${file['wild.key']}"}]
          versions: {min: TLSv1.2, max: TLSv1.3}
          allow_plaintext: false
          client_authentication: {mode: required, tls_trust_bundles: ["${file['ca.pem']}"], crls: ["${file['ca.crl']}"], principal_source: subject, principal_mapping: "RULE:^CN=(.*?),.*$/$1/L, DEFAULT"}
      - type: forward_to_virtual_cluster
        config: {type: sni, sni_suffix: ".Kafka.Example", broker_host_format: {type: shared_suffix}}
"#;

fn folder() -> Folder {
    let folder = Folder::new();
    let authority = folder.fill();
    folder.write_issued(
        "many",
        &authority.issue(&["bootstrap.alice.kafka.example", "bootstrap.bob.kafka.example"], |_| {}),
    );
    folder.write_issued(
        "old",
        &authority.issue(&["*.kafka.example"], |params| {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        }),
    );
    folder.write("garbage.pem", "hello");
    folder.write("broken.pem", "-----BEGIN CERTIFICATE-----\nMIIB!\n-----END CERTIFICATE-----\n");
    folder.write("encrypted.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    folder.write("notx509.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    folder
}

const WILD: &str = r#"{certificate: "${file['wild.pem']}", key: "${file['wild.key']}"}"#;
const SNI: &str = r#"{type: sni, sni_suffix: ".Kafka.Example", broker_host_format: {type: shared_suffix}}"#;
const FORWARD: &str = "      - type: forward_to_virtual_cluster\n";
const SERVER: &str = "listeners[0].policies[0].config";

/// The first of the base is replaced by the second; what is told: path and a part of the message.
type Case = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const CASES: &[Case] = &[
    // Certificates and keys.
    (WILD, "", &[("certificates", "is empty, and without a certificate no client can be answered")]),
    (
        "wild.key",
        "client.key",
        &[("certificates[0].key", "is not the key of the first certificate in ${file['wild.pem']}")],
    ),
    ("wild.pem", "missing.pem", &[("certificates[0].certificate", "the file \"missing.pem\" cannot be read")]),
    ("wild.pem", "garbage.pem", &[("certificates[0].certificate", "holds no certificate; write PEM text")]),
    ("wild.pem", "broken.pem", &[("certificates[0].certificate", "is broken PEM text")]),
    ("wild.pem", "notx509.pem", &[("certificates[0].certificate", "is not X.509")]),
    (
        "wild.key",
        "garbage.pem",
        &[("certificates[0].key", "holds no private key; write one in PEM (PKCS#8, PKCS#1 or SEC1)")],
    ),
    ("wild.key", "encrypted.key", &[("certificates[0].key", "is an encrypted private key")]),
    (", key: \"${file['wild.key']}\"", "", &[("certificates[0].key", "is missing; write key: ")]),
    // Versions and plaintext.
    ("min: TLSv1.2", "min: TLSv1.1", &[("versions.min", "\"TLSv1.1\" is not known here; did you mean \"TLSv1.2\"?")]),
    ("min: TLSv1.2, max: TLSv1.3", "min: TLSv1.3, max: TLSv1.2", &[("versions", "has a min above its max")]),
    ("allow_plaintext: false", "allow_plaintext: true", &[("allow_plaintext", "lets in connections that go nowhere")]),
    // Client authentication.
    ("mode: required", "mode: optional", &[("client_authentication.mode", "write required or requested")]),
    ("bundles: [\"${file['ca.pem']}\"]", "bundles: []", &[("client_authentication.tls_trust_bundles", "is empty")]),
    (
        "bundles: [\"${file['ca.pem']}\"]",
        "bundles: [\"${file['garbage.pem']}\"]",
        &[("client_authentication.tls_trust_bundles[0]", "holds no certificate")],
    ),
    ("ca.crl", "ca.pem", &[("client_authentication.crls[0]", "holds no revocation list")]),
    (
        "RULE:^CN",
        "RULES:^CN",
        &[("client_authentication.principal_mapping", "has a wrong rule 1: it begins neither with RULE:")],
    ),
    (
        "principal_source: subject",
        "principal_source: san",
        &[("client_authentication.principal_source", "is not known here")],
    ),
    // Backend.
    (
        "tls: {ca_bundle",
        "tls: {insecure_skip_verify: true, ca_bundle",
        &[("backend_clusters[0].tls.insecure_skip_verify", "keep one of them")],
    ),
    ("[tls13]", "[tls11]", &[("backend_clusters[0].tls.tls_versions[0]", "is not known here")]),
    ("[tls13]", "[]", &[("backend_clusters[0].tls.tls_versions", "is empty")]),
    (
        "client_identity: {certificate: \"${file['client.pem']}\"",
        "client_identity: {certificate: \"${file['wild.pem']}\"",
        &[("backend_clusters[0].tls.client_identity.key", "is not the key")],
    ),
    (
        "ca_bundle: \"${file['ca.pem']}\"",
        "insecure_skip_verfy: true",
        &[("backend_clusters[0].tls.insecure_skip_verfy", "did you mean \"insecure_skip_verify\"?")],
    ),
    // Labels and suffixes.
    ("dns_label: alice", "dns_label: 1alice", &[("virtual_clusters[0].dns_label", "a letter first and no - last")]),
    (
        "dns_label: alice",
        "dns_label: Alice",
        &[("virtual_clusters[0].dns_label", "use 1 to 63 of the characters a-z 0-9 -")],
    ),
    (
        "dns_label: alice",
        "dns_label: bob",
        &[
            ("virtual_clusters[1].dns_label", "a virtual cluster with the dns_label \"bob\" stands already"),
            (
                "listeners[0].policies[1].config.sni_suffix",
                "makes the name \"bootstrap-bob.kafka.example\" for the virtual cluster \"vc-b\"",
            ),
        ],
    ),
    (
        ", dns_label: alice}\n  - {name: vc-b, destination: {name: lab}, dns_label: bob}",
        "}",
        &[("listeners[0].policies[1].config", "reaches no virtual cluster")],
    ),
    (
        "\".Kafka.Example\"",
        "kafka.example",
        &[("listeners[0].policies[1].config.sni_suffix", "does not begin with a dot")],
    ),
    ("\".Kafka.Example\"", "\".kafka.example.\"", &[("listeners[0].policies[1].config.sni_suffix", "ends with a dot")]),
    (
        "\".Kafka.Example\"",
        "\".kafka..example\"",
        &[("listeners[0].policies[1].config.sni_suffix", "is no end of a host name")],
    ),
    (
        "dns_label: alice",
        "dns_label: a23456789-123456789-123456789-123456789-123456",
        &[("listeners[0].policies[1].config.sni_suffix", "makes names that are too long")],
    ),
    (
        "[9094]",
        "[9094, 9095]",
        &[("listeners[0].policies[1].config.advertised_port", "is missing, and the listener has several ports")],
    ),
    // Certificates that do not cover.
    (
        "\".Kafka.Example\"",
        "\".other.example\"",
        &[(
            "listeners[0].policies[1].config.sni_suffix",
            "2 bootstrap names no certificate of this listener covers, such as \"bootstrap-alice.other.example\", \"bootstrap-bob.other.example\": add a certificate with the alternative name \"*.other.example\"; one wildcard covers them all",
        )],
    ),
    (
        "type: shared_suffix",
        "type: per_cluster_suffix",
        &[(
            "listeners[0].policies[1].config.sni_suffix",
            "add a certificate with the alternative name \"*.alice.kafka.example\"; a wildcard stands for one label",
        )],
    ),
    (
        "\".Kafka.Example\"",
        "\".deep.kafka.example\"",
        &[("listeners[0].policies[1].config.sni_suffix", "2 bootstrap names no certificate")],
    ),
    // The order of policies.
    (
        "      - type: tls_server",
        "      - {type: forward_to_virtual_cluster, config: {type: sni, sni_suffix: .a}}\n      - type: tls_server",
        &[("listeners[0].policies[1]", "write the tls_server first")],
    ),
    (
        FORWARD,
        "      - {type: tls_server, config: {certificates: [{certificate: \"${file['wild.pem']}\", key: \"${file['wild.key']}\"}]}}\n      - type: forward_to_virtual_cluster\n",
        &[("listeners[0].policies[1]", "is a second tls_server beside listeners[0].policies[0].config")],
    ),
    (
        FORWARD,
        "      - {type: forward_to_virtual_cluster, config: {type: port_mapping, destination: {name: vc-a}}}\n      - type: forward_to_virtual_cluster\n",
        &[
            ("listeners[0].policies[2]", "is never reached: listeners[0].policies[1].config takes every connection"),
            ("listeners[0].policies[1].config", "has a port for bootstrap and none for a node"),
        ],
    ),
    (
        FORWARD,
        "      - {type: forward_to_virtual_cluster, config: {type: sni, sni_suffix: .kafka.example, broker_host_format: {type: shared_suffix}}}\n      - type: forward_to_virtual_cluster\n",
        &[(
            "listeners[0].policies[2].config",
            "is never reached: listeners[0].policies[1].config makes all of its names",
        )],
    ),
    (
        "      - type: forward_to_virtual_cluster\n        config: ",
        "#",
        &[("listeners[0].policies", "has no forward_to_virtual_cluster")],
    ),
    (
        "type: sni,",
        "type: sni, destination: {name: vc-c},",
        &[("listeners[0].policies[1].config.destination.name", "there is no virtual cluster named \"vc-c\"")],
    ),
    (
        "type: sni,",
        "type: sni, advertised_host: a,",
        &[("listeners[0].policies[1].config.advertised_host", "not yet supported")],
    ),
];

fn told(folder: &Folder, text: &str) -> Vec<(String, String)> {
    let faults = folder.load(text).err().into_iter().flat_map(|faults| {
        faults.iter().map(|fault| (fault.path().to_owned(), fault.message().to_owned())).collect::<Vec<_>>()
    });
    faults.collect()
}

#[test]
fn each_broken_setting_is_told_and_nothing_else() {
    let folder = folder();
    assert_eq!(told(&folder, BASE), []);
    for (from, to, meant) in CASES {
        assert!(BASE.contains(from), "{from}");
        let found = told(&folder, &BASE.replacen(from, to, 1));
        let full = |path: &str| match path.split(['.', '[']).next() {
            Some("listeners" | "virtual_clusters" | "backend_clusters") => path.to_owned(),
            _ => format!("{SERVER}.{path}"),
        };
        let as_meant = found.len() == meant.len()
            && meant.iter().all(|(path, part)| found.iter().any(|(at, said)| *at == full(path) && said.contains(part)));
        assert!(as_meant, "{from:?} -> {to:?}: {found:#?}");
        assert!(found.iter().all(|(_, message)| !message.contains("BEGIN PRIVATE")), "{found:#?}");
    }
}

#[test]
fn an_sni_policy_needs_a_tls_server() {
    let folder = folder();
    let start = BASE.find("      - type: tls_server").unwrap();
    let end = BASE.find(FORWARD).unwrap();
    let found = told(&folder, &[&BASE[..start], &BASE[end..]].concat());
    assert!(
        matches!(&*found, [(path, message)] if path == "listeners[0].policies[0].config" && message.contains("write a tls_server before it")),
        "{found:#?}"
    );
}

#[test]
fn labels_and_suffixes_that_make_one_name_are_told_with_both_clusters() {
    let folder = folder();
    let text = BASE.replace("dns_label: bob", "dns_label: alice-bob").replace(
        FORWARD,
        "      - {type: forward_to_virtual_cluster, config: {type: sni, sni_suffix: \"-bob.kafka.example\", broker_host_format: {type: shared_suffix}}}\n      - type: forward_to_virtual_cluster\n",
    );
    let found = told(&folder, &text);
    let meant = "makes the name \"bootstrap-alice-bob.kafka.example\" for the virtual cluster \"vc-b\", which \
                 listeners[0].policies[1].config makes for the virtual cluster \"vc-a\"";
    assert!(
        matches!(&*found, [(path, message)] if path.ends_with("[2].config.sni_suffix") && message.contains(meant)),
        "{found:#?}"
    );
}

/// A port mapping behind the names, whose host is covered and not one of the names.
#[test]
fn a_port_mapping_may_stand_behind_the_names() {
    let folder = folder();
    let with = |host: &str| {
        BASE.replace("[9094]", "[9094, 9095]").replace(SNI, &SNI.replace("sni,", "sni, advertised_port: 443,"))
            + &format!(
                "{FORWARD}        config: {{type: port_mapping, destination: {{name: vc-a}}, advertised_host: {host}}}\n"
            )
    };
    let snapshot = folder.load(&with("gateway.kafka.example")).unwrap();
    assert_eq!(snapshot.listeners[0].forwards.len(), 2);
    let plain = with("gateway.kafka.example").replace("allow_plaintext: false", "allow_plaintext: true");
    assert!(folder.load(&plain).unwrap().listeners[0].tls.as_ref().unwrap().allow_plaintext);
    for (host, meant) in [
        ("gateway.other.example", "is covered by no certificate"),
        ("127.0.0.1", "is covered by no certificate"),
        ("bootstrap-alice.kafka.example", "is a name that listeners[0].policies[1].config takes for a virtual cluster"),
    ] {
        let found = told(&folder, &with(host));
        let right =
            matches!(&*found, [(path, message)] if path.ends_with("advertised_host") && message.contains(meant));
        assert!(right, "{host}: {found:#?}");
    }
}

#[test]
fn what_is_right_is_read_as_it_stands_and_printed_without_a_key() {
    let folder = folder();
    let snapshot = folder.load(BASE).unwrap();
    let tls = snapshot.listeners[0].tls.as_ref().unwrap();
    assert_eq!((tls.versions, tls.allow_plaintext, tls.certificates.len()), (TlsVersions::ALL, false, 1));
    assert!(tls.coverage().covers("bootstrap-alice.kafka.example"));
    let client = tls.client_authentication.as_ref().unwrap();
    assert!(client.required && client.principal_source == PrincipalSource::Subject);
    assert_eq!((client.trust.len(), client.revocation.len()), (1, 1));
    let backend = snapshot.backend_clusters[0].tls.as_ref().unwrap();
    assert_eq!(backend.versions, TlsVersions { tls12: false, tls13: true });
    assert!(matches!(backend.trust, BackendTrust::Bundle(_)) && backend.client_identity.is_some());
    let told: Vec<(usize, String)> = snapshot.listeners[0].forwards[0]
        .targets()
        .map(|(cluster, addresses)| (cluster, addresses.advertised(klamm::cluster::NodeId(12)).unwrap()))
        .map(|(cluster, to)| (cluster, format!("{}:{}", to.host(), to.port)))
        .collect();
    let meant = [(0, "broker-12-alice.kafka.example:9094"), (1, "broker-12-bob.kafka.example:9094")];
    assert_eq!(told, meant.map(|(cluster, name)| (cluster, name.to_owned())));

    let printed = config::print(&snapshot);
    assert!(!printed.contains("BEGIN") && printed.contains("key: ${file['wild.key']}"), "{printed}");
    assert_eq!(folder.load(&printed).unwrap_or_else(|faults| panic!("{faults}\n{printed}")), snapshot);
    assert!(!format!("{snapshot:?}").contains("PrivateKey"));
}

#[test]
fn tls_of_a_backend_cluster_is_on_when_it_is_written() {
    let folder = folder();
    let load = |tls: &str| {
        let start = BASE.find("    tls: {ca").unwrap();
        let end = BASE.find("virtual_clusters:").unwrap();
        folder.load(&[&BASE[..start], tls, &BASE[end..]].concat())
    };
    let trust = |tls: &str| load(tls).unwrap().backend_clusters[0].tls.as_ref().map(|tls| tls.trust.clone());
    assert_eq!(trust(""), None);
    assert_eq!(trust("    tls: {enabled: false, tls_versions: [tls12]}\n"), None);
    assert_eq!(trust("    tls: {enabled: true, insecure_skip_verify: true}\n"), Some(BackendTrust::InsecureSkipVerify));
    // What this machine believes, where it believes anybody.
    match load("    tls: {}\n") {
        Ok(snapshot) => {
            let tls = snapshot.backend_clusters[0].tls.as_ref().unwrap();
            assert!(matches!(&tls.trust, BackendTrust::System(bundle) if !bundle.certificates.is_empty()));
            BackendTlsConfig::new(tls).unwrap();
        }
        Err(faults) => assert!(faults.to_string().contains("no certificates of authorities"), "{faults}"),
    }
}

#[test]
fn expired_certificates_and_blind_trust_are_warned_of() {
    let folder = folder();
    assert_eq!(config::warnings(&folder.load(BASE).unwrap()), [""; 0]);
    let old = BASE.replace("wild.", "old.").replace("ca_bundle: \"${file['ca.pem']}\"", "insecure_skip_verify: true");
    let snapshot = folder.load(&old).unwrap();
    let (warnings, notices) = (config::warnings(&snapshot), config::validity(&snapshot, 1_000_000_000));
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert!(warnings[0].contains("insecure_skip_verify looks at no certificate"), "{warnings:#?}");
    let expired = "the certificate ${file['old.pem']} of the listener \"door\" has expired";
    assert!(notices[0].refused && notices[0].text.starts_with(expired), "{notices:#?}");
}

/// A key in the file itself would be printed with it.
#[test]
fn a_key_in_the_configuration_itself_is_refused_and_not_shown() {
    let folder = folder();
    let key = std::fs::read_to_string(folder.path().join("wild.key")).unwrap().replace('\n', "\\n");
    let found = told(&folder, &BASE.replacen("\"${file['wild.key']}\"", &format!("\"{key}\""), 1));
    let right = matches!(&*found, [(_, message)] if message.contains("insert it with ${file['PATH']}") && !message.contains("BEGIN"));
    assert!(right, "{found:#?}");
}
