//! End to end: real clients, the gateway, and a real Kafka of three nodes.
//!
//! `cargo test --test end_to_end [NAME]` runs all tests, or those whose name contains NAME; `tests/run` fetches what they
//! need. `KLAMM_E2E_DIRECT=1` runs those that ask nothing of the gateway against Kafka itself. First run those that want the lab
//! for themselves, one by one, then three at a time those that share it, then those that disturb it (a node killed, one moved);
//! beside all of these, those that do without it; then those that want the machine for themselves. Each has a limit of time.
//! Whatever happens, no process is left.
//! `KLAMM_E2E_DATA_PATH=splice` (or `copy`) makes every gateway under test pass all bytes unread that may pass, or none;
//! without it those with namespaces of a test's own do, isolation's among them, and the others do as users have it.
//! `KLAMM_E2E_DOOR=per_cluster_suffix` (or `shared_suffix`) sends all clients through TLS and host names, instead of some.
//! Those that take minutes are ignored unless `tests/full` asks for them.

mod addresses;
mod bad_input;
mod clients;
mod data_path;
#[path = "../definitions/mod.rs"]
mod definitions;
mod differential;
mod faults;
mod harness;
mod isolation;
mod operations;
mod scenarios;
mod sessions;
mod tenants;
mod tls;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Instant;

use libtest_mimic::{Arguments, Failed, Trial};

use harness::door::Door;
use harness::tools::patience;
use harness::{Fallible, World, process};

/// What a test is about, and so where it can run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    /// A client's ordinary work: runs through the gateway, or directly against Kafka.
    Client,
    /// The same with a tool of Kafka's that cannot be told to speak TLS.
    PlainClient,
    /// The gateway in front of the lab.
    Gateway,
    /// The gateway without the lab.
    GatewayAlone,
    /// The gateway beside the lab, for minutes: runs only where [`LONG`] says how much of it, as `tests/full` does.
    Long,
    /// The gateway without the lab, with thousands of connections: runs only where [`MANY`] says how many.
    Many,
}

/// How much the long tests do.
const LONG: &str = "KLAMM_DIFFERENTIAL_REQUESTS";
/// How many connections those with many of them have.
const MANY: &str = "KLAMM_E2E_SLOW_READERS";

struct Test {
    name: &'static str,
    subject: Subject,
    door: Door,
    /// What it may take on a machine that has nothing else to do, generously.
    seconds: u64,
    run: fn(&World) -> Fallible<()>,
}

/// A test is a module, named as the sentence that it proves.
macro_rules! test {
    ($subject:ident, $seconds:literal, $group:ident::$name:ident) => {
        test!($subject, $seconds, Ports, "", $group::$name)
    };
    ($subject:ident, $seconds:literal, $door:ident, $behind:literal, $group:ident::$name:ident) => {
        Test {
            name: concat!(stringify!($group), "::", stringify!($name), $behind),
            subject: Subject::$subject,
            door: Door::$door,
            seconds: $seconds,
            run: $group::$name::run,
        }
    };
}

/// A test of clients that come through TLS and host names, two virtual clusters on one port.
macro_rules! by_names {
    (OWN_DOMAINS, $seconds:literal, $group:ident::$name:ident) => {
        test!(Client, $seconds, OWN_DOMAINS, "_by_names_of_own_domains", $group::$name)
    };
    (SHARED_DOMAIN, $seconds:literal, $group:ident::$name:ident) => {
        test!(Client, $seconds, SHARED_DOMAIN, "_by_names_of_a_shared_domain", $group::$name)
    };
}

/// Tests that want the lab for themselves, before anybody else.
const LAB_ALONE: &[Test] = &[
    test!(Long, 7200, differential::answers_are_those_of_kafka_itself),
    test!(Gateway, 180, isolation::bombs_are_closed),
    test!(Gateway, 180, isolation::broken_frames_bring_nothing),
    test!(Gateway, 180, isolation::fetch_sessions_of_others_are_not_found),
    test!(Gateway, 180, isolation::groups_of_others_are_not_reached),
    test!(Gateway, 180, isolation::host_names_mean_one_virtual_cluster),
    test!(Gateway, 180, isolation::sessions_are_resumed_nowhere_else),
    test!(Gateway, 180, isolation::made_up_names_stay_inside_the_prefix),
    test!(Gateway, 180, isolation::names_of_others_mean_nothing),
    test!(Gateway, 180, isolation::nodes_are_those_of_the_own_listener),
    test!(Gateway, 180, isolation::transactions_of_others_are_not_reached),
    test!(Gateway, 180, isolation::unknown_requests_are_refused_or_closed),
];

