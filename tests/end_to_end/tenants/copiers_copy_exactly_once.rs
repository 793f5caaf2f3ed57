//! Kafka's TransactionalMessageCopier with aborts at random in both tenants at once, one transactional id, one group: each
//! record of the own tenant is committed once, and neither copier fences the other.

use super::setup;
use crate::ensure;
use crate::harness::tools::TRANSACTIONAL_COPIER;
use crate::harness::{Fallible, World};

const FROM: &str = "copied";
const TO: &str = "copy";
const RECORDS: usize = 500;

pub fn run(world: &World) -> Fallible<()> {
    setup::both(world, |tenant| {
        let tools = &tenant.tools;
        tenant.create_topic(FROM, 1)?;
        tenant.create_topic(TO, 1)?;
        let produced: Vec<String> = (0..RECORDS).map(|n| format!("key-{n}:{} {n}", tenant.tag)).collect();
        tools.kcat(&["-P", "-t", FROM, "-K", ":"], produced.join("\n").as_bytes())?;

        let arguments = [
            &["--broker-list", &tools.bootstrap, "--transactional-id", "copier", "--consumer-group", "copiers"][..],
            &["--input-topic", FROM, "--input-partition", "0", "--output-topic", TO, "--max-messages", "-1"],
            &["--transaction-size", "50", "--enable-random-aborts", "--use-group-metadata"],
        ];
        tools.java(TRANSACTIONAL_COPIER, &arguments.concat(), b"")?.success()?;

        let arguments = ["-C", "-t", TO, "-o", "beginning", "-e", "-q", "-X", "isolation.level=read_committed"];
        let committed = tools.kcat(&[&arguments[..], &["-f", "%k:%s\n"]].concat(), b"")?;
        ensure!(
            committed.lines().eq(&produced),
            "{} records are committed, not the {RECORDS} copied",
            committed.lines().count()
        );
        tenant.backend_holds(TO, RECORDS)
    })
}
