//! The validity of the certificates in a snapshot: for the log, and for the admin address.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::admin::{CertificateReport, Side};
use crate::config::{self, Holder, Snapshot, ValidityNotice};
use crate::x509::Facts;

/// Certificates of one holder that have a series of their own, those that end first; a listener may have thousands.
const SERIES_MAX: usize = 32;
/// Characters of a subject that a label repeats.
const SUBJECT_CHARS_MAX: usize = 128;

/// Logs which certificates others refuse, or will soon.
pub(super) fn log_validity(snapshot: &Snapshot) {
    for notice in notices(snapshot) {
        if notice.refused {
            tracing::error!("{}", notice.text);
        } else {
            tracing::warn!("{}", notice.text);
        }
    }
}

/// The notices about them now.
pub(super) fn notices(snapshot: &Snapshot) -> Vec<ValidityNotice> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    config::validity(snapshot, i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// When each holder's certificates end.
pub(super) fn reports(snapshot: &Snapshot) -> Vec<CertificateReport> {
    let mut holders: BTreeMap<(Side, Arc<str>), BTreeMap<String, i64>> = BTreeMap::new();
    for (holder, identity) in config::identities(snapshot) {
        let holder = match holder {
            Holder::Listener(name) => (Side::Client, name),
            Holder::BackendCluster(name) => (Side::Backend, name),
        };
        let not_after = identity.facts.not_after;
        let ends = holders.entry(holder).or_default().entry(subject(&identity.facts)).or_insert(not_after);
        *ends = not_after.min(*ends);
    }
    let report = |((side, holder), ends): ((Side, Arc<str>), BTreeMap<String, i64>)| {
        let mut subjects: Vec<(String, i64)> = ends.into_iter().collect();
        subjects.sort_by_key(|(_, not_after)| *not_after);
        subjects.truncate(SERIES_MAX);
        CertificateReport { side, holder: holder.to_string(), subjects }
    };
    holders.into_iter().map(report).collect()
}

/// A certificate without a subject is known by its first name.
fn subject(facts: &Facts) -> String {
    let name = if facts.subject.is_empty() { facts.dns_names.first() } else { Some(&facts.subject) };
    name.map(|name| name.chars().take(SUBJECT_CHARS_MAX).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
    use std::path::Path;

    /// A listener with these certificates (file, common name, year in which it ends), and a backend cluster that is shown
    /// the first.
    fn load(folder: &Path, certificates: &[(&str, &str, i32)]) -> Snapshot {
        let mut written = Vec::new();
        for (file, name, year) in certificates {
            let path = folder.join(file);
            if !path.exists() {
                let key = KeyPair::generate().unwrap();
                let mut params = CertificateParams::new(vec!["here.example".to_owned()]).unwrap();
                params.distinguished_name = rcgen::DistinguishedName::new();
                if !name.is_empty() {
                    params.distinguished_name.push(DnType::CommonName, *name);
                }
                params.not_after = date_time_ymd(*year, 1, 1);
                std::fs::write(&path, params.self_signed(&key).unwrap().pem()).unwrap();
                std::fs::write(path.with_extension("key"), key.serialize_pem()).unwrap();
            }
            written.push(format!("{{certificate: \"${{file['{file}']}}\", key: \"${{file['{file}.key']}}\"}}"));
        }
        let text = format!(
            "backend_clusters: [{{name: lab, bootstrap_servers: [\"kafka:9092\"], tls: {{insecure_skip_verify: true, \
             client_identity: {}}}}}]\nlisteners:\n  - name: door\n    addresses: [\"127.0.0.1\"]\n    ports: [\"9094-9095\"]\n    \
             policies:\n      - {{type: tls_server, config: {{certificates: [{}]}}}}\n      - {{type: forward_to_virtual_cluster, \
             config: {{type: port_mapping, advertised_host: here.example}}}}\n",
            written.first().unwrap(),
            written.join(", ")
        );
        let read = config::load_bytes(&folder.join("klamm.yaml"), text.as_bytes());
        read.unwrap_or_else(|faults| panic!("{faults}\n{text}"))
    }

    #[test]
    fn each_subject_is_reported_once_and_those_that_end_first() {
        let folder = tempfile::tempdir().unwrap();
        let at = |year: i64| (year - 1970) * 365 * 86_400; // a little before the year begins
        let named: Vec<String> = (0..40).map(|n| format!("n{n}")).collect();
        let mut certificates = vec![("rsa", "twice", 2050), ("ecdsa", "twice", 2030), ("bare", "", 2031)];
        certificates.extend(named.iter().map(|name| (&**name, &**name, 2040)));
        let reports = reports(&load(folder.path(), &certificates));
        let [client, backend] = &*reports else { panic!("{reports:?}") };
        assert_eq!((client.side, &*client.holder), (Side::Client, "door"));
        assert_eq!(client.subjects.len(), SERIES_MAX);
        let first: Vec<&str> = client.subjects.iter().take(2).map(|(subject, _)| &**subject).collect();
        assert_eq!(first, ["CN=twice", "here.example"], "without a subject, the first name");
        assert!(client.subjects.iter().all(|(_, end)| *end > at(2030) && *end < at(2041)), "{:?}", client.subjects);
        assert_eq!((backend.side, &*backend.holder, backend.subjects.len()), (Side::Backend, "lab", 1));
        assert_eq!(backend.subjects[0].0, "CN=twice");
        assert!(backend.subjects[0].1 > at(2050));
    }
}
