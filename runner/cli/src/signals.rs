//! Ctrl-C and SIGTERM as something that can be waited for.

use std::thread;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;

/// Becomes true once and for all when the run is to end.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Waits until the run is to end.
    pub fn wait(&self) -> BoxFuture<'static, ()> {
        let mut receiver = self.0.clone();
        let asked = async move {
            if receiver.wait_for(|stop| *stop).await.is_err() {
                // Whoever could ask for the end is gone, so nobody ever will.
                std::future::pending::<()>().await;
            }
        };
        asked.boxed()
    }

    /// Whether the run is to end.
    pub fn is_asked_for(&self) -> bool {
        *self.0.borrow()
    }
}

/// Asks for the end of a run.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    /// Asks for the end. More than once is once.
    pub fn ask(&self) {
        self.0.send_replace(true);
    }
}

/// A pair of asker and waiter.
pub fn pair() -> (Stop, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Stop(sender), Shutdown(receiver))
}

/// Turns Ctrl-C and SIGTERM of this process, and the end of a time, into a shutdown.
/// A second signal ends the process at once, after `last_words`.
pub fn of_process(timeout: Option<Duration>, last_words: impl Fn() + Send + 'static) -> Shutdown {
    let (stop, shutdown) = pair();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        // Without a runtime there is no polite end, and the signals keep their default effect.
        if let Ok(runtime) = runtime {
            runtime.block_on(listen(&stop, timeout, last_words));
        }
    });
    shutdown
}

async fn listen(stop: &Stop, timeout: Option<Duration>, last_words: impl Fn()) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return;
    };
    let end = timeout.map(|timeout| tokio::time::Instant::now() + timeout);
    let mut asked = false;
    let mut is_late = false;
    loop {
        tokio::select! {
            biased;
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = until(end), if !is_late => {
                is_late = true;
                stop.ask();
                // Not a signal: whoever sends the first one still gets the cleanup.
                continue;
            }
        }
        if asked {
            last_words();
            end_at_once();
        }
        asked = true;
        stop.ask();
    }
}

async fn until(end: Option<tokio::time::Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}

#[expect(
    clippy::exit,
    reason = "the user asked a second time: nothing may stand in the way"
)]
fn end_at_once() -> ! {
    std::process::exit(i32::from(crate::Exit::Interrupted.code()))
}
