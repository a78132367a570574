//! Client side of each server's protocol: joining and sending.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use cmdchat_core::{
    client::{ClientConfig, Login},
    handshake::{Handshake as _, Job as _, Step},
    secret::{Password, Secret},
    seed::Seed,
    time::{Epoch, Tick},
    transport::line_decoder::LineDecoder,
    username::Username,
};
use jiff::Timestamp;

use crate::{Result, sealed_client::Insider};

/// Timeout of a connection attempt and of one answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Protocol of a server.
#[derive(Clone, Debug)]
pub(crate) enum Dialect {
    /// Protocol 1: a login with this passphrase, then JSON.
    Chat(String),
    /// Protocol 2: the same, with every line encrypted as a record.
    Sealed(String),
    /// Plain lines, relayed unchanged.
    Lines,
    /// A Redis channel.
    Redis,
    /// A NATS subject.
    Nats,
}

/// A member that has joined.
pub(crate) struct Entered {
    /// Connection it receives on.
    pub(crate) ear: TcpStream,
    /// Connection it sends on, if separate.
    pub(crate) mouth: Option<TcpStream>,
    /// Its session, if the link is sealed.
    pub(crate) insider: Option<Insider>,
}

impl Dialect {
    /// Connects and joins as member `number`.
    pub(crate) fn enter(&self, address: SocketAddr, number: usize) -> Result<Entered> {
        let mut ear = connect(address)?;
        let (mut mouth, mut insider) = (None, None);
        match self {
            Self::Chat(password) => {
                log_in(&mut ear, guest(password, number)?.v1_only(), number)?;
            }
            Self::Sealed(password) => {
                insider = Some(log_in(&mut ear, guest(password, number)?, number)?);
            }
            Self::Lines => {}
            Self::Redis => {
                ask(&mut ear, b"SUBSCRIBE room\r\n", b":1\r\n")?;
                mouth = Some(connect(address)?);
            }
            Self::Nats => {
                ask(&mut ear, b"CONNECT {\"verbose\":false}\r\nSUB room 1\r\nPING\r\n", b"PONG")?;
            }
        }
        Ok(Entered { ear, mouth, insider })
    }

    /// Returns whether all members receive all messages in the same order. NATS
    /// guarantees the order only for the messages of one sender.
    pub(crate) const fn has_one_order(&self) -> bool {
        !matches!(self, Self::Nats)
    }

    /// Returns the length to send for a text of `text` bytes. Unless the member
    /// encrypts the text itself, this is the length of a Fernet token: version,
    /// time, IV, whole blocks and MAC, in base64.
    pub(crate) const fn length(&self, text: usize) -> usize {
        match self {
            Self::Sealed(_) => text,
            Self::Chat(_) | Self::Lines | Self::Redis | Self::Nats => {
                (1 + 8 + 16 + (text / 16 + 1) * 16 + 32).div_ceil(3) * 4
            }
        }
    }

