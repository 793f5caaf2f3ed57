//! What this machine must offer, asked before anything is opened; each lack is a sentence that says what to change.

use std::io;

use crate::net::Net;
use crate::sys;

/// The oldest kernel whose io_uring has all that is used (DEFER_TASKRUN is of 6.1).
const KERNEL_LEAST: (u32, u32) = (6, 1);
/// What the executor's own rings may lock.
const MEMLOCK_BYTES_MIN: u64 = 512 << 10;

/// Everything this machine lacks.
pub(super) fn faults() -> Vec<String> {
    let mut faults = Vec::new();
    let release = sys::kernel_release();
    if version(&release).is_some_and(|version| version < KERNEL_LEAST) {
        let (major, minor) = KERNEL_LEAST;
        faults.push(format!("the kernel is {release}, and Klamm needs Linux {major}.{minor} or newer"));
    }
    let memlock = sys::memlock_limit();
    if memlock < MEMLOCK_BYTES_MIN {
        faults.push(format!(
            "this process may lock {} KiB of memory, and io_uring needs 512 KiB: raise it (`ulimit -l 512`, or LimitMEMLOCK=64M in the systemd unit)",
            memlock >> 10
        ));
    }
    if let Err(error) = Net::new() {
        let switch = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled").unwrap_or_default();
        faults.push(no_ring(&error, switch.trim(), &release));
    }
    faults
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Why there is no ring, in words that say what to change.
fn no_ring(error: &io::Error, switch: &str, release: &str) -> String {
    match (error.raw_os_error(), switch) {
        (_, "1" | "2") => format!(
            "io_uring is switched off on this machine (kernel.io_uring_disabled = {switch}): `sysctl -w kernel.io_uring_disabled=0` switches it on"
        ),
        (Some(libc::EPERM | libc::ENOSYS | libc::EACCES), _) => format!(
            "io_uring is forbidden to this process ({error}): a seccomp filter or a container's profile must allow io_uring_setup, io_uring_enter and io_uring_register"
        ),
        (Some(libc::ENOMEM), _) => format!(
            "io_uring cannot have its memory ({error}): raise the limit of locked memory (`ulimit -l`, or LimitMEMLOCK= in the systemd unit)"
        ),
        (Some(libc::EINVAL), _) => {
            format!(
                "the io_uring of kernel {release} lacks SINGLE_ISSUER or DEFER_TASKRUN: Linux 6.1 or newer is needed"
            )
        }
        (Some(libc::EMFILE | libc::ENFILE), _) => {
            format!(
                "no descriptor is left for io_uring ({error}): raise the limit (`ulimit -n`, or LimitNOFILE= in the systemd unit)"
            )
        }
        _ if error.kind() == io::ErrorKind::Unsupported => {
            format!("the io_uring of kernel {release} lacks {error}: Linux 6.1 or newer is needed")
        }
        _ => format!("io_uring cannot be used: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read() {
        for (release, expected) in
            [("6.1.0-18-amd64", Some((6, 1))), ("5.15.0", Some((5, 15))), ("6.18.44-fc", Some((6, 18))), ("six", None)]
        {
            assert_eq!(version(release), expected, "{release}");
        }
        assert!(version("5.15.0").unwrap() < KERNEL_LEAST && version("6.10.1").unwrap() > KERNEL_LEAST);
    }

    #[test]
    fn each_lack_says_what_to_change() {
        let of = |number| io::Error::from_raw_os_error(number);
        assert!(no_ring(&of(libc::EPERM), "2", "6.1").contains("sysctl -w kernel.io_uring_disabled=0"));
        assert!(no_ring(&of(libc::EPERM), "0", "6.1").contains("seccomp"));
        assert!(no_ring(&of(libc::ENOMEM), "0", "6.1").contains("LimitMEMLOCK"));
        assert!(no_ring(&of(libc::EMFILE), "0", "6.1").contains("LimitNOFILE"));
        assert!(no_ring(&of(libc::EINVAL), "", "5.15").contains("6.1 or newer"));
        let lack = io::Error::new(io::ErrorKind::Unsupported, "IORING_OP_ACCEPT");
        assert!(no_ring(&lack, "0", "6.0").contains("IORING_OP_ACCEPT"));
    }
}
