//! Ctrl-C and SIGTERM as something that can be waited for.

use std::future::Future;
use std::thread;

use tokio::sync::watch;

/// Becomes true once and for all when the run is to end.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Waits until the run is to end.
    pub fn wait(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut receiver = self.0.clone();
        async move {
            if receiver.wait_for(|stop| *stop).await.is_err() {
                // Whoever could ask for the end is gone, so nobody ever will.
                std::future::pending::<()>().await;
            }
        }
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

/// Turns Ctrl-C and SIGTERM of this process into a shutdown. A second signal ends the process at once.
pub fn of_process() -> Shutdown {
    let (stop, shutdown) = pair();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        // Without a runtime there is no polite end, and the signals keep their default effect.
        if let Ok(runtime) = runtime {
            runtime.block_on(listen(&stop));
        }
    });
    shutdown
}

async fn listen(stop: &Stop) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return;
    };
    for count in 0_u8.. {
        tokio::select! {
            biased;
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if count > 0 {
            end_at_once();
        }
        stop.ask();
    }
}

#[expect(
    clippy::exit,
    reason = "the user asked a second time: nothing may stand in the way"
)]
fn end_at_once() -> ! {
    std::process::exit(i32::from(crate::Exit::Interrupted.code()))
}
