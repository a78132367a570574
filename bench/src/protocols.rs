//! How a member of each kind of server comes in and speaks.

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

/// How long a server may take for one answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a server speaks.
#[derive(Clone, Debug)]
pub(crate) enum Dialect {
    /// Protocol 1: a login with this password, then JSON.
    Chat(String),
    /// Protocol 2: the same, and every line a record.
    Sealed(String),
    /// Lines, relayed as they are.
    Lines,
    /// A channel of Redis.
    Redis,
    /// A subject of NATS.
    Nats,
}

/// A member that has come in.
pub(crate) struct Entered {
    /// Where it hears.
    pub(crate) ear: TcpStream,
    /// Where it speaks, if that is another connection.
    pub(crate) mouth: Option<TcpStream>,
    /// Where it needs its keys to understand.
    pub(crate) insider: Option<Insider>,
}

impl Dialect {
    /// Comes in as number `number`.
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

    /// Everybody hears the same, in the same order. NATS promises that only for
    /// what one member says.
    pub(crate) const fn has_one_order(&self) -> bool {
        !matches!(self, Self::Nats)
    }

    /// How long what is sent for a text of so many bytes has to be, where the
    /// member does not encrypt it itself: version, time, IV, whole blocks, and
    /// MAC, in base64, are a Fernet token.
    pub(crate) const fn length(&self, text: usize) -> usize {
        match self {
            Self::Sealed(_) => text,
            Self::Chat(_) | Self::Lines | Self::Redis | Self::Nats => {
                (1 + 8 + 16 + (text / 16 + 1) * 16 + 32).div_ceil(3) * 4
            }
        }
    }

    /// What says `text` to everybody, as far as that is known without keys.
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

/// Sends `question` and reads until `answer` has come; gives all that came.
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

/// A login of a stranger who does not know the password, up to the server's
/// answer to its proof: 32 zero bytes.
pub(crate) fn knock(address: SocketAddr) -> Result<()> {
    let proof = format!("{}=", "A".repeat(43));
    challenged(address, "stranger", false)?.prove(&proof, "Authentication failed")
}

/// A stranger who has to prove that it knows the password.
pub(crate) struct Challenged {
    socket: TcpStream,
    id: String,
}

/// A login of somebody who does not know the password, up to line 2.
pub(crate) fn challenged(address: SocketAddr, name: &str, sealed: bool) -> Result<Challenged> {
    let mut socket = connect(address)?;
    // Some number that could be somebody's public value.
    let (a, versions) = ("Wlpa".repeat(80), if sealed { ",\"versions\":[2]" } else { "" });
    let hello =
        format!("{{\"cmd\":\"srp_init\",\"username\":\"{name}\",\"A\":\"{a}\"{versions}}}\n");
    let challenge = String::from_utf8(ask(&mut socket, hello.as_bytes(), b"\n")?)?;
    let mut words = challenge.split('"').skip_while(|&word| word != "user_id");
    let id = words.nth(2).ok_or("a challenge without a user_id")?.to_owned();
    Ok(Challenged { socket, id })
}

impl Challenged {
    /// Sends `m` for the proof; the server has to give this answer.
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

/// A whole login.
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
