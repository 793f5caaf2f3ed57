//! Family 12, names: what a client asks for is a name of one virtual cluster, whole, or nothing. No address, no part of a
//! name, no second way to write one and no broken hello leads anywhere, and none of them falls into the victim's.

use std::io::Write as _;

use super::ground::Ground;
use crate::ensure;
use crate::harness::hello::{Hello, PROTOCOLS, Reply, SERVER_NAME, reply};
use crate::harness::hosts::SUFFIX;
use crate::harness::tools::patience;
use crate::harness::wire::socket;
use crate::harness::{Fallible, World, until};

/// RFC 8446, 6.2.
const UNRECOGNIZED_NAME: u8 = 112;
/// Bytes of a hello at most.
const HELLO_BYTES_MAX: usize = 64 << 10;

/// What differs from a name by little; VICTIM stands for the victim's label, SUFFIX for the listener's suffix.
const NEARLY: [&str; 28] = [
    "127.0.0.1",
    "::1",
    "",
    ".",
    "VICTIM",
    "VICTIMSUFFIX",
    "SUFFIX",
    "bootstrap",
    "bootstrap.VICTIM",
    "bootstrap.VICTIM.",
    "bootstrapVICTIMSUFFIX",
    "bootstrap-VICTIMSUFFIX",
    "bootstrap..VICTIMSUFFIX",
    "bootstrap.VICTIMSUFFIX..",
    ".bootstrap.VICTIMSUFFIX",
    "a.bootstrap.VICTIMSUFFIX",
    "bootstrap.a.VICTIMSUFFIX",
    "bootstrap.VICTIM.aSUFFIX",
    "bootstrap.VICTIMSUFFIX.a",
    "bootstrap.VICTIMSUFFIXa",
    "*.VICTIMSUFFIX",
    "broker-.VICTIMSUFFIX",
    "broker-01.VICTIMSUFFIX",
    "broker--1.VICTIMSUFFIX",
    "broker-+1.VICTIMSUFFIX",
    "broker-2147483648.VICTIMSUFFIX",
    "broker-1.VICTIM\0SUFFIX",
    "broker-1.VICTIM SUFFIX",
];

pub fn run(world: &World) -> Fallible<()> {
    let ground = Ground::of(world)?;
    let hello = Hello::of(&world.material()?.config())?;
    let send = |bytes: &[u8]| -> Fallible<Reply> {
        let mut stream = socket(&format!("127.0.0.1:{}", ground.names_port))?;
        stream.write_all(bytes)?;
        Ok(reply(&mut stream))
    };
    ground.attack(world, || {
        let refused = || ground.gateway.numbers().map(|numbers| numbers.sum("klamm_tls_handshake_failures_total"));
        let (before, mut sent) = (refused()?, 0);
        let mut refuse = |what: &str, bytes: &[u8], alerts: &[u8]| -> Fallible<()> {
            let got = send(bytes)?;
            sent += 1;
            ensure!(matches!(got, Reply::Alert(alert) if alerts.contains(&alert)), "{what}: {got:?}");
            Ok(())
        };
        for nearly in NEARLY {
            let name = nearly.replace("VICTIM", "victim").replace("SUFFIX", SUFFIX);
            refuse(nearly, &hello.clone().asking_for(&[name.as_bytes()]).records(), &[UNRECOGNIZED_NAME, 47, 50])?;
        }
        let own = format!("bootstrap.attacker{SUFFIX}");
        let theirs = format!("bootstrap.victim{SUFFIX}");
        let (own, theirs) = (own.as_bytes(), theirs.as_bytes());
        let asking = hello.clone().asking_for(&[own]);
        refuse("no name", &hello.clone().without(SERVER_NAME).records(), &[UNRECOGNIZED_NAME])?;
        refuse("two names", &hello.clone().asking_for(&[own, theirs]).records(), &[47, 50])?;
        let list = [&[0, 0, 0][..], &[0, 1, 0]].concat();
        refuse("two lists", &asking.clone().with(SERVER_NAME, list).records(), &[47, 50])?;
        refuse("a long name", &hello.clone().asking_for(&[&[b'a'; 300]]).records(), &[UNRECOGNIZED_NAME, 47, 50])?;
        let padding = vec![0; HELLO_BYTES_MAX - 300];
        refuse(
            "more than 64 KiB",
            &asking.clone().with(21, padding.clone()).with(21, padding).records(),
            &[47, 50, 10],
        )?;

        // What is a name of the attacker's own, in each way that it may be written, and junk that means nothing here.
        let shouted = own.to_ascii_uppercase();
        let dotted = [own, b"."].concat();
        for (what, hello) in [
            ("the own name", asking.clone()),
            ("upper case", hello.clone().asking_for(&[&shouted])),
            ("a dot behind it", hello.clone().asking_for(&[&dotted])),
            ("protocols of others", asking.clone().with(PROTOCOLS, b"\0\x0c\x02h2\x08http/1.1".to_vec())),
            ("60 KiB of padding", asking.clone().with(21, vec![0; 60 << 10])),
        ] {
            let got = send(&hello.records())?;
            sent += usize::from(got == Reply::GoesOn);
            ensure!(got == Reply::GoesOn, "{what}: {got:?}");
        }
        // Those that went on were left by us in the middle: each is a failure, too.
        until("each is counted", patience(10), || {
            let counted = refused()? - before;
            ensure!(counted == sent as f64, "{counted} of {sent}");
            Ok(())
        })
    })
}
