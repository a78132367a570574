//! `cmdchat connect`: a room, with its password.

use cmdchat_core::client::Mode;

use crate::commands::shared::{
    chat::{Visit, told},
    login,
};
use crate::{
    args::{Again, Connect},
    error::{Exit, Failure},
    secrets,
    ui::Opening,
};

pub(super) fn run(mut command: Connect, again: &Again) -> Result<Exit, Failure> {
    told(command.looks.json, |json| {
        let password = secrets::password(command.take_secret(), again)?;
        let name = login::name(&command.way.username)?;
        command.way.carriage.runtime.carry(Visit {
            way: &command.way,
            looks: &command.looks,
            demands: command.demands,
            lowest: Mode::Plaintext,
            name,
            password,
            opening: Opening::default(),
            json,
        })
    })
}
