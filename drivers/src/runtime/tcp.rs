//! TCP helpers shared by the socket runtimes: socket options, name resolution,
//! and Happy Eyeballs (RFC 8305) for hosts with several addresses.

use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs},
    time::{Duration, SystemTime},
};

use cmdchat_core::time::{Epoch, Tick};
use futures_lite::future;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use crate::runtime::Runtime;

/// Length of the listen backlog; the system may allow less.
const BACKLOG: i32 = 1024;

/// TCP keep-alive: the first probe is sent after `KEEPALIVE_IDLE` without
/// traffic, further ones once per `KEEPALIVE_INTERVAL`.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// Time after which a peer that acknowledges nothing is given up, as on sealed links
/// (PROTOCOL 2.4). The system sends no keep-alive probes while data is unacknowledged,
/// and its own limit for that case is about a quarter of an hour.
#[cfg(any(target_os = "linux", target_os = "android"))]
const USER_TIMEOUT: Duration = Duration::from_secs(90);

/// The recommended Connection Attempt Delay (RFC 8305, section 8).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Measures the epoch of a runtime whose clock shows `now`.
pub(crate) fn measure_epoch(now: Tick) -> Option<Epoch> {
    #[expect(clippy::disallowed_methods, reason = "a runtime is where time comes from")]
    let wall = SystemTime::now();
    Some(Epoch::measured(now, wall))
}

/// Opens a listening socket. The unspecified IPv6 address accepts IPv4 as well.
///
/// # Errors
///
/// Returns an error if the address is in use, is not an address of this machine,
/// or needs privileges that the process lacks.
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

/// Configures a connection: `TCP_NODELAY`, so that lines are sent at once, and
/// keep-alive and, on Linux, `TCP_USER_TIMEOUT`, so that a vanished peer is detected
/// within 90 s whether or not data is on its way to it.
///
/// # Errors
///
/// Returns an error if the system refuses, as some do once the connection has ended.
pub fn configure(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL);
    let socket = SockRef::from(stream);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    socket.set_tcp_keepalive(&keepalive)
}

/// Repeats `operation` while a signal interrupts it.
pub(crate) fn retry_interrupted<T>(mut operation: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Resolves a host to its addresses, with alternating families (RFC 8305,
/// section 4), starting with the system's preferred one.
///
/// Blocks on the system's resolver, possibly for seconds: call it inside
/// [`Runtime::spawn_blocking`].
///
/// # Errors
///
/// Returns an error if the name is unknown or the resolver cannot be reached.
pub fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(interleave_families((host, port).to_socket_addrs()?.collect()))
}

fn interleave_families(addrs: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let total = addrs.len();
    let preferred_is_v6 = addrs.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addrs.into_iter().partition(|addr| addr.is_ipv6() == preferred_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut interleaved = Vec::with_capacity(total);
    while interleaved.len() < total {
        interleaved.extend(first.next());
        interleaved.extend(second.next());
    }
    interleaved
}

/// Connects to one of `addrs` as described at [`crate::runtime::Dial::dial`]. Attempts
/// that lose the race are dropped, and so are all attempts if this future is dropped.
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
    // One place per attempt, so it is never full. A capacity of zero is not allowed.
    let (report, reports) = async_channel::bounded(addrs.len().max(1));
    let mut untried = addrs.iter().copied();
    let mut running = 0_usize;
    let mut failure: Option<io::Error> = None;
    loop {
        if let Some(addr) = untried.next() {
            let (report, attempt) = (report.clone(), attempt(addr));
            runtime.spawn(async move {
                let outcome = async { Some(attempt.await) };
                let lost = async {
                    report.closed().await;
                    None
                };
                if let Some(outcome) = future::or(outcome, lost).await {
                    // If the receiver is gone, the connection is dropped here.
                    let _ = report.try_send((addr, outcome));
                }
            });
            running += 1;
        } else if running == 0 {
            return Err(failure.unwrap_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidInput, "no address to connect to")
            }));
        }
        let until = if untried.len() > 0 {
            deadline.min(runtime.now().saturating_add(ATTEMPT_DELAY))
        } else {
            deadline
        };
        let result = async { reports.recv().await.ok() };
        let timeout = async {
            runtime.sleep_until(until).await;
            None
        };
        match future::or(result, timeout).await {
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

/// Ranks an error by its information about the host. A refusal comes from the host
/// itself; a missing route often only means that this machine has no IPv6.
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
        let interleaved = addrs(&["[::1]:1", "192.0.2.1:1", "[::2]:1", "[::3]:1"]);
        assert_eq!(interleave_families(system), interleaved);
        assert_eq!(interleave_families(Vec::new()), Vec::new());
    }

    #[test]
    fn numeric_address_resolves_to_itself() {
        let expected: Vec<SocketAddr> = vec!["127.0.0.1:65432".parse().unwrap()];
        assert_eq!(resolve("127.0.0.1", 65432).unwrap(), expected);
    }

    #[test]
    fn vanished_peer_is_given_up_after_90_seconds() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        configure(&stream).unwrap();
        assert!(stream.nodelay().unwrap());
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(90)));
    }

    #[test]
    fn unspecified_ipv6_listener_accepts_ipv4() {
        let Ok(listener) = listen("[::]:0".parse().unwrap()) else {
            return; // a machine without IPv6
        };
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect(("127.0.0.1", port)).unwrap();
    }

    /// For each address, the delay in milliseconds and the outcome after it.
    #[cfg(feature = "sim")]
    type Script = &'static [(u64, Result<(), io::ErrorKind>)];

    /// Returns the index of the winning address, or the error if all fail, and the
    /// elapsed milliseconds.
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
        // The preferred address has a head start of 250 ms.
        assert_eq!(race_of(&[(200, Ok(())), (1, Ok(()))]), (Ok(0), 200));
        // A silent address is overtaken; after a failure the next one starts at once.
        assert_eq!(race_of(&[(60_000, Ok(())), (10, Ok(()))]), (Ok(1), 260));
        assert_eq!(race_of(&[(20, Err(ConnectionRefused)), (10, Ok(()))]), (Ok(1), 30));
        // The slow address can still win.
        assert_eq!(race_of(&[(300, Ok(())), (10, Err(ConnectionRefused))]), (Ok(0), 300));
        // A refusal outranks a missing route in either order.
        let both = race_of(&[(5, Err(ConnectionRefused)), (5, Err(NetworkUnreachable))]);
        assert_eq!(both, (Err(ConnectionRefused), 10));
        let both = race_of(&[(5, Err(NetworkUnreachable)), (5, Err(ConnectionRefused))]);
        assert_eq!(both, (Err(ConnectionRefused), 10));
        // No address answers, or there is none.
        assert_eq!(race_of(&[(60_000, Ok(()))]), (Err(TimedOut), 10_000));
        assert_eq!(race_of(&[]), (Err(InvalidInput), 0));
    }
}
