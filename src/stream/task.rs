//! A blocking thread with one answer that can be awaited.

use std::{io, thread};

use tokio::sync::oneshot;

use super::StreamError;

/// A thread that runs to its end and returns a `T`.
pub(super) struct Task<T> {
    name: String,
    /// `None` once it has given the answer: a oneshot must not be polled again.
    pending: Option<oneshot::Receiver<T>>,
    answer: Option<T>,
}

impl<T: Send + 'static> Task<T> {
    /// Starts the thread. The name is for debuggers and messages; systems cut it short.
    pub(super) fn spawn(
        name: String,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Self, StreamError> {
        let (sender, pending) = oneshot::channel();
        thread::Builder::new()
            .name(name.clone())
            .spawn(move || {
                let _ = sender.send(body());
            })
            .map_err(|error| StreamError::new(format!("cannot start a thread for {name}"), error))?;
        Ok(Self { name, pending: Some(pending), answer: None })
    }

    /// Waits for the thread's answer. May be cancelled and called again: the answer stays.
    pub(super) async fn answer(&mut self) -> Result<&T, StreamError> {
        if let Some(pending) = &mut self.pending {
            self.answer = pending.await.ok();
            self.pending = None;
        }
        self.answer.as_ref().ok_or_else(|| {
            let bug = io::Error::other("this is a bug in pipe");
            StreamError::new(format!("the thread for {} broke off", self.name), bug)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_error_keeps_its_source() {
        let full = || Err::<(), _>(StreamError::new("cannot write `x`", io::ErrorKind::StorageFull));
        let mut task = Task::spawn("`x`".into(), full).unwrap();
        let error = task.answer().await.unwrap().clone().unwrap_err();
        let source = error.source.downcast_ref::<io::Error>().unwrap();
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
    }
}