/// Tests that leave each other alone, and use the lab; the longest come first, so that no one is left alone with them.
const TOGETHER: &[Test] = &[
    test!(GatewayAlone, 180, tls::all_that_clients_are_told_is_their_own),
    test!(GatewayAlone, 240, tls::nodes_are_spoken_to_with_tls),
    test!(Gateway, 150, scenarios::admin_tools_see_one_tenant),
    test!(Client, 120, clients::console_clients_work_in_classic_groups),
    test!(Client, 120, clients::console_clients_work_in_new_groups),
    test!(Client, 120, clients::share_consumers_take_every_record),
    test!(Client, 180, clients::every_byte_of_a_record_arrives),
    test!(PlainClient, 120, clients::transactions_copy_exactly_once),
    test!(Client, 120, clients::topics_and_configs_are_administered),
    test!(Client, 120, clients::groups_are_administered),
    test!(Client, 120, clients::kcat_produces_consumes_and_joins_groups),
    test!(Client, 150, clients::other_admin_tools_work),
    test!(Gateway, 120, tenants::a_topic_made_anew_is_found),
    test!(Gateway, 120, tenants::a_fetch_session_ends_with_its_gateway),
    test!(Gateway, 90, tenants::padded_lengths_are_taken),
    test!(Client, 180, tenants::every_byte_of_a_record_arrives),
    test!(Client, 180, tenants::console_clients_meet_their_own_records),
    test!(Client, 180, tenants::verifiable_clients_meet_their_own_records),
    test!(PlainClient, 180, tenants::copiers_copy_exactly_once),
    test!(Client, 180, tenants::streams_count_exactly_once),
    test!(Client, 180, tenants::kcat_meets_its_own_records),
    test!(Client, 180, tenants::franz_go_meets_its_own_records),
    test!(Client, 180, tenants::aiokafka_meets_its_own_records),
    test!(Client, 180, tenants::confluent_kafka_meets_its_own_records),
    test!(Client, 180, tenants::kafkajs_meets_its_own_records),
    by_names!(OWN_DOMAINS, 180, tenants::console_clients_meet_their_own_records),
    by_names!(SHARED_DOMAIN, 180, tenants::verifiable_clients_meet_their_own_records),
    by_names!(SHARED_DOMAIN, 180, tenants::kcat_meets_its_own_records),
    by_names!(OWN_DOMAINS, 180, tenants::franz_go_meets_its_own_records),
    by_names!(OWN_DOMAINS, 180, tenants::confluent_kafka_meets_its_own_records),
    by_names!(SHARED_DOMAIN, 180, tenants::kafkajs_meets_its_own_records),
    test!(Gateway, 90, scenarios::additional_topics_are_seen_by_both),
    test!(Gateway, 90, scenarios::aliases_replace_their_originals),
    test!(Gateway, 90, scenarios::environments_share_a_backend),
    test!(Gateway, 90, scenarios::nodes_have_the_ports_that_were_set),
    test!(Gateway, 90, scenarios::one_topic_has_a_name_in_each_cluster),
    test!(Gateway, 90, scenarios::without_virtual_clusters_everything_is_seen),
    test!(Gateway, 60, addresses::every_address_in_every_answer_is_the_gateways),
    test!(Gateway, 60, OWN_DOMAINS, "_by_name", addresses::every_address_in_every_answer_is_the_gateways),
    test!(Gateway, 60, addresses::api_versions_are_what_table_and_node_share),
    test!(Gateway, 60, addresses::nodes_without_a_port_are_left_out),
    test!(Gateway, 60, sessions::answers_come_in_the_order_of_requests),
    test!(Gateway, 60, sessions::requests_may_arrive_byte_by_byte),
    test!(GatewayAlone, 60, tls::the_lab_speaks_tls),
    test!(GatewayAlone, 120, tls::certificates_of_every_form_are_taken),
    test!(GatewayAlone, 90, tls::clients_show_who_they_are),
    test!(GatewayAlone, 90, tls::the_first_policy_that_matches_is_used),
    test!(GatewayAlone, 180, tls::faults_of_nodes_are_told_apart),
    test!(GatewayAlone, 120, tls::reloads_change_what_nodes_are_believed),
    test!(Gateway, 60, operations::answers_in_flight_at_sigterm_arrive),
];

