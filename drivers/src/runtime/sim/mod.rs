//! Deterministic simulator: a virtual clock, tasks polled in the order in which
//! they became ready, and scripted connections. A simulated day takes only its
//! computing time, and the same script always gives the same run.
//!
//! All work happens inside [`Sim::run`], which polls the tasks that are ready. If
//! none is, it advances the clock to the next timer. If there is no timer either,
//! no task can make progress, and it returns [`Deadlock`].

mod duplex;
mod network;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    future::{self, Future},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use cmdchat_core::time::Tick;

pub use self::network::{
    ChunkSize, DirectionConfig, LinkConfig, SimAbortHandle, SimListener, SimReadHalf, SimWriteHalf,
};
use crate::runtime::{Connection, Dial, Runtime};

/// The simulator. Clones share one world.
#[derive(Clone, Debug, Default)]
pub struct Sim(Arc<World>);

/// Error of a simulation in which all tasks wait and no timer is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlock {
    /// Virtual time of the last event.
    pub at: Tick,
    /// Number of waiting tasks, not counting the future passed to [`Sim::run`].
    pub tasks: usize,
}

impl std::fmt::Display for Deadlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { at, tasks } = self;
        write!(f, "deadlock at {:?}: {tasks} tasks wait for nothing", at.since_start())
    }
}

impl std::error::Error for Deadlock {}

impl Sim {
    /// Returns an empty world at [`Tick::ZERO`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `future` and all spawned tasks until `future` is ready. Remaining
    /// tasks are not polled until the next call.
    ///
    /// # Errors
    ///
    /// Returns [`Deadlock`] if `future` waits for something that can no longer happen.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> Result<T, Deadlock> {
        let mut future = pin!(future);
        let main = self.0.state().number();
        let main_waker = self.waker(main);
        main_waker.wake_by_ref();
        loop {
            let Some(id) = self.0.next_ready() else {
                if self.advance_clock() {
                    continue;
                }
                let state = self.0.state();
                return Err(Deadlock { at: state.now, tasks: state.tasks.len() });
            };
            if id == main {
                let polled = future.as_mut().poll(&mut Context::from_waker(&main_waker));
                if let Poll::Ready(result) = polled {
                    return Ok(result);
                }
                continue;
            }
            // Removed from the world while polled, because the task may lock the world.
            let task = self.0.state().tasks.remove(&id);
            if let Some(mut task) = task
                && task.as_mut().poll(&mut Context::from_waker(&self.waker(id))).is_pending()
            {
                self.0.state().tasks.insert(id, task);
            }
        }
    }

    /// Drops all remaining tasks, as the end of a process would. A world whose
    /// tasks never end keeps itself in memory until this call.
    pub fn drop_tasks(&self) {
        let tasks = std::mem::take(&mut self.0.state().tasks);
        drop(tasks);
    }

    /// Returns the number of jobs run by [`Runtime::spawn_blocking`] so far.
    #[must_use]
    pub fn compute_count(&self) -> u64 {
        self.0.state().computed
    }

    /// Sets the virtual time that each further computation takes (initially zero).
    pub fn set_compute_time(&self, time: Duration) {
        self.0.state().srp_limiter = time;
    }

    /// Returns a new listener on an unused port.
    #[must_use]
    pub fn listen(&self) -> SimListener {
        SimListener::open(self)
    }

    /// Connects to a listener over a scripted connection, without waiting. The
    /// listener can accept it after the link's latency.
    ///
    /// # Errors
    ///
    /// Returns [`io::ErrorKind::ConnectionRefused`] if there is no listener at `address`.
    pub fn connect(&self, address: SocketAddr, link: &LinkConfig) -> io::Result<Connection<Self>> {
        network::connect(self, address, link)
    }

    /// Scripts all further connections that [`Dial::dial`] makes to `address`. By
    /// default they use [`LinkConfig::default`].
    pub fn route(&self, address: SocketAddr, link: LinkConfig) {
        self.0.state().routes.insert(address, link);
    }

    fn waker(&self, id: u64) -> Waker {
        Waker::from(Arc::new(TaskWaker { ready: Arc::clone(&self.0.ready), id }))
    }

    /// Advances the clock to the next timer, if there is one, and wakes all tasks
    /// that wait for that instant, in the order in which they started to wait.
    fn advance_clock(&self) -> bool {
        let mut state = self.0.state();
        let Some((&(at, _), _)) = state.alarms.first_key_value() else {
            return false;
        };
        state.now = at;
        let later = state.alarms.split_off(&(at, u64::MAX));
        let due = std::mem::replace(&mut state.alarms, later);
        drop(state);
        due.into_values().for_each(Waker::wake);
        true
    }
}

