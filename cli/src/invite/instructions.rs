//! Instructions that a host sends to friends so that they can join.

use crate::safe;
use std::net::IpAddr;

use crate::invite::{
    HostPort, Invite, qr,
    word_code::{CLASSIC_WORDS, STRICT_WORDS, WordCode},
};
use crate::{args, text::SafeText};

/// The invite and the lines that explain it.
#[derive(Clone, Debug)]
pub struct Instructions {
    /// The invite with `#CODE`, as one line to paste.
    pub line: SafeText,
    /// The complete instructions.
    pub lines: Vec<SafeText>,
}

impl Instructions {
    /// Creates the instructions that a member can pass on.
    #[must_use]
    pub fn for_member(place: HostPort, code: WordCode) -> Self {
        let line = Invite { place, code: Some(code) }.shown();
        let head = safe!["to paste at the prompt of `cmdchat join`:"];
        Self { lines: vec![head, indented(&line)], line }
    }

    /// Creates the instructions of a host whose room is at `addresses`, the most likely
    /// first.
    #[must_use]
    pub fn for_host(addresses: &[IpAddr], port: u16, code: &WordCode, strict: bool) -> Self {
        let places: Vec<_> = addresses
            .iter()
            .filter_map(|address| args::host(&address.to_string()).ok())
            .map(|host| HostPort { host, port })
            .collect();
        let mut lines = vec![safe![
            "room open (",
            (if strict { "strict" } else { "classic" }),
            "). Tell your friends these two things, by two different ways if you can:"
        ]];
        let mut runs = places.iter().map(|place| safe!["run    cmdchat join ", place.shown()]);
        lines.extend(runs.next().as_ref().map(indented));
        lines.extend(runs.map(|run| safe!["  or     ", SafeText::sanitize(&run.as_str()[7..])]));
        lines.push(safe!["  code   ", code.shown()]);
        lines.push(safe!["         ", words(code), "; capitals and dashes do not matter"]);
        lines.push(safe!["or one line, to paste at the prompt of `cmdchat join`:"]);
        let line = places.first().map_or_else(SafeText::default, |place| {
            Invite { place: place.clone(), code: Some(code.clone()) }.shown()
        });
        lines.push(indented(&line));
        lines.extend(addresses.first().and_then(|address| reach(*address, port)));
        Self { line, lines }
    }

    /// Returns the invite as a QR code for a monospaced font.
    ///
    /// # Errors
    ///
    /// Returns a message for the user if the code cannot be drawn.
    pub fn qr(&self, ascii: bool) -> Result<Vec<SafeText>, SafeText> {
        qr::drawn(&self.line, ascii)
    }
}

fn indented(line: &SafeText) -> SafeText {
    safe!["  ", line]
}

fn words(code: &WordCode) -> SafeText {
    match code.0.len() {
        STRICT_WORDS => safe!["three words"],
        CLASSIC_WORDS => safe!["seven words"],
        count => safe![count, " words"],
    }
}

/// Returns a note if the address is not reachable from the internet.
fn reach(address: IpAddr, port: u16) -> Option<SafeText> {
    let is_local = match address {
        IpAddr::V4(address) => address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    };
    if address.is_loopback() {
        Some(safe!["only this machine can reach ", address])
    } else if is_local {
        Some(safe![
            "only this network can reach ",
            address,
            "; for the internet, have the router forward port ",
            port
        ])
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(addresses: &[&str], code: &str, strict: bool) -> String {
        let addresses: Vec<_> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let card = Instructions::for_host(&addresses, 3000, &WordCode::read(code).unwrap(), strict);
        assert!(card.lines.iter().any(|line| line.as_str().trim() == card.line.as_str()));
        card.lines.iter().map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn instructions_show_addresses_with_the_code() {
        assert_eq!(
            card(&["192.168.1.20", "2001:db8::7"], "oak-tidy-zoom", true),
            "room open (strict). Tell your friends these two things, by two different ways if you can:\n\
             \u{20} run    cmdchat join 192.168.1.20:3000\n\
             \u{20} or     cmdchat join [2001:db8::7]:3000\n\
             \u{20} code   oak-tidy-zoom\n\
             \u{20}        three words; capitals and dashes do not matter\n\
             or one line, to paste at the prompt of `cmdchat join`:\n\
             \u{20} cmdchat://192.168.1.20:3000/#oak-tidy-zoom\n\
             only this network can reach 192.168.1.20; for the internet, have the router forward port 3000\n"
        );
        let classic = card(&["127.0.0.1"], "oak-tidy-zoom-oak-tidy-zoom-oak", false);
        assert!(classic.starts_with("room open (classic)."), "{classic}");
        assert!(classic.contains("seven words;"), "{classic}");
        assert!(classic.ends_with("only this machine can reach 127.0.0.1\n"), "{classic}");
        assert!(!card(&["203.0.113.7"], "oak-tidy-zoom-oak", true).contains("only"));
    }
}
