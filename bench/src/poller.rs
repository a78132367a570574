//! Readiness polling of many sockets, by epoll.

use std::{io, os::fd::AsFd, os::fd::OwnedFd, time::Duration};

use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
    io::Errno,
};

/// Readiness of one socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    pub(crate) key: u64,
    /// Bytes or the end of the stream can be read.
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

/// Condition under which a socket is reported.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Report {
    /// While there is input to read (level-triggered).
    Readable,
    /// Once whenever it becomes readable or writable (edge-triggered).
    Changes,
}

/// An epoll instance.
pub(crate) struct Poller {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, events: Vec::with_capacity(1024) })
    }

    pub(crate) fn add(&self, source: impl AsFd, key: u64, report: Report) -> io::Result<()> {
        use epoll::EventFlags;
        let flags = match report {
            Report::Readable => EventFlags::IN,
            Report::Changes => EventFlags::IN | EventFlags::OUT | EventFlags::ET,
        };
        Ok(epoll::add(&self.epoll, source, epoll::EventData::new_u64(key), flags)?)
    }

    pub(crate) fn remove(&self, source: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, source)?)
    }

    /// Waits for `at_most`, without limit if it is `None`.
    pub(crate) fn wait(
        &mut self,
        at_most: Option<Duration>,
    ) -> io::Result<impl Iterator<Item = Ready>> {
        let timeout = at_most.map(Timespec::try_from).transpose().map_err(io::Error::other)?;
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.events.iter().map(|event| {
            // Copied, because the field is unaligned.
            let flags = event.flags;
            Ready {
                key: event.data.u64(),
                readable: flags.intersects(
                    epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR,
                ),
                writable: flags.contains(epoll::EventFlags::OUT),
            }
        }))
    }
}

/// Returns `None` if the socket would have to wait.
pub(crate) fn unless_busy(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
        done => done.map(Some),
    }
}
