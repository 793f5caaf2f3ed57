//! SIGHUP reads the configuration again: what differs and needs a restart is named, a broken file changes nothing, each
//! reload is counted, and systemd is told when it begins and ends.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use kafka_protocol::messages::MetadataRequest;

use crate::ensure;
use crate::harness::gateway::{BINARY, Gateway, Settings};
use crate::harness::process::Process;
use crate::harness::scripted::Scripted;
use crate::harness::tools::patience;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World, until};

pub fn run(world: &World) -> Fallible<()> {
    let node = Scripted::start()?;
    let backend = node.address();
    let settings = Settings::of(&backend);
    let yaml = settings.yaml();
    let gateway = world.own(&settings)?;
    gateway.wait_ready()?;
    let started = succeeded_at(&gateway)?;
    ensure!(started > 1_700_000_000_000, "the start is the first success: {started}");

    reload(&gateway, "the same file", (1.0, 0.0, 0.0))?;
    ensure!(!gateway.log().contains("differs from what runs"), "nothing differs:\n{}", gateway.log());
    let succeeded = succeeded_at(&gateway)?;
    ensure!(succeeded > started, "the time of the last success stays at {succeeded}");

    let changed =
        yaml.replace("drain_duration: 10s", "drain_duration: 11s").replace("min_broker_id: 1", "min_broker_id: 2");
    gateway.rewrite(&changed)?;
    reload(&gateway, "a changed file", (2.0, 0.0, 2.0))?;
    let paths = "node.drain_duration, listeners[desk].policies[0].config.min_broker_id";
    said(&gateway, &format!("differs from what runs, and a restart is needed for it to take effect: {paths}"))?;

    let second = succeeded_at(&gateway)?;
    gateway.rewrite(&yaml.replace("name: desk", "name: desk\n    colour: blue"))?;
    reload(&gateway, "a broken file", (2.0, 1.0, 2.0))?;
    said(&gateway, "listeners[0].colour")?;
    said(&gateway, "not reloaded: what runs stays as it is")?;
    ensure!(succeeded_at(&gateway)? == second, "a failure moves the time of the last success");

    gateway.rewrite(&yaml)?;
    reload(&gateway, "the first file again", (3.0, 1.0, 0.0))?;
    ensure!(succeeded_at(&gateway)? > second, "the time of the last success stays at {second}");
    let request = MetadataRequest::default().with_topics(Some(Vec::new()));
    Wire::connect(&gateway.node_address(1)?)?.ask(12, &request)?;
    systemd_is_told(world, &Settings::of(&backend))
}

/// When the last success was, in milliseconds of Unix time.
fn succeeded_at(gateway: &Gateway) -> Fallible<u64> {
    Ok((gateway.numbers()?.sum("klamm_reload_success_timestamp_seconds") * 1e3) as u64)
}

/// Waits until so many reloads succeeded and failed, and so many places differ.
fn reload(gateway: &Gateway, what: &str, expected: (f64, f64, f64)) -> Fallible<()> {
    gateway.signal("HUP")?;
    until(&format!("{what} is read"), patience(10), || {
        let numbers = gateway.numbers()?;
        let of = |result: &str| numbers.sum_where("klamm_reloads_total", &format!("result=\"{result}\""));
        let found = (of("ok"), of("failed"), numbers.sum("klamm_reload_differences"));
        ensure!(found == expected, "succeeded, failed, differences: {found:?}");
        Ok(())
    })
}

fn said(gateway: &Gateway, what: &str) -> Fallible<()> {
    until(&format!("the log says {what:?}"), patience(10), || {
        ensure!(gateway.log().contains(what), "it says\n{}", gateway.log());
        Ok(())
    })
}

fn systemd_is_told(world: &World, settings: &Settings<'_>) -> Fallible<()> {
    let folder = tempfile::tempdir_in(world.folder())?;
    let [file, log, path] = ["klamm.yaml", "log", "notify"].map(|name| folder.path().join(name));
    let socket = UnixDatagram::bind(&path)?;
    socket.set_read_timeout(Some(patience(20)))?;
    fs::write(&file, settings.yaml())?;
    let mut command = Command::new(BINARY);
    let process = Process::start(command.arg("run").arg(&file).env("NOTIFY_SOCKET", &path), &log)?;
    let told = || -> Fallible<Vec<String>> {
        let mut bytes = [0; 4096];
        let count = socket.recv(&mut bytes).map_err(|error| format!("nothing is told: {error}\n{}", process.log()))?;
        Ok(String::from_utf8_lossy(&bytes[..count]).lines().map(str::to_owned).collect())
    };
    ensure!(told()?.contains(&"READY=1".to_owned()), "the start is not told");
    for (yaml, status) in
        [(settings.yaml(), "STATUS=serving"), ("nonsense".to_owned(), "STATUS=serving; the last reload failed")]
    {
        fs::write(&file, yaml)?;
        process.signal("HUP")?;
        let begun = told()?;
        let when = begun.iter().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")?.parse::<u64>().ok());
        ensure!(begun.contains(&"RELOADING=1".to_owned()) && when.is_some_and(|when| when > 0), "told {begun:?}");
        let ended = told()?;
        ensure!(ended.contains(&"READY=1".to_owned()) && ended.contains(&status.to_owned()), "told {ended:?}");
    }
    Ok(())
}
