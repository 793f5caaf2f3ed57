//! The clients' own tools: Kafka's Java classes, our small Java programs, and kcat.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{BrokerId, CreateTopicsRequest, ListOffsetsRequest, MetadataRequest, TopicName};

use super::jvms::{Call, Jvms};
use super::process::{self, Finished, Process};
use super::tls::{self, is_named};
use super::wire::{self, Wire};
use super::{Fallible, until};
use crate::ensure;

/// How a JVM of a tool starts quickly and stays small.
const JVM: [&str; 5] =
    ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xlog:disable", "-XX:-UsePerfData"];

/// The class of a node.
pub const NODE: &str = "kafka.Kafka";

/// Classes that `tests/run` keeps beside the jars as a JVM has them in memory: a node's, and those of all others. One that
/// does not fit is not used.
const CLASS_ARCHIVES: [&str; 2] = ["../nodes.jsa", "../clients.jsa"];

/// Tells our Java programs which settings to add at addresses with TLS.
const PROPERTIES: &str = "klamm.properties";

/// Tools that a JVM that is kept would not outlive: they end it by other means than Kafka's, or leave a client open.
const ENDING: [&str; 3] = [VERIFIABLE_PRODUCER, VERIFIABLE_CONSUMER, TRANSACTIONS];

/// A duration for something that takes `seconds` on a machine that has nothing else to do, with room for one that has.
pub fn patience(seconds: u64) -> Duration {
    Duration::from_secs(seconds * 2)
}

/// Kafka's jars, the folder of our own compiled classes, and the JVMs that are kept for both.
#[derive(Clone)]
pub struct Jars {
    libs: PathBuf,
    classes: PathBuf,
    jvms: Arc<Jvms>,
}

impl Jars {
    /// Kafka's jars as `tests/run` fetched them.
    pub fn find(folder: &Path) -> Fallible<Jars> {
        let libs = match std::env::var_os("KLAMM_LAB_JARS") {
            Some(libs) => PathBuf::from(libs),
            None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/lab/kafka-4.3.1/libs"),
        };
        ensure!(libs.is_dir(), "no Kafka jars in {}: tests/run fetches them", libs.display());
        Ok(Jars { libs, classes: folder.join("classes"), jvms: Arc::default() })
    }

    /// Compiles our Java programs.
    pub fn compile(&self, folder: &Path) -> Fallible<()> {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/end_to_end/java");
        let mut command = Command::new("javac");
        command.args(["-J-XX:+UseSerialGC", "-J-XX:TieredStopAtLevel=1", "-proc:none"]);
        command.arg("-cp").arg(self.libs.join("*")).arg("-d").arg(&self.classes);
        for entry in std::fs::read_dir(sources)? {
            command.arg(entry?.path());
        }
        process::run(&mut command, b"", folder, patience(60))?.success()?;
        Ok(())
    }

    /// Runs a Java class to its end, in a JVM that is kept for the next one.
    pub fn run(&self, call: Call<'_>, folder: &Path, limit: Duration) -> Fallible<Finished> {
        self.jvms.run(self, call, folder, limit)
    }

    /// A command that runs a Java class in a JVM of its own.
    pub fn java(&self, class: &str, options: &[&str]) -> Command {
        let mut command = Command::new("java");
        // An archive is of the classes of a path's beginning.
        let path = format!("{}/*:{}", self.libs.display(), self.classes.display());
        let [of_nodes, of_others] = CLASS_ARCHIVES;
        let archive = self.libs.join(if class == NODE { of_nodes } else { of_others });
        if archive.exists() {
            command.arg(format!("-XX:SharedArchiveFile={}", archive.display()));
        }
        command.args(JVM).args(options).args(["-cp", &path]).arg(class);
        command
    }
}

/// Runs tools for one test, with the addresses to begin with.
pub struct Tools<'a> {
    pub jars: &'a Jars,
    pub folder: &'a Path,
    pub bootstrap: String,
}

