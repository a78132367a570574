//! `cmdchat connect`: a room, with its password.

use cmdchat_core::client::Mode;

use crate::commands::shared::{
    chat::{ChatTask, told},
    login,
};
use crate::{
    args::{ConnectArgs, ReexecArgs},
    error::{Error, ExitStatus},
    secrets,
    ui::StartupNotices,
};

pub(super) fn run(mut command: ConnectArgs, again: &ReexecArgs) -> Result<ExitStatus, Error> {
    told(command.looks.json, |json| {
        let password = secrets::password(command.take_secret(), again)?;
        let name = login::name(&command.way.username)?;
        command.way.carriage.runtime.carry(ChatTask {
            way: &command.way,
            looks: &command.looks,
            demands: command.demands,
            lowest: Mode::Plaintext,
            name,
            password,
            opening: StartupNotices::default(),
            json,
        })
    })
}