/// Tests that want the machine for themselves.
const ALONE: &[Test] = &[
    test!(Many, 300, data_path::slow_readers_stay_inside_the_budget),
    test!(GatewayAlone, 120, data_path::a_frame_of_100_mib_needs_little_memory),
    test!(GatewayAlone, 90, tls::a_storm_of_handshakes_stalls_nobody),
    test!(GatewayAlone, 60, bad_input::readers_that_never_read_are_closed),
    test!(GatewayAlone, 60, bad_input::memory_is_bounded_by_buffers_not_by_frames),
];

/// Tests that disturb the lab.
const DISTURBING: &[Test] = &[
    test!(Gateway, 180, faults::a_restarted_gateway_loses_nothing),
    test!(Client, 240, faults::a_killed_node_loses_and_duplicates_nothing),
    test!(Gateway, 300, tenants::faults_lose_and_duplicate_nothing),
    test!(Gateway, 180, faults::a_moved_node_is_found),
    test!(Gateway, 180, faults::a_node_that_joins_is_found),
];

/// Tests that do without the lab.
const ELSEWHERE: &[Test] = &[
    test!(GatewayAlone, 60, tls::reloads_change_what_clients_are_shown),
    test!(GatewayAlone, 60, differential::a_difference_is_seen),
    test!(GatewayAlone, 60, addresses::share_acknowledge_names_the_gateway),
    test!(GatewayAlone, 60, bad_input::strangers_are_told_apart),
    test!(GatewayAlone, 120, bad_input::broken_frames_are_closed_with_their_cause),
    test!(GatewayAlone, 60, bad_input::misbehaving_nodes_close_their_client_alone),
    test!(GatewayAlone, 60, bad_input::silent_and_slow_clients_are_closed),
    test!(GatewayAlone, 60, bad_input::idle_clients_are_closed_unless_they_wait),
    test!(GatewayAlone, 120, data_path::frames_pass_whole_however_they_are_cut),
    test!(GatewayAlone, 90, tls::names_lead_where_they_say),
    test!(GatewayAlone, 120, tls::frames_pass_whole_and_slow_readers_are_bounded),
    test!(GatewayAlone, 60, tls::node_names_without_a_certificate_are_told),
    test!(GatewayAlone, 120, tls::strangers_at_a_tls_port_are_told_apart),
    test!(GatewayAlone, 90, tls::clients_are_who_their_certificate_says),
    test!(GatewayAlone, 60, data_path::slow_readers_keep_no_pipe),
    test!(GatewayAlone, 60, data_path::urgent_bytes_are_never_lost),
    test!(GatewayAlone, 60, data_path::connections_that_end_in_mid_frame_end_alone),
    test!(GatewayAlone, 60, operations::connections_are_spread_over_the_shards),
    test!(GatewayAlone, 60, operations::a_backend_that_is_away_is_waited_for),
    test!(GatewayAlone, 60, operations::drains_end_at_their_deadline),
    test!(GatewayAlone, 60, operations::limits_of_connections_hold),
    test!(GatewayAlone, 60, operations::every_accepted_connection_is_accounted_for),
    test!(GatewayAlone, 60, operations::sessions_outlive_a_lack_of_descriptors),
    test!(GatewayAlone, 90, operations::a_lack_of_memory_ends_one_session),
    test!(GatewayAlone, 60, operations::faults_at_start_are_said),
    test!(GatewayAlone, 60, operations::signals_are_obeyed),
    test!(GatewayAlone, 60, operations::reloads_are_told),
];

/// Tests of what all the others left.
const AT_LAST: &[Test] = &[
    test!(Gateway, 60, addresses::no_client_was_sent_an_address_of_a_node),
    test!(Gateway, 60, tenants::no_client_was_sent_a_name_of_the_backend),
];

