//! The certificates that are shown to others, and what is said of those that are, or soon will be, refused.
//!
//! Owns how early a warning comes. May not read the clock.

use std::sync::Arc;

use super::faults::counted;
use super::snapshot::Snapshot;
use super::tls::Identity;

/// A certificate that ends sooner is warned of: those that are renewed by themselves are renewed earlier.
const WARNING_DAYS: i64 = 30;
const DAY_SECONDS: i64 = 86_400;
/// Certificates that are logged one by one, those that end first; a listener may have thousands.
const LOGGED_MAX: usize = 16;

/// Who shows a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The listener of this name, to clients.
    Listener(Arc<str>),
    /// Klamm itself, to the nodes of the backend cluster of this name.
    BackendCluster(Arc<str>),
}

/// What is said of a certificate, or of some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidityNotice {
    /// Whoever verifies it refuses it now.
    pub refused: bool,
    /// A sentence: which one, and what to do.
    pub text: String,
}

/// The certificates that `snapshot` shows to others.
pub fn identities(snapshot: &Snapshot) -> impl Iterator<Item = (Holder, &Identity)> {
    let of_listeners = snapshot.listeners.iter().flat_map(|listener| {
        let certificates = listener.tls.iter().flat_map(|tls| &tls.certificates);
        certificates.map(|identity| (Holder::Listener(listener.name.clone()), identity))
    });
    let of_backends = snapshot.backend_clusters.iter().filter_map(|backend| {
        let identity = backend.tls.as_ref()?.client_identity.as_ref()?;
        Some((Holder::BackendCluster(backend.name.clone()), identity))
    });
    of_listeners.chain(of_backends)
}

/// What is to be said of the certificates of `snapshot` at `now`, in Unix time; those that end first come first.
pub fn validity(snapshot: &Snapshot, now: i64) -> Vec<ValidityNotice> {
    let noticed = identities(snapshot).filter_map(|(holder, identity)| {
        let notice = notice(&holder, identity, now)?;
        Some((identity.facts.not_after, notice))
    });
    let mut noticed: Vec<(i64, ValidityNotice)> = noticed.collect();
    noticed.sort_by_key(|(not_after, _)| *not_after);
    let mut notices: Vec<ValidityNotice> = noticed.into_iter().map(|(_, notice)| notice).collect();
    if notices.len() > LOGGED_MAX {
        let more = notices.split_off(LOGGED_MAX);
        let refused = more.iter().any(|notice| notice.refused);
        let text = format!("{} more must be renewed", counted(more.len(), "certificate"));
        notices.push(ValidityNotice { refused, text });
    }
    notices
}

fn notice(holder: &Holder, identity: &Identity, now: i64) -> Option<ValidityNotice> {
    let (whose, effect) = match holder {
        Holder::Listener(name) => (format!("of the listener \"{name}\""), "clients refuse it"),
        Holder::BackendCluster(name) => (format!("shown to the backend cluster \"{name}\""), "its nodes refuse it"),
    };
    let name = &identity.certificate_written;
    let facts = &identity.facts;
    let refused = |what: &str| {
        let text = format!("the certificate {name} {whose} {what}");
        Some(ValidityNotice { refused: true, text })
    };
    if facts.not_after < now {
        return refused(&format!("has expired: {effect}; renew it"));
    }
    if facts.not_before > now {
        return refused(&format!("is not valid yet: {effect}; look at this machine's clock"));
    }
    let days = (facts.not_after - now) / DAY_SECONDS;
    let left = if days == 0 { "within a day".to_owned() } else { format!("in {}", counted(days as usize, "day")) };
    let text = format!("the certificate {name} {whose} expires {left}; renew it");
    (days < WARNING_DAYS).then_some(ValidityNotice { refused: false, text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_bytes;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use std::path::Path;

    /// 2030-01-01.
    const NEW_YEAR: i64 = 1_893_456_000;

    /// A listener with that many certificates, all valid in 2029.
    fn snapshot(certificates: usize) -> Snapshot {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["here.example".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2029, 1, 1), date_time_ymd(2030, 1, 1));
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        write("c.pem", params.self_signed(&key).unwrap().pem());
        write("c.key", key.serialize_pem());
        let one = "{certificate: \"${file['c.pem']}\", key: \"${file['c.key']}\"}";
        let text = format!(
            "backend_clusters: [{{name: lab, bootstrap_servers: [\"kafka:9092\"], tls: {{insecure_skip_verify: true, client_identity: \
             {one}}}}}]\nlisteners:\n  - name: door\n    addresses: [\"127.0.0.1\"]\n    ports: [\"9094-9095\"]\n    policies:\n      - {{type: \
             tls_server, config: {{certificates: [{}]}}}}\n      - {{type: forward_to_virtual_cluster, config: {{type: port_mapping, \
             advertised_host: here.example}}}}\n",
            vec![one; certificates].join(", ")
        );
        let path: &Path = &folder.path().join("klamm.yaml");
        load_bytes(path, text.as_bytes()).unwrap_or_else(|faults| panic!("{faults}"))
    }

    #[test]
    fn both_sides_are_told_of_before_the_end_and_after_it() {
        let snapshot = snapshot(1);
        let at = |now: i64| validity(&snapshot, now);
        assert_eq!(at(NEW_YEAR - 30 * DAY_SECONDS), []);
        for (before, text) in [(30 * DAY_SECONDS - 1, "in 29 days"), (DAY_SECONDS, "in 1 day;"), (0, "within a day")] {
            let notices = at(NEW_YEAR - before);
            assert!(
                notices.len() == 2 && notices.iter().all(|it| !it.refused && it.text.contains(text)),
                "{notices:?}"
            );
        }
        let ended = at(NEW_YEAR + 1);
        assert!(ended.len() == 2 && ended.iter().all(|it| it.refused), "{ended:?}");
        assert_eq!(
            ended[0].text,
            "the certificate ${file['c.pem']} of the listener \"door\" has expired: clients refuse it; renew it"
        );
        assert!(ended[1].text.contains("shown to the backend cluster \"lab\""), "{ended:?}");
        let early = at(NEW_YEAR - 366 * DAY_SECONDS);
        assert!(
            early.len() == 2 && early.iter().all(|it| it.refused && it.text.contains("not valid yet")),
            "{early:?}"
        );
    }

    #[test]
    fn the_lines_of_many_certificates_are_bounded() {
        let notices = validity(&snapshot(40), NEW_YEAR - DAY_SECONDS);
        assert_eq!(notices.len(), LOGGED_MAX + 1);
        assert_eq!(notices[LOGGED_MAX].text, "25 certificates more must be renewed");
    }
}
