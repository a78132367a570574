//! Messages from server to client: encoders and decoders (PROTOCOL 1.3 to 1.5, 2.5).

mod decode;
mod encode;

pub(crate) use decode::{Cleared, Init, MessageData, ServerMessage, Start, User};
pub(crate) use encode::{
    EncodedClear, EncodedMessage, MemberEntry, bye, bye_again, challenge, confirmation, error,
    init, members, notice, ping, refusal, sealed_challenge, sealed_confirmation, sealed_init,
    user_joined, user_left,
};
