//! Ctrl-C and SIGTERM: the first stops this program in order, a second one ends it at once.
//!
//! Owns the flag. Every wait here goes through [`pause`], so that none outlives the user's patience; children end by
//! themselves when this process does (see `child`).

use crate::error::{Context, Error, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

static REQUESTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// The exit status of a program that a second Ctrl-C ended, as shells count it: 128 + SIGINT.
const ENDED_BY_USER: i32 = 130;

/// Takes over the two signals.
pub fn install() -> Result<()> {
    let requested = REQUESTED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM] {
        // In this order: the handler that ends the process sees the flag that only an earlier signal has set.
        flag::register_conditional_shutdown(signal, ENDED_BY_USER, Arc::clone(requested))
            .and_then(|_| flag::register(signal, Arc::clone(requested)))
            .doing("cannot handle Ctrl-C")?;
    }
    Ok(())
}

/// Whether the user has asked to stop.
pub fn requested() -> bool {
    REQUESTED.get().is_some_and(|requested| requested.load(Ordering::SeqCst))
}

/// An error when the user has asked to stop.
pub fn check() -> Result<()> {
    if requested() { Err(Error::new("stopped by Ctrl-C")) } else { Ok(()) }
}

/// Sleeps, unless the user has asked to stop.
pub fn pause(time: Duration) -> Result<()> {
    check()?;
    std::thread::sleep(time);
    check()
}
