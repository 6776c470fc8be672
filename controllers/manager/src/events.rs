//! Kubernetes Events, with our clock.
//!
//! kube's `Recorder` reads the wall clock, so this writes them itself. An Event's name follows
//! from what it says, so saying the same again raises its count instead of adding another.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};

use crate::backoff::mix;
use crate::error::{Refusal, classify};

/// One thing worth saying about one object.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    pub(crate) about: ObjectReference,
    /// `Warning` rather than `Normal`: somebody may have to act.
    pub(crate) warning: bool,
    pub(crate) reason: String,
    pub(crate) message: String,
}

/// Events hold at most 1,024 characters of message.
const MESSAGE_LIMIT: usize = 1024;

/// Writes the Event, or raises its count if it has been written before.
pub(crate) async fn record(
    client: &Client,
    reporter: &str,
    note: &Note,
    now: Timestamp,
) -> Result<(), kube::Error> {
    let namespace = note.about.namespace.as_deref().unwrap_or("default");
    let events: Api<Event> = Api::namespaced(client.clone(), namespace);
    let event = event(reporter, note, now);
    let name = event
        .metadata
        .name
        .clone()
        .expect("event() names every Event");
    match events.create(&PostParams::default(), &event).await {
        Ok(_) => Ok(()),
        Err(error) if classify(&error) == Refusal::AlreadyExists => {
            let count = events
                .get(&name)
                .await?
                .count
                .unwrap_or(1)
                .saturating_add(1);
            let again = serde_json::json!({"count": count, "lastTimestamp": Time(now)});
            events
                .patch(&name, &PatchParams::default(), &Patch::Merge(again))
                .await
                .map(drop)
        }
        Err(error) => Err(error),
    }
}

fn event(reporter: &str, note: &Note, now: Timestamp) -> Event {
    let about = note.about.clone();
    let object = about.name.as_deref().unwrap_or("unknown");
    let said = format!(
        "{}/{}/{}",
        about.uid.as_deref().unwrap_or_default(),
        note.reason,
        note.message
    );
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{object}.{:016x}", mix(0, &said))),
            namespace: Some(
                about
                    .namespace
                    .clone()
                    .unwrap_or_else(|| "default".to_owned()),
            ),
            ..ObjectMeta::default()
        },
        involved_object: about,
        type_: Some(if note.warning { "Warning" } else { "Normal" }.to_owned()),
        reason: Some(note.reason.clone()),
        message: Some(note.message.chars().take(MESSAGE_LIMIT).collect()),
        first_timestamp: Some(Time(now)),
        last_timestamp: Some(Time(now)),
        count: Some(1),
        source: Some(EventSource {
            component: Some(reporter.to_owned()),
            host: None,
        }),
        reporting_component: Some(reporter.to_owned()),
        reporting_instance: Some(reporter.to_owned()),
        ..Event::default()
    }
}
