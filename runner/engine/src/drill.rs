//! One drill: its chapters in order, over one observation of the sites.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use sitedrill_model::scenario::Drill;
use sitedrill_model::{Failure, Verdict};

use crate::chapter::{self, Scene, Shutdown};
use crate::observer::Observer;
use crate::shared::Shared;
use crate::{Emitter, EventSink, Target};

/// Runs a drill on sites that are up, and answers with the worst verdict of its chapters.
///
/// Guarantees: every chapter is started and finished in the events, whatever happens;
/// `always` runs once actors were started, also when `shutdown` ends; nothing is left running behind.
///
/// Assumptions: the drill is checked; `events` numbers anew if others emit events of the drill too
/// (see [`Emitter::sink`]); the runtime is a current-thread one where two runs must be alike.
pub fn run_drill<'a>(
    drill: &'a Drill,
    target: &'a Target,
    events: EventSink,
    shutdown: Pin<Box<dyn Future<Output = ()> + Send + 'a>>,
) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>> {
    // Boxed, so that all of it is compiled here and not in whatever program runs it.
    Box::pin(run(drill, target, events, shutdown))
}

async fn run(
    drill: &Drill,
    target: &Target,
    events: EventSink,
    shutdown: Pin<Box<dyn Future<Output = ()> + Send + '_>>,
) -> Verdict {
    let emitter = Emitter::new(&drill.name, target.now.clone(), events);
    let shared = Arc::new(Shared::new(target, emitter));
    let observer: Result<Observer, Failure> = Observer::start(drill, target, &shared).await;
    let scene = Scene {
        target,
        shared: &shared,
        observer: &observer,
        kind: drill.kind,
    };
    let mut shutdown = Shutdown::new(shutdown);
    let mut verdict = Verdict::Skipped;
    for (index, scenario) in drill.chapters.iter().enumerate() {
        let chapter = chapter::run(index, scenario, &scene, &mut shutdown).await;
        verdict = verdict.max(chapter);
    }
    verdict
}
