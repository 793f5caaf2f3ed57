//! Scenario 7, and every form that certificates come in: one wildcard for both virtual clusters, one certificate with many
//! names, one for each; ECDSA and RSA; keys in PKCS#8, SEC1 and PKCS#1; with a chain and without. Librdkafka, Java and
//! rustls each verify the names, of the bootstrap and of every node.

use klamm::cluster::HostFormat::{self, PerClusterSuffix, SharedSuffix};

use super::tenants::{self, LABELS};
use crate::ensure;
use crate::harness::certificates::{Files, KeyForm, Kind};
use crate::harness::hosts::SUFFIX;
use crate::harness::lab::NODES;
use crate::harness::tls::Material;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World, named, ports};

/// What the certificates of a listener cover.
#[derive(Clone, Copy)]
enum Cover {
    /// All names by wildcards, in one certificate.
    Wildcards,
    /// Each name, in one certificate.
    Names,
    /// Each name, in one certificate for each virtual cluster.
    NamesOfEach,
}

const FORMS: [(HostFormat, Cover, Kind, KeyForm, bool); 7] = [
    (PerClusterSuffix, Cover::NamesOfEach, Kind::Ecdsa, KeyForm::Pkcs8, true),
    (PerClusterSuffix, Cover::Names, Kind::Rsa, KeyForm::Traditional, false),
    (PerClusterSuffix, Cover::Wildcards, Kind::Ecdsa, KeyForm::Traditional, true),
    (SharedSuffix, Cover::Wildcards, Kind::Rsa, KeyForm::Pkcs8, true),
    (SharedSuffix, Cover::Names, Kind::Ecdsa, KeyForm::Traditional, false),
    (SharedSuffix, Cover::NamesOfEach, Kind::Rsa, KeyForm::Traditional, true),
    (SharedSuffix, Cover::Wildcards, Kind::Ecdsa, KeyForm::Pkcs8, false),
];

pub fn run(world: &World) -> Fallible<()> {
    let (material, first) = (world.material()?, ports::ten());
    let mut listeners = String::new();
    for ((form, port), number) in FORMS.iter().zip(first..).zip(0..) {
        let certificates = certificates(material, form, number)?;
        let (tls, policies) = (&[][..], &[][..]);
        let listener = named::Listener { port, format: form.0, certificates: &certificates, tls, policies };
        listeners += &listener.yaml(&format!("form-{number}"));
    }
    let _gateway = tenants::start(world, "forms", first, &listeners)?;

    let mut of_java = Vec::new();
    let mut expected = Vec::new();
    for ((format, ..), port) in FORMS.into_iter().zip(first..) {
        for label in LABELS {
            let (at, told) = (named::bootstrap(format, label, port), tenants::told(format, label, port));
            ensure!(tenants::nodes(&mut Wire::connect(&at)?)? == told, "{at} tells of others than {told:?}");
            for address in told.values() {
                ensure!(tenants::nodes(&mut Wire::connect(address)?)? == told, "{address} tells of others");
            }
            let listed = world.tools_for(at.clone())?.kcat(&["-L"], b"")?;
            for (id, address) in &told {
                ensure!(listed.contains(&format!("broker {id} at {address}")), "{address} is not in:\n{listed}");
                expected.push(format!("{at} {id} {address}"));
            }
            of_java.push(at);
        }
    }
    let (begin, more) = of_java.split_first().ok_or("no form")?;
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let said = world.tools_for(begin.clone())?.program("Nodes", &more)?;
    ensure!(said.lines().eq(&expected), "Java was told of\n{said}and not of\n{}", expected.join("\n"));
    Ok(())
}

fn certificates(
    material: &Material,
    (format, cover, kind, key, chain): &(HostFormat, Cover, Kind, KeyForm, bool),
    number: usize,
) -> Fallible<Vec<Files>> {
    let authority = if *chain { &material.issuing } else { &material.root };
    let names_of = |label: &str| -> Vec<String> {
        let names = named::names(*format, label, 1);
        let nodes = (1..=NODES).map(|id| format!("broker-{id}{}", names.own));
        std::iter::once(names.bootstrap()).chain(nodes).collect()
    };
    let covers: Vec<Vec<String>> = match (cover, format) {
        (Cover::Wildcards, SharedSuffix) => vec![vec![format!("*{SUFFIX}")]],
        (Cover::Wildcards, PerClusterSuffix) => vec![LABELS.map(|label| format!("*.{label}{SUFFIX}")).to_vec()],
        (Cover::Names, _) => vec![LABELS.iter().flat_map(|label| names_of(label)).collect()],
        (Cover::NamesOfEach, _) => LABELS.map(names_of).to_vec(),
    };
    let issue = |(names, each): (&Vec<String>, usize)| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let issued = authority.server(*kind, &names)?.with_key_as(*key, &material.folder)?;
        issued.write(&material.folder, &format!("form-{number}-{each}"))
    };
    covers.iter().zip(0..).map(issue).collect()
}
