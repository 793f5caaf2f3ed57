//! A port in use, a broken file, a file that is not there: a sentence that says what to change, and exit code 1.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use crate::ensure;
use crate::harness::gateway::{ADVERTISED_HOST, BINARY, Settings};
use crate::harness::process::{self, Finished};
use crate::harness::tools::patience;
use crate::harness::{Fallible, World};

/// Nobody is there; nothing here asks.
const BACKEND: &str = "127.0.0.2:9";

pub fn run(world: &World) -> Fallible<()> {
    port_in_use(world)?;
    let file = world.folder().join("broken.yaml");
    fs::write(
        &file,
        "backend_clusters:\n  - name: lab\n    bootstrap_servers: [nowhere]\n    colour: blue\nlisteners: []\n",
    )?;
    for command in ["check", "run"] {
        let finished = klamm(world, command, &file)?;
        let said = format!("{}{}", finished.stdout, finished.stderr);
        ensure!(finished.status.code() == Some(1), "{command} of a broken file ends with {}", finished.status);
        for part in ["broken.yaml", "colour", "nowhere", "4", "3"] {
            ensure!(said.contains(part), "{command} of a broken file does not say {part:?}:\n{said}");
        }
    }
    let missing = world.folder().join("missing.yaml");
    let finished = klamm(world, "check", &missing)?;
    ensure!(finished.status.code() == Some(1), "check of a missing file ends with {}", finished.status);
    ensure!(finished.stderr.contains("missing.yaml"), "check of a missing file says:\n{}", finished.stderr);

    let good = world.folder().join("good.yaml");
    fs::write(&good, Settings::of(BACKEND).yaml())?;
    let finished = klamm(world, "check", &good)?;
    ensure!(finished.status.success(), "check of a good file: {}\n{}", finished.status, finished.stderr);
    Ok(())
}

fn port_in_use(world: &World) -> Fallible<()> {
    let settings = Settings::of(BACKEND);
    let taken = settings.port + 2;
    let _listener = TcpListener::bind((ADVERTISED_HOST, taken))?;
    let gateway = world.own(&settings)?;
    let code = gateway.wait_end(patience(10))?;
    let said = gateway.log();
    ensure!(code == Some(1), "with a port in use it ends with {code:?}:\n{said}");
    let named = said.contains(&taken.to_string()) && said.contains("in use");
    ensure!(named, "the port in use is not named:\n{said}");
    Ok(())
}

fn klamm(world: &World, command: &str, file: &std::path::Path) -> Fallible<Finished> {
    process::run(Command::new(BINARY).arg(command).arg(file), b"", world.folder(), patience(20))
}
