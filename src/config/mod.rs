//! The configuration: file -> checked -> [`Snapshot`].
//!
//! Owns the file's types, the checks and the defaults. May not be read after boot by anything but its `Snapshot`.
//!
//! The way of a file: `sources` finds and reads it, `tree` makes maps, lists and scalars of the text, `file` mirrors
//! the model and reads the tree into it through `reader`, `check` resolves what follows from several entities together.
//! Each step goes on after a fault, so that all are reported at once.

mod check;
mod context;
mod faults;
mod file;
mod interpolate;
mod print;
mod reader;
mod reload;
mod snapshot;
mod sources;
mod suggest;
mod summary;
mod system_trust;
mod tls;
mod tree;
mod units;
mod validity;

pub use faults::{Fault, Faults};
pub use print::print;
pub use reload::{Reloaded, reload};
pub use snapshot::{Admin, BackendCluster, Forward, Limits, Listener, Node, Shards, Snapshot, Sni, VirtualCluster};
pub use summary::{listening_sockets, summary, warnings};
pub use tls::{
    BackendTls, BackendTrust, ClientAuthentication, Identity, PrincipalSource, RevocationLists, TlsServer, TlsVersions,
    TrustBundle, Written,
};
pub use validity::{Holder, ValidityNotice, identities, validity};

use std::path::Path;

use context::Context;
use file::File;
use interpolate::Outside;
use reader::Source;

/// Reads and checks the file, or every `*.yaml` of the directory, at `path`.
///
/// # Errors
///
/// All faults at once, each with path, line and what would be right.
pub fn load(path: &Path) -> Result<Snapshot, Faults> {
    let mut cx = Context::new(Outside::process());
    let sources = sources::read(path, &mut cx);
    read_and_check(&sources, cx)
}

/// As [`load`], of a file whose bytes are at hand; `path` names it in faults, and `${file['P']}` is relative to its
/// directory.
///
/// # Errors
///
/// As [`load`].
pub fn load_bytes(path: &Path, bytes: &[u8]) -> Result<Snapshot, Faults> {
    let mut cx = Context::new(Outside::process());
    let source = sources::parse(path, 0, bytes, &mut cx);
    read_and_check(&[source], cx)
}

fn read_and_check(sources: &[Source], mut cx: Context) -> Result<Snapshot, Faults> {
    let mut file = File::default();
    for source in sources {
        file.add(source, &mut cx);
    }
    let snapshot = check::check(&file, &mut cx);
    cx.finish(snapshot)
}
