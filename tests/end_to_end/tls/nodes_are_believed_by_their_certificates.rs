//! Scenario 15: TLS towards the nodes, with an authority and a certificate of Klamm's own where the nodes ask for one. A
//! node with a certificate for another name, or of another authority, is not believed, unless the file says the word
//! insecure; a backend that is not believed leaves the others alone.

use crate::ensure;
use crate::harness::gateway::{ADVERTISED_HOST, DataPath, Gateway};
use crate::harness::lab::NODES;
use crate::harness::lab_tls::{Certificates, Tls};
use crate::harness::tools::patience;
use crate::harness::{Fallible, World, hosts, ports, until};

/// A backend cluster: its name, the listener of the nodes, keys of `tls`, and whether it is believed.
type Backend = (&'static str, Tls, fn(&Certificates) -> String, bool);

const BACKENDS: [Backend; 7] = [
    ("authority", Tls::Server, trusted, true),
    ("identity", Tls::Mutual, |files| format!("{}, {}", trusted(files), shown(files)), true),
    ("insecure", Tls::Misnamed, |_| "insecure_skip_verify: true".to_owned(), true),
    ("misnamed", Tls::Misnamed, trusted, false),
    ("stranger", Tls::Server, |files| format!("ca_bundle: {}", file(&files.stranger)), false),
    ("system", Tls::Server, |_| "enabled: true".to_owned(), false),
    ("nameless", Tls::Mutual, trusted, false),
];

fn trusted(files: &Certificates) -> String {
    format!("ca_bundle: {}", file(&files.authority))
}

fn shown(files: &Certificates) -> String {
    let (certificate, key) = (file(&files.client.certificate), file(&files.client.key));
    format!("client_identity: {{certificate: {certificate}, key: {key}}}")
}

fn file(path: &std::path::Path) -> String {
    format!("\"${{file['{}']}}\"", path.display())
}

pub fn run(world: &World) -> Fallible<()> {
    hosts::known()?;
    let files = world.lab()?.certificates();
    // A listener for each backend: bootstrap and the nodes. The first has the admin port behind it.
    let fronts: Vec<(&Backend, u16)> = BACKENDS.iter().map(|backend| (backend, ports::ten())).collect();
    let (_, first) = fronts.first().ok_or("no backend")?;
    let yaml = yaml(&fronts, files, first + 9);
    let gateway = Gateway::start_with(world.folder(), *first, first + 9, &yaml, DataPath::AsUsersHaveIt)?;
    for ((name, _, _, believed), port) in &fronts {
        if *believed {
            let tools = world.tools_for(format!("{ADVERTISED_HOST}:{port}"))?;
            tools.create_topic(&format!("through-{name}"), NODES as i32, 1)?;
            let listed = tools.kcat(&["-L"], b"")?;
            for id in 1..=u16::try_from(NODES)? {
                let address = format!("broker {id} at {ADVERTISED_HOST}:{}", port + id);
                ensure!(listed.contains(&address), "{name}: {address} is not in:\n{listed}");
            }
            // Through every node, since each leads a partition.
            let lines: String = (0..300).map(|n| format!("{n}:{name}-{n}\n")).collect();
            tools.kcat(&["-P", "-t", &format!("through-{name}"), "-K", ":"], lines.as_bytes())?;
            let read = tools.kcat(&["-C", "-t", &format!("through-{name}"), "-o", "beginning", "-e", "-q"], b"")?;
            ensure!(read.lines().count() == 300, "{name}: {} records came", read.lines().count());
        }
    }
    until("each backend that is not believed is told", patience(20), || {
        let (status, said) = gateway.admin("/ready")?;
        ensure!(status == 503, "/ready says {status}");
        for (name, _, _, believed) in &BACKENDS {
            ensure!(said.contains(name) != *believed, "{name}, believed: {believed}: {said}");
        }
        Ok(())
    })
}

fn yaml(fronts: &[(&Backend, u16)], files: &Certificates, admin_port: u16) -> String {
    let mut text =
        format!("node:\n  shards: 2\n  admin: {{address: \"{ADVERTISED_HOST}:{admin_port}\"}}\nbackend_clusters:\n");
    for ((name, tls, keys, _), _) in fronts {
        let servers: Vec<String> = tls.bootstrap().split(',').map(|server| format!("\"{server}\"")).collect();
        text += &format!(
            "  - name: {name}\n    bootstrap_servers: [{}]\n    metadata_update_interval_seconds: 2\n    tls: {{{}}}\n",
            servers.join(", "),
            keys(files)
        );
    }
    text += "virtual_clusters:\n";
    for ((name, ..), _) in fronts {
        text += &format!("  - {{name: vc-{name}, destination: {{name: {name}}}}}\n");
    }
    text += "listeners:\n";
    for ((name, ..), port) in fronts {
        text += &format!(
            "  - name: {name}\n    addresses: [\"{ADVERTISED_HOST}\"]\n    ports: [\"{port}-{}\"]\n    policies:\n      \
             - {{type: forward_to_virtual_cluster, config: {{type: port_mapping, destination: {{name: vc-{name}}}, \
             advertised_host: \"{ADVERTISED_HOST}\", min_broker_id: 1}}}}\n",
            port + 3,
        );
    }
    text
}
