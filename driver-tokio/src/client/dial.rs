//! TCP to that address of a name that answers first (RFC 8305): its addresses one after the other, the two
//! families by turns, the next as soon as the one before has failed, or has not answered for a while.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Time for an address before the next one is tried as well (RFC 8305 §8).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// A connection to one of the addresses of `host`, a name or an address.
pub(crate) async fn dial(host: &str, port: u16) -> io::Result<TcpStream> {
    let addresses = by_turns(lookup_host((host, port)).await?.collect());
    match &*addresses {
        [] => Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address")),
        [address] => TcpStream::connect(address).await,
        _ => race(addresses, TcpStream::connect).await,
    }
}

/// The two families by turns, that of the first address first; otherwise as the system sorted them (RFC 8305 §4).
fn by_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (one, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    let mut sorted = Vec::new();
    loop {
        let (next, after) = (one.next(), other.next());
        if next.is_none() && after.is_none() {
            return sorted;
        }
        sorted.extend(next.into_iter().chain(after));
    }
}

/// The first connection that comes about; if none does, the first failure, which is that of the address
/// that was to be preferred.
async fn race<T, F, C>(addresses: Vec<SocketAddr>, connect: C) -> io::Result<T>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
    C: Fn(SocketAddr) -> F,
{
    let (mut addresses, mut attempts) = (addresses.into_iter(), JoinSet::new());
    let mut failure = None;
    loop {
        if let Some(address) = addresses.next() {
            attempts.spawn(connect(address));
        }
        let joined = if addresses.len() > 0 {
            match timeout(ATTEMPT_DELAY, attempts.join_next()).await {
                Ok(joined) => joined,
                Err(_) => continue,
            }
        } else {
            attempts.join_next().await
        };
        match joined {
            Some(Ok(Ok(connection))) => return Ok(connection),
            Some(Ok(Err(error))) => {
                failure.get_or_insert(error);
            }
            Some(Err(panicked)) => {
                failure.get_or_insert_with(|| io::Error::other(panicked));
            }
            None => return Err(failure.unwrap_or_else(|| io::ErrorKind::NotFound.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().copied().map(address).collect()
    }

    /// Port 1 never answers, port 2 refuses, others answer at once.
    async fn connect(address: SocketAddr) -> io::Result<SocketAddr> {
        match address.port() {
            1 => pending().await,
            2 => Err(io::Error::other(address.to_string())),
            _ => Ok(address),
        }
    }

    #[test]
    fn rfc8305_4_the_families_come_by_turns_that_of_the_first_address_first() {
        let sorted = by_turns(addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"]));
        assert_eq!(sorted, addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"]));
        let sorted = by_turns(addresses(&["1.1.1.1:1", "1.1.1.2:1", "[::1]:1"]));
        assert_eq!(sorted, addresses(&["1.1.1.1:1", "[::1]:1", "1.1.1.2:1"]));
        assert!(by_turns(Vec::new()).is_empty());
    }

    #[tokio::test]
    async fn rfc8305_5_an_address_that_is_silent_does_not_hold_the_next_one_up() {
        let won = race(addresses(&["[::1]:1", "1.1.1.1:80"]), connect).await;
        assert_eq!(won.unwrap(), address("1.1.1.1:80"));
        let won = race(addresses(&["[::1]:1", "1.1.1.1:2", "[::2]:80"]), connect).await;
        assert_eq!(won.unwrap(), address("[::2]:80"));
    }

    #[tokio::test]
    async fn rfc8305_5_the_first_address_that_answers_is_taken() {
        let won = race(addresses(&["[::1]:80", "1.1.1.1:80"]), connect).await;
        assert_eq!(won.unwrap(), address("[::1]:80"));
    }

    #[tokio::test]
    async fn when_all_fail_the_failure_of_the_first_is_told() {
        let lost = race(addresses(&["[::1]:2", "1.1.1.1:2"]), connect).await;
        assert_eq!(lost.unwrap_err().to_string(), "[::1]:2");
    }
}
