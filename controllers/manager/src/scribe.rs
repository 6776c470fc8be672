//! Writes the Events of passes beside them: nobody waits for what is only told.
//!
//! Events are the most numerous writes of a failover, and the API server that takes them is the one that the next step
//! waits for. So they are written a moment later, when the machines are on their way; at an end, at once.
//! What a process that is killed had not written yet is lost: the status says the same.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use jiff::Timestamp;
use siterecovery_decide::EventNote;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::perform::Performer;

/// Events wait for this long, so that a step and what follows at once are through before they are written.
const LINGER: Duration = Duration::from_millis(250);

/// Events about so many objects are written at once.
const PARALLEL_WRITES: usize = 16;

/// So many passes may have Events to write; those of further ones are lost, and the log says so.
const ROOM: usize = 4096;

/// How long a process that ends in order goes on writing.
const GRACE: Duration = Duration::from_secs(5);

/// What a pass has to tell.
struct Told {
    notes: Vec<EventNote>,
    at: Timestamp,
    /// Something has ended: whoever waits for it will want to read why.
    at_once: bool,
}

/// An Event, and when it happened.
type Noted = (EventNote, Timestamp);

enum Order {
    Write(Told),
    Close,
}

/// Takes what passes have to tell.
#[derive(Clone)]
pub(crate) struct Scribe {
    orders: Sender<Order>,
}

/// The task that writes. Dropping it ends it, and loses what is not written yet.
pub(crate) struct Writing {
    orders: Sender<Order>,
    task: JoinSet<()>,
}

impl Scribe {
    /// Starts the task.
    pub(crate) fn start(performer: Performer) -> (Self, Writing) {
        let (orders, taken) = mpsc::channel(ROOM);
        let mut task = JoinSet::new();
        task.spawn(write(performer, taken));
        let scribe = Self {
            orders: orders.clone(),
        };
        (scribe, Writing { orders, task })
    }

    /// Has these Events written: soon, or at once.
    pub(crate) fn tell(&self, notes: Vec<EventNote>, at: Timestamp, at_once: bool) {
        if notes.is_empty() {
            return;
        }
        let told = Told { notes, at, at_once };
        if self.orders.try_send(Order::Write(told)).is_err() {
            tracing::warn!("too many events wait to be written; some are lost");
        }
    }
}

impl Writing {
    /// Writes what is left, and ends.
    pub(crate) async fn finish(mut self) {
        let close = async {
            // A task that is gone has nothing left to write.
            drop(self.orders.send(Order::Close).await);
            self.task.join_next().await
        };
        if timeout(GRACE, close).await.is_err() {
            tracing::warn!("not all events could be written before the end");
        }
    }
}

async fn write(performer: Performer, mut orders: Receiver<Order>) {
    let mut is_last = false;
    while !is_last {
        let all;
        (all, is_last) = collect(&mut orders).await;
        let writes: Vec<_> = by_object(&all)
            .into_values()
            .map(|told| async {
                for (note, at) in told {
                    performer.event(note, *at).await;
                }
            })
            .collect();
        let written = stream::iter(writes).buffered(PARALLEL_WRITES);
        written.for_each(|()| async {}).await;
    }
}

/// What is told of each object, in order: who reads it later reads it in the order in which it was written.
fn by_object(all: &[Noted]) -> BTreeMap<(&str, &str), Vec<&Noted>> {
    let mut objects = BTreeMap::<_, Vec<_>>::new();
    for noted in all {
        let (note, _) = noted;
        let object = (note.site.as_str(), note.on.uid.as_str());
        objects.entry(object).or_default().push(noted);
    }
    objects
}

/// What is to be written next, and whether nothing comes after it.
async fn collect(orders: &mut Receiver<Order>) -> (Vec<Noted>, bool) {
    let mut all = Vec::new();
    let mut due = None;
    loop {
        let order = tokio::select! {
            biased;
            order = orders.recv() => order,
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => return (all, false),
        };
        let Some(Order::Write(told)) = order else {
            return (all, true);
        };
        all.extend(told.notes.into_iter().map(|note| (note, told.at)));
        if told.at_once || all.len() >= ROOM {
            return (all, false);
        }
        due.get_or_insert_with(|| Instant::now() + LINGER);
    }
}

#[cfg(test)]
mod tests {
    use siterecovery_decide::ObjectRef;

    use super::*;

    fn told(word: &str, at_once: bool) -> Order {
        let on = ObjectRef {
            kind: "Failover",
            namespace: "site-recovery".to_owned(),
            name: "f".to_owned(),
            uid: "u".to_owned(),
        };
        let reason = siterecovery_api::reasons::STEP_STARTED;
        Order::Write(Told {
            notes: vec![EventNote::new("quorum", on, reason, word.to_owned())],
            at: Timestamp::UNIX_EPOCH,
            at_once,
        })
    }

    fn words(collected: &[Noted]) -> Vec<&str> {
        let notes = collected.iter().map(|(note, _)| note.message.as_str());
        notes.collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_within_a_moment_is_written_together_after_it() {
        let (sender, mut orders) = mpsc::channel(ROOM);
        let started = Instant::now();
        sender.send(told("one", false)).await.unwrap();
        let later = async {
            tokio::time::sleep(LINGER / 2).await;
            sender.send(told("two", false)).await.unwrap();
        };
        let ((all, is_last), ()) = futures::join!(collect(&mut orders), later);
        assert_eq!(words(&all), ["one", "two"]);
        assert!(!is_last && started.elapsed() >= LINGER);
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_is_told_at_once_with_all_that_waits_and_nothing_is_lost_at_the_close() {
        let (sender, mut orders) = mpsc::channel(ROOM);
        let started = Instant::now();
        for order in [told("one", false), told("end", true), told("after", false)] {
            sender.send(order).await.unwrap();
        }
        sender.send(Order::Close).await.unwrap();
        let (all, is_last) = collect(&mut orders).await;
        assert_eq!((words(&all), is_last), (vec!["one", "end"], false));
        let (all, is_last) = collect(&mut orders).await;
        assert_eq!((words(&all), is_last), (vec!["after"], true));
        assert_eq!(started.elapsed(), Duration::ZERO);
    }
}
