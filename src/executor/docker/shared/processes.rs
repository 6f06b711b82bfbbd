//! The processes of a step in a shared container: found, signalled, killed, and no other step's.
//!
//! They are known by an entry of their environment, by descent, by the group of the first of them, and by the named
//! pipes that they have open ([`crate::processes`]). Where this machine's `/proc` shows them, and they may be signalled
//! from here, that is done. Else a program in the container does it ([`inside`](crate::executor::docker::inside)).

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::read_pipes::ReadPipes;
use super::{Attempt, SharedContainer, exec};
use crate::executor::docker::Shared;
use crate::executor::docker::container::KILLED;
use crate::executor::docker::inside::{Answer, Look};
use crate::executor::docker::users::Users;
use crate::executor::finder::none_left;
use crate::executor::{Exit, StartError, Stop, SystemError};
use crate::processes::{self, Fifo, Found, Signs};

/// Pause between two looks from inside.
const PAUSE: Duration = Duration::from_millis(100);

/// Pause between two looks at an exec that is about to end.
const NEXT: Duration = Duration::from_millis(20);
/// Longest time that the engine takes to tell of an end that is known otherwise.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest time between the engine's word of an exec that was killed and that of its container.
const LAG: Duration = Duration::from_secs(1);

/// The processes of one attempt.
pub(in super::super) struct Processes {
    shared: Arc<Shared>,
    container: Arc<SharedContainer>,
    step: String,
    user: String,
    signs: Signs,
    /// The signs with the first process, once they have been looked for.
    known: OnceCell<Arc<Signs>>,
    reads: ReadPipes,
    /// Where the container sees the folder of the attempt, and the names of the named pipes in it.
    folder: (String, Vec<String>),
    /// Whether they are looked for on this machine.
    from_here: bool,
    /// The exec that is the first of them.
    exec: OnceCell<String>,
    /// Whether every one that is found from now on is killed.
    killed: AtomicBool,
}

