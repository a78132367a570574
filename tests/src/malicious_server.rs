//! The relay of a strict room that shows every member what the test wants.
//!
//! It holds the keys of all links, as every relay does, and not that of the
//! room. It numbers what it shows to each member without a gap, so that the
//! numbers alone give nothing away.

use std::{sync::Arc, time::Duration};

use cmdchat_core::{
    client::{ClientConfig, ReadStatus, SendId, Session, SessionOutput},
    crypto::kdf::room_key,
    fuzzing::established,
    strict_room::hash_chain::ChainHash,
    time::Tick,
    transport::line_decoder::LineDecoder,
    transport::record::{RecordOpener, RecordSealer},
    username::Username,
};
use serde_json::{Value, json};

use crate::{PASSWORD, describe_event, epoch, password};

/// A relay and the members of its room.
#[derive(Default)]
pub struct MaliciousServer {
    now: Tick,
    people: Vec<Person>,
}

struct Person {
    name: String,
    session: Session,
    sealer: RecordSealer,
    opener: RecordOpener,
    decoder: LineDecoder,
    /// Lines in the clear that the member has sent.
    sent: Vec<Value>,
    told: Vec<String>,
    /// Number and view of what it was shown last.
    standing: (u64, ChainHash),
    said: u64,
}

/// Something a member sent, as the relay has it.
#[derive(Clone, Debug)]
pub struct Said {
    /// `message` or `cleared`, as it goes to the members.
    pub kind: &'static str,
    /// Whose it is.
    pub author: String,
    /// The envelope, encrypted.
    pub token: String,
}

impl MaliciousServer {
    /// Virtual time passes.
    pub fn pass(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
        for person in &mut self.people {
            person.session.handle_timeout(self.now);
            person.collect();
        }
    }

    /// Somebody comes, and is shown `history`, which begins behind `start`.
    /// All others are told. Gives its place: 0, 1, 2….
    ///
    /// # Panics
    ///
    /// If it is no proper name.
    pub fn join(&mut self, name: &str, history: &[Said], start: (u64, ChainHash)) -> usize {
        let place = self.people.len();
        let guest = Username::new(name).expect("a proper name");
        let guest = Arc::new(ClientConfig::new(guest, password(PASSWORD), epoch()));
        let key = room_key(&password(PASSWORD), &[0; 16]);
        let (session, (sealer, opener)) = established(&guest, key, place as u64, self.now);
        let user =
            |name: &str, place: usize| json!({"user_id": format!("id-{place}"), "username": name});
        let mut joined = user(name, place);
        joined["type"] = "user_joined".into();
        (0..place).for_each(|other| self.tell(other, &joined));
        self.people.push(Person {
            name: name.to_owned(),
            session,
            sealer,
            opener,
            decoder: LineDecoder::new(0),
            sent: Vec::new(),
            told: Vec::new(),
            standing: start,
            said: 0,
        });
        let users = self.people.iter().enumerate().map(|(place, person)| user(&person.name, place));
        let init = json!({
            "type": "init", "messages": [], "users": users.collect::<Vec<_>>(),
            "history": history.len(), "n": start.0, "view": start.1.to_string(),
        });
        self.tell(place, &init);
        history.iter().for_each(|said| self.show(&[place], said));
        place
    }

    /// Somebody says `text`; nobody is shown it yet.
    ///
    /// # Panics
    ///
    /// If the member sends nothing.
    pub fn hear(&mut self, who: usize, text: &str) -> Said {
        let person = &mut self.people[who];
        person.session.send(self.now, SendId(person.said), text.to_owned().into());
        person.said += 1;
        person.collect();
        person.said("message")
    }

    /// Somebody wants the history forgotten; nobody is shown it yet.
    ///
    /// # Panics
    ///
    /// If the member sends nothing.
    pub fn hear_clear(&mut self, who: usize) -> Said {
        let person = &mut self.people[who];
        person.session.clear(self.now);
        person.collect();
        person.said("cleared")
    }

    /// Somebody says `text`, and everybody is shown it.
    pub fn say(&mut self, who: usize, text: &str) -> Said {
        let said = self.hear(who, text);
        self.show(&self.present(), &said);
        said
    }

    /// These members are shown it, with the number that each expects.
    pub fn show(&mut self, to: &[usize], said: &Said) {
        for &place in to {
            let n = self.people[place].standing.0 + 1;
            self.show_as(place, said, n);
        }
    }

    /// A member is shown it with this number.
    pub fn show_as(&mut self, place: usize, said: &Said, n: u64) {
        let (_, view) = self.people[place].standing;
        self.people[place].standing = (n, view.append(&said.token, &said.author));
        let data = json!({
            "id": "c9bf9e57-1685-4c89-bafb-ff5af830be8a", "text": said.token,
            "timestamp": "2026-11-23T15:00:00.000001+00:00", "username": said.author, "n": n,
        });
        self.tell(place, &json!({"type": said.kind, "data": data}));
    }

    /// A member is told any line at all.
    ///
    /// # Panics
    ///
    /// If it does not fit into a record.
    pub fn tell(&mut self, place: usize, line: &Value) {
        let person = &mut self.people[place];
        let mut record = Vec::new();
        person.sealer.seal(line.to_string().as_bytes(), &mut record).expect("it fits");
        person.decoder.feed(&record);
        while person.session.handle_input(self.now, &mut person.decoder) == ReadStatus::Line {}
        person.collect();
    }

    /// Number and view of what a member was shown last.
    #[must_use]
    pub fn standing(&self, place: usize) -> (u64, ChainHash) {
        self.people[place].standing
    }

    /// The places of all whose session goes on.
    #[must_use]
    pub fn present(&self) -> Vec<usize> {
        let is_there = |place: &usize| self.people[*place].session.poll_timeout().is_some();
        (0..self.people.len()).filter(is_there).collect()
    }

    /// The names of all who ever came, by their places.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.people.iter().map(|person| person.name.clone()).collect()
    }

    /// What a member was told since the last call.
    pub fn told(&mut self, place: usize) -> Vec<String> {
        std::mem::take(&mut self.people[place].told)
    }

    /// What a member would read out to compare rooms.
    pub fn code(&mut self, place: usize) -> String {
        let person = &mut self.people[place];
        person.session.request_fingerprint();
        person.collect();
        person.told.pop().unwrap_or_default()
    }
}

impl Person {
    fn collect(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                SessionOutput::Send(frame) => {
                    let object = self.opener.open(frame.line()).expect("an honest member's");
                    self.sent.push(serde_json::from_slice(object).expect("JSON"));
                }
                SessionOutput::Event(event) => self.told.push(describe_event(&event)),
            }
        }
    }

    fn said(&mut self, kind: &'static str) -> Said {
        let line = self.sent.pop().expect("it sends something");
        let token = line["text"].as_str().expect("a token").to_owned();
        Said { kind, author: self.name.clone(), token }
    }
}
