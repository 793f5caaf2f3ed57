//! Where TLS is spoken: from accept to plaintext, and to where the connection goes. The ClientHello is kept as it arrives,
//! the name in it chooses the virtual cluster, then hands are shaken.
//!
//! Owns the order of these steps and their deadlines. Nothing of a backend is touched for a client that has not shaken hands.

use std::future::{Future as _, poll_fn};
use std::io::IoSlice;
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

use super::context::{Context, Held};
use super::opening::{read_some, still_serving};
use super::story::{Story, Tls};
use super::{broken, close};
use crate::metrics::{Cause, Numbers};
use crate::net::{Socket, Then, Timer};
use crate::rewrite::{self, Opening};
use crate::route::{Destination, NoDestination, TlsDoor};
use crate::tls::{
    Alert, Fault, HELLO_BYTES_MAX, Hello, HelloFault, HelloReader, Pump, ServerSide, alert_record, begins_like_tls,
};

/// Bytes that tell Kafka, HTTP and others apart.
const STRANGER_BYTES: usize = 4;

/// A connection that was let in.
pub(super) struct Entered {
    /// Where it goes.
    pub destination: Destination,
    /// What was read of its first request.
    pub first: Vec<u8>,
}

/// What a connection begins with.
enum Beginning {
    Hello(Box<Hello>),
    Plain,
}

/// Lets a client in: `client` carries plaintext then.
///
/// # Errors
///
/// The cause with which the connection must be closed; the client was told in TLS where it speaks it.
pub(super) async fn enter(
    context: &Context,
    door: &TlsDoor,
    client: &mut Socket,
    story: &mut Story,
) -> Result<Entered, Cause> {
    let mut held = Held::new(context);
    let mut kept = Vec::new();
    match beginning(context, client, &mut kept, &mut held).await {
        Ok(Beginning::Plain) => enter_plain(context, door, story, kept),
        Ok(Beginning::Hello(hello)) => {
            let entered = enter_secure(context, door, client, story, (hello, kept), &mut held).await;
            entered.inspect_err(|_| Numbers::count(&context.numbers.tls_handshake_failures, 1))
        }
        Err(Refusal { cause, alert }) => {
            if let Some(alert) = alert {
                Numbers::count(&context.numbers.tls_handshake_failures, 1);
                refuse(context, client, alert).await;
            }
            Err(cause)
        }
    }
}

/// Why a beginning is none, and what the client is told in TLS.
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
        Refusal { cause: broken::hello(fault), alert: Some(fault.alert()) }
    }
}

