//! What the tests share: the lab (a real Kafka), the gateway, the tools of the clients, and raw connections.

pub mod certificates;
pub mod closes;
pub mod door;
pub mod gateway;
pub mod hello;
pub mod hosts;
pub mod jvms;
pub mod lab;
pub mod lab_tls;
pub mod listening;
pub mod named;
pub mod neighbour;
pub mod numbers;
pub mod ports;
pub mod process;
pub mod records;
pub mod relay;
pub mod relay_tls;
pub mod scripted;
pub mod secure_backend;
pub mod tls;
pub mod tools;
pub mod wire;
pub mod world;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use world::World;

/// Whatever went wrong, as a sentence.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

/// What a step of a test gives.
pub type Fallible<T> = Result<T, Fault>;

/// Locks; a test that panicked elsewhere does not matter here.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fails with the sentence unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($sentence:tt)+) => {
        if !$condition {
            return Err(format!($($sentence)+).into());
        }
    };
}

/// Asks `step` again and again until it gives a value; its last error is told when it does not within `limit`.
pub fn until<T>(what: &str, limit: Duration, mut step: impl FnMut() -> Fallible<T>) -> Fallible<T> {
    let end = Instant::now() + limit;
    loop {
        match step() {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() > end => return Err(format!("{what}: not within {limit:?}: {error}").into()),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}
