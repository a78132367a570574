//! `cmdchat join`: a room, with what its host gave out.

use std::env;

use cmdchat_core::name::Name;

use super::{
    entry,
    visit::{Visit, told},
};
use crate::{
    args::{Again, Join, Way},
    code::Invite,
    exit::{Exit, Failure},
    secrets,
};

pub(super) fn run(mut command: Join, again: &Again) -> Result<Exit, Failure> {
    told(command.looks.json, |json| {
        let (invite, source) = command.take_invite()?;
        let given = secrets::code(source, again)?;
        let Invite { place, code } = match invite {
            Some(invite) => invite,
            None => secrets::ask_for_invite()?,
        };
        let code = match given.or(code) {
            Some(code) => code,
            None => secrets::ask_for_code()?,
        };
        let name = name(command.name.as_deref())?;
        let way = Way {
            host: place.host,
            port: place.port,
            username: name.as_str().to_owned(),
            carriage: command.carriage,
        };
        command.carriage.runtime.carry(Visit {
            way: &way,
            looks: &command.looks,
            demands: command.demands,
            lowest: code.lowest_mode(),
            name,
            password: code.password(),
            json,
        })
    })
}

/// The name that was given, else that of the login, else one that is asked for.
fn name(given: Option<&str>) -> Result<Name, Failure> {
    if let Some(given) = given {
        return entry::name(given);
    }
    let login = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| env::var(name).ok());
    match login.and_then(|login| entry::name(&login).ok()) {
        Some(name) => Ok(name),
        None => entry::name(&secrets::ask_for_name()?),
    }
}