impl Processes {
    /// The processes that an attempt is about to have; `pipes` are the names of the named pipes in its folder.
    pub(super) fn of(attempt: &Attempt<'_>, pipes: Vec<String>, reads: ReadPipes) -> Self {
        let Attempt { shared, container, spec, user, .. } = attempt;
        let here = attempt.here();
        let fifos = pipes.iter().filter_map(|name| Fifo::at(&here.join(name))).collect();
        let signs = Signs { mark: attempt.mark().into(), fifos, ..Signs::default() };
        // Another user's processes take no signal from here, unless all users of the engine are this one's.
        let may_signal = rustix::process::geteuid().is_root()
            || *user == shared.engine.caller()
            || shared.engine.users() == Users::RootIsCaller;
        Self {
            shared: Arc::clone(shared),
            container: Arc::clone(container),
            step: spec.name.clone(),
            user: user.clone(),
            signs,
            known: OnceCell::new(),
            reads,
            folder: (attempt.there(), pipes),
            from_here: container.is_visible && may_signal,
            exec: OnceCell::new(),
            killed: AtomicBool::new(false),
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn container(&self) -> &Arc<SharedContainer> {
        &self.container
    }

    /// Notes the exec that is the first of them.
    pub(super) fn began(&self, exec: &str) {
        let _ = self.exec.set(exec.to_owned());
    }

    pub(super) fn is_in(&self, container: &Arc<SharedContainer>) -> bool {
        Arc::ptr_eq(&self.container, container)
    }

    pub(super) fn is_reader(&self) -> bool {
        !self.reads.is_none()
    }

    pub(super) fn reads(&self, pipes: &[u64]) -> bool {
        self.reads.has_one_of(pipes)
    }

    /// Returns whether this side still has an end of a pipe that it reads.
    pub(super) fn has_open_pipes(&self) -> bool {
        self.reads.are_open()
    }

    /// Returns whether they were told to end at once.
    pub(super) fn were_killed(&self) -> bool {
        self.killed.load(Ordering::Relaxed)
    }

    /// Waits for the end of the exec that is the first of them, which has been seen otherwise or is at least in
    /// the air. Nothing if its container has ended, and it with that.
    pub(super) async fn ended(&self, id: &str) -> Result<Option<Exit>, SystemError> {
        let looks = async {
            loop {
                if let Some(exit) = exec::look(&self.shared, id).await? {
                    return Ok(Some(exit));
                }
                sleep(NEXT).await;
            }
        };
        let told = tokio::select! {
            told = timeout(PATIENCE, looks) => told,
            () = self.container.ended() => return Ok(None),
        };
        let exit = told.unwrap_or_else(|_| {
            Err(SystemError::new("lost a step in a container", "the engine does not tell how it has ended"))
        })?;
        // A container that ends takes all with it, and is told of a moment later: on a busy machine, a long one.
        let was_killed = exit == Some(Exit::Code(KILLED)) && !self.were_killed();
        let patience = if was_killed { LAG } else { NEXT };
        let has_ended = timeout(patience, self.container.ended()).await.is_ok();
        Ok(exit.filter(|_| !has_ended))
    }

    /// Asks all of them to end.
    pub(super) async fn stop(&self, how: Stop) -> Result<(), SystemError> {
        let signals: &[Signal] = match how {
            Stop::Terminate => &[Signal::TERM, Signal::CONT],
            Stop::Kill => {
                self.killed.store(true, Ordering::Relaxed);
                &[Signal::KILL]
            }
        };
        self.signal(signals).await
    }

    /// Sends signals to all of them, in this order.
    pub(super) async fn signal(&self, signals: &[Signal]) -> Result<(), SystemError> {
        debug!(
            step = self.step,
            ?signals,
            from_here = self.from_here,
            "docker: signal a step in a container"
        );
        if self.container.has_ended() {
            return Ok(());
        }
        if !self.from_here {
            return self.look_inside(signals).await.map(drop);
        }
        let kills = signals.contains(&Signal::KILL);
        let found = self.found().await;
        // An interactive shell ignores TERM, and goes on when what it waits for is gone.
        let shells = found.iter().filter(|it| !it.is_inner && it.is_interactive_shell());
        if signals.contains(&Signal::TERM) {
            shells.for_each(|it| it.signal(Signal::HUP));
        }
        for signal in signals {
            // The steps of a run within this one are stopped by the `pipe` that started them.
            found.iter().filter(|it| kills || !it.is_inner).for_each(|it| it.signal(*signal));
        }
        Ok(())
    }

    /// Waits until none of them is left, or the container has ended. Kills what it finds while `is_killed` says so.
    pub(super) async fn none_left(&self, is_killed: impl Fn() -> bool) {
        tokio::select! {
            () = self.container.ended() => {}
            () = async {
                match self.from_here {
                    true => none_left(&self.shared.finder(), &self.known().await, is_killed).await,
                    false => self.none_left_inside(is_killed).await,
                }
            } => {}
        }
    }

    async fn found(&self) -> Vec<Found> {
        self.shared.finder().find(&self.known().await).await
    }

    /// The signs of the processes, with the group of the first one if that has not ended.
    async fn known(&self) -> Arc<Signs> {
        let look = async {
            let leader = self.leader().await;
            Arc::new(Signs { leader, ..self.signs.clone() })
        };
        Arc::clone(self.known.get_or_init(|| look).await)
    }

    async fn leader(&self) -> Option<(i32, String)> {
        let exec = self.exec.get()?;
        let found = self.shared.engine.docker().inspect_exec(exec).await.ok()?;
        let pid =
            i32::try_from(found.pid.filter(|_| found.running == Some(true))?).ok().filter(|pid| *pid > 0)?;
        Some((pid, processes::started(pid)?))
    }

    async fn none_left_inside(&self, is_killed: impl Fn() -> bool) {
        let mut looks_in_vain = 0;
        // One look can miss a process that is just being created.
        while looks_in_vain < 2 {
            let signals: &[Signal] = if is_killed() { &[Signal::KILL] } else { &[] };
            match self.look_inside(signals).await {
                Ok(0) => looks_in_vain += 1,
                Ok(_) => looks_in_vain = 0,
                // An engine that cannot look cannot be waited for.
                Err(_) => return,
            }
            sleep(PAUSE).await;
        }
    }

    /// Looks for them from inside, and signals them. Returns how many there were.
    async fn look_inside(&self, signals: &[Signal]) -> Result<usize, SystemError> {
        let (folder, pipes) = &self.folder;
        let mark = self.signs.mark.to_string_lossy();
        let look = Look { mark: &mark, folder, pipes, signals };
        let (mut asked, mut found) = (HashSet::new(), 0);
        let mut open = vec![self.user.clone()];
        // A process that has changed its user hides from the one that it had, and from root as well.
        while let Some(user) = open.pop() {
            let said = exec::answer(&self.shared, &self.container, look.words(), user.clone()).await;
            let answer = match said {
                Ok(said) => Answer::of(&said),
                Err(_) if self.container.has_ended() => return Ok(0),
                Err(StartError::System(error)) => return Err(error),
                Err(StartError::Step(why)) => {
                    return Err(SystemError::new(format!("cannot stop step `{}`", self.step), why));
                }
            };
            asked.extend([user, answer.own.clone()]);
            found += answer.found;
            // Only root can have become another user.
            if answer.own == "0" {
                open.extend(answer.hidden.into_iter().filter(|user| !asked.contains(user)));
                open.dedup();
            }
        }
        Ok(found)
    }
}

/// The names of the named pipes in a folder.
pub(super) fn names(folder: &Path) -> Vec<String> {
    use std::os::unix::fs::FileTypeExt as _;
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let fifos = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_fifo()));
    fifos.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}
