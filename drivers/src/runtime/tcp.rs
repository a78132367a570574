//! What the runtimes over the system's sockets share: how a socket is set up,
//! and how a host with several addresses is called.

use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs},
    time::Duration,
};

use cmdchat_core::time::Tick;
use futures_lite::future;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use crate::runtime::Runtime;

/// Connections that wait to be accepted; the system may allow fewer.
const BACKLOG: i32 = 1024;

/// A peer that vanished without a word is asked for a sign of life after this
/// much silence, and then once per interval.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// The recommended Connection Attempt Delay (RFC 8305, section 8).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Opens a listening socket. The unspecified IPv6 address takes IPv4 as well.
///
/// # Errors
///
/// The address is in use, not ours, or not ours to take.
pub fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() && addr.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    // On Windows this option would let another program take the port over.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Sets up a connection: lines leave at once, a vanished peer is noticed.
///
/// # Errors
///
/// The system refuses, as some do when the connection has ended already.
pub fn configure(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// Repeats what a signal has interrupted.
pub(crate) fn retry_interrupted<T>(mut operation: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// The addresses of a host, the families alternating (RFC 8305, section 4), the
/// system's favourite first. Waits for the system's resolver, for seconds if need
/// be: call it inside [`Runtime::spawn_blocking`].
///
/// # Errors
///
/// The name is unknown, or the resolver is out of reach.
pub fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(interleave_families((host, port).to_socket_addrs()?.collect()))
}

fn interleave_families(addrs: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let total = addrs.len();
    let favourite_is_v6 = addrs.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addrs.into_iter().partition(|addr| addr.is_ipv6() == favourite_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut mixed = Vec::with_capacity(total);
    while mixed.len() < total {
        mixed.extend(first.next());
        mixed.extend(second.next());
    }
    mixed
}

/// Calls `addrs` as [`crate::runtime::Dial`] says. Attempts that lost, or whose caller
/// has gone, are dropped.
pub(crate) async fn happy_eyeballs<R, S, F>(
    runtime: &R,
    addrs: &[SocketAddr],
    deadline: Tick,
    attempt: impl Fn(SocketAddr) -> F + Sync,
) -> io::Result<(S, SocketAddr)>
where
    R: Runtime,
    S: Send + 'static,
    F: Future<Output = io::Result<S>> + Send + 'static,
{
    // Never full; and a capacity of zero is not allowed.
    let (report, reports) = async_channel::bounded(addrs.len().max(1));
    let mut untried = addrs.iter().copied();
    let mut running = 0_usize;
    let mut failure: Option<io::Error> = None;
    loop {
        if let Some(addr) = untried.next() {
            let (report, attempt) = (report.clone(), attempt(addr));
            runtime.spawn(async move {
                let outcome = async { Some(attempt.await) };
                let unwanted = async {
                    report.closed().await;
                    None
                };
                if let Some(outcome) = future::or(outcome, unwanted).await {
                    // Nobody left who wants it: then it is dropped here.
                    let _ = report.try_send((addr, outcome));
                }
            });
            running += 1;
        } else if running == 0 {
            return Err(failure.unwrap_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidInput, "no address to connect to")
            }));
        }
        let patience = if untried.len() > 0 {
            deadline.min(runtime.now().saturating_add(ATTEMPT_DELAY))
        } else {
            deadline
        };
        let answer = async { reports.recv().await.ok() };
        let bored = async {
            runtime.sleep_until(patience).await;
            None
        };
        match future::or(answer, bored).await {
            Some((addr, Ok(stream))) => return Ok((stream, addr)),
            Some((_, Err(error))) => {
                running -= 1;
                if failure.as_ref().is_none_or(|old| error_rank(&error) >= error_rank(old)) {
                    failure = Some(error);
                }
            }
            None if runtime.now() >= deadline => return Err(io::ErrorKind::TimedOut.into()),
            None => {}
        }
    }
}

