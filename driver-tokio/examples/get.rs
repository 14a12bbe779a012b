//! Fetches a URL: `cargo run --release -p driver-tokio --example get -- http://127.0.0.1:8080/`.
//!
//! `get [--h2] [--insecure] [-d DATA] URL` prints status, fields and content. `--h2`: `http` with prior
//! knowledge of HTTP/2. `--insecure`: any certificate will do. `-d`: POST with this content.

use std::error::Error;
use std::future::poll_fn;
use std::io::Write;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use driver_tokio::client::{Client, Settings};
use http::Request;
use http_body::Body as _;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{self, ClientConfig, DigitallySignedStruct, SignatureScheme};

/// Whoever answers is trusted: for servers of one's own that have made their certificate themselves.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

#[derive(Default)]
struct Arguments {
    h2: bool,
    insecure: bool,
    data: Option<String>,
    url: String,
}

fn arguments() -> Option<Arguments> {
    let mut all = Arguments::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--h2" => all.h2 = true,
            "--insecure" => all.insecure = true,
            "-d" => all.data = Some(arguments.next()?),
            url if !url.starts_with('-') && all.url.is_empty() => all.url = argument,
            _ => return None,
        }
    }
    (!all.url.is_empty()).then_some(all)
}

async fn get(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let mut settings = Settings::default();
    settings.prior_knowledge = arguments.h2;
    let mut client = Client::builder().settings(settings);
    if arguments.insecure {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone));
        client = client.tls(config.with_no_client_auth());
    }
    let method = if arguments.data.is_some() { "POST" } else { "GET" };
    let request = Request::builder().method(method).uri(arguments.url);
    let response =
        client.build().request(request.body(arguments.data.unwrap_or_default())?).await?;

    let mut out = std::io::stdout().lock();
    writeln!(out, "{:?} {}", response.version(), response.status())?;
    for (name, value) in response.headers() {
        writeln!(out, "{name}: {}", value.as_bytes().escape_ascii())?;
    }
    writeln!(out)?;
    let mut body = pin!(response.into_body());
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        match frame?.into_data() {
            Ok(data) => out.write_all(&data)?,
            Err(frame) => {
                for (name, value) in frame.into_trailers().iter().flatten() {
                    writeln!(out, "{name}: {}", value.as_bytes().escape_ascii())?;
                }
            }
        }
    }
    Ok(())
}

const USAGE: &str = "usage: get [--h2] [--insecure] [-d DATA] URL";

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::args().skip(1).any(|it| matches!(it.as_str(), "--help" | "-h")) {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let Some(arguments) = arguments() else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    if let Err(error) = get(arguments).await {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
