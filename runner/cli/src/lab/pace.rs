//! Following a drill by hand: step by step, and a look at the sites before they are cleaned up.
//!
//! In virtual time the clock stands still while somebody reads.

use std::io::{self, BufRead as _, Write as _};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use sitedrill_engine::Pace;

use crate::signals::Shutdown;
use crate::up::files::KUBECONFIG;

/// How often it is looked, while somebody reads, whether the run is to end.
const LOOK: Duration = Duration::from_millis(100);

/// What is done by hand.
#[derive(Clone, Debug)]
pub struct ByHand {
    /// Each step waits for Enter.
    pub steps: bool,
    /// Before the cleanup of a drill that did not pass, everything is left as it is until Enter.
    pub pauses: bool,
    /// A line for each Enter.
    pub enters: Enters,
}

/// The times that Enter is pressed.
#[derive(Clone, Debug)]
pub struct Enters(Arc<Mutex<Receiver<()>>>);

impl Enters {
    /// Those on stdin of this process.
    pub fn of_stdin() -> Self {
        let (sender, receiver) = channel();
        // Nobody can be taken out of reading, so this thread ends with the process.
        thread::spawn(move || {
            for line in io::stdin().lock().lines() {
                if line.is_err() || sender.send(()).is_err() {
                    break;
                }
            }
        });
        Self::from(receiver)
    }

    /// Waits for the next; also the end of stdin, and of the run, is one.
    fn next(&self, shutdown: &Shutdown) {
        let receiver = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !shutdown.is_asked_for() {
            match receiver.recv_timeout(LOOK) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

impl From<Receiver<()>> for Enters {
    fn from(receiver: Receiver<()>) -> Self {
        Self(Arc::new(Mutex::new(receiver)))
    }
}

/// Asks on stderr, and waits for Enter.
pub struct Console {
    by_hand: ByHand,
    folder: Option<PathBuf>,
    shutdown: Shutdown,
}

impl Console {
    /// `folder` holds the kubeconfigs of the sites, where they are open.
    pub fn new(by_hand: ByHand, folder: Option<PathBuf>, shutdown: &Shutdown) -> Self {
        Self {
            by_hand,
            folder,
            shutdown: shutdown.clone(),
        }
    }

    async fn ask(&self, question: &str) {
        // Whoever cannot read it will not press Enter either.
        let _ = write!(io::stderr().lock(), "{question}");
        let (enters, shutdown) = (self.by_hand.enters.clone(), self.shutdown.clone());
        // On a thread of its own: paused time stands still as long as one is at work.
        let waited = tokio::task::spawn_blocking(move || enters.next(&shutdown)).await;
        drop(waited);
    }
}

#[async_trait]
impl Pace for Console {
    async fn before_step(&self, actor: &str, text: &str) {
        if self.by_hand.steps {
            self.ask(&format!("next  {actor}: {text}  [Enter] ")).await;
        }
    }

    async fn after_failure(&self, chapter: &str) {
        if !self.by_hand.pauses {
            return;
        }
        let look = self.folder.as_ref().map_or_else(String::new, |folder| {
            let path = folder.join(KUBECONFIG);
            format!("  export KUBECONFIG={}\n", path.display())
        });
        let question = format!(
            "{chapter} did not pass. Its sites stay as they are:\n{look}Enter goes on with the cleanup. "
        );
        self.ask(&question).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::signals::pair;

    fn console(steps: bool, shutdown: &Shutdown, enters: Receiver<()>) -> Console {
        let by_hand = ByHand {
            steps,
            pauses: true,
            enters: enters.into(),
        };
        Console::new(by_hand, None, shutdown)
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_begins_with_enter_and_virtual_time_stands_still_until_then() {
        let (_stop, shutdown) = pair();
        let (press, enters) = channel();
        let console = console(true, &shutdown, enters);
        let start = tokio::time::Instant::now();
        let mut step = std::pin::pin!(console.before_step("a", "pgctl status"));
        let an_hour = Duration::from_secs(3600);
        let waiting = tokio::select! {
            biased;
            () = &mut step => false,
            () = tokio::task::yield_now() => true,
        };
        assert!(waiting, "nobody has pressed Enter");
        press.send(()).unwrap();
        let asked = tokio::time::timeout(an_hour, step).await;
        assert!(asked.is_ok());
        assert!(start.elapsed() < Duration::from_secs(1));
    }

    #[tokio::test]
    async fn the_end_of_the_run_and_of_stdin_let_go() {
        let (stop, shutdown) = pair();
        let (_press, enters) = channel();
        let waiting = console(true, &shutdown, enters);
        stop.ask();
        waiting.after_failure("x").await;
        let (_stop, shutdown) = pair();
        let (press, enters) = channel::<()>();
        drop(press);
        console(true, &shutdown, enters).before_step("a", "b").await;
    }
}