/// How much an error tells about the host: a refusal comes from the host itself,
/// whereas a missing route often just means that we have no IPv6.
fn error_rank(error: &io::Error) -> u8 {
    use io::ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable};
    let kind = error.kind();
    if kind == ConnectionRefused {
        2
    } else {
        u8::from(![AddrNotAvailable, HostUnreachable, NetworkUnreachable].contains(&kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_families_alternate_from_the_first() {
        let addrs = |list: &[&str]| -> Vec<SocketAddr> {
            list.iter().map(|addr| addr.parse().unwrap()).collect()
        };
        let system = addrs(&["[::1]:1", "[::2]:1", "[::3]:1", "192.0.2.1:1"]);
        let mixed = addrs(&["[::1]:1", "192.0.2.1:1", "[::2]:1", "[::3]:1"]);
        assert_eq!(interleave_families(system), mixed);
        assert_eq!(interleave_families(Vec::new()), Vec::new());
    }

    #[test]
    fn numeric_address_resolves_to_itself() {
        let expected: Vec<SocketAddr> = vec!["127.0.0.1:65432".parse().unwrap()];
        assert_eq!(resolve("127.0.0.1", 65432).unwrap(), expected);
    }

    #[test]
    fn configure_enables_nodelay_keepalive() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        configure(&stream).unwrap();
        assert!(stream.nodelay().unwrap());
        assert!(SockRef::from(&stream).keepalive().unwrap());
    }

    #[test]
    fn unspecified_ipv6_listener_accepts_ipv4() {
        let Ok(listener) = listen("[::]:0".parse().unwrap()) else {
            return; // a machine without IPv6
        };
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect(("127.0.0.1", port)).unwrap();
    }

    /// What one address does: after so many milliseconds it answers or fails.
    #[cfg(feature = "sim")]
    type Script = &'static [(u64, Result<(), io::ErrorKind>)];

    /// Who won, or why nobody did, and after how many milliseconds.
    #[cfg(feature = "sim")]
    fn race_of(script: Script) -> (Result<usize, io::ErrorKind>, u128) {
        let sim = crate::runtime::sim::Sim::new();
        let addrs: Vec<SocketAddr> =
            (0..script.len()).map(|n| SocketAddr::from(([127, 0, 0, 1], n as u16))).collect();
        let attempt = |addr: SocketAddr| {
            let (sim, index) = (sim.clone(), usize::from(addr.port()));
            let (wait, outcome) = script[index];
            async move {
                sim.sleep_until(sim.now().saturating_add(Duration::from_millis(wait))).await;
                outcome.map(|()| index).map_err(io::Error::from)
            }
        };
        let deadline = Tick::from_start(Duration::from_secs(10));
        let outcome = sim.run(happy_eyeballs(&sim, &addrs, deadline, attempt)).unwrap();
        let took = sim.now().since_start().as_millis();
        (outcome.map(|(index, _)| index).map_err(|error| error.kind()), took)
    }

    #[cfg(feature = "sim")]
    #[test]
    fn dial_races_addresses_per_rfc_8305() {
        use io::ErrorKind::{ConnectionRefused, InvalidInput, NetworkUnreachable, TimedOut};
        // The favourite has 250 ms to itself.
        assert_eq!(race_of(&[(200, Ok(())), (1, Ok(()))]), (Ok(0), 200));
        // One that is silent is overtaken, one that fails is replaced at once.
        assert_eq!(race_of(&[(60_000, Ok(())), (10, Ok(()))]), (Ok(1), 260));
        assert_eq!(race_of(&[(20, Err(ConnectionRefused)), (10, Ok(()))]), (Ok(1), 30));
        // The slow one may win yet.
        assert_eq!(race_of(&[(300, Ok(())), (10, Err(ConnectionRefused))]), (Ok(0), 300));
        // A refusal tells more than a missing route, whichever comes last.
        let both = race_of(&[(5, Err(ConnectionRefused)), (5, Err(NetworkUnreachable))]);
        assert_eq!(both, (Err(ConnectionRefused), 10));
        let both = race_of(&[(5, Err(NetworkUnreachable)), (5, Err(ConnectionRefused))]);
        assert_eq!(both, (Err(ConnectionRefused), 10));
        // Nobody at all.
        assert_eq!(race_of(&[(60_000, Ok(()))]), (Err(TimedOut), 10_000));
        assert_eq!(race_of(&[]), (Err(InvalidInput), 0));
    }
}