    /// Returns the request that sends `text` to all members, before any encryption.
    pub(crate) fn say(&self, text: &str) -> String {
        let length = text.len();
        match self {
            Self::Chat(_) => format!("{{\"type\":\"message\",\"text\":\"{text}\"}}\n"),
            Self::Sealed(_) => text.to_owned(),
            Self::Lines => format!("{text}\n"),
            Self::Redis => {
                format!("*3\r\n$7\r\nPUBLISH\r\n$4\r\nroom\r\n${length}\r\n{text}\r\n")
            }
            Self::Nats => format!("PUB room {length}\r\n{text}\r\n"),
        }
    }
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// Sends `question` and reads until `answer` arrives; returns all input.
fn ask(socket: &mut TcpStream, question: &[u8], answer: &[u8]) -> Result<Vec<u8>> {
    socket.write_all(question)?;
    let mut heard = Vec::new();
    while !heard.windows(answer.len()).any(|window| window == answer) {
        read(socket, |bytes| heard.extend_from_slice(bytes))?;
    }
    Ok(heard)
}

fn read(socket: &mut TcpStream, take: impl FnOnce(&[u8])) -> Result<()> {
    let mut buffer = [0; 4096];
    match socket.read(&mut buffer)? {
        0 => Err("the server closed the connection".into()),
        count => {
            take(buffer.get(..count).unwrap_or_default());
            Ok(())
        }
    }
}

/// Performs a failed login, without the passphrase, up to the server's answer to
/// the proof. The proof is 32 zero bytes.
pub(crate) fn knock(address: SocketAddr) -> Result<()> {
    let proof = format!("{}=", "A".repeat(43));
    challenged(address, "stranger", false)?.prove(&proof, "Authentication failed")
}

/// A login without the passphrase that has received its challenge.
pub(crate) struct Challenged {
    socket: TcpStream,
    id: String,
}

/// Performs a login without the passphrase up to line 2, the challenge.
pub(crate) fn challenged(address: SocketAddr, name: &str, sealed: bool) -> Result<Challenged> {
    let mut socket = connect(address)?;
    // A number that is possible as a client's public value.
    let a = "Wlpa".repeat(80);
    // 1,184 zero bytes are a valid encapsulation key.
    let kem = "A".repeat(1_579);
    let versions =
        if sealed { format!(",\"versions\":[2],\"kem\":\"{kem}=\"") } else { String::new() };
    let hello =
        format!("{{\"cmd\":\"srp_init\",\"username\":\"{name}\",\"A\":\"{a}\"{versions}}}\n");
    let challenge = String::from_utf8(ask(&mut socket, hello.as_bytes(), b"\n")?)?;
    let mut words = challenge.split('"').skip_while(|&word| word != "user_id");
    let id = words.nth(2).ok_or("a challenge without a user_id")?.to_owned();
    Ok(Challenged { socket, id })
}

impl Challenged {
    /// Sends `m` as the proof and waits for `answer`.
    pub(crate) fn prove(mut self, m: &str, answer: &str) -> Result<()> {
        let id = self.id;
        let proof = format!("{{\"cmd\":\"srp_verify\",\"user_id\":\"{id}\",\"M\":\"{m}\"}}\n");
        ask(&mut self.socket, proof.as_bytes(), answer.as_bytes())?;
        Ok(())
    }
}

fn guest(password: &str, number: usize) -> Result<ClientConfig> {
    let name = Username::new(&format!("m{number:04}")).map_err(|_| "not a name")?;
    let password = Password::new(password.as_bytes().to_vec().into());
    Ok(ClientConfig::new(name, password, Epoch::new(Timestamp::now())))
}

/// Performs a complete login.
fn log_in(socket: &mut TcpStream, guest: ClientConfig, number: usize) -> Result<Insider> {
    let start = Instant::now();
    let now = || Tick::from_start(start.elapsed());
    let seed = Seed::new(Secret::take(&mut [7; 32])).fork("member", number as u64);
    let mut login = Login::new(Arc::new(guest), Tick::ZERO, PATIENCE, &seed);
    let mut decoder = LineDecoder::new(0);
    let mut out = Vec::new();
    loop {
        let step = login.advance(now(), &mut decoder, &mut out);
        for frame in out.drain(..) {
            socket.write_all(frame.bytes())?;
        }
        login = match step.map_err(|refused| format!("member {number}: {refused:?}"))? {
            Step::NeedsInput(login) => {
                read(socket, |bytes| decoder.feed(bytes))?;
                login
            }
            Step::Compute(work) => work.run(),
            Step::WaitUntil(_, login) => login,
            Step::Done(session) => return Ok(Insider::new(session, decoder, start)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_of_64_byte_text_is_184_bytes() {
        assert_eq!(Dialect::Lines.length(64), 184);
        assert_eq!(Dialect::Lines.length(0), 100);
    }
}