/// Reads until it is clear what the connection begins with.
async fn beginning(
    context: &Context,
    client: &Socket,
    kept: &mut Vec<u8>,
    held: &mut Held<'_>,
) -> Result<Beginning, Refusal> {
    let timer = Timer::new(&context.net);
    let accepted = context.net.now();
    let mut began: Option<Instant> = None;
    let mut reader = HelloReader::default();
    poll_fn(|cx| {
        loop {
            // One byte more than may be kept is enough to know that it is too much.
            match read_some(context, client, kept, HELLO_BYTES_MAX + 1) {
                None => break,
                Some(Ok(0)) => return Poll::Ready(Err(ended(kept).into())),
                Some(Ok(_)) => {
                    began.get_or_insert(context.net.now());
                    match look(kept, &mut reader).transpose() {
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
            Some(began) => (began + context.limits.hello, late(kept)),
        };
        timer.poll_at(limit, cx).map(|()| Err(cause.into()))
    })
    .await
}

/// What was kept begins with; `None`: not enough to tell.
fn look(kept: &[u8], reader: &mut HelloReader) -> Result<Option<Beginning>, Refusal> {
    match kept.first() {
        None => Ok(None),
        Some(first) if begins_like_tls(*first) => Ok(reader.read(kept)?.map(|hello| Beginning::Hello(Box::new(hello)))),
        Some(_) => Ok((kept.len() >= STRANGER_BYTES).then_some(Beginning::Plain)),
    }
}

fn is_tls(kept: &[u8]) -> bool {
    kept.first().is_some_and(|first| begins_like_tls(*first))
}

fn ended(kept: &[u8]) -> Cause {
    match kept {
        [] => Cause::ClientClosed,
        kept if is_tls(kept) => Cause::TlsHandshakeCut,
        [..] => Cause::RequestCut,
    }
}

fn late(kept: &[u8]) -> Cause {
    if is_tls(kept) { Cause::TlsHelloDeadline } else { Cause::RequestTooSlow }
}

/// A client that speaks no TLS.
fn enter_plain(context: &Context, door: &TlsDoor, story: &mut Story, first: Vec<u8>) -> Result<Entered, Cause> {
    match &door.mapped {
        Some(destination) if door.allow_plaintext => {
            story.counts.client_bytes_in += first.len() as u64;
            Numbers::count(&context.numbers.client_bytes_in, first.len() as u64);
            Ok(Entered { destination: destination.clone(), first })
        }
        Some(_) | None => match rewrite::opening(&first, context.limits.frame_bytes_max) {
            Err(stranger @ (Cause::HttpOnKafkaPort | Cause::SshOnKafkaPort | Cause::ProxyHeader)) => Err(stranger),
            Ok(Opening::Request | Opening::TooShort) | Err(_) => Err(Cause::PlainOnTlsPort),
        },
    }
}

async fn enter_secure(
    context: &Context,
    door: &TlsDoor,
    client: &mut Socket,
    story: &mut Story,
    (hello, kept): (Box<Hello>, Vec<u8>),
    held: &mut Held<'_>,
) -> Result<Entered, Cause> {
    let name = hello.server_name.as_ref();
    let tls = story.tls.insert(Box::default());
    tls.server_name = name.map(|name| name.as_str().into());
    let destination = match door.destination(name.map(|name| name.as_bytes())) {
        Ok(destination) => destination,
        Err(nowhere) => {
            refuse(context, client, Alert::UnrecognizedName).await;
            return Err(match nowhere {
                NoDestination::UnknownName => Cause::TlsUnknownServerName,
                NoDestination::NoName => Cause::TlsNoServerName,
            });
        }
    };
    let side = context.server_side(door.listener).ok_or(Cause::TlsInternal)?;
    let pump = Pump::server(side.config.clone()).map_err(broken::of_fault)?;
    client.begin_tls(pump, kept);
    if let Err(cause) = shake(context, client, held).await {
        // What the client has sent behind must not destroy the alert on its way.
        client.end_tls();
        close::linger(context, client).await;
        return Err(cause);
    }
    agreed(context, client, &side, tls)?;
    Ok(Entered { destination, first: Vec::new() })
}

async fn shake(context: &Context, client: &Socket, held: &mut Held<'_>) -> Result<(), Cause> {
    let timer = Timer::new(&context.net);
    let deadline = context.net.now() + context.limits.handshake;
    let mut shaking = pin!(client.handshake());
    poll_fn(|cx| {
        still_serving(context)?;
        match shaking.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(done.map_err(|error| broken::handshake(&error))),
            Poll::Pending => {
                held.set(client.held() as u64)?;
                timer.poll_at(deadline, cx).map(|()| Err(Cause::TlsHandshakeDeadline))
            }
        }
    })
    .await
}

/// Counts what was agreed on, and finds out who the client is.
fn agreed(context: &Context, client: &Socket, side: &ServerSide, told: &mut Tls) -> Result<(), Cause> {
    let pump = client.tls().ok_or(broken::of_fault(Fault::Internal))?;
    let numbers = &context.numbers;
    let count = if pump.is_resumed() { &numbers.tls_handshakes_resumed } else { &numbers.tls_handshakes_full };
    Numbers::count(count, 1);
    (told.version, told.resumed) = (pump.version(), Some(pump.is_resumed()));
    if let Some(certificate) = pump.peer_certificate() {
        told.principal = Some(side.principal(certificate).map_err(|_| Cause::TlsNoPrincipal)?.into());
    }
    Ok(())
}

/// Tells a client with which no handshake was begun why, and waits until it has ended its side too.
async fn refuse(context: &Context, client: &Socket, alert: Alert) {
    // A client that takes not even this will not know.
    let _ = client.write(&[IoSlice::new(&alert_record(alert))], Then::Nothing);
    close::linger(context, client).await;
}
