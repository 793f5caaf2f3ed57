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

    /// Where the log says that the fault was in the last session that was closed with the cause: api key, version, offset.
    pub fn last_fault(&self) -> Fallible<Option<(i16, i16, u64)>> {
        let log = self.gateway.log();
        let line = log.lines().rfind(|line| is_close(line, self.cause)).ok_or("nothing was closed with the cause")?;
        let field = |name: &str| line.split(' ').find_map(|word| word.strip_prefix(name));
        Ok(match (field("api_key="), field("api_version="), field("offset=")) {
            (None, None, None) => None,
            (Some(key), Some(version), Some(offset)) => Some((key.parse()?, version.parse()?, offset.parse()?)),
            _ => return Err(format!("a fault that is said by half: {line}").into()),
        })
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
    gateway.log().lines().filter(|line| is_close(line, cause)).count()
}

fn is_close(line: &str, cause: &str) -> bool {
    line.contains("session closed") && line.contains(&format!("cause={cause} "))
}

/// How long a close may take that has no deadline of its own. The cause tells a close that came by another deadline.
pub const SOON: Duration = Duration::from_secs(30);
