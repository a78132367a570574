//! `cmdchat connect`: joins a room with its passphrase.

use cmdchat_core::client::Mode;

use crate::commands::shared::{
    chat::{ChatTask, with_json_output},
    login,
};
use crate::{
    args::{ConnectArgs, ReexecArgs},
    error::{Error, ExitStatus},
    secrets,
    ui::StartupNotices,
};

pub(super) fn run(mut command: ConnectArgs, again: &ReexecArgs) -> Result<ExitStatus, Error> {
    with_json_output(command.looks.json, |json| {
        let password = secrets::password(command.take_secret(), again)?;
        let name = login::name(&command.way.username)?;
        command.way.carriage.runtime.run(ChatTask {
            way: &command.way,
            looks: &command.looks,
            demands: command.demands,
            lowest: Mode::Plaintext,
            name,
            password,
            notices: StartupNotices::default(),
            json,
        })
    })
}
