//! `loadtest certificates` makes what a configuration names and Klamm's own check accepts, keys for their owner alone,
//! and nothing over what is there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use klamm::config::{self, Snapshot};
use tempfile::TempDir;

/// The examples that name certificates.
const EXAMPLES: [&str; 2] = ["sni-two-tenants.yaml", "mtls.yaml"];

struct Folder(TempDir);

impl Folder {
    /// With a copy of an example, or of any text.
    fn with(name: &str, text: &str) -> (Folder, PathBuf) {
        let folder = Folder(tempfile::tempdir().unwrap());
        let config = folder.0.path().join(name);
        fs::write(&config, text).unwrap();
        (folder, config)
    }

    fn example(name: &str) -> (Folder, PathBuf) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config").join(name);
        Folder::with(name, &fs::read_to_string(path).unwrap())
    }

    /// Every file below `tls`, with its mode and its text.
    fn files(&self) -> BTreeMap<String, (u32, String)> {
        let entries = fs::read_dir(self.0.path().join("tls")).unwrap().map(|entry| entry.unwrap());
        let read = |path: PathBuf| {
            (fs::metadata(&path).unwrap().permissions().mode() & 0o777, fs::read_to_string(path).unwrap())
        };
        entries.map(|entry| (entry.file_name().into_string().unwrap(), read(entry.path()))).collect()
    }
}

fn make(config: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.args(["certificates", "--config"]).arg(config).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    // Messages are wrapped: a sentence is looked for without its line breaks.
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).replace('\n', " ")).concat()
}

fn made(config: &Path, arguments: &[&str]) -> String {
    let output = make(config, arguments);
    assert!(output.status.success(), "{}", text(&output));
    text(&output)
}

fn load(config: &Path) -> Snapshot {
    config::load_bytes(config, &fs::read(config).unwrap()).unwrap_or_else(|faults| panic!("{faults}"))
}

/// The alternative names of each certificate of the first listener.
fn covered(config: &Path) -> Vec<Vec<String>> {
    let snapshot = load(config);
    let server = snapshot.listeners[0].tls.as_ref().unwrap();
    let names = |identity: &config::Identity| identity.facts.dns_names.iter().map(|name| name.to_string()).collect();
    server.certificates.iter().map(names).collect()
}

#[test]
fn the_examples_have_what_they_name_and_keys_are_their_owners() {
    for name in EXAMPLES {
        let (folder, config) = Folder::example(name);
        let output_text = made(&config, &[]);
        for part in
            ["has no fault", "add to /etc/hosts", "klamm run", "openssl s_client", "kcat -L", "--command-config"]
        {
            assert!(output_text.contains(part), "{name}: {part} is not in {output_text}");
        }
        for (file, (mode, text)) in folder.files() {
            let secret = text.contains("PRIVATE KEY");
            assert_eq!(mode, if secret { 0o600 } else { 0o644 }, "{file}");
            assert_eq!(secret, file.ends_with(".key") || file.ends_with(".keystore.pem"), "{file}");
        }
    }
}

#[test]
fn a_second_run_changes_nothing_and_force_changes_all() {
    let (folder, config) = Folder::example("mtls.yaml");
    made(&config, &[]);
    let first = folder.files();
    assert!(made(&config, &[]).contains("nothing was written"));
    assert_eq!(folder.files(), first);
    // Of the authority of before, so that clients need not change.
    fs::remove_file(folder.0.path().join("tls/klamm.pem")).unwrap();
    fs::remove_file(folder.0.path().join("tls/klamm.key")).unwrap();
    made(&config, &[]);
    let second = folder.files();
    assert_eq!(second["dev-ca.pem"], first["dev-ca.pem"]);
    assert_ne!(second["klamm.pem"], first["klamm.pem"]);
    made(&config, &["--force"]);
    for (file, third) in folder.files() {
        let the_same = file.ends_with(".properties");
        assert_eq!(third == second[&file], the_same, "{file}");
    }
}

