//! Scenario 8: of several policies the first that takes a connection is used. A name that none takes, or none where only
//! names lead somewhere, is refused with the alert `unrecognized_name` and counted; it never falls into a default.

use klamm::cluster::HostFormat;

use super::tenants::{self, LABELS, connect, nodes, refused, told, topics};
use crate::ensure;
use crate::harness::certificates::Kind;
use crate::harness::closes::Closes;
use crate::harness::hosts::SUFFIX;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World, named, ports};

const OWN: HostFormat = HostFormat::PerClusterSuffix;
const SHARED: HostFormat = HostFormat::SharedSuffix;
/// As rustls calls the alert.
const UNRECOGNIZED: &str = "UnrecognisedName";
/// A listener's ports: for bootstrap and three nodes.
const PORTS: u16 = 4;

pub fn run(world: &World) -> Fallible<()> {
    let (material, port) = (world.material()?, ports::ten());
    let names = ["*.alice.klamm.test", "*.klamm.test", "gateway.example", "127.0.0.1"];
    let certificates = [material.issuing.server(Kind::Ecdsa, &names)?.write(&material.folder, "policies")?];
    let sni = |format: &str, more: &str| {
        format!(
            "{{type: forward_to_virtual_cluster, config: {{type: sni, sni_suffix: \"{SUFFIX}\", advertised_port: {port}, \
             broker_host_format: {{type: {format}}}{more}}}}}"
        )
    };
    // Names of their own domain for alice alone, of the shared one for both, and bob's by port.
    let (first, second) =
        (sni("per_cluster_suffix", ", destination: {name: policies-alice}"), sni("shared_suffix", ""));
    let third = "{type: forward_to_virtual_cluster, config: {type: port_mapping, destination: {name: policies-bob}, \
                 advertised_host: \"127.0.0.1\", min_broker_id: 1}}";
    let (tls, only) = (&[][..], &[][..]);
    let names_alone =
        named::Listener { port: port + 8, format: SHARED, certificates: &certificates, tls, policies: only };
    let listeners =
        format!("{}{}", listener(&certificates[0], port, &[&first, &second, third]), names_alone.yaml("names-alone"));
    let gateway = tenants::start(world, "policies", port, &listeners)?;
    for label in LABELS {
        world.tools_for(named::bootstrap(SHARED, label, port))?.create_topic(&format!("of-{label}"), 1, 3)?;
    }

    let config = &material.config();
    let is = |what: &str, wire: Fallible<Wire>, label: &str, expected: &dyn Fn() -> _| -> Fallible<()> {
        let mut wire = wire.map_err(|error| format!("{what}: {error}"))?;
        let (nodes, topics) = (nodes(&mut wire)?, topics(&mut wire)?);
        ensure!(topics == [format!("of-{label}")], "{what} leads to {topics:?}");
        ensure!(nodes == expected(), "{what} tells of {nodes:?}");
        Ok(())
    };
    let by_port = || (1..=3).map(|id| (id, format!("127.0.0.1:{}", i32::from(port) + id))).collect();
    let own = named::names(OWN, "alice", port);
    is("alice's own domain", connect(port, &own.bootstrap(), config), "alice", &|| told(OWN, "alice", port))?;
    for label in LABELS {
        let name = named::names(SHARED, label, port).bootstrap();
        is(&name, connect(port, &name, config), label, &|| told(SHARED, label, port))?;
        // As librdkafka says it: rustls makes it lower case.
        let shouted =
            world.tools_for(format!("{name}:{port}"))?.kcat_at(&format!("{}:{port}", name.to_uppercase()), &["-L"])?;
        let own = format!("topic \"of-{label}\"");
        ensure!(shouted.contains(&own) && shouted.matches("topic \"").count() == 1, "{name} in capitals:\n{shouted}");
    }
    is("no name", connect(port, "127.0.0.1", config), "bob", &by_port)?;
    is("no name, at the port of a node", connect(port + 2, "127.0.0.1", config), "bob", &by_port)?;
    is("somebody else's name", connect(port, "gateway.example", config), "bob", &by_port)?;

    // Of the form of a name of ours, and nobody's.
    for (name, port) in [
        ("bootstrap.bob.klamm.test", port),
        ("broker-1.bob.klamm.test", port),
        ("bootstrap-carol.klamm.test", port),
        ("bootstrap-carol.klamm.test", port + 8),
        ("gateway.example", port + 8),
        ("klamm.test", port + 8),
    ] {
        let closes = Closes::before(&gateway, "tls_unknown_server_name")?;
        refused(name, UNRECOGNIZED, connect(port, name, config))?;
        closes.one_more(name)?;
    }
    let closes = Closes::before(&gateway, "tls_no_server_name")?;
    refused("no name where only names lead somewhere", UNRECOGNIZED, connect(port + 8, "127.0.0.1", config))?;
    closes.one_more("no name")
}

fn listener(certificate: &crate::harness::certificates::Files, port: u16, policies: &[&str]) -> String {
    let policies: String = policies.iter().map(|policy| format!("      - {policy}\n")).collect();
    format!(
        "  - name: mixed\n    addresses: [\"127.0.0.1\"]\n    ports: [\"{port}-{}\"]\n    policies:\n      \
         - {{type: tls_server, config: {{certificates: [{{certificate: \"${{file['{}']}}\", key: \"${{file['{}']}}\"}}]}}}}\n\
         {policies}",
        port + PORTS - 1,
        certificate.certificate.display(),
        certificate.key.display(),
    )
}
