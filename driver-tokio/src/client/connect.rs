//! From the target of a request to a byte stream and the protocol that it speaks.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;

use http::uri::Scheme;
use http::{Method, Uri};

use super::dial::dial;
use super::error::Error;
use crate::wire::Io;

/// The server that a request goes to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Target {
    /// Whether it is reached by TLS.
    pub https: bool,
    /// Its name or address; of IPv6 without brackets.
    pub host: Box<str>,
    /// Its port.
    pub port: u16,
}

impl Target {
    pub(crate) fn of(method: &Method, uri: &Uri) -> Result<Self, Error> {
        let https = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            None if *method == Method::CONNECT => false,
            _ => return Err(Error::request("the URI is neither http nor https")),
        };
        let host = uri.host().filter(|host| !host.is_empty());
        let Some(host) = host else { return Err(Error::request("the URI has no host")) };
        let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Self { https, host: host.to_ascii_lowercase().into(), port })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A connection on its way.
pub type Connecting = Pin<Box<dyn Future<Output = io::Result<Box<dyn Io>>> + Send>>;

/// Where byte streams come from: TCP unless a client is given something else. TLS goes on top.
pub trait Connect: Send + Sync {
    /// A byte stream to this server.
    fn connect(&self, target: &Target) -> Connecting;
}

impl<F: Fn(&Target) -> Connecting + Send + Sync> Connect for F {
    fn connect(&self, target: &Target) -> Connecting {
        self(target)
    }
}

/// TCP, to that address of the name that answers first.
pub(crate) struct Tcp {
    pub(crate) nodelay: bool,
}

impl Connect for Tcp {
    fn connect(&self, target: &Target) -> Connecting {
        let (target, nodelay) = (target.clone(), self.nodelay);
        Box::pin(async move {
            let stream = dial(&target.host, target.port).await?;
            stream.set_nodelay(nodelay)?;
            Ok(Box::new(stream) as Box<dyn Io>)
        })
    }
}
