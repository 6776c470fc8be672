//! What the controllers say, kept for `kubectl logs`.
//!
//! Each controller runs within a span that names it and its site; what is said within it is its log.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use crate::clock::wall_now;

/// The span that names a controller.
const CONTROLLER: &str = "controller";

/// How the targets of the product's own words begin; its libraries' are left out.
const PRODUCT: &str = "siterecovery";

/// How many lines of each controller are kept.
const LINES: usize = 10_000;

/// The logs of all controllers, by site and name. Clones are the same journal.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<BTreeMap<Speaker, VecDeque<String>>>>);

/// A site and a controller on it.
type Speaker = (String, String);

impl Journal {
    /// A journal of all that is said in this process from now on.
    pub fn of_process() -> Self {
        let journal = Self::default();
        let subscriber = tracing_subscriber::registry().with(journal.clone());
        // If somebody listens already, the logs stay empty, and nothing else is lost.
        let _ = tracing::subscriber::set_global_default(subscriber);
        journal
    }

    /// What a controller has said.
    pub fn text(&self, site: &str, controller: &str) -> String {
        let lines = self.lines();
        let said = lines.get(&(site.to_owned(), controller.to_owned()));
        said.into_iter()
            .flatten()
            .fold(String::new(), |mut text, line| {
                text.push_str(line);
                text.push('\n');
                text
            })
    }

    fn add(&self, speaker: &Speaker, line: String) {
        let mut lines = self.lines();
        let said = lines.entry(speaker.clone()).or_default();
        if said.len() == LINES {
            said.pop_front();
        }
        said.push_back(line);
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<Speaker, VecDeque<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Journal {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut words = Words::default();
        attributes.record(&mut words);
        span.extensions_mut().insert(words);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() > Level::INFO || !metadata.target().starts_with(PRODUCT) {
            return;
        }
        let mut speaker = None;
        let mut place = String::new();
        for span in context.event_scope(event).into_iter().flatten() {
            let extensions = span.extensions();
            let Some(words) = extensions.get::<Words>() else {
                continue;
            };
            if span.name() == CONTROLLER {
                speaker = Some((words.of("site"), words.of("name")));
            } else {
                place = format!("{}{{{}}}: {place}", span.name(), words.fields());
            }
        }
        if let Some(speaker) = speaker {
            let mut words = Words::default();
            event.record(&mut words);
            let now = wall_now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ");
            let (level, message, fields) = (metadata.level(), words.of("message"), words.fields());
            let line = format!("{now} {level:>5} {place}{message} {fields}");
            self.add(&speaker, line.trim_end().to_owned());
        }
    }
}

/// The fields of a span or an event, in order.
#[derive(Default)]
struct Words(Vec<(&'static str, String)>);

impl Words {
    fn of(&self, name: &str) -> String {
        let found = self.0.iter().find(|(field, _)| *field == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    fn fields(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.0.iter().filter(|(name, _)| *name != "message") {
            let blank = if text.is_empty() { "" } else { " " };
            // Writing to a String cannot fail.
            let _ = write!(text, "{blank}{name}={value}");
        }
        text
    }
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_controller_has_its_own_log_and_others_words_are_left_out() {
        let journal = Journal::default();
        let subscriber = tracing_subscriber::registry().with(journal.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "siterecovery_manager", "nobody says this");
            for site in ["primary", "dr"] {
                let span = tracing::info_span!("controller", site = %site, name = "pgc");
                let _span = span.enter();
                let _pass = tracing::info_span!("pass", object = "ns/pg-a").entered();
                tracing::info!(target: "siterecovery_manager", effect = "stop", "done at {site}");
                tracing::debug!(target: "siterecovery_manager", "too much detail");
                tracing::info!(target: "kube_client", "a library's words");
            }
        });
        let text = journal.text("dr", "pgc");
        assert!(
            text.ends_with("INFO pass{object=ns/pg-a}: done at dr effect=stop\n"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 1, "{text}");
        assert_eq!(journal.text("moon", "pgc"), "");
    }
}
