//! The TLS handshake with a client, and the route of its connection: the ClientHello is kept as it arrives, the host name in
//! it chooses the virtual cluster, then the handshake is done.
//!
//! Owns the order of these steps and their deadlines. No backend is dialled before the handshake is done.

use std::future::{Future as _, poll_fn};
use std::io::IoSlice;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use super::connect::{read_some, still_serving};
use super::connection::Connection;
use super::context::{Context, HeldMemory};
use super::relay::Counts;
use super::{close, close_cause};
use crate::auth::Identity;
use crate::metrics::{Cause, Numbers};
use crate::net::{Socket, Then, Timer};
use crate::rewrite::{self, Opening};
use crate::route::{Destination, NoDestination, TlsIngress};
use crate::tls::{
    Alert, CertifiedClient, Fault, HELLO_BYTES_MAX, Hello, HelloFault, HelloReader, ServerTlsConfig, TlsConnection,
    alert_record, begins_like_tls,
};

/// Bytes that are enough to distinguish Kafka, HTTP and other protocols.
const PROTOCOL_BYTES: usize = 4;

/// A connection whose route is known.
pub(super) struct Routed {
    /// Where it goes.
    pub destination: Destination,
    /// What was read of its first request.
    pub first: Vec<u8>,
}

/// What a connection begins with.
enum FirstBytes {
    Hello(Box<Hello>),
    Plain,
}

/// Does the handshake and finds the route; from then on `client` carries plaintext.
///
/// # Errors
///
/// The cause with which the connection must be closed; a client that speaks TLS was sent an alert.
pub(super) async fn accept(
    context: &Context,
    (ingress, server_tls): (&TlsIngress, Option<Arc<ServerTlsConfig>>),
    client: &mut Socket,
    connection: &mut Connection,
    counts: &mut Counts,
) -> Result<Routed, Cause> {
    let mut held = HeldMemory::new(context);
    let mut kept = Vec::new();
    match read_first_bytes(context, client, &mut kept, &mut held).await {
        Ok(FirstBytes::Plain) => accept_plain(context, ingress, counts, kept),
        Ok(FirstBytes::Hello(hello)) => {
            let routed = accept_tls(context, (ingress, server_tls), client, connection, (hello, kept), &mut held).await;
            routed.inspect_err(|_| Numbers::count(&context.numbers.tls_handshake_failures, 1))
        }
        Err(Refusal { cause, alert }) => {
            if let Some(alert) = alert {
                Numbers::count(&context.numbers.tls_handshake_failures, 1);
                send_alert(context, client, alert).await;
            }
            Err(cause)
        }
    }
}

/// Why a connection is refused, and the alert that is sent to the client.
struct Refusal {
    cause: Cause,
    alert: Option<Alert>,
}

impl From<Cause> for Refusal {
    fn from(cause: Cause) -> Refusal {
        Refusal { cause, alert: None }
    }
}

impl From<HelloFault> for Refusal {
    fn from(fault: HelloFault) -> Refusal {
        Refusal { cause: close_cause::of_hello_fault(fault), alert: Some(fault.alert()) }
    }
}

/// Reads until it is clear what the connection begins with.
async fn read_first_bytes(
    context: &Context,
    client: &Socket,
    kept: &mut Vec<u8>,
    held: &mut HeldMemory<'_>,
) -> Result<FirstBytes, Refusal> {
    let timer = Timer::new(&context.net);
    let accepted = context.net.now();
    let mut began: Option<Instant> = None;
    let mut reader = HelloReader::default();
    poll_fn(|cx| {
        loop {
            // One byte more than may be kept is enough to know that it is too much.
            match read_some(context, client, kept, HELLO_BYTES_MAX + 1) {
                None => break,
                Some(Ok(0)) => return Poll::Ready(Err(cause_of_end(kept).into())),
                Some(Ok(_)) => {
                    began.get_or_insert(context.net.now());
                    match classify(kept, &mut reader).transpose() {
                        Some(done) => return Poll::Ready(done),
                        None => held.set(kept.capacity() as u64)?,
                    }
                }
                Some(Err(_)) => return Poll::Ready(Err(Cause::ClientReset.into())),
            }
        }
        still_serving(context)?;
        client.register(cx);
        let (limit, cause) = match began {
            None => (accepted + context.limits.first_byte, Cause::FirstByteDeadline),
            Some(began) => (began + context.limits.hello, cause_of_deadline(kept)),
        };
        timer.poll_at(limit, cx).map(|()| Err(cause.into()))
    })
    .await
}

/// What the bytes begin with; `None`: there are too few to know.
fn classify(kept: &[u8], reader: &mut HelloReader) -> Result<Option<FirstBytes>, Refusal> {
    match kept.first() {
        None => Ok(None),
        Some(first) if begins_like_tls(*first) => {
            Ok(reader.read(kept)?.map(|hello| FirstBytes::Hello(Box::new(hello))))
        }
        Some(_) => Ok((kept.len() >= PROTOCOL_BYTES).then_some(FirstBytes::Plain)),
    }
}

