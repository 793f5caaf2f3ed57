//! Limits, cores and signals of the process.

use std::io;
use std::mem::MaybeUninit;

/// The cores that this process may run on, in rising order.
pub fn allowed_cores() -> Vec<usize> {
    // SAFETY: a cpu_set_t of zeros is a valid, empty set.
    let mut set: libc::cpu_set_t = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: the pointer and the size describe `set`, which lives through the call.
    if unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) } != 0 {
        return vec![0];
    }
    // SAFETY: CPU_ISSET reads inside the set for indices below CPU_SETSIZE.
    (0..libc::CPU_SETSIZE as usize).filter(|core| unsafe { libc::CPU_ISSET(*core, &set) }).collect()
}

fn limit(of: libc::__rlimit_resource_t) -> (u64, u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to `limit`, which lives through the call.
    unsafe { libc::getrlimit(of, &mut limit) };
    (limit.rlim_cur, limit.rlim_max)
}

/// Descriptors this process may have open: now, and at most after raising.
pub fn descriptor_limit() -> (u64, u64) {
    limit(libc::RLIMIT_NOFILE)
}

/// Bytes this process may lock in memory.
pub fn memlock_limit() -> u64 {
    limit(libc::RLIMIT_MEMLOCK).0
}

/// Raises the soft limit of descriptors to the hard one and returns it.
///
/// # Errors
///
/// As setrlimit(2).
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let (_, hard) = descriptor_limit();
    let wanted = libc::rlimit { rlim_cur: hard, rlim_max: hard };
    // SAFETY: the pointer is to `wanted`, which lives through the call.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &wanted) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(hard)
}

/// The kernel's release, for example `6.1.0-18-amd64`.
pub fn kernel_release() -> String {
    // SAFETY: a utsname of zeros is valid (empty strings).
    let mut name: libc::utsname = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: the pointer is to `name`, which lives through the call.
    unsafe { libc::uname(&mut name) };
    name.release.iter().take_while(|byte| **byte != 0).map(|byte| *byte as u8 as char).collect()
}

/// Bytes of a page of memory.
pub fn page_size() -> u64 {
    // SAFETY: sysconf takes no pointers.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

fn change_signals(how: libc::c_int) {
    // SAFETY: a sigset_t of zeros is made a valid, empty set by sigemptyset; all pointers are to locals.
    unsafe {
        let mut set: libc::sigset_t = MaybeUninit::zeroed().assume_init();
        libc::sigemptyset(&mut set);
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
            libc::sigaddset(&mut set, signal);
        }
        libc::pthread_sigmask(how, &set, std::ptr::null_mut());
    }
}

/// Blocks SIGTERM, SIGINT and SIGHUP in this thread and in threads it starts from now on.
pub fn block_signals() {
    change_signals(libc::SIG_BLOCK);
}

/// Takes these signals in this thread again.
pub fn unblock_signals() {
    change_signals(libc::SIG_UNBLOCK);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_agrees_on_cores_and_limits() {
        let cores = allowed_cores();
        assert_eq!(cores.len(), std::thread::available_parallelism().unwrap().get().max(cores.len()));
        let text = std::fs::read_to_string("/proc/self/limits").unwrap();
        let line = text.lines().find(|line| line.starts_with("Max open files")).unwrap();
        assert_eq!(line.split_whitespace().nth(4).unwrap(), descriptor_limit().1.to_string());
        assert_eq!(kernel_release(), std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap().trim());
        assert!(page_size().is_power_of_two());
    }

    #[test]
    fn blocked_signals_show_in_the_thread_status() {
        std::thread::spawn(|| {
            block_signals();
            let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            let line = status.lines().find(|line| line.starts_with("SigBlk")).unwrap();
            let mask = u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap();
            for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
                assert!(mask & (1 << (signal - 1)) != 0, "{signal} is not blocked in {mask:x}");
            }
        })
        .join()
        .unwrap();
    }
}
