//! A new user's first minute with Klamm: a backend, Klamm before it, and two tenants whose clients prove each step.
//!
//! Owns the order of the steps and how they end. A failed step ends it with the exit status 1; everything that was
//! started is stopped.

mod backend;
mod cleanup;
mod clients;
mod isolation;
mod load;
mod names;
mod records;
mod report;
mod steps;
mod tenants;

use crate::console::{self, headline, step};
use crate::error::{Context, Result};
use crate::gateway::{Gateway, Plan, Sni};
use crate::ports::{self, host_port};
use crate::{certificates, interrupt};
use backend::{Backend, Choice};
use names::Names;
use std::path::Path;
use std::time::{Duration, Instant};
use steps::Produced;
use tenants::{GROUP, LOAD_TOPIC, TOPIC, Tenant, Tenants};

/// How long Klamm may take to drain.
const STOP_PATIENCE: Duration = Duration::from_secs(15);
/// Klamm's first port, when it is free.
const PORTS_FROM: u16 = 19092;

/// See two tenants share a Kafka through Klamm, in a minute.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  loadtest quickstart                          an embedded backend: no JVM, no server to install
  loadtest quickstart --once                   the same, but it ends by itself
  loadtest quickstart --sni                    both tenants on one port with TLS as well, by host name
  loadtest quickstart --kafka                  a real Kafka of three nodes (Java 17 and Maven)
  loadtest quickstart --bootstrap kafka1:9092  your own Kafka; what is created there is deleted

The exit status is 1 when a step failed. Ctrl-C stops everything that was started.")]
pub struct Args {
    /// End after the last step instead of staying up until Ctrl-C.
    #[arg(long)]
    once: bool,
    /// Use your own Kafka (plain, no SASL) instead of the embedded backend.
    #[arg(long, value_name = "HOST:PORT,...", value_delimiter = ',', conflicts_with = "kafka", value_parser = host_port)]
    bootstrap: Vec<String>,
    /// Start a real Apache Kafka 4.3.1 of three nodes instead of the embedded backend.
    #[arg(long)]
    kafka: bool,
    /// Use TLS and host names, too: one more port, on which the host name selects the virtual cluster.
    #[arg(long)]
    sni: bool,
    /// Klamm's first port: for each of the two tenants one for bootstrap and one for each node, then one for its admin
    /// address, and with --sni one for TLS.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// How many records each tenant produces and compares.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    records: u32,
    /// How long the load lasts, in seconds; 0 leaves it out.
    #[arg(long, value_name = "S", default_value_t = 3, value_parser = clap::value_parser!(u64).range(0..=3600))]
    seconds: u64,
}

/// Runs the quick start.
pub fn run(args: &Args) -> Result<()> {
    interrupt::install()?;
    let directory = tempfile::Builder::new().prefix("klamm-quickstart-").tempdir();
    let directory = directory.doing("cannot create a temporary directory")?;
    headline("Klamm's quick start: one Kafka, Klamm before it, and two tenants who use the same names");
    let backend = start_backend(args, directory.path())?;
    let (mut gateway, tenants, names) = start_gateway(args, &backend, directory.path())?;
    report::picture(&gateway, &tenants, &backend);
    let walked = walk_through(args, &gateway, &tenants, &backend);
    let walked = walked.and_then(|()| names.as_ref().map_or(Ok(()), |names| by_name(names, &tenants, &backend)));
    let outcome = walked.map_err(|error| {
        // What Klamm wrote explains a failed step better than the client's own error does.
        if interrupt::requested() { error } else { gateway.child.explain(error.what()) }
    });
    let outcome = gateway.child.check().and(outcome);
    let outcome = outcome.and_then(|()| stay(args, &mut gateway, &tenants, &backend, names.as_ref()));
    stop(gateway, &tenants, backend, outcome)
}

fn start_backend(args: &Args, directory: &Path) -> Result<Backend> {
    let choice = match (args.kafka, args.bootstrap.is_empty()) {
        (true, _) => Choice::Kafka,
        (false, false) => Choice::Own(args.bootstrap.clone()),
        (false, true) => Choice::Embedded,
    };
    let title = match choice {
        Choice::Embedded => "start an embedded backend",
        Choice::Own(_) => "find your Kafka",
        Choice::Kafka => "start a real Kafka (about 20 s)",
    };
    step(title, || {
        let backend = Backend::start(&choice, directory)?;
        let nodes: Vec<&str> = backend.nodes.values().map(String::as_str).collect();
        let detail = format!("{} nodes: {}", nodes.len(), nodes.join(", "));
        Ok((backend, detail))
    })
}

fn start_gateway(args: &Args, backend: &Backend, directory: &Path) -> Result<(Gateway, Tenants, Option<Names>)> {
    step("start Klamm before it", || {
        let needed = Tenants::ports_needed(backend);
        // The admin address takes the port behind the tenants', and TLS the one behind that.
        let all = needed.saturating_add(1 + u16::from(args.sni));
        let first = match args.port {
            Some(port) => ports::check_block(port, all)?,
            None => ports::free_block(PORTS_FROM, all)?,
        };
        let tenants = Tenants::new(first, backend);
        let clusters = tenants.both().map(Tenant::virtual_cluster);
        let files = ("tls/klamm.pem", "tls/klamm.key");
        let (port, host_format) = (first + needed + 1, "per_cluster_suffix");
        let plan = Plan {
            directory,
            clusters: &clusters,
            sni: args.sni.then_some(Sni { port, suffix: names::SUFFIX, host_format, files }),
            admin_port: first + needed,
            bootstrap: &backend.bootstrap,
            core: None,
            settings: &[],
            binary: None,
            callgrind: None,
        };
        let begin = Instant::now();
        let mut names = None;
        let mut gateway = Gateway::spawn(&plan, |config| {
            if args.sni {
                let (authority, properties) = certificates::for_quickstart(config)?;
                names = Some(Names { port, authority, properties });
            }
            Ok(())
        })?;
        gateway.wait_ready(Duration::from_secs(30))?;
        let detail = format!("ready after {} ms, pid {}", begin.elapsed().as_millis(), gateway.child.pid());
        Ok(((gateway, tenants, names), detail))
    })
}

