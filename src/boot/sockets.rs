//! Opening all sockets before any shard starts: whatever is wrong is reported at once, and nothing runs half.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};

use crate::admin::AdminListener;
use crate::config::{Admin, Snapshot};

/// Connections that the kernel may have accepted for us before we take them.
const BACKLOG: i32 = 4096;

/// The listening sockets of one shard, each with its address as the configuration has it.
pub(super) type Listening = Vec<(SocketAddr, TcpListener)>;

/// Each address to listen on, with its listener's name, in the order of the file.
pub(super) fn addresses(snapshot: &Snapshot) -> Vec<(SocketAddr, Arc<str>)> {
    let mut addresses = Vec::new();
    for listener in &snapshot.listeners {
        for port in &listener.ports {
            let of_port = listener.addresses.iter().map(|address| SocketAddr::new(*address, *port));
            addresses.extend(of_port.map(|address| (address, listener.name.clone())));
        }
    }
    addresses
}

/// Opens each address once for each shard.
///
/// # Errors
///
/// One sentence for each address that cannot be listened on.
pub(super) fn listen(addresses: &[(SocketAddr, Arc<str>)], shards: usize) -> Result<Vec<Listening>, Vec<String>> {
    let mut faults = Vec::new();
    let mut shards: Vec<Listening> = (0..shards).map(|_| Vec::new()).collect();
    for (address, listener) in addresses {
        let opened = probe(*address).and_then(|()| {
            for listening in &mut shards {
                listening.push((*address, open(*address)?));
            }
            Ok(())
        });
        if let Err(error) = opened {
            faults.push(say(&format!("listener {listener}"), *address, &error));
        }
    }
    if faults.is_empty() { Ok(shards) } else { Err(faults) }
}

/// Binds without SO_REUSEPORT and lets go: with it, half of another process' connections would be stolen instead.
fn probe(address: SocketAddr) -> io::Result<()> {
    socket(address)?.bind(&address.into())
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))?;
    // So that connections of a former process, not yet forgotten by the kernel, are no obstacle.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

fn say(who: &str, address: SocketAddr, error: &io::Error) -> String {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "{who}: port {port} of {} is in use: end the process that listens there (`ss -ltnp 'sport = :{port}'` names it), or choose another port",
            address.ip()
        ),
        io::ErrorKind::PermissionDenied => {
            format!("{who}: port {port} needs a privilege: choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!(
                "{who}: {} is not an address of this machine: use one of `ip address`, 0.0.0.0 or [::]",
                address.ip()
            )
        }
        _ => format!("{who}: {address} cannot be listened on: {error}"),
    }
}

/// Opens the admin address.
///
/// # Errors
///
/// A sentence that says why it cannot be.
pub(super) fn admin(admin: &Admin) -> Result<AdminListener, String> {
    match admin {
        Admin::Address(address) => {
            let opened = socket(*address).and_then(|socket| {
                socket.bind(&(*address).into())?;
                socket.listen(128)?;
                Ok(TcpListener::from(socket))
            });
            opened.map(AdminListener::from).map_err(|error| say("node.admin", *address, &error))
        }
        Admin::Socket(path) => {
            // A socket that a former process left behind answers nobody; one that answers is somebody's.
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err(format!("node.admin: the socket {} is in use by another process", path.display()));
            }
            let stale = std::fs::symlink_metadata(path).is_ok_and(|it| {
                use std::os::unix::fs::FileTypeExt;
                it.file_type().is_socket()
            });
            if stale {
                std::fs::remove_file(path).map_err(|error| {
                    format!("node.admin: the old socket {} cannot be removed: {error}", path.display())
                })?;
            }
            UnixListener::bind(path)
                .map(AdminListener::from)
                .map_err(|error| format!("node.admin: the socket {} cannot be made: {error}", path.display()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn all_faults_are_told_at_once() {
        let taken = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
        let mut table: Vec<_> = taken.iter().map(|it| (it.local_addr().unwrap(), "desk".into())).collect();
        table.push(("203.0.113.1:19092".parse().unwrap(), "desk".into()));
        let faults = listen(&table, 2).unwrap_err();
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[0].contains(&format!("port {}", table[0].0.port())) && faults[0].contains("is in use"));
        assert!(faults[2].contains("203.0.113.1 is not an address of this machine"));
    }

    #[test]
    fn each_shard_has_a_socket_of_each_address_and_both_families_share_a_port() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let table = [format!("0.0.0.0:{free}"), format!("[::]:{free}")];
        let table = table.map(|address| (address.parse().unwrap(), "desk".into()));
        let shards = listen(&table, 3).unwrap();
        assert_eq!(shards.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 2]);
    }
}
