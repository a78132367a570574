//! What the parts of core cost, one by one: `cargo bench -p cmdchat-core`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark may stop")]

use std::{net::IpAddr, sync::Arc, time::Duration};

use cmdchat_core::{
    client,
    crypto::fernet::RoomKey,
    crypto::srp::{ClientStart, PublicValue, Salt, ServerChallenge, Verifier},
    handshake::{Handshake, Job, Step},
    room_kind::RoomKind,
    secret::{Password, Secret},
    seed::Seed,
    server::{
        Admission, Admitted, Credentials, Inbound, Limits, Login, MemberId, RequestReader, Room,
        RoomInput, RoomOutput,
    },
    time::{Epoch, Tick},
    transport::broadcast::LogCursor,
    transport::line_decoder::{Line, LineDecoder},
    transport::record::RecordSealer,
    username::Username,
    wire::json::lenient,
    wire::{FernetToken, Request},
};
use divan::{Bencher, black_box, counter::BytesCount};
use jiff::Timestamp;

fn main() {
    divan::main();
}

/// The token of a text of 64 bytes.
fn token() -> String {
    "A".repeat(184)
}

fn said() -> Vec<u8> {
    format!("{{\"type\":\"message\",\"text\":\"{}\"}}\n", token()).into_bytes()
}

fn password() -> Password {
    Password::new(b"correct horse battery staple".to_vec().into())
}

fn secret(byte: u8) -> Secret<32> {
    Secret::take(&mut [byte; 32])
}

/// Cutting a stream of messages into lines.
#[divan::bench]
fn decoder(bencher: Bencher<'_, '_>) {
    let stream = said().repeat(300);
    bencher.counter(BytesCount::new(stream.len())).bench_local(|| {
        let mut decoder = LineDecoder::new(65_536);
        for chunk in stream.chunks(4096) {
            decoder.feed(chunk);
            while let Ok(Line::Complete(line)) = decoder.next_line() {
                black_box(line);
            }
        }
    });
}

mod json {
    use super::*;

    /// A message on its way to the room, read strictly.
    #[divan::bench]
    fn read_request_strict(bencher: Bencher<'_, '_>) {
        let (line, limits) = (said(), Limits { message_rate: None, ..Limits::default() });
        let mut intake = RequestReader::open(&limits);
        let mut decoder = LineDecoder::new(0);
        bencher.bench_local(|| {
            decoder.feed(&line);
            let Inbound::Request(request) = intake.next(Tick::ZERO, &mut decoder) else { panic!() };
            request
        });
    }

    /// A message from the room, read as it comes.
    #[divan::bench]
    fn read_message_lenient(bencher: Bencher<'_, '_>) {
        let line = super::room::Full::new(1).line();
        bencher.bench_local(|| lenient::read(black_box(&line)).unwrap());
    }
}

mod room {
    use std::io::IoSlice;

    use cmdchat_core::transport::broadcast::MAX_IO_SLICES;

    use super::*;

    /// A room with members, who got there by logging in.
    pub(super) struct Full {
        room: Room,
        members: Vec<(MemberId, LogCursor)>,
    }

    impl Full {
        pub(super) fn new(members: u8) -> Self {
            let limits = Limits { max_members: None, ..Limits::default() };
            let seed = Seed::new(secret(1));
            let room =
                Room::new(&limits, RoomKind::Classic, Epoch::new(Timestamp::UNIX_EPOCH), &seed);
            let mut full = Self { room, members: Vec::new() };
            let admission = Admission::new(&limits);
            let credentials = Arc::new(Credentials::classic(&password(), &seed));
            for number in 0..members {
                let admitted = log_in(&admission, &credentials, number);
                full.room.handle(Tick::ZERO, RoomInput::Joined(admitted));
                while let Some(output) = full.room.poll_output() {
                    if let RoomOutput::Attach(seat, cursor) = output {
                        full.members.push((seat, cursor));
                    }
                }
            }
            full.publish();
            full
        }

        fn say(&mut self) {
            let request = Request::Message(FernetToken::new(token()).unwrap());
            self.room.handle(Tick::ZERO, RoomInput::Request(self.members[0].0, request));
        }

        /// And lets everybody take everything.
        fn publish(&mut self) {
            self.room.publish(Tick::ZERO);
            self.members.iter_mut().for_each(|(_, cursor)| drop(take(cursor)));
        }

        /// A message as it is sent to members.
        pub(super) fn line(mut self) -> Vec<u8> {
            self.say();
            self.room.publish(Tick::ZERO);
            take(&mut self.members[0].1)
        }
    }