/// The steps that the tenants take.
fn walk_through(args: &Args, gateway: &Gateway, tenants: &Tenants, backend: &Backend) -> Result<()> {
    headline(&format!("Both have a topic {TOPIC} and a group {GROUP}"));
    let Tenants { alice, bob } = tenants;
    for tenant in tenants.both() {
        let advertised = tenant.layout.advertised();
        step(&format!("what {} sees", tenant.name), || steps::client_sees(&tenant.bootstrap(), &advertised))?;
    }
    let of_alice = create_and_produce(args, alice)?;
    step("bob sees nothing of it", || isolation::sees_nothing(bob, alice, backend))?;
    let of_bob = create_and_produce(args, bob)?;
    let produced = [&of_alice, &of_bob];
    step(&format!("both consume {TOPIC} as {GROUP}"), || isolation::both_consume(tenants, produced))?;
    step("neither sees the other", || isolation::each_sees_its_own(tenants, backend))?;
    step("what the backend has", || isolation::backend_has(tenants, produced, backend))?;
    load(args, gateway, alice)
}

fn create_and_produce(args: &Args, tenant: &Tenant) -> Result<Produced> {
    let (name, bootstrap) = (tenant.name, tenant.bootstrap());
    step(&format!("{name} creates {TOPIC} by first use"), || steps::topic_created(&bootstrap, TOPIC))?;
    step(&format!("{name} produces"), || steps::produce(&bootstrap, TOPIC, name, args.records as usize))
}

/// The same tenants once more: on one port, by host name.
fn by_name(names: &Names, tenants: &Tenants, backend: &Backend) -> Result<()> {
    headline("Both on one port with TLS: the host name selects the virtual cluster");
    for tenant in tenants.both() {
        step(&format!("what {} sees by name", tenant.name), || names.tenant_sees(tenant, &backend.nodes))?;
    }
    step("a name that is nobody's", || names.nobody())
}

/// The load, in a tenant's namespace.
fn load(args: &Args, gateway: &Gateway, tenant: &Tenant) -> Result<()> {
    let time = Duration::from_secs(args.seconds);
    if time.is_zero() {
        console::skipped("load", "left out (--seconds 0)");
        return Ok(());
    }
    let (name, bootstrap) = (tenant.name, tenant.bootstrap());
    headline(&format!(
        "{} seconds of load as {name}: records of 1 KiB, produced and consumed, each checked",
        args.seconds
    ));
    let outcome = step("load", || {
        let partitions = clients::partitions(&bootstrap, LOAD_TOPIC)?;
        let outcome = load::run(&bootstrap, LOAD_TOPIC, partitions, time, gateway.child.pid())?;
        let detail = format!("{} records went and came back, in order, none lost", outcome.records);
        Ok((outcome, detail))
    })?;
    report::load(&outcome, load::VALUE_BYTES);
    Ok(())
}

/// Stays up until Ctrl-C, or Klamm's end.
fn stay(args: &Args, gateway: &mut Gateway, tenants: &Tenants, backend: &Backend, names: Option<&Names>) -> Result<()> {
    report::commands(gateway, tenants, backend);
    if let Some(names) = names {
        report::by_name(names, tenants, backend);
    }
    if args.once {
        return Ok(());
    }
    headline("Klamm stays up until Ctrl-C.");
    while !interrupt::requested() {
        gateway.child.check()?;
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn stop(mut gateway: Gateway, tenants: &Tenants, backend: Backend, outcome: Result<()>) -> Result<()> {
    headline("The end");
    let alive = gateway.child.check().is_ok();
    let left = if backend.is_own() { delete(alive, tenants, &backend) } else { Ok(()) };
    let down = if alive {
        step("stop Klamm", || {
            gateway.child.stop(STOP_PATIENCE).map(|()| ((), "it drained and ended with 0".to_owned()))
        })
    } else {
        console::skipped("stop Klamm", "it had ended by itself");
        Ok(())
    };
    let gone = if backend.is_own() {
        Ok(())
    } else {
        step("stop the backend", || backend.stop().map(|()| ((), "nothing is left of it".to_owned())))
    };
    outcome.and(left).and(down).and(gone)
}

/// Takes away what was created on the user's own Kafka, as far as Klamm, through which it goes, is `alive`.
fn delete(alive: bool, tenants: &Tenants, backend: &Backend) -> Result<()> {
    const TITLE: &str = "delete what was created";
    let prefixes = tenants.both().map(|tenant| tenant.physical("")).join(" and ");
    if !alive {
        console::skipped(
            TITLE,
            &format!("Klamm is gone: delete by hand the topics and groups that begin with {prefixes}"),
        );
        return Ok(());
    }
    step(TITLE, || {
        for tenant in tenants.both() {
            cleanup::delete(&tenant.bootstrap(), &[TOPIC, LOAD_TOPIC], GROUP)?;
        }
        isolation::nothing_is_left(tenants, backend)?;
        Ok(((), format!("no topic that begins with {prefixes} is left")))
    })
}
