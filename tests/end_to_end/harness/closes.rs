//! Closed connections: each with its cause in the numbers, and once in the log.

use std::time::Duration;

use super::gateway::Gateway;
use super::tools::patience;
use super::{Fallible, until};
use crate::ensure;

/// What was counted before something happened.
pub struct Closes<'a> {
    gateway: &'a Gateway,
    cause: &'a str,
    counted: f64,
    logged: usize,
}

impl<'a> Closes<'a> {
    /// Looks before.
    pub fn before(gateway: &'a Gateway, cause: &'a str) -> Fallible<Closes<'a>> {
        Ok(Closes { gateway, cause, counted: gateway.numbers()?.closed(cause), logged: logged(gateway, cause) })
    }

    /// Waits until exactly one more was counted and logged.
    pub fn one_more(&self, what: &str) -> Fallible<()> {
        self.more(what, 1)
    }

    /// Waits until exactly that many more were counted and logged.
    pub fn more(&self, what: &str, expected: usize) -> Fallible<()> {
        let cause = self.cause;
        until(&format!("{what} is closed as {cause}"), patience(10), || {
            let numbers = self.gateway.numbers()?;
            let counted = numbers.closed(cause) - self.counted;
            ensure!(counted == expected as f64, "{counted} counted; all: {}", numbers.all_closed());
            let logged = logged(self.gateway, cause) - self.logged;
            ensure!(logged == expected, "{logged} logged");
            Ok(())
        })
    }
}

fn logged(gateway: &Gateway, cause: &str) -> usize {
    let of_cause = |line: &&str| line.contains("session closed") && line.contains(&format!("cause={cause} "));
    gateway.log().lines().filter(of_cause).count()
}

/// How long a close may take that has no deadline of its own. The cause tells a close that came by another deadline.
pub const SOON: Duration = Duration::from_secs(30);