    /// All that waits, as one vectored write would take it.
    fn take(cursor: &mut LogCursor) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); MAX_IO_SLICES];
        let mut bytes = Vec::new();
        for slice in cursor.chunks_vectored(&mut slices) {
            bytes.extend_from_slice(slice);
        }
        cursor.advance(Tick::ZERO, bytes.len());
        bytes
    }

    /// Wrapped, encoded and remembered; shared with everybody every 100.
    #[divan::bench]
    fn message(bencher: Bencher<'_, '_>) {
        let mut full = Full::new(1);
        let mut said = 0;
        bencher.bench_local(|| {
            full.say();
            said += 1;
            if said % 100 == 0 {
                full.publish();
            }
        });
    }

    /// One message to 100 cursors, without sockets.
    #[divan::bench]
    fn delivery_to_100(bencher: Bencher<'_, '_>) {
        let mut full = Full::new(100);
        bencher.bench_local(|| {
            full.say();
            full.publish();
        });
    }

    fn log_in(admission: &Admission, credentials: &Arc<Credentials>, number: u8) -> Admitted {
        let pass = admission.try_login(Tick::ZERO, IpAddr::from([127, 0, 0, 1])).unwrap();
        let (hour, seed) = (Duration::from_secs(3600), Seed::new(secret(number)));
        let mut server = Login::new(Arc::clone(credentials), pass, Tick::ZERO, hour, &seed);
        let name = Username::new(&format!("m{number:04}")).unwrap();
        let epoch = Epoch::new(Timestamp::UNIX_EPOCH);
        let guest = Arc::new(client::ClientConfig::new(name, password(), epoch).v1_only());
        let mut client = client::Login::new(guest, Tick::ZERO, hour, &seed);
        let (mut to_server, mut to_client) = (LineDecoder::new(0), LineDecoder::new(0));
        loop {
            client = match step(client, &mut to_client, &mut to_server) {
                Ok(client) => client,
                Err(_) => panic!("the server has the last word"),
            };
            server = match step(server, &mut to_server, &mut to_client) {
                Ok(server) => server,
                Err(admitted) => return admitted,
            };
        }
    }

    /// Until the login waits for the other, or is done.
    fn step<H: Handshake>(
        mut login: H,
        decoder: &mut LineDecoder,
        other: &mut LineDecoder,
    ) -> Result<H, H::Output> {
        loop {
            let mut out = Vec::new();
            let step = login.advance(Tick::ZERO, decoder, &mut out);
            out.iter().for_each(|frame| other.feed(frame.bytes()));
            login = match step.unwrap_or_else(|_| panic!("an honest login")) {
                Step::Compute(work) => work.run(),
                Step::NeedsInput(login) | Step::WaitUntil(_, login) => return Ok(login),
                Step::Done(admitted) => return Err(admitted),
            };
        }
    }
}

mod fernet {
    use super::*;

    #[divan::bench]
    fn seal(bencher: Bencher<'_, '_>) {
        let key = RoomKey::new(&secret(1));
        bencher.bench_local(|| key.seal(0, [0; 16], black_box(&[b'a'; 64])));
    }

    #[divan::bench]
    fn open(bencher: Bencher<'_, '_>) {
        let key = RoomKey::new(&secret(1));
        let token = key.seal(0, [0; 16], &[b'a'; 64]);
        bencher.bench_local(|| key.open(black_box(&token)).unwrap());
    }
}

/// One record of the 1,024-byte bucket, base64 included.
#[divan::bench]
fn seal_record_of_1024(bencher: Bencher<'_, '_>) {
    let mut sealer = RecordSealer::new(&secret(1));
    let object = room::Full::new(1).line();
    let mut record = Vec::with_capacity(2_048);
    bencher.bench_local(|| {
        record.clear();
        sealer.seal(black_box(&object), &mut record)
    });
}

/// Every modular exponentiation of a login, where it happens.
mod srp {
    use super::*;

    fn salt() -> Salt {
        Salt::from([1; 16])
    }

    fn verifier() -> Arc<Verifier> {
        Arc::new(Verifier::new(&password(), salt()))
    }

    /// `g^x`
    #[divan::bench]
    fn room_verifier(bencher: Bencher<'_, '_>) {
        let password = password();
        bencher.bench_local(|| Verifier::new(&password, salt()));
    }

    /// `g^b`
    #[divan::bench]
    fn server_challenge(bencher: Bencher<'_, '_>) {
        let verifier = verifier();
        bencher.bench_local(|| ServerChallenge::new(Arc::clone(&verifier), secret(2)));
    }

    /// `(A * v^u)^b`
    #[divan::bench]
    fn server_answer(bencher: Bencher<'_, '_>) {
        let verifier = verifier();
        let a = PublicValue::from_wire(ClientStart::new(secret(3)).public()).unwrap();
        bencher
            .with_inputs(|| ServerChallenge::new(Arc::clone(&verifier), secret(2)))
            .bench_local_values(|challenge| challenge.answer(&a));
    }

    /// `g^a`
    #[divan::bench]
    fn client_start() -> ClientStart {
        ClientStart::new(secret(3))
    }

    /// `(B - k * g^x)^(a + u * x)`
    #[divan::bench]
    fn client_answer(bencher: Bencher<'_, '_>) {
        let (password, salt) = (password(), salt());
        let challenge = ServerChallenge::new(verifier(), secret(2));
        let b = PublicValue::from_wire(challenge.public()).unwrap();
        bencher
            .with_inputs(|| ClientStart::new(secret(3)))
            .bench_local_values(|start| start.answer(&password, &salt, &b));
    }
}