fn main() -> ExitCode {
    harness::hosts::enter(Path::new(env!("CARGO_TARGET_TMPDIR")));
    let mut arguments = Arguments::from_args();
    let forced = match Door::forced() {
        Ok(forced) => forced,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let threads = arguments.test_threads.take().unwrap_or(3);
    let folder = match tempfile::Builder::new().prefix("end-to-end-").tempdir_in(env!("CARGO_TARGET_TMPDIR")) {
        Ok(folder) => folder,
        Err(error) => {
            eprintln!("no folder for this run: {error}");
            return ExitCode::FAILURE;
        }
    };
    end_children_on_signals(folder.path().to_owned());
    let world = World::new(folder.path().to_owned());
    let conclusions = catch_unwind(AssertUnwindSafe(|| {
        let run = |tests, threads| {
            let arguments = Arguments { test_threads: Some(threads), ..arguments.clone() };
            libtest_mimic::run(&arguments, trials(tests, &world, forced))
        };
        let [lab_alone, together, disturbing, elsewhere] = std::thread::scope(|scope| {
            // What is printed of these is printed when the others are done.
            let log = folder.path().join("elsewhere.log");
            let kept =
                Arguments { logfile: Some(log.display().to_string()), test_threads: Some(1), ..arguments.clone() };
            let trials = trials(ELSEWHERE, &world, forced);
            let elsewhere = scope.spawn(move || libtest_mimic::run(&kept, trials));
            // In this order: a digest of the whole lab costs the more the more others have left there.
            let [lab_alone, together] = [run(LAB_ALONE, 1), run(TOGETHER, threads)];
            let disturbing = run(DISTURBING, 1);
            let elsewhere = elsewhere.join().expect("a test that panics has failed");
            print!("{}", std::fs::read_to_string(log).unwrap_or_default());
            [lab_alone, together, disturbing, elsewhere]
        });
        [lab_alone, together, disturbing, elsewhere, run(ALONE, 1), run(AT_LAST, 1)]
    }));
    process::kill_all();
    let Ok(conclusions) = conclusions else { return ExitCode::FAILURE };
    let failed = conclusions.iter().any(|conclusion| conclusion.num_failed > 0);
    if failed {
        let kept = folder.keep();
        eprintln!("logs of the nodes and gateways: {}", kept.display());
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn trials(tests: &'static [Test], world: &World, forced: Option<Door>) -> Vec<Trial> {
    let trial = |test: &'static Test| {
        let world = world.at(forced.unwrap_or(test.door));
        let direct = world.is_direct();
        let trial = Trial::test(test.name, move || {
            let begin = Instant::now();
            let outcome = run(test, &world);
            eprintln!("{:7.1} s  {}", begin.elapsed().as_secs_f64(), test.name);
            outcome
        });
        let unset = |name: &str| std::env::var_os(name).is_none();
        let not_asked = match test.subject {
            Subject::Long => unset(LONG),
            Subject::Many => unset(MANY),
            Subject::Client | Subject::PlainClient | Subject::Gateway | Subject::GatewayAlone => false,
        };
        let of_clients = match test.subject {
            Subject::Client => true,
            Subject::PlainClient => forced.is_none(),
            Subject::Gateway | Subject::GatewayAlone | Subject::Long | Subject::Many => false,
        };
        let elsewhere = (direct || forced.is_some()) && !(of_clients && test.door == Door::Ports);
        trial.with_ignored_flag(not_asked || elsewhere)
    };
    tests.iter().map(trial).collect()
}

/// Starts what the test needs, then runs it on a thread of its own, within its limit.
fn run(test: &'static Test, world: &World) -> Result<(), Failed> {
    match test.subject {
        Subject::Client | Subject::PlainClient => drop(world.bootstrap()?),
        Subject::Gateway => drop(world.gateway()?),
        Subject::Long => drop(world.lab()?),
        Subject::GatewayAlone | Subject::Many => {}
    }
    let (sender, receiver) = sync_channel(1);
    let world = world.at(world.door());
    std::thread::spawn(move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| (test.run)(&world)));
        let _ = sender.send(outcome);
    });
    match receiver.recv_timeout(patience(test.seconds)) {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(fault))) => Err(fault.into()),
        Ok(Err(panic)) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(format!("panicked: {}", text.unwrap_or_default()).into())
        }
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            Err(format!("not done within {:?}", patience(test.seconds)).into())
        }
    }
}

/// Control-C and SIGTERM take the children along.
fn end_children_on_signals(folder: PathBuf) {
    use tokio::signal::unix::{SignalKind, signal};
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut interrupt = signal(SignalKind::interrupt()).expect("SIGINT is ours");
            let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM is ours");
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            process::kill_all();
            let _ = std::fs::remove_dir_all(folder);
            std::process::exit(130);
        });
    });
}
