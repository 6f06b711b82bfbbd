//! Services at the scripted site.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use super::act::{ActEnd, Scripts};
use super::perform::{End, perform};
use crate::event::{EventKind, StepFinished};
use crate::executor::Exit;
use crate::pipeline::{Check, Endpoint, Failure, OnError, Outcome, Readiness};
use crate::runner::service::readiness::{self, Verdict};
use crate::runner::{GangMessage, ServiceOrder, Shutdown, retry};

/// Runs a service: attempts until one has been ready.
pub(super) async fn run(
    scripts: Scripts,
    order: ServiceOrder,
    mut shutdown: watch::Receiver<Shutdown>,
    dispatcher: mpsc::UnboundedSender<GangMessage>,
) {
    let policy = &order.job.pipeline.step(order.step).policy;
    let (mut attempts, mut retries) = (0, 0);
    let outcome = loop {
        if *shutdown.borrow() != Shutdown::None {
            break Outcome::Cancelled;
        }
        attempts += 1;
        let (failure, was_ready) = match attempt(&scripts, &order, attempts, &mut shutdown, &dispatcher).await
        {
            Ok(was_ready) => {
                let culprit = order.deaths.borrow().get(&order.step).copied();
                break match (culprit, was_ready) {
                    (Some(producer), _) => Outcome::Tainted { producer },
                    (None, true) => Outcome::Succeeded,
                    (None, false) => Outcome::Cancelled,
                };
            }
            Err(failed) => failed,
        };
        match retry::next(policy.retry.as_ref(), retries, &failure).filter(|_| !was_ready) {
            None if policy.on_error == OnError::Ignore => break Outcome::Ignored(failure),
            None => break Outcome::Failed(failure),
            Some(delay) => {
                retries += 1;
                tokio::select! {
                    () = sleep(delay) => {}
                    _ = shutdown.wait_for(|how| *how != Shutdown::None) => {}
                }
            }
        }
    };
    let finished = StepFinished { attempts, ..StepFinished::unrun(order.step, outcome) };
    let _ = dispatcher.send(GangMessage::Finished(finished));
}

/// Makes one attempt. Returns whether it was ready when it was told to stop, or how it failed and whether it was
/// ready then.
async fn attempt(
    scripts: &Scripts,
    order: &ServiceOrder,
    attempt: u32,
    shutdown: &mut watch::Receiver<Shutdown>,
    dispatcher: &mpsc::UnboundedSender<GangMessage>,
) -> Result<bool, (Failure, bool)> {
    let (job, step) = (Arc::clone(&order.job), order.step);
    let declared = job.pipeline.step(step);
    let act = scripts.next(&declared.name);
    if matches!(act.end, ActEnd::NotStarted) {
        return Err((Failure::Start("it is not there".into()), false));
    }
    let starting = std::time::Duration::ZERO;
    job.events.send(EventKind::StepStarted { step, attempt, lane: None, starting });
    scripts.log.lock().unwrap().start(&declared.name, false);
    let began = Instant::now();
    let check = match declared.service.as_ref().map(|service| &service.readiness) {
        Some(Readiness::Check(check)) => Some((**check).clone()),
        Some(Readiness::Found | Readiness::AtOnce) | None => None,
    };
    let (stop, mut stopped) = watch::channel(Shutdown::None);
    let mut life = Box::pin(perform(&act, None, job.settings.grace, &mut stopped));
    let mut ready = Box::pin(async {
        let check = check.unwrap_or_else(|| Check::new(None));
        readiness::ask(&check, || async { Ok(act.answer(began.elapsed())) }).await
    });
    let (mut is_ready, mut is_asked, mut fault) = (false, false, None);
    let end = loop {
        tokio::select! {
            biased;
            end = &mut life => break end,
            Ok(()) = shutdown.changed() => {
                is_asked = true;
                shutdown.borrow_and_update().escalate(&stop);
            }
            verdict = &mut ready, if !is_ready && !is_asked && fault.is_none() => match verdict.unwrap() {
                Verdict::Ready => {
                    is_ready = true;
                    let _ = dispatcher.send(GangMessage::Ready { step, endpoint: Endpoint::default() });
                }
                Verdict::Late(said) | Verdict::Never(said) => {
                    let words = format!("not ready within 1m; the last check said: {said}");
                    fault = Some(Failure::NotReady(words));
                    Shutdown::Graceful.escalate(&stop);
                }
            }
        }
    };
    scripts.log.lock().unwrap().end(&declared.name, false);
    match (fault, end) {
        (Some(fault), _) => Err((fault, is_ready)),
        (None, _) if is_asked => Ok(is_ready),
        (None, End::Exit(Exit::Code(0))) => Err((Failure::EndedEarly, is_ready)),
        (None, End::Exit(exit)) => Err((exit.failure().unwrap_or(Failure::EndedEarly), is_ready)),
        (None, _) => Err((Failure::EndedEarly, is_ready)),
    }
}