fn is_tls(kept: &[u8]) -> bool {
    kept.first().is_some_and(|first| begins_like_tls(*first))
}

fn cause_of_end(kept: &[u8]) -> Cause {
    match kept {
        [] => Cause::ClientClosed,
        kept if is_tls(kept) => Cause::TlsHandshakeCut,
        [..] => Cause::RequestCut,
    }
}

fn cause_of_deadline(kept: &[u8]) -> Cause {
    if is_tls(kept) { Cause::TlsHelloDeadline } else { Cause::RequestTooSlow }
}

/// A client that speaks no TLS.
fn accept_plain(context: &Context, ingress: &TlsIngress, counts: &mut Counts, first: Vec<u8>) -> Result<Routed, Cause> {
    match &ingress.by_port {
        Some(destination) if ingress.allow_plaintext => {
            counts.client_bytes_in += first.len() as u64;
            Numbers::count(&context.numbers.client_bytes_in, first.len() as u64);
            Ok(Routed { destination: destination.clone(), first })
        }
        Some(_) | None => match rewrite::opening(&first, context.limits.frame_bytes_max) {
            Err(other @ (Cause::HttpOnKafkaPort | Cause::SshOnKafkaPort | Cause::ProxyHeader)) => Err(other),
            Ok(Opening::Request | Opening::TooShort) | Err(_) => Err(Cause::PlainOnTlsPort),
        },
    }
}

async fn accept_tls(
    context: &Context,
    (ingress, server_tls): (&TlsIngress, Option<Arc<ServerTlsConfig>>),
    client: &mut Socket,
    connection: &mut Connection,
    (hello, kept): (Box<Hello>, Vec<u8>),
    held: &mut HeldMemory<'_>,
) -> Result<Routed, Cause> {
    let name = hello.server_name.as_ref();
    connection.tls.insert(Box::default()).server_name = name.map(|name| name.as_str().into());
    let destination = match ingress.destination(name.map(|name| name.as_bytes())) {
        Ok(destination) => destination,
        Err(no_destination) => {
            send_alert(context, client, Alert::UnrecognizedName).await;
            return Err(match no_destination {
                NoDestination::UnknownName => Cause::TlsUnknownServerName,
                NoDestination::NoName => Cause::TlsNoServerName,
            });
        }
    };
    let config = server_tls.ok_or(Cause::TlsInternal)?;
    let handshaking = TlsConnection::server(config.config.clone()).map_err(close_cause::of_tls_fault)?;
    client.begin_tls(handshaking, kept);
    if let Err(cause) = handshake(context, client, held).await {
        // What the client has sent behind must not destroy the alert on its way.
        client.end_tls();
        close::linger(context, client).await;
        return Err(cause);
    }
    record_handshake(context, client, &config, connection)?;
    Ok(Routed { destination, first: Vec::new() })
}

async fn handshake(context: &Context, client: &Socket, held: &mut HeldMemory<'_>) -> Result<(), Cause> {
    let timer = Timer::new(&context.net);
    let deadline = context.net.now() + context.limits.handshake;
    let mut handshaking = pin!(client.handshake());
    poll_fn(|cx| {
        still_serving(context)?;
        match handshaking.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(done.map_err(|error| close_cause::of_handshake_error(&error))),
            Poll::Pending => {
                held.set(client.held_bytes() as u64)?;
                timer.poll_at(deadline, cx).map(|()| Err(Cause::TlsHandshakeDeadline))
            }
        }
    })
    .await
}

/// Counts the handshake, and notes the version and who the client is.
fn record_handshake(
    context: &Context,
    client: &Socket,
    config: &ServerTlsConfig,
    connection: &mut Connection,
) -> Result<(), Cause> {
    let tls = client.tls().ok_or(close_cause::of_tls_fault(Fault::Internal))?;
    let numbers = &context.numbers;
    let count = if tls.is_resumed() { &numbers.tls_handshakes_resumed } else { &numbers.tls_handshakes_full };
    Numbers::count(count, 1);
    if let Some(facts) = &mut connection.tls {
        (facts.version, facts.resumed) = (tls.version(), Some(tls.is_resumed()));
    }
    if let Some(certificate) = tls.peer_certificate() {
        let CertifiedClient { principal, not_after } = config.client(certificate).map_err(|_| Cause::TlsNoPrincipal)?;
        connection.identity = Identity::of_certificate(principal, not_after);
    }
    Ok(())
}

/// Sends an alert to a client with which no handshake was begun, and waits until the client has ended its direction too.
async fn send_alert(context: &Context, client: &Socket, alert: Alert) {
    // A client that takes not even this will not know.
    let _ = client.write(&[IoSlice::new(&alert_record(alert))], Then::Nothing);
    close::linger(context, client).await;
}
