//! The Kafka behind Klamm: librdkafka's mock cluster in this process, the user's own, or a real one started here.
//!
//! Owns the choice and the traps of the mock cluster.

use super::clients::{self, PATIENCE};
use crate::error::{Context, Result};
use crate::gateway::Nodes;
use crate::lab::kafka::Lab;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::RDKafkaApiKey;
use std::path::Path;

/// Nodes of the embedded backend.
const EMBEDDED_NODES: i32 = 3;

/// Bytes that one partition of the mock cluster keeps; it then forgets the oldest records
/// (librdkafka, rdkafka_mock.c: `partition_max_bytes`).
pub const EMBEDDED_PARTITION_BYTES_MAX: usize = 5 << 20;

/// What the user asked for.
pub enum Choice {
    /// The mock cluster.
    Embedded,
    /// The user's own Kafka, by its addresses.
    Own(Vec<String>),
    /// A real Kafka of three nodes.
    Kafka,
}

/// A running backend cluster. Dropping it ends what was started here.
pub struct Backend {
    /// What it is, for the picture: "embedded", "Apache Kafka 4.3.1", "your Kafka".
    pub name: &'static str,
    /// Where Klamm begins.
    pub bootstrap: Vec<String>,
    /// Its nodes, by id, with their own addresses.
    pub nodes: Nodes,
    kind: Kind,
}

enum Kind {
    Embedded { _cluster: MockCluster<'static, DefaultProducerContext> },
    Own,
    Kafka(Lab),
}

impl Backend {
    /// Starts it, or finds the user's own, and asks it for its nodes.
    pub fn start(choice: &Choice, directory: &Path) -> Result<Self> {
        let (name, bootstrap, kind) = match choice {
            Choice::Embedded => {
                let cluster = embedded()?;
                let bootstrap = cluster.bootstrap_servers().split(',').map(str::to_owned).collect();
                ("embedded", bootstrap, Kind::Embedded { _cluster: cluster })
            }
            Choice::Own(servers) => ("your Kafka", servers.clone(), Kind::Own),
            Choice::Kafka => {
                let lab = Lab::start(directory)?;
                ("Apache Kafka 4.3.1", lab.bootstrap(), Kind::Kafka(lab))
            }
        };
        let (nodes, _) = clients::nodes(&bootstrap.join(","), PATIENCE).map_err(|error| {
            error.try_this("Is it running, does it speak plain Kafka (no TLS, no SASL), and is it reachable from here?")
        })?;
        Ok(Self { name, bootstrap, nodes, kind })
    }

    /// The mock cluster: it forgets old records, and knows only part of the protocol.
    pub fn is_embedded(&self) -> bool {
        matches!(self.kind, Kind::Embedded { .. })
    }

    /// The user's own Kafka: what is created there must be taken away again.
    pub fn is_own(&self) -> bool {
        matches!(self.kind, Kind::Own)
    }

    /// Where the jars of the Kafka started here are: with them the Java commands run as they are printed.
    pub fn jars(&self) -> Option<&Path> {
        match &self.kind {
            Kind::Kafka(lab) => Some(lab.jars()),
            Kind::Embedded { .. } | Kind::Own => None,
        }
    }

    /// Ends what was started here.
    pub fn stop(self) -> Result<()> {
        match self.kind {
            Kind::Embedded { .. } | Kind::Own => Ok(()),
            Kind::Kafka(lab) => lab.stop(),
        }
    }
}

/// librdkafka 2.12 offers newer versions of the group APIs than its mock cluster can read: they are taken back.
fn embedded() -> Result<MockCluster<'static, DefaultProducerContext>> {
    let doing = "cannot start the embedded backend";
    let cluster = MockCluster::new(EMBEDDED_NODES).doing(doing)?;
    for (api, max) in [
        (RDKafkaApiKey::JoinGroup, 5),
        (RDKafkaApiKey::SyncGroup, 3),
        (RDKafkaApiKey::LeaveGroup, 3),
        (RDKafkaApiKey::Heartbeat, 3),
    ] {
        cluster.apiversion(api, Some(0), Some(max)).doing(doing)?;
    }
    Ok(cluster)
}
