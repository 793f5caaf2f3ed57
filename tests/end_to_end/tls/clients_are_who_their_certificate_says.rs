//! Where a client certificate is required: who shows none, a foreign one, an old one, a revoked one, or one that no rule makes
//! a principal of is refused with a cause of its own; who is let in stands in the log.

use rcgen::{DnType, date_time_ymd};

use super::front::{Front, REVOKED, at, hosts};
use super::material::{Authority, Issued};
use crate::ensure;
use crate::harness::closes::Closes;
use crate::harness::tools::patience;
use crate::harness::{Fallible, World, until};

const NAME: &str = "bootstrap-alice.kafka.example";

pub fn run(world: &World) -> Fallible<()> {
    let front = Front::start(world, "")?;
    let expired = front.clients.issue(&[], |params| {
        params.distinguished_name.push(DnType::OrganizationName, "Example");
        params.distinguished_name.push(DnType::CommonName, "Old");
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    let nobody = front.clients.issue(&[], |params| params.distinguished_name.push(DnType::CommonName, "Nobody"));
    let refused: [(&str, Option<Issued>, &str); 5] = [
        ("no certificate", None, "tls_certificate_missing"),
        ("one of another authority", Some(Authority::new("others").client("Eve", 2)), "tls_certificate_untrusted"),
        ("an expired one", Some(expired), "tls_certificate_expired"),
        ("a revoked one", Some(front.clients.client("Mallory", REVOKED)), "tls_certificate_revoked"),
        ("one without a principal", Some(nobody), "tls_no_principal"),
    ];
    let welcome = front.settings(Some(&front.clients.client("Alice", 1)));
    let mut neighbour = front.client(at::MUTUAL, NAME, &welcome)?;
    for (what, identity, cause) in refused {
        let closes = Closes::before(&front.gateway, cause)?;
        let settings = front.settings(identity.as_ref());
        ensure!(hosts(&mut front.client(at::MUTUAL, NAME, &settings)?).is_err(), "{what} is let in");
        closes.one_more(what)?;
        ensure!(!hosts(&mut neighbour)?.is_empty(), "the neighbour of {what} is disturbed");
    }
    until("the principal is in the log", patience(10), || {
        let log = front.gateway.log();
        let told = log.lines().any(|line| line.contains("session open") && line.contains("principal=alice"));
        ensure!(told, "it is not");
        Ok(())
    })?;

    // A session that began with one certificate is nobody else's: resumed, it has the same principal.
    ensure!(!hosts(&mut front.client(at::MUTUAL, NAME, &welcome)?)?.is_empty(), "no answer");
    until("a resumed session has its principal", patience(10), || {
        let log = front.gateway.log();
        let resumed = |line: &str| line.contains("resumed=true") && line.contains("principal=alice");
        ensure!(log.lines().any(resumed), "it has not");
        Ok(())
    })?;

    // A session of a listener that asks for nobody's certificate opens no door that does: the ticket is worth nothing there.
    let settings = front.settings(None);
    ensure!(!hosts(&mut front.client(at::NAMES, NAME, &settings)?)?.is_empty(), "no answer");
    let closes = Closes::before(&front.gateway, "tls_certificate_missing")?;
    ensure!(hosts(&mut front.client(at::MUTUAL, NAME, &settings)?).is_err(), "a foreign ticket is taken");
    closes.one_more("a foreign ticket")
}
