//! Header sets as they come in life: what browsers, sites, APIs and gRPC stacks send over HTTP/2.
//!
//! How well a header compresses depends on what comes again, in which order, how long it is and
//! how often it changes. So everything here is invented, hosts and tokens and paths, but these
//! four are as they are outside: a browser says who it is in every request, cookies come by and
//! by, a page brings its pictures, a content delivery network stamps every answer with an
//! identifier of its own, and the clock goes on. The same sets come out on every run.
//!
//! A [`Connection`] is one direction of one connection, so that a table that is made for it
//! lives as long as in life.

mod api;
mod browsers;
mod browsing;
mod clock;
mod fill;
mod grpc;
mod random;
mod servers;
mod sites;
mod visitors;

pub use random::random;

/// The fields of a header section or trailer section, in order.
pub type Block = Vec<(Vec<u8>, Vec<u8>)>;

/// What goes over a connection in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The site or the service, and which direction.
    pub name: String,
    /// What sends it.
    pub kind: Kind,
    /// What is sent.
    pub blocks: Vec<Block>,
}

/// What sends the blocks of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A browser to a site.
    BrowserRequests,
    /// A site to a browser.
    SiteResponses,
    /// A program to an API that talks JSON, or the API to it.
    Api,
    /// One program to another over gRPC; responses come with trailers.
    Grpc,
}

/// What ten browsers ask ten sites.
#[must_use]
pub fn browsing_requests() -> Vec<Connection> {
    browsing::directions().0
}

/// What the ten sites answer.
#[must_use]
pub fn browsing_responses() -> Vec<Connection> {
    browsing::directions().1
}

/// Calls of programs, both directions.
#[must_use]
pub fn api_and_grpc() -> Vec<Connection> {
    let mut all = api::connections();
    all.extend(grpc::connections());
    all
}

/// All of it.
#[must_use]
pub fn stories() -> Vec<Connection> {
    let (mut all, responses) = browsing::directions();
    all.extend(responses);
    all.extend(api_and_grpc());
    all
}

/// A request and what comes back for it: a head, and perhaps trailers.
#[derive(Debug)]
struct Exchange {
    request: Block,
    answer: Vec<Block>,
}

/// The two directions of a connection.
fn split(name: &str, kinds: (Kind, Kind), exchanges: Vec<Exchange>) -> (Connection, Connection) {
    let (mut requests, mut answers) = (Vec::new(), Vec::new());
    for exchange in exchanges {
        requests.push(exchange.request);
        answers.extend(exchange.answer);
    }
    (
        Connection { name: format!("{name}, requests"), kind: kinds.0, blocks: requests },
        Connection { name: format!("{name}, responses"), kind: kinds.1, blocks: answers },
    )
}

/// A block that is being written.
#[derive(Default)]
struct Fields(Block);

impl Fields {
    fn add(&mut self, name: &str, value: impl AsRef<[u8]>) -> &mut Self {
        self.0.push((name.into(), value.as_ref().into()));
        self
    }

    fn add_some(&mut self, name: &str, value: Option<impl AsRef<[u8]>>) -> &mut Self {
        if let Some(value) = value {
            self.add(name, value);
        }
        self
    }

    fn add_all(&mut self, fields: &[(&str, &str)]) -> &mut Self {
        for (name, value) in fields {
            self.add(name, value);
        }
        self
    }

    fn end(&mut self) -> Block {
        core::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(connections: &[Connection]) -> usize {
        connections.iter().map(|it| it.blocks.len()).sum()
    }

    #[test]
    fn there_is_enough_of_each() {
        let (requests, responses, calls) =
            (browsing_requests(), browsing_responses(), api_and_grpc());
        assert_eq!((requests.len(), responses.len()), (10, 10));
        assert!(blocks(&requests) >= 400, "{} requests", blocks(&requests));
        assert_eq!(blocks(&requests), blocks(&responses));
        assert!(blocks(&calls) >= 600, "{} blocks of calls", blocks(&calls));
        for kind in [Kind::Api, Kind::Grpc] {
            assert!(calls.iter().filter(|it| it.kind == kind).count() >= 4);
        }
        assert_eq!(stories(), [requests, responses, calls].concat());
    }

    #[test]
    fn the_same_comes_out_again() {
        assert_eq!(stories(), stories());
        assert_eq!(random(7, 50), random(7, 50));
        assert_ne!(random(7, 50), random(8, 50));
    }

    #[test]
    fn all_statuses_and_methods_occur() {
        let all = stories();
        let has = |name: &str, value: &str| {
            let field = (name.into(), value.into());
            all.iter().flat_map(|it| &it.blocks).any(|block| block.contains(&field))
        };
        for status in ["200", "201", "204", "301", "304", "404", "429"] {
            assert!(has(":status", status), "{status}");
        }
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            assert!(has(":method", method), "{method}");
        }
        assert!(has("grpc-status", "0") && has("grpc-status", "5"));
    }

    #[test]
    fn blocks_are_valid_http2() {
        for connection in stories() {
            for block in &connection.blocks {
                let pseudo = block.iter().take_while(|(name, _)| name.starts_with(b":")).count();
                assert!(block[pseudo..].iter().all(|(name, _)| !name.starts_with(b":")));
                for (name, value) in block {
                    let name = core::str::from_utf8(name).unwrap();
                    assert!(name.bytes().all(|octet| octet.is_ascii_graphic()), "{name}");
                    assert!(!name.bytes().any(|octet| octet.is_ascii_uppercase()), "{name}");
                    assert!(!["connection", "keep-alive", "transfer-encoding"].contains(&name));
                    assert!(value.iter().all(|octet| (b' '..=b'~').contains(octet)), "{name}");
                }
            }
        }
    }
}
