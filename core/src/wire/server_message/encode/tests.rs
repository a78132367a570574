use super::*;

const TIME: &str = "1970-01-01T00:00:00+00:00";

fn author() -> Username {
    Username::new(&"é".repeat(32)).unwrap()
}

/// Returns message `n` with a token of `token` bytes.
fn message(n: u32, token: usize) -> EncodedMessage {
    let token = FernetToken::new("x".repeat(token)).unwrap();
    EncodedMessage::classic(&format!("{n:036}"), &token, TIME, &author())
}

#[test]
fn message_sizes_match_encoded_lines() {
    let classic = message(1, 100);
    assert_eq!(classic.size() + 1, classic.open().unwrap().bytes().len());
    assert_eq!(classic.sealed_size(), classic.sealed().bytes().len());

    let token = FernetToken::new("x".repeat(100)).unwrap();
    let strict = EncodedMessage::strict("id", &token, TIME, &author(), 7);
    assert_eq!(strict.open(), None);
    assert_eq!(strict.size() + 1, strict.sealed().bytes().len());
    assert_eq!(strict.sealed_size(), strict.sealed().bytes().len());
}

#[test]
fn init_history_is_cut_to_max_line() {
    let name = author();
    let line = |oldest: usize| {
        let history = [message(0, oldest), message(1, 20_000), message(2, 20_000)];
        let present = std::iter::once(("another id", &name));
        let line = init(present, ("id", &name), history.iter().rev());
        let value: serde_json::Value = serde_json::from_slice(line.bytes()).unwrap();
        let ids = value["messages"].as_array().unwrap().iter();
        let ids = ids.map(|message| message["id"].as_str().unwrap().parse().unwrap());
        let users = value["users"].as_array().unwrap().len();
        assert_eq!(users, 2);
        (line.bytes().len() - 1, ids.collect::<Vec<u32>>())
    };
    let (short, all) = line(1_000);
    assert_eq!(all, [0, 1, 2], "oldest first");
    let longest = 1_000 + MAX_LINE - short;
    assert_eq!(line(longest), (MAX_LINE, all));
    assert_eq!(line(longest + 1).1, [1, 2], "the oldest is left out");
}

#[test]
fn init_users_are_cut_to_the_size_limit() {
    let name = author();
    let crowd = || std::iter::repeat_n(("00000000-0000-4000-8000-000000000000", &name), 2_000);
    let mut one = Vec::new();
    list(&mut one, crowd().next().unwrap());
    let history = [message(0, 20_000)];
    let classic = init(crowd(), ("id", &name), history.iter());
    let size = classic.bytes().len() - 1;
    assert!(size <= MAX_LINE && size > MAX_LINE - one.len() - 1, "{size}");
    let value: serde_json::Value = serde_json::from_slice(classic.bytes()).unwrap();
    let last = value["users"].as_array().unwrap().last().unwrap();
    assert_eq!(last["user_id"], "id", "the new member is always listed");
}

#[test]
fn members_fill_as_few_records_as_possible() {
    let hello = "x".repeat(700);
    let entries = |count: usize| {
        let entry = MemberEntry {
            user_id: "00000000-0000-4000-8000-000000000000",
            username: "alice",
            hello: Some(&hello),
        };
        members(std::iter::repeat_n(entry, count))
    };
    for (count, lines) in [(0, 1), (1, 1), (83, 1), (84, 2), (1_000, 13)] {
        let frames = entries(count);
        assert_eq!(frames.len(), lines, "{count} members");
        let listed = frames.iter().map(|frame| {
            assert!(frame.line().len() <= MAX_OBJECTS);
            let line: serde_json::Value = serde_json::from_slice(frame.line()).unwrap();
            line["users"].as_array().unwrap().len()
        });
        assert_eq!(listed.sum::<usize>(), count);
    }
}

#[test]
fn user_that_exactly_fits_is_listed_in_init() {
    let name = author();
    let line = |id: usize| {
        let id = "x".repeat(id);
        let present = std::iter::once((id.as_str(), &name));
        let line = init(present, ("id", &name), std::iter::empty());
        let value: serde_json::Value = serde_json::from_slice(line.bytes()).unwrap();
        (line.bytes().len() - 1, value["users"].as_array().unwrap().len())
    };
    let (short, both) = line(1);
    assert_eq!(both, 2);
    let longest = 1 + MAX_LINE - short;
    assert_eq!(line(longest), (MAX_LINE, both));
    assert_eq!(line(longest + 1).1, 1);
}