impl Runtime for Sim {
    type ReadHalf = SimReadHalf;
    type WriteHalf = SimWriteHalf;
    type AbortHandle = SimAbortHandle;

    fn now(&self) -> Tick {
        self.0.state().now
    }

    async fn sleep_until(&self, at: Tick) {
        let mut timer = Timer::new(self);
        future::poll_fn(|context| {
            if self.now() >= at {
                return Poll::Ready(());
            }
            timer.set(Some(at), context.waker());
            Poll::Pending
        })
        .await;
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut state = self.0.state();
        let id = state.number();
        state.tasks.insert(id, Box::pin(task));
        drop(state);
        self.waker(id).wake();
    }

    async fn spawn_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let end = {
            let mut state = self.0.state();
            state.computed += 1;
            state.now.saturating_add(state.srp_limiter)
        };
        let done = job();
        self.sleep_until(end).await;
        done
    }
}

impl Dial for Sim {
    /// Takes one round trip over the link. Tries the addresses one after another,
    /// because the simulator reports a refusal at once.
    async fn dial(&self, addrs: &[SocketAddr], deadline: Tick) -> io::Result<Connection<Self>> {
        let mut failure = io::ErrorKind::InvalidInput.into();
        for &address in addrs {
            let link = self.0.state().routes.get(&address).copied().unwrap_or_default();
            match self.connect(address, &link) {
                Ok(connection) => {
                    let answer = self
                        .now()
                        .saturating_add(link.up.latency)
                        .saturating_add(link.down.latency);
                    self.sleep_until(answer.min(deadline)).await;
                    if answer > deadline {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    return Ok(connection);
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}

/// State of the simulation. The ready queue has its own lock, so that a task can
/// be woken at any time.
#[derive(Debug, Default)]
struct World {
    state: Mutex<State>,
    ready: Arc<Mutex<Ready>>,
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
struct State {
    now: Tick,
    numbers: u64,
    computed: u64,
    /// Virtual time that each computation takes.
    srp_limiter: Duration,
    tasks: BTreeMap<u64, Task>,
    alarms: BTreeMap<(Tick, u64), Waker>,
    listeners: BTreeMap<SocketAddr, network::Backlog>,
    routes: BTreeMap<SocketAddr, LinkConfig>,
    dialed: u16,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("now", &self.now)
            .field("tasks", &self.tasks.len())
            .field("alarms", &self.alarms.len())
            .finish_non_exhaustive()
    }
}

impl World {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn next_ready(&self) -> Option<u64> {
        let mut ready = lock(&self.ready);
        let id = ready.queue.pop_front()?;
        ready.queued.remove(&id);
        Some(id)
    }
}

impl State {
    /// Returns a number not used before in this world.
    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}

#[derive(Debug, Default)]
struct Ready {
    queue: VecDeque<u64>,
    queued: BTreeSet<u64>,
}

/// Puts its task into the ready queue unless it is there already.
struct TaskWaker {
    ready: Arc<Mutex<Ready>>,
    id: u64,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut ready = lock(&self.ready);
        if ready.queued.insert(self.id) {
            ready.queue.push_back(self.id);
        }
    }
}

/// One timer of the world, removed when its owner no longer waits.
struct Timer<'a> {
    sim: &'a Sim,
    key: Option<(Tick, u64)>,
}

impl<'a> Timer<'a> {
    const fn new(sim: &'a Sim) -> Self {
        Self { sim, key: None }
    }

    /// Sets the timer to `at`, replacing the previous instant.
    fn set(&mut self, at: Option<Tick>, waker: &Waker) {
        let mut state = self.sim.0.state();
        if self.key.map(|(at, _)| at) != at {
            if let Some(old) = self.key.take() {
                state.alarms.remove(&old);
            }
            self.key = at.map(|at| (at, state.number()));
        }
        if let Some(key) = self.key {
            state.alarms.insert(key, waker.clone());
        }
    }
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.sim.0.state().alarms.remove(&key);
        }
    }
}

/// Locks `mutex`, ignoring poisoning: one thread runs the world, so a poisoned lock
/// only means that a test has failed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
