//! How the nodes of the lab speak TLS: beside the plain listener each has one with TLS, one that also wants a client's
//! certificate, and one whose certificate is for another name. They advertise host names (`hosts`), not addresses.

use std::fs;
use std::path::{Path, PathBuf};

use super::certificates::{Authority, Files, Kind};
use super::lab::NODES;
use super::{Fallible, hosts, ports};

/// A listener with TLS that every node has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Asks for no certificate.
    Server,
    /// Requires a certificate of the clients' authority.
    Mutual,
    /// Shows a certificate for a name that is not the node's.
    Misnamed,
}

impl Tls {
    const ALL: [Tls; 3] = [Tls::Server, Tls::Mutual, Tls::Misnamed];

    /// Its name in the nodes' configuration.
    fn name(self) -> &'static str {
        match self {
            Tls::Server => "TLS",
            Tls::Mutual => "MUTUAL",
            Tls::Misnamed => "MISNAMED",
        }
    }

    fn port(self, id: usize) -> u16 {
        let first = match self {
            Tls::Server => ports::node_tls(),
            Tls::Mutual => ports::node_mutual(),
            Tls::Misnamed => ports::node_misnamed(),
        };
        first + u16::try_from(id - 1).expect("few nodes")
    }

    /// host:port of a node, the host being a name.
    pub fn address(self, id: usize) -> String {
        format!("{}:{}", hosts::of_node(id), self.port(id))
    }

    /// Addresses to begin with, as clients take them.
    pub fn bootstrap(self) -> String {
        let addresses: Vec<String> = (1..=NODES).map(|id| self.address(id)).collect();
        addresses.join(",")
    }
}

/// The files that clients of the nodes need, and those of the nodes themselves.
pub struct Certificates {
    folder: PathBuf,
    /// Whose certificates the nodes have.
    pub authority: PathBuf,
    /// An authority that has nothing to do with the nodes.
    pub stranger: PathBuf,
    /// What a client shows to `Tls::Mutual`: `CN=klamm,O=Klamm Test`.
    pub client: Files,
    /// What no node believes: of the strange authority.
    pub strange_client: Files,
}

impl Certificates {
    /// Makes them all, those of one node that joins later among them.
    pub fn make(folder: &Path) -> Fallible<Certificates> {
        fs::create_dir_all(folder)?;
        let (root, stranger) = (Authority::root("Nodes Root")?, Authority::root("Nobody's Root")?);
        let authorities = ["nodes-ca", "stranger-ca"].map(|name| folder.join(format!("{name}.pem")));
        let [authority, strange_authority] = authorities;
        fs::write(&authority, root.pem())?;
        fs::write(&strange_authority, stranger.pem())?;
        let issuing = root.intermediate("Nodes Issuing")?;
        for id in 1..=NODES + 1 {
            let keystore = |name: &str| folder.join(format!("{name}-{id}.pem"));
            let own = issuing.server(Kind::Ecdsa, &[&hosts::of_node(id)])?;
            fs::write(keystore("node"), own.key + &own.chain)?;
            let misnamed = issuing.server(Kind::Ecdsa, &["elsewhere.test"])?;
            fs::write(keystore("misnamed"), misnamed.key + &misnamed.chain)?;
        }
        Ok(Certificates {
            folder: folder.to_owned(),
            client: root.client("klamm")?.write(folder, "klamm")?,
            strange_client: stranger.client("klamm")?.write(folder, "stranger")?,
            authority,
            stranger: strange_authority,
        })
    }

    /// The listeners of a node, as `listeners` names them at an address, comma between.
    pub fn listeners(id: usize, host: &str) -> String {
        let all = Tls::ALL.map(|tls| format!("{}://{host}:{}", tls.name(), tls.port(id)));
        all.join(",")
    }

    /// What a node advertises of them.
    pub fn advertised(id: usize) -> String {
        Certificates::listeners(id, &hosts::of_node(id))
    }

    /// The protocol of each.
    pub fn protocols() -> String {
        Tls::ALL.map(|tls| format!("{}:SSL", tls.name())).join(",")
    }

    /// The rest of a node's properties.
    pub fn properties(&self, id: usize) -> String {
        let keystore = |name: &str| self.folder.join(format!("{name}-{id}.pem"));
        format!(
            "ssl.keystore.type=PEM\nssl.keystore.location={}\nssl.truststore.type=PEM\nssl.truststore.location={}\n\
             listener.name.mutual.ssl.client.auth=required\nlistener.name.misnamed.ssl.keystore.type=PEM\n\
             listener.name.misnamed.ssl.keystore.location={}\n",
            keystore("node").display(),
            self.authority.display(),
            keystore("misnamed").display(),
        )
    }
}
