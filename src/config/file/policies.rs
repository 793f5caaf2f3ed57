//! `listeners[].policies` as they are written, and in which order they make sense.

use super::listener::PortMapping;
use super::sni::SniEntry;
use super::tls::TlsServerEntry;
use crate::config::context::Context;
use crate::config::faults::Spot;
use crate::config::reader::{Fields, Item};

const FORWARD: &str = "forward_to_virtual_cluster";
const TLS_SERVER: &str = "tls_server";

/// The policies of one listener.
#[derive(Debug, Default)]
pub(in crate::config) struct Policies {
    pub tls: Option<TlsServerEntry>,
    /// In their order; none behind a port mapping.
    pub forwards: Vec<ForwardEntry>,
    /// Every policy could be read.
    pub whole: bool,
}

/// A `forward_to_virtual_cluster` policy.
#[derive(Debug)]
pub(in crate::config) enum ForwardEntry {
    PortMapping(PortMapping),
    Sni(SniEntry),
}

impl ForwardEntry {
    pub fn spot(&self) -> &Spot {
        match self {
            ForwardEntry::PortMapping(mapping) => &mapping.spot,
            ForwardEntry::Sni(sni) => &sni.spot,
        }
    }
}

enum Policy {
    TlsServer(TlsServerEntry),
    Forward(ForwardEntry),
}

impl Policies {
    pub fn read(list: &Item<'_>, cx: &mut Context) -> Option<Policies> {
        let items = list.list("a list of policies", cx)?;
        if items.is_empty() {
            list.fault(cx, "is empty, so that no connection would go anywhere; write a forward_to_virtual_cluster");
        }
        let mut policies = Policies { whole: !items.is_empty(), ..Policies::default() };
        for item in items {
            let added = read_policy(&item, cx).is_some_and(|policy| policies.add(policy, &item, cx));
            policies.whole &= added;
        }
        if policies.whole {
            policies.whole = policies.check_together(list, cx);
        }
        Some(policies)
    }

    /// Whether the policy may stand behind those before it; a fault is reported where it may not.
    fn add(&mut self, policy: Policy, item: &Item<'_>, cx: &mut Context) -> bool {
        let wrong = match (&policy, self.forwards.last(), &self.tls) {
            (Policy::Forward(ForwardEntry::PortMapping(_)), Some(ForwardEntry::PortMapping(first)), _) => {
                format!("is a second port mapping beside {}; a listener has at most one", first.spot.path)
            }
            (_, Some(ForwardEntry::PortMapping(first)), _) => format!(
                "is never reached: {} takes every connection; write the port mapping behind all others",
                first.spot.path
            ),
            (Policy::TlsServer(_), Some(first), _) => {
                format!("stands behind {}, which needs its host names; write the tls_server first", first.spot().path)
            }
            (Policy::TlsServer(_), None, Some(first)) => format!(
                "is a second tls_server beside {}; a listener has one, with as many certificates as it needs",
                first.spot.path
            ),
            (Policy::TlsServer(_) | Policy::Forward(_), _, _) => {
                match policy {
                    Policy::TlsServer(tls) => self.tls = Some(tls),
                    Policy::Forward(forward) => self.forwards.push(forward),
                }
                return true;
            }
        };
        item.fault(cx, wrong);
        false
    }

    /// What follows from all of them.
    fn check_together(&self, list: &Item<'_>, cx: &mut Context) -> bool {
        let Some(tls) = &self.tls else {
            let sni = self.forwards.iter().find(|forward| matches!(forward, ForwardEntry::Sni(_)));
            if let Some(sni) = sni {
                let message = "goes by the host names that clients ask for in TLS, and this listener has no TLS; write a \
                               tls_server before it";
                cx.fault(sni.spot(), message);
            }
            return sni.is_none();
        };
        let mapped = matches!(self.forwards.last(), Some(ForwardEntry::PortMapping(_)));
        match (&*self.forwards, &tls.plaintext_spot) {
            ([], _) => list.fault(cx, "has no forward_to_virtual_cluster, so that no connection would go anywhere; write one"),
            ([..], Some(spot)) if !mapped => cx.fault(
                spot,
                "lets in connections that go nowhere: without TLS there is no host name to go by; write false, or a port \
                 mapping behind the other policies",
            ),
            ([..], _) => return true,
        }
        false
    }
}

fn read_policy(item: &Item<'_>, cx: &mut Context) -> Option<Policy> {
    let mut fields = item.fields("a policy: type, config", cx)?;
    let is_tls = chosen_type(&mut fields, &[(FORWARD, false), (TLS_SERVER, true)], &[], cx)?;
    let example = if is_tls { "{certificates: ...}" } else { "{type: port_mapping, ...}" };
    let config = fields.require("config", example, cx);
    fields.done(&[], cx);
    let config = config?;
    if is_tls {
        return TlsServerEntry::read(&config, cx).map(Policy::TlsServer);
    }
    read_forward(&config, cx).map(Policy::Forward)
}

fn read_forward(item: &Item<'_>, cx: &mut Context) -> Option<ForwardEntry> {
    let mut fields = item.fields("a map: type, destination, advertised_host, ...", cx)?;
    match chosen_type(&mut fields, &[("port_mapping", false), ("sni", true)], &["principal"], cx)? {
        true => SniEntry::read(fields, cx).map(ForwardEntry::Sni),
        false => Some(ForwardEntry::PortMapping(PortMapping::read(fields, cx))),
    }
}

/// What `type` says, or the first of `built` where it is missing, which was reported. Under any other type the other keys mean
/// something else, and nothing can be said of them.
fn chosen_type<T: Copy>(
    fields: &mut Fields<'_>,
    built: &[(&'static str, T)],
    later: &[&str],
    cx: &mut Context,
) -> Option<T> {
    let (first, value) = built.first()?;
    match fields.require("type", first, cx) {
        Some(item) => item.choice(built, later, cx),
        None => Some(*value),
    }
}