#[test]
fn each_form_of_host_names_is_covered() {
    let (_folder, config) = Folder::example("sni-two-tenants.yaml");
    made(&config, &[]);
    assert_eq!(covered(&config), [["*.alice.klamm.test"], ["*.bob.klamm.test"]]);
    made(&config, &["--force", "--nodes", "1-2", "--rsa"]);
    let names = |label: &str| ["bootstrap", "broker-1", "broker-2"].map(|front| format!("{front}.{label}.klamm.test"));
    assert_eq!(covered(&config), [names("alice"), names("bob")]);

    // One file for both, behind a suffix that is shared, with a port mapping beside it.
    let shared = fs::read_to_string(&config).unwrap();
    let shared = shared.replace("tls/alice", "tls/all").replace("per_cluster_suffix}", "shared_suffix}");
    let second = shared.find("            - certificate: \"${file['tls/bob.pem']}\"").unwrap();
    let end = shared[second..].find("      - type: forward").unwrap() + second;
    let mapping = "      - type: forward_to_virtual_cluster\n        config: {type: port_mapping, destination: {name: \
                   vc-alice}, advertised_host: gateway.test}\n";
    let shared = shared[..second].to_owned() + &shared[end..] + mapping;
    let shared = shared
        .replace("ports: [9094]", "ports: [\"9094-9098\"]")
        .replace("sni_suffix:", "advertised_port: 9094\n          sni_suffix:");
    let (_folder, config) = Folder::with("shared.yaml", &shared);
    made(&config, &[]);
    assert_eq!(covered(&config), [["*.klamm.test", "gateway.test"]]);
}

#[test]
fn clients_have_the_names_that_the_listener_reads() {
    let (folder, config) = Folder::example("mtls.yaml");
    made(&config, &["--client", "alice", "--client", "bob"]);
    for (source, expected) in [("san_dns", "alice"), ("san_uri", "urn:klamm:client:alice"), ("san_email", "alice@")] {
        let mapped = fs::read_to_string(&config).unwrap();
        let mapped =
            mapped.replace("principal_mapping", &format!("principal_source: {source}\n            principal_mapping"));
        let (folder, config) = Folder::with("mtls.yaml", &mapped);
        made(&config, &["--client", "alice"]);
        let files = folder.files();
        let openssl = Command::new("openssl")
            .args(["x509", "-noout", "-ext", "subjectAltName", "-in"])
            .arg(folder.0.path().join("tls/client-alice.pem"))
            .output()
            .unwrap();
        assert!(text(&openssl).contains(expected), "{source}: {}", text(&openssl));
        assert!(files["client-alice.properties"].1.contains("client-alice.keystore.pem"));
    }
    assert!(folder.files().contains_key("client-bob.keystore.pem"));
}

#[test]
fn what_cannot_be_made_is_an_error() {
    let (folder, config) = Folder::example("sni-two-tenants.yaml");
    made(&config, &[]);
    let key = folder.0.path().join("tls/bob.key");
    let kept = fs::read_to_string(&key).unwrap();
    fs::remove_file(&key).unwrap();
    for (arguments, text_of, sentence) in [
        (&[][..], None, "one was not made for the other"),
        (&["--nodes", "3-1"], None, "right would be FIRST-LAST"),
        (&["--client", "../x"], None, "right would be 1 to 63 letters"),
        (&["--days", "0"], None, "0 is not in 1..=3650"),
        (&[], Some("listeners: []\n"), "there is nothing to make"),
        (&[], Some("listeners: 7\n"), "is not a configuration that can be read"),
    ] {
        let text_of: Option<&str> = text_of;
        let other = text_of.map(|text| Folder::with("other.yaml", text));
        let output = make(other.as_ref().map_or(&config, |(_, path)| path), arguments);
        let output_text = text(&output);
        assert!(
            !output.status.success() && output_text.contains(sentence) && !output_text.contains("panicked"),
            "{output_text}"
        );
    }
    // Klamm's check has the last word: a certificate from elsewhere that covers other names.
    fs::write(&key, kept).unwrap();
    let other = fs::read_to_string(&config).unwrap().replace(".klamm.test\"", ".elsewhere.test\"");
    fs::write(&config, other).unwrap();
    let output_text = text(&make(&config, &[]));
    assert!(
        output_text.contains("no certificate of this listener covers") && output_text.contains("--force"),
        "{output_text}"
    );
    let short = fs::read_to_string(&config).unwrap().replace(".elsewhere.test\"", ".test\"");
    let short = short.replace("per_cluster_suffix}", "shared_suffix}");
    let (_folder, config) = Folder::with("short.yaml", &short);
    let output_text = text(&make(&config, &[]));
    assert!(output_text.contains("right below the top") && output_text.contains("--nodes"), "{output_text}");
}
