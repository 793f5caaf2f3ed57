//! A bare server of rustls: what the same library costs with nothing around it. It accepts one connection after the other,
//! shakes hands, reads until the other side ends, and closes.
//!
//! Owns the child that this program becomes.

use crate::error::{Context, Error, Result};
use rustls::crypto::aws_lc_rs::{self, Ticketer};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::{ServerConfig, ServerConnection};
use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// The server's arguments.
#[derive(clap::Args, Debug)]
pub struct BareArgs {
    /// Where it listens.
    #[arg(long)]
    address: SocketAddr,
    /// PEM.
    #[arg(long)]
    certificate: PathBuf,
    /// PEM.
    #[arg(long)]
    key: PathBuf,
}

/// Becomes the server; ends with its process.
pub fn become_bare(args: &BareArgs) -> ExitCode {
    let Err(error) = serve(args);
    eprintln!("{error}");
    ExitCode::FAILURE
}

fn serve(args: &BareArgs) -> Result<std::convert::Infallible> {
    let config = config(&args.certificate, &args.key)?;
    let listener = TcpListener::bind(args.address).doing(|| format!("cannot listen on {}", args.address))?;
    let mut scratch = vec![0; 16 << 10];
    loop {
        let (stream, _) = listener.accept().doing("cannot accept")?;
        // A client that goes away is its own affair.
        let _ = shake(stream, &config, &mut scratch);
    }
}

fn shake(mut stream: TcpStream, config: &Arc<ServerConfig>, scratch: &mut [u8]) -> Result<()> {
    let doing = "a handshake";
    stream.set_nodelay(true).doing(doing)?;
    let mut connection = ServerConnection::new(config.clone()).doing(doing)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).doing(doing)?;
    }
    let mut tls = rustls::Stream::new(&mut connection, &mut stream);
    while tls.read(scratch).doing(doing)? > 0 {}
    connection.send_close_notify();
    connection.complete_io(&mut stream).doing(doing)?;
    Ok(())
}

/// As Klamm's own: tickets, one of them in TLS 1.3.
fn config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>> {
    let doing = "cannot set up TLS";
    let certificate = CertificateDer::from_pem_file(certificate).doing(doing)?;
    let key = PrivateKeyDer::from_pem_file(key).doing(doing)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config =
        builder.doing(doing)?.with_no_client_auth().with_single_cert(vec![certificate], key).doing(doing)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = Ticketer::new().map_err(|error| Error::new(format!("cannot set up TLS: {error}")))?;
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config))
}
