//! The nodes themselves, without the gateway: what a client of theirs must show and may believe. Without it, a test of
//! the gateway's connections to them would prove nothing.

use crate::ensure;
use crate::harness::certificates::Files;
use crate::harness::hosts::{self, NODES_SUFFIX};
use crate::harness::lab_tls::Tls;
use crate::harness::{Fallible, World};

pub fn run(world: &World) -> Fallible<()> {
    hosts::known()?;
    let certificates = world.lab()?.certificates();
    let property = |name: &str, path: &std::path::Path| format!("ssl.{name}.location={}", path.display());
    let list = |tls: Tls, properties: &[&str]| {
        let mut arguments = vec!["-L", "-m", "10", "-X", "security.protocol=ssl"];
        properties.iter().for_each(|property| arguments.extend(["-X", property]));
        world.tools_for(tls.bootstrap())?.kcat(&arguments, b"")
    };
    let (trust, strange) = (property("ca", &certificates.authority), property("ca", &certificates.stranger));
    let show = |files: &Files| [property("certificate", &files.certificate), property("key", &files.key)];
    let [own, own_key] = show(&certificates.client);
    let [other, other_key] = show(&certificates.strange_client);

    let listed = list(Tls::Server, &[&trust])?;
    ensure!(listed.matches(NODES_SUFFIX).count() >= 3, "the nodes are told without their names:\n{listed}");
    list(Tls::Mutual, &[&trust, &own, &own_key])?;
    let refused: [(&str, Tls, &[&str]); 4] = [
        ("an authority of somebody else", Tls::Server, &[&strange]),
        ("no certificate", Tls::Mutual, &[&trust]),
        ("a certificate of somebody else", Tls::Mutual, &[&trust, &other, &other_key]),
        ("another name", Tls::Misnamed, &[&trust, "ssl.endpoint.identification.algorithm=https"]),
    ];
    for (what, tls, properties) in refused {
        ensure!(list(tls, properties).is_err(), "{what} is taken");
    }
    list(Tls::Misnamed, &[&trust, "ssl.endpoint.identification.algorithm=none"]).map(drop)
}
