//! What all tests share, each part started by the first test that needs it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use klamm::cluster::HostFormat;

use super::door::Door;
use super::gateway::{ADVERTISED_HOST, DataPath, Gateway, PORTS, Settings};
use super::lab::Lab;
use super::relay::{self, Seen};
use super::tls::{self, Material};
use super::tools::{Jars, Tools};
use super::{Fallible, named, ports};

/// Set to run the tests that ask nothing of the gateway directly against Kafka: whatever fails then is not Klamm's.
const DIRECT: &str = "KLAMM_E2E_DIRECT";

/// The label of the virtual cluster that is there without any in the file.
const PASSTHROUGH: &str = "passthrough";

/// The shared things of one run, as a test sees them whose clients come through one door.
pub struct World {
    parts: Arc<Parts>,
    door: Door,
}

struct Parts {
    folder: PathBuf,
    direct: bool,
    lab: OnceLock<Result<(Jars, Lab), String>>,
    gateway: OnceLock<Result<(Gateway, Arc<Seen>), String>>,
    named: [OnceLock<Result<(Gateway, String), String>>; 2],
}

impl World {
    /// A world in which nothing is started yet.
    pub fn new(folder: PathBuf) -> World {
        let direct = std::env::var_os(DIRECT).is_some();
        let parts = Parts {
            folder,
            direct,
            lab: OnceLock::new(),
            gateway: OnceLock::new(),
            named: [OnceLock::new(), OnceLock::new()],
        };
        World { parts: Arc::new(parts), door: Door::Ports }
    }

    /// The same world for clients that come through another door.
    pub fn at(&self, door: Door) -> World {
        World { parts: Arc::clone(&self.parts), door }
    }

    /// How clients get in.
    pub fn door(&self) -> Door {
        self.door
    }

    /// The certificates of this run.
    pub fn material(&self) -> Fallible<&'static Material> {
        tls::material(self.folder())
    }

    /// Whether clients go to Kafka itself.
    pub fn is_direct(&self) -> bool {
        self.parts.direct
    }

    /// Where files of this run may be written.
    pub fn folder(&self) -> &Path {
        &self.parts.folder
    }

    /// The three-node Kafka.
    pub fn lab(&self) -> Fallible<&Lab> {
        self.jars_and_lab().map(|(_, lab)| lab)
    }

    /// The gateway that most tests share; it has the default limits.
    pub fn gateway(&self) -> Fallible<&Gateway> {
        self.gateway_and_seen().map(|(gateway, _)| gateway)
    }

    /// What all clients of the shared gateway were sent.
    pub fn seen(&self) -> Fallible<&Seen> {
        self.gateway_and_seen().map(|(_, seen)| &**seen)
    }

    /// A gateway of the test's own, in front of the lab.
    pub fn own_gateway(&self) -> Fallible<Gateway> {
        let gateway = self.own(&Settings::of(&self.lab()?.bootstrap()))?;
        gateway.wait_ready()?;
        Ok(gateway)
    }

    /// A gateway as the test wants it, at ports of its own; it need not be ready yet.
    pub fn own(&self, settings: &Settings<'_>) -> Fallible<Gateway> {
        Gateway::start(self.folder(), settings)
    }

    /// A gateway of the test's own in front of any backend, with limits of its own; it need not be ready yet.
    pub fn own_gateway_to(&self, backend: &str, limits: &[(&str, &str)]) -> Fallible<Gateway> {
        self.own(&Settings { limits, ..Settings::of(backend) })
    }

    /// The address that clients begin with.
    pub fn bootstrap(&self) -> Fallible<String> {
        match self.door {
            _ if self.is_direct() => Ok(self.lab()?.bootstrap()),
            Door::Ports => Ok(self.gateway()?.bootstrap()),
            Door::Names(format) => Ok(self.named(format)?.1.clone()),
        }
    }

    /// What clients of the shared gateway are told of a node: host and port.
    pub fn advertised(&self, node: i32) -> Fallible<(String, u16)> {
        match self.door {
            Door::Ports => Ok((ADVERTISED_HOST.to_owned(), self.gateway()?.node_port(node)?)),
            Door::Names(format) => {
                let port = self.bootstrap()?.rsplit(':').next().unwrap_or_default().parse()?;
                Ok((format!("broker-{node}{}", named::names(format, PASSTHROUGH, port).own), port))
            }
        }
    }

    /// Tools that go through the shared gateway.
    pub fn tools(&self) -> Fallible<Tools<'_>> {
        self.tools_for(self.bootstrap()?)
    }

    /// Tools that go to the lab itself.
    pub fn direct_tools(&self) -> Fallible<Tools<'_>> {
        self.tools_for(self.lab()?.bootstrap())
    }

    /// Tools that begin at any address.
    pub fn tools_for(&self, bootstrap: String) -> Fallible<Tools<'_>> {
        let (jars, _) = self.jars_and_lab()?;
        Ok(Tools { jars, folder: self.folder(), bootstrap })
    }

    fn gateway_and_seen(&self) -> Fallible<&(Gateway, Arc<Seen>)> {
        let start = || {
            let backend = self.lab()?.bootstrap();
            let (address, port, admin_port) = (relay::BEHIND, ports::gateway(), ports::gateway_admin());
            let seen = relay::start(ADVERTISED_HOST, port..port + PORTS)?;
            let gateway = self.own(&Settings { address, port, admin_port, ..Settings::of(&backend) })?;
            gateway.wait_ready()?;
            Ok((gateway, seen))
        };
        let started = self.parts.gateway.get_or_init(|| start().map_err(|error: super::Fault| error.to_string()));
        started.as_ref().map_err(|error| format!("the gateway does not start: {error}").into())
    }

    /// A transparent gateway that is reached by host names, and where its clients begin.
    fn named(&self, format: HostFormat) -> Fallible<&(Gateway, String)> {
        let start = || {
            let (material, port) = (self.material()?, ports::ten());
            let certificates = named::certificates(material, format, &[PASSTHROUGH])?;
            let listener = named::Listener { port, format, certificates: &certificates, tls: &[], policies: &[] };
            let backend = self.lab()?.bootstrap();
            let yaml =
                Settings { port, admin_port: port + 9, ..Settings::of(&backend) }.yaml_with(&listener.yaml("door"));
            let gateway = Gateway::start_with(self.folder(), port, port + 9, &yaml, DataPath::AsUsersHaveIt)?;
            gateway.wait_ready()?;
            Ok((gateway, named::bootstrap(format, PASSTHROUGH, port)))
        };
        let [own_domains, shared_domain] = &self.parts.named;
        let once = if format == HostFormat::PerClusterSuffix { own_domains } else { shared_domain };
        let started = once.get_or_init(|| start().map_err(|error: super::Fault| error.to_string()));
        started.as_ref().map_err(|error| format!("the gateway with host names does not start: {error}").into())
    }

    fn jars_and_lab(&self) -> Fallible<&(Jars, Lab)> {
        let start = || {
            let jars = Jars::find(self.folder())?;
            jars.compile(self.folder())?;
            let lab = Lab::start(&self.folder().join("lab"), &jars)?;
            Ok((jars, lab))
        };
        let started = self.parts.lab.get_or_init(|| start().map_err(|error: super::Fault| error.to_string()));
        started.as_ref().map_err(|error| format!("the lab does not start: {error}").into())
    }
}
