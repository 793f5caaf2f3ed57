//! A topic is deleted and created again in one tenant, while a member of a group reads it: the member goes on with the new
//! one from its beginning, and the other tenant's topic of that name stays as it is.

use kafka_protocol::messages::{DeleteTopicsRequest, TopicName};

use super::setup;
use crate::ensure;
use crate::harness::process::Process;
use crate::harness::tools::{VERIFIABLE_CONSUMER, patience};
use crate::harness::wire::{Wire, text};
use crate::harness::{Fallible, World, until};

const TOPIC: &str = "renewed";
/// The new topic has fewer records than the old one had: where the member was there is nothing any more.
const OLD: usize = 50;
const NEW: usize = 20;

pub fn run(world: &World) -> Fallible<()> {
    let tenants = setup::tenants(world)?;
    let [alice, bob] = tenants.as_slice() else { return Err("two tenants are needed".into()) };
    let values = |tag: &str, count| (0..count).map(|n| format!("{tag}-{n}")).collect::<Vec<String>>();
    for tenant in [alice, bob] {
        tenant.create_topic(TOPIC, 1)?;
        tenant.tools.kcat(&["-P", "-t", TOPIC], values(&format!("old-{}", tenant.tag), OLD).join("\n").as_bytes())?;
    }
    let mut command = alice.tools.jars.java(VERIFIABLE_CONSUMER, &["-Xmx128m"]);
    command.args([
        "--bootstrap-server",
        &alice.tools.bootstrap,
        "--topic",
        TOPIC,
        "--group-id",
        "renewed",
        "--verbose",
    ]);
    // Its own requests for metadata must not create the topic while it is away.
    let settings = world.folder().join("renewed.properties");
    std::fs::write(&settings, "allow.auto.create.topics=false\nmetadata.max.age.ms=1000\n")?;
    command.args(["--reset-policy", "earliest"]).arg("--command-config").arg(settings);
    let member = Process::start(&mut command, &world.folder().join("renewed.log"))?;
    let reads = |expected: &[String]| {
        until("the member reads on", patience(60), || {
            let log = member.log();
            let missing = expected.iter().filter(|value| !log.contains(&format!("\"{value}\""))).count();
            ensure!(missing == 0, "{missing} records are missing");
            Ok(())
        })
    };
    reads(&values("old-alice", OLD))?;

    let request = DeleteTopicsRequest::default().with_topic_names(vec![TopicName(text(TOPIC))]).with_timeout_ms(20_000);
    let answer = Wire::connect(&alice.tools.bootstrap)?.ask(5, &request)?.body;
    ensure!(answer.responses.iter().all(|topic| topic.error_code == 0), "{answer:?}");
    until("the topic can be created again", patience(20), || alice.create_topic(TOPIC, 1))?;
    alice.tools.kcat(&["-P", "-t", TOPIC], values("new-alice", NEW).join("\n").as_bytes())?;
    reads(&values("new-alice", NEW))?;
    ensure!(!member.log().contains("bob"), "the member read what is bob's");
    alice.backend_holds(TOPIC, NEW)?;
    bob.backend_holds(TOPIC, OLD)
}