impl Tools<'_> {
    /// Runs one of Kafka's tools, `--bootstrap-server` added, and gives its standard output.
    pub fn kafka(&self, class: &str, arguments: &[&str]) -> Fallible<String> {
        self.kafka_with_input(class, arguments, b"")
    }

    /// The same, with something to read.
    pub fn kafka_with_input(&self, class: &str, arguments: &[&str], input: &[u8]) -> Fallible<String> {
        let mut all = vec!["--bootstrap-server", &self.bootstrap];
        let properties = self.properties()?;
        all.extend(properties.iter().flat_map(|file| ["--command-config", file]));
        all.extend(arguments);
        let finished = self.java(class, &all, input)?;
        finished.success().map_err(|error| format!("{class} {}: {error}", arguments.join(" ")).into())
    }

    /// Runs any Java class to its end.
    pub fn java(&self, class: &str, arguments: &[&str], input: &[u8]) -> Fallible<Finished> {
        if ENDING.contains(&class) {
            let mut command = self.command(class)?;
            return process::run(command.args(arguments), input, self.folder, patience(60));
        }
        let properties = self.properties()?.unwrap_or_default();
        self.jars.run(Call { class, arguments, properties: &properties, input }, self.folder, patience(60))
    }

    /// Runs one of our programs (`java/`) to its end; its first argument is the bootstrap address.
    pub fn program(&self, class: &str, arguments: &[&str]) -> Fallible<String> {
        let mut all = vec![self.bootstrap.as_str()];
        all.extend(arguments);
        self.java(class, &all, b"")?.success().map_err(|error| format!("{class}: {error}").into())
    }

    /// Starts one of our programs and leaves it running.
    pub fn start_program(&self, class: &str, arguments: &[&str], log: &str) -> Fallible<Process> {
        let mut command = self.command(class)?;
        command.arg(&self.bootstrap).args(arguments);
        Process::start(&mut command, &self.folder.join(log))
    }

    fn command(&self, class: &str) -> Fallible<Command> {
        let properties = format!("-D{PROPERTIES}={}", self.properties()?.unwrap_or_default());
        Ok(self.jars.java(class, &["-Xmx128m", &properties]))
    }

    /// Settings of Java's clients, where they speak TLS.
    pub fn properties(&self) -> Fallible<Option<String>> {
        let file = is_named(&self.bootstrap).then(tls::made).transpose()?;
        Ok(file.map(|material| material.properties.display().to_string()))
    }

    /// Creates a topic and waits until each partition has a leader, which knows that it is, and all its replicas. Without a
    /// tool: it is quicker.
    pub fn create_topic(&self, name: &str, partitions: i32, replicas: i16) -> Fallible<()> {
        let topic = CreatableTopic::default()
            .with_name(TopicName(wire::text(name)))
            .with_num_partitions(partitions)
            .with_replication_factor(replicas);
        let first = self.bootstrap.split(',').next().unwrap_or_default();
        let mut wire = Wire::connect(first)?;
        let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(20_000);
        for topic in wire.ask(7, &request)?.body.topics {
            ensure!(topic.error_code == 0, "{name} is not created: error {}", topic.error_code);
        }
        let asked = MetadataRequestTopic::default().with_name(Some(TopicName(wire::text(name))));
        let request = MetadataRequest::default().with_topics(Some(vec![asked]));
        let led = until(&format!("topic {name} is led"), patience(20), || {
            let answer = wire.ask(12, &request)?.body;
            for topic in &answer.topics {
                ensure!(topic.error_code == 0, "error {}", topic.error_code);
                let led = topic.partitions.iter().all(|partition| {
                    partition.leader_id.0 >= 0 && partition.isr_nodes.len() == partition.replica_nodes.len()
                });
                ensure!(led && !topic.partitions.is_empty(), "{:?}", topic.partitions);
            }
            Ok(answer)
        })?;
        for broker in &led.brokers {
            let all = led.topics.iter().flat_map(|topic| &topic.partitions);
            let own = all.filter(|one| one.leader_id == broker.node_id).map(|one| one.partition_index);
            leads(&format!("{}:{}", &*broker.host, broker.port), name, own.collect())?;
        }
        Ok(())
    }

    /// Runs kcat.
    pub fn kcat(&self, arguments: &[&str], input: &[u8]) -> Fallible<String> {
        self.run_kcat(&self.bootstrap, arguments, input)
    }

    /// Runs kcat, which begins at another address than the other tools.
    pub fn kcat_at(&self, bootstrap: &str, arguments: &[&str]) -> Fallible<String> {
        self.run_kcat(bootstrap, arguments, b"")
    }

    fn run_kcat(&self, bootstrap: &str, arguments: &[&str], input: &[u8]) -> Fallible<String> {
        let mut command = Command::new("kcat");
        command.args(["-b", bootstrap]);
        if is_named(&self.bootstrap) {
            command.args(tls::made()?.kcat());
        }
        command.args(arguments);
        let finished = process::run(&mut command, input, self.folder, patience(30))?;
        finished.success().map_err(|error| format!("kcat {}: {error}", arguments.join(" ")).into())
    }
}

