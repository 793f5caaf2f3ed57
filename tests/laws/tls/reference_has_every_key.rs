//! `config/reference-tls.yaml` loads, has every key of TLS and host names, and says the truth of each.

use super::material::{Authority, Folder};
use crate::reference_support::{keys, with_unknown_key, without};

const REFERENCE: &str = include_str!("../../../config/reference-tls.yaml");

fn folder() -> Folder {
    let (folder, authority) = (Folder::new(), Authority::new("test authority"));
    std::fs::create_dir(folder.path().join("tls")).unwrap();
    for name in ["tls/backend-ca.pem", "tls/clients-ca.pem"] {
        folder.write(name, &authority.pem());
    }
    folder.write("tls/clients.crl", &authority.revoke(&[]));
    folder.write_issued("tls/klamm", &authority.client("klamm", 1));
    let names = ["*.kafka.example", "*.alice.kafka.example"];
    folder.write_issued("tls/wildcard", &authority.issue(&names, |_| {}));
    folder
}

#[test]
fn each_key_may_be_left_out_as_it_says() {
    let folder = folder();
    let whole = folder.load(REFERENCE).unwrap_or_else(|faults| panic!("{faults}"));
    for key in keys(REFERENCE) {
        let left = folder.load(&without(REFERENCE, &key));
        let (name, line) = (key.name, key.line + 1);
        match key.word {
            "default" => assert_eq!(left.as_ref(), Ok(&whole), "{name} on line {line}"),
            "required" => assert!(left.is_err(), "{name} on line {line} may be left out"),
            "optional" => assert!(left.is_ok_and(|left| left != whole), "{name} on line {line}"),
            word => panic!("{name} on line {line} says {word:?}"),
        }
    }
}

#[test]
fn every_key_that_is_known_stands_in_it() {
    let folder = folder();
    let other = include_str!("../../../config/reference.yaml");
    let present: Vec<&str> = keys(REFERENCE).iter().chain(&keys(other)).map(|key| key.name).collect();
    let mut maps = 0;
    for key in keys(REFERENCE) {
        let Err(faults) = folder.load(&with_unknown_key(REFERENCE, &key)) else { continue };
        for fault in &faults {
            let Some((_, known)) = fault.message().split_once("known here: ") else { continue };
            maps += 1;
            for known in known.split(", ") {
                assert!(present.contains(&known), "{known} of {} is in no reference", fault.path());
            }
        }
    }
    assert!(maps > 20, "{maps}");
}
