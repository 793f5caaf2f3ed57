//! `node` as it is written.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::{About, at, limits};
use crate::config::context::Context;
use crate::config::faults::Spot;
use crate::config::reader::{At, Item};
use crate::config::snapshot::{Admin, Limits, Shards};
use crate::config::units::{Bounds, Unit};

const SHARDS: Bounds = Bounds { unit: Unit::Count, min: 1, max: 1024, why: "a shard has a core of its own" };
const CORE: Bounds =
    Bounds { unit: Unit::Count, min: 0, max: 1023, why: "cores are counted from 0, and Linux sets hold 1024" };
const DRAIN_DURATION: Bounds = Bounds {
    unit: Unit::Time,
    min: 100,
    max: 3_600_000,
    why: "below it answers on their way are lost, above it no service manager waits",
};
pub(in crate::config) const DRAIN_DURATION_DEFAULT: Duration = Duration::from_secs(30);
/// Bytes of a socket's path: `sun_path` of unix(7) without the zero at its end.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// `127.0.0.1:9644`: this machine only, on the port that Redpanda made usual for it.
pub(in crate::config) fn admin_default() -> Admin {
    Admin::Address(SocketAddr::from((Ipv4Addr::LOCALHOST, 9644)))
}

#[derive(Debug)]
pub(in crate::config) struct NodeEntry {
    pub spot: Spot,
    pub shards: Option<Shards>,
    pub admin: Option<At<Admin>>,
    pub drain_duration: Option<Duration>,
    pub limits: Limits,
    pub about: About,
}

impl NodeEntry {
    pub fn read(item: &Item<'_>, cx: &mut Context) -> Option<NodeEntry> {
        let mut fields = item.fields("a map: shards, admin, drain_duration, limits", cx)?;
        let shards = fields.take("shards").and_then(|item| read_shards(&item, cx));
        let admin = fields.take("admin").and_then(|item| read_admin(&item, cx));
        let drain_duration = fields.take("drain_duration").and_then(|item| item.number(&DRAIN_DURATION, cx));
        let limits = fields.take("limits").and_then(|item| limits::read(&item, shards.as_ref(), cx));
        let about = About::read(&mut fields, cx);
        let spot = fields.spot();
        fields.done(&[], cx);
        Some(NodeEntry {
            spot,
            shards,
            admin,
            drain_duration: drain_duration.map(|millis: At<u64>| Duration::from_millis(millis.value)),
            limits: limits.unwrap_or_default(),
            about,
        })
    }
}

/// `auto`, a number of shards, or a list of cores.
fn read_shards(item: &Item<'_>, cx: &mut Context) -> Option<Shards> {
    const EXPECTED: &str = "auto, a number of shards, or a list of cores";
    if item.is_list() {
        return read_cores(item, cx);
    }
    let text = item.text(EXPECTED, cx)?;
    if text.value == "auto" {
        return Some(Shards::Auto);
    }
    match SHARDS.read(&text.value).map(usize::try_from) {
        Ok(Ok(count)) => Some(Shards::Count(count)),
        Ok(Err(_)) | Err(_) => {
            cx.fault(&text.spot, format!("{} is wrong; write {EXPECTED} ({SHARDS})", text.shown));
            None
        }
    }
}

fn read_cores(list: &Item<'_>, cx: &mut Context) -> Option<Shards> {
    let items = list.list("a list of cores", cx)?;
    if items.is_empty() {
        list.fault(cx, "is empty; name at least one core, or write auto");
    }
    let mut seen = BTreeSet::new();
    let mut cores = Vec::new();
    for item in items {
        let Some(core) = item.number::<usize>(&CORE, cx) else { continue };
        if seen.insert(core.value) {
            cores.push(core.value);
        } else {
            item.fault(cx, format!("core {} stands there twice; a core has one shard", core.value));
        }
    }
    Some(Shards::Cores(cores))
}

fn read_admin(item: &Item<'_>, cx: &mut Context) -> Option<At<Admin>> {
    let mut fields = item.fields("{address: \"127.0.0.1:9644\"} or {socket: PATH}", cx)?;
    let address = fields.take("address");
    let socket = fields.take("socket");
    fields.done(&[], cx);
    match (address, socket) {
        (Some(address), None) => Some(at(Admin::Address(read_admin_address(&address, cx)?), &address)),
        (None, Some(socket)) => Some(at(Admin::Socket(read_admin_socket(&socket, cx)?), &socket)),
        (Some(_), Some(socket)) => {
            socket.fault(cx, "stands beside address; keep one of them");
            None
        }
        (None, None) => {
            item.fault(cx, "names neither address nor socket; write one of them, or remove admin");
            None
        }
    }
}

fn read_admin_address(item: &Item<'_>, cx: &mut Context) -> Option<SocketAddr> {
    const EXPECTED: &str = "an IP address and a port, such as 127.0.0.1:9644 or [::1]:9644";
    let text = item.text(EXPECTED, cx)?;
    match text.value.parse::<SocketAddr>() {
        Ok(address) if address.port() == 0 => {
            cx.fault(&text.spot, format!("{} has port 0, which nobody could find; write 1 to 65535", text.shown));
            None
        }
        Ok(address) => Some(address),
        Err(_) => {
            cx.fault(&text.spot, format!("{} is no address to listen on; write {EXPECTED}", text.shown));
            None
        }
    }
}

fn read_admin_socket(item: &Item<'_>, cx: &mut Context) -> Option<PathBuf> {
    let text = item.text("a path from the root, such as /run/klamm/admin.sock", cx)?;
    let wrong = if !text.value.starts_with('/') {
        "is no path from the root, and would depend on where klamm is started; begin it with /".to_owned()
    } else if text.value.len() > SOCKET_PATH_BYTES_MAX {
        format!("is longer than the {SOCKET_PATH_BYTES_MAX} bytes that Linux allows for a socket's path; shorten it")
    } else if text.value.contains('\0') || text.value.ends_with('/') {
        "does not name a file; end it with a file's name".to_owned()
    } else {
        return Some(PathBuf::from(text.value));
    };
    cx.fault(&text.spot, format!("{} {wrong}", text.shown));
    None
}