/// Waits until a node leads these partitions. One that is named as a leader before it knows may refuse a producer's first
/// batch and take its second: of an idempotent producer it refuses the first one for ever then.
fn leads(node: &str, topic: &str, partitions: Vec<i32>) -> Fallible<()> {
    if partitions.is_empty() {
        return Ok(());
    }
    let asked = partitions.into_iter().map(|index| ListOffsetsPartition::default().with_partition_index(index));
    let topic = ListOffsetsTopic::default().with_name(TopicName(wire::text(topic))).with_partitions(asked.collect());
    let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
    until(&format!("{node} leads"), patience(20), || {
        let answer = Wire::connect(node)?.ask(5, &request)?.body;
        let mut errors = answer.topics.iter().flat_map(|topic| &topic.partitions).map(|one| one.error_code);
        ensure!(errors.all(|error| error == 0), "{answer:?}");
        Ok(())
    })
}

/// The node that leads partition 0 of a topic.
pub fn leader(wire: &mut Wire, topic: &str) -> Fallible<i32> {
    let answer = wire.ask(9, &MetadataRequest::default().with_topics(None))?.body;
    let name = |name: &Option<TopicName>| name.as_ref().is_some_and(|name| &**name == topic);
    let topic = answer.topics.iter().find(|found| name(&found.name)).ok_or("not there yet")?;
    let partition = topic.partitions.first().ok_or("no partition yet")?;
    let led = partition.leader_id.0 > 0 && partition.isr_nodes.len() == partition.replica_nodes.len();
    ensure!(led, "not led by all yet: {partition:?}");
    Ok(partition.leader_id.0)
}

/// Kafka's tools by the classes behind its scripts.
pub const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
pub const CONFIGS: &str = "kafka.admin.ConfigCommand";
pub const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
pub const SHARE_GROUPS: &str = "org.apache.kafka.tools.consumer.group.ShareGroupCommand";
pub const OFFSETS: &str = "org.apache.kafka.tools.GetOffsetShell";
pub const CONSOLE_PRODUCER: &str = "org.apache.kafka.tools.ConsoleProducer";
pub const CONSOLE_CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";
pub const CONSOLE_SHARE_CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleShareConsumer";
pub const TRANSACTIONS: &str = "org.apache.kafka.tools.TransactionsCommand";
pub const VERIFIABLE_PRODUCER: &str = "org.apache.kafka.tools.VerifiableProducer";
pub const VERIFIABLE_CONSUMER: &str = "org.apache.kafka.tools.VerifiableConsumer";
pub const TRANSACTIONAL_COPIER: &str = "org.apache.kafka.tools.TransactionalMessageCopier";
