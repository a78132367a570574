//! Conformance of the runtimes on real sockets.

use std::net::{TcpListener, TcpStream};

use cmdchat_drivers::{runtime::TcpRuntime, runtime::tcp};

use super::*;

fn any_port() -> TcpListener {
    tcp::listen("127.0.0.1:0".parse().unwrap()).unwrap()
}

fn closed_port() -> SocketAddr {
    any_port().local_addr().unwrap()
}

fn runtime_contract<R: TcpRuntime>(runtime: R) {
    let socket = any_port();
    let address = socket.local_addr().unwrap();
    let listener = runtime.listen(socket).unwrap();
    runtime.block_on(contract_holds(runtime.clone(), listener, address));
}

fn dial_skips_refused_addresses<R: TcpRuntime>(runtime: R) {
    let open = any_port();
    let address = open.local_addr().unwrap();
    runtime.block_on(async {
        let deadline = later(&runtime, LATER);
        let refused = runtime.dial(&[closed_port()], deadline).await.err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let second = runtime.dial(&[closed_port(), address], deadline).await.unwrap();
        assert_eq!(second.peer, address);
    });
}

fn from_std_connections_carry_data<R: TcpRuntime>(runtime: R) {
    let socket = any_port();
    let stream = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
    let (there, from) = socket.accept().unwrap();
    runtime.block_on(async {
        let mut here = runtime.connection_from_std(stream).unwrap();
        let mut there = runtime.connection_from_std(there).unwrap();
        assert_eq!(there.peer, from);
        write_all(&mut here.writer, b"hello").await;
        assert_eq!(read_exactly(&mut there.reader, 5).await, b"hello");
    });
}

#[cfg(feature = "smol")]
mod smol {
    use std::{io::Write as _, thread};

    use cmdchat_drivers::runtime::smol::Smol;

    use super::*;

    #[test]
    fn runtime_contract() {
        super::runtime_contract(Smol::new());
    }

    #[test]
    fn dial_skips_refused_addresses() {
        super::dial_skips_refused_addresses(Smol::new());
    }

    #[test]
    fn from_std_connections_carry_data() {
        super::from_std_connections_carry_data(Smol::new());
    }

    /// The peer writes from its own thread, and so stays ahead of a reader that
    /// reads one byte at a time.
    #[test]
    fn flood_does_not_starve_other_tasks() {
        let socket = any_port();
        let peer = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
        let smol = Smol::new();
        let mut here = smol.connection_from_std(socket.accept().unwrap().0).unwrap();
        let flood = thread::spawn(move || while (&peer).write_all(&[0; 64 * 1024]).is_ok() {});
        smol.block_on(async {
            let reading = begin(&smol, async move {
                while let Ok(ReadOutcome::Data(_)) = here.reader.read(&mut [0], None).await {}
            });
            smol.sleep_until(later(&smol, SOON)).await;
            assert!(reading.is_empty());
            here.abort.abort();
            reading.recv().await.unwrap();
        });
        flood.join().unwrap();
    }
}

#[cfg(feature = "blocking")]
mod blocking {
    use cmdchat_drivers::runtime::blocking::Blocking;

    #[test]
    fn runtime_contract() {
        super::runtime_contract(Blocking::new());
    }

    #[test]
    fn dial_skips_refused_addresses() {
        super::dial_skips_refused_addresses(Blocking::new());
    }

    #[test]
    fn from_std_connections_carry_data() {
        super::from_std_connections_carry_data(Blocking::new());
    }
}
