//! Parsers for single argument values. Each returns a complete [`Error`] for an
//! invalid value.

use crate::safe;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use cmdchat_core::fingerprint::Fingerprint;

use crate::error::Error;
use crate::text::SafeText;

/// A host to connect to: a name or an address, without brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host(String);

impl Host {
    /// Returns the host in the form that a resolver accepts.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A limit that 0 disables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit<T>(pub Option<T>);

impl Limit<usize> {
    /// Returns the limit, or the largest number if disabled.
    #[must_use]
    pub fn or_max(self) -> usize {
        self.0.unwrap_or(usize::MAX)
    }
}

impl Limit<Duration> {
    /// Returns the limit, or the longest duration if disabled.
    #[must_use]
    pub fn or_max(self) -> Duration {
        self.0.unwrap_or(Duration::MAX)
    }
}

pub(crate) fn host(text: &str) -> Result<Host, Error> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let name = bare.unwrap_or(text);
    if is_ipv6(name) {
        return Ok(Host(name.into()));
    }
    if text.contains(':') {
        return Err(port_inside(text));
    }
    let lower = text.trim_end_matches('.').to_ascii_lowercase();
    if lower.ends_with(".onion") {
        return Err(Error::usage(safe![".onion addresses need Tor"])
            .hint("proxies are not supported yet; ask the host for another address"));
    }
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '[' | ']' | '/' | '@');
    if text.is_empty() || text.contains(odd) {
        return Err(Error::usage(safe![SafeText::quote(text), " is not a host"])
            .hint("write a name like example.org, or an address"));
    }
    Ok(Host(text.into()))
}

/// Returns whether `text` is an IPv6 address, with or without a scope (`%eth0`).
fn is_ipv6(text: &str) -> bool {
    let (address, scope) = text.split_once('%').unwrap_or((text, "0"));
    address.parse::<Ipv6Addr>().is_ok()
        && !scope.is_empty()
        && scope.chars().all(|c| c.is_ascii_graphic())
}

fn port_inside(text: &str) -> Error {
    let error = Error::usage(safe!["cannot tell address from port in ", SafeText::quote(text)]);
    match text.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() && host(name).is_ok() => {
            let (name, port) = (SafeText::sanitize(name), SafeText::sanitize(port));
            error.hint_text(safe!["write ", name, " ", port])
        }
        _ => error.hint("separate the address from the port: fe80::1 3000"),
    }
}

pub(super) fn address(text: &str) -> Result<IpAddr, Error> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let found = match bare {
        Some(text) => text.parse().ok().map(IpAddr::V6),
        None if text == "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
        None => text.parse().ok(),
    };
    found.ok_or_else(|| match text.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() && address(name).is_ok() => {
            port_inside(text)
        }
        _ => Error::usage(safe![SafeText::quote(text), " is not an IP address"])
            .hint("use 0.0.0.0 for all, or 127.0.0.1 for this machine only"),
    })
}

pub(crate) fn port(text: &str) -> Result<u16, Error> {
    match port_or_any(text)? {
        0 => Err(Error::bad_port(text)),
        port => Ok(port),
    }
}

pub(super) fn port_or_any(text: &str) -> Result<u16, Error> {
    digits(text).and_then(|number| u16::try_from(number).ok()).ok_or_else(|| Error::bad_port(text))
}

pub(super) fn count(text: &str) -> Result<usize, Error> {
    digits(text)
        .and_then(|number| usize::try_from(number).ok())
        .ok_or_else(|| bad(text, " is not a number", "write digits only, for example 100"))
}

pub(super) fn at_least_one(text: &str) -> Result<usize, Error> {
    match count(text)? {
        0 => Err(bad(text, " is too few", "write 1 or more")),
        count => Ok(count),
    }
}

pub(super) fn fingerprint(text: &str) -> Result<Fingerprint, Error> {
    text.parse().map_err(|_| bad(text, " is no fingerprint", "write its 25 digits in quotes"))
}

pub(super) fn words(text: &str) -> Result<usize, Error> {
    match count(text)? {
        count @ 3..=32 => Ok(count),
        _ => Err(bad(text, " is no length for a code", "write a number from 3 to 32")),
    }
}

pub(super) fn limit(text: &str) -> Result<Limit<usize>, Error> {
    count(text).map(|count| Limit((count > 0).then_some(count)))
}

pub(super) fn size(text: &str) -> Result<usize, Error> {
    let (number, unit) = split_unit(text);
    let factor = match unit {
        "" => Some(1_u64),
        "k" | "K" => Some(1 << 10),
        "m" | "M" => Some(1 << 20),
        "g" | "G" => Some(1 << 30),
        _ => None,
    };
    factor
        .and_then(|factor| digits(number)?.checked_mul(factor))
        .and_then(|bytes| usize::try_from(bytes).ok())
        .ok_or_else(|| bad(text, " is not a size", "write for example 1048576, 1024k or 4M"))
}

pub(super) fn limit_size(text: &str) -> Result<Limit<usize>, Error> {
    size(text).map(|size| Limit((size > 0).then_some(size)))
}

pub(super) fn limit_duration(text: &str) -> Result<Limit<Duration>, Error> {
    let (number, unit) = split_unit(text);
    let milliseconds = match unit {
        "ms" => Some(1_u64),
        "" | "s" => Some(1_000),
        "m" | "min" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    milliseconds
        .and_then(|factor| digits(number)?.checked_mul(factor))
        .map(|ms| Limit((ms > 0).then_some(Duration::from_millis(ms))))
        .ok_or_else(|| bad(text, " is not a time", "write for example 30s, 5m or 500ms"))
}

pub(super) fn duration(text: &str) -> Result<Duration, Error> {
    let Limit(wait) = limit_duration(text)?;
    wait.ok_or_else(|| bad(text, " is too short", "write for example 10s"))
}

/// Parses digits only; a sign, as in `+5`, is an error.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn split_unit(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn bad(text: &str, what: &'static str, hint: &'static str) -> Error {
    Error::usage(safe![SafeText::quote(text), what]).hint(hint)
}
