//! The log of a step, on its way to the events.

use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_stream::StreamExt;

use crate::event::channel::OutputSender;
use crate::executor::SystemError;
use crate::stream::{Piece, Tap};

/// How long an incomplete line waits before it is shown: a question, the state of a progress bar.
const PREVIEW: Duration = Duration::from_millis(100);

/// Passes on the log of the step `name` as events. Returns whether a process still held it open when it was
/// cut off.
pub(super) async fn pass_on(
    log: OwnedFd,
    name: String,
    mut output: OutputSender,
    mut cut: watch::Receiver<bool>,
) -> Result<bool, SystemError> {
    let failed = |error| SystemError::new(format!("cannot read the log of step `{name}`"), error);
    let mut tap = Tap::new(log).map_err(failed)?;
    let mut leaky = false;
    let mut preview_at = None;
    loop {
        let piece = tokio::select! {
            // In this order: a log may have more at any time.
            biased;
            Ok(()) = cut.changed() => {
                leaky = tap.cut();
                continue;
            }
            piece = tap.next() => piece.transpose().map_err(failed)?,
            () = until(preview_at) => {
                preview_at = None;
                output.preview(tap.begun());
                continue;
            }
        };
        match piece {
            Some(Piece::Lines(bytes)) => {
                preview_at = (!tap.begun().is_empty()).then(|| Instant::now() + PREVIEW);
                output.send(bytes).await;
            }
            // Counted from when it was last shown, so that a line that keeps growing is shown as well.
            Some(Piece::Begun) => drop(preview_at.get_or_insert_with(|| Instant::now() + PREVIEW)),
            None => break,
        }
    }
    output.finish().await;
    Ok(leaky)
}

/// Sleeps until `when`, or for ever.
pub async fn until(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::*;
    use crate::event::mask::Masker;
    use crate::event::{EventKind, OutputChannel, channel};
    use crate::pipeline::{ParamValue, Secret, StepId, Values};
    use crate::stream::pipe;

    /// A log that is passed on, and what comes of it.
    fn passed_on(masker: Masker) -> (File, channel::Receiver, watch::Sender<bool>) {
        let (reader, writer) = pipe().unwrap();
        let (sender, receiver) = channel::channel(masker);
        let (cut, cuts) = watch::channel(false);
        let output = sender.output(StepId::new(0), OutputChannel::Both);
        tokio::spawn(pass_on(reader, "a".to_owned(), output, cuts));
        (writer.into(), receiver, cut)
    }

    /// The next event in short: lines, or `>` and a line that has begun.
    async fn next(receiver: &mut channel::Receiver) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match receiver.recv().await.unwrap().kind {
            EventKind::StepOutput { bytes, .. } => text(&bytes),
            EventKind::StepLine { bytes, .. } => format!(">{}", text(&bytes)),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_that_does_not_end_is_shown_after_a_while() {
        let (mut writer, mut events, _cut) = passed_on(Masker::default());
        writer.write_all(b"first\n10%\r20%").unwrap();
        assert_eq!(next(&mut events).await, "first\n10%\r");
        assert_eq!(next(&mut events).await, ">20%");
        writer.write_all(b" of it").unwrap();
        assert_eq!(next(&mut events).await, ">20% of it");
        writer.write_all(b"\r").unwrap();
        assert_eq!(next(&mut events).await, ">20% of it\r");
        writer.write_all(b"\nGo on? ").unwrap();
        assert_eq!(next(&mut events).await, "20% of it\r\n");
        assert_eq!(next(&mut events).await, ">Go on? ");
        drop(writer);
        assert_eq!(next(&mut events).await, "Go on? ");
    }

    #[tokio::test]
    async fn a_log_that_never_ends_can_be_cut_off() {
        let (mut writer, mut events, cut) = passed_on(Masker::default());
        let flood = std::thread::spawn(move || while writer.write_all(&[b'\n'; 4096]).is_ok() {});
        for _ in 0..300 {
            events.recv().await.unwrap();
        }
        cut.send_replace(true);
        while events.recv().await.is_some() {}
        flood.join().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_line_that_does_not_end_no_secret_is_shown() {
        let secret = ParamValue::Secret(Secret::new("hunter-2-hunter"));
        let masker = Masker::new(&Values::from([("token".to_owned(), secret)])).unwrap();
        let (mut writer, mut events, _cut) = passed_on(masker);
        writer.write_all(b"10% hunter-2-").unwrap();
        assert_eq!(next(&mut events).await, ">10% ");
        writer.write_all(b"hunter of").unwrap();
        assert_eq!(next(&mut events).await, ">10% *** of");
        writer.write_all(b"\r20% hunter").unwrap();
        assert_eq!(next(&mut events).await, "10% *** of\r");
        assert_eq!(next(&mut events).await, ">20% ");
        writer.write_all(b"-2-hunter\n").unwrap();
        assert_eq!(next(&mut events).await, "20% ***\n");
    }
}
