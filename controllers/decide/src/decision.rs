//! What one pass of a controller came to.

use jiff::Timestamp;
use serde::Serialize;
use siterecovery_api::SiteName;

use crate::effect::Effect;
use crate::facts::ObjectVersion;
use crate::waiting::WaitingOn;

/// The result of one pass. Perform the effects in order, as far as they [need one](Effect::needs_no_order); when all
/// have succeeded write the status if `persist` says so, on condition of `version`; then write the events.
///
/// A failed effect ends the pass before the status is written. The next pass decides anew.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[must_use = "a decision changes nothing until it is performed"]
pub struct Decision<Status> {
    /// What to do, in this order.
    pub effects: Vec<Effect>,
    /// The status the object should have.
    pub status: Status,
    /// Whether that differs from the status it has.
    pub persist: bool,
    /// The version of the object that was decided on. Write the status with this uid and
    /// resourceVersion, so that an outdated decision is refused.
    pub version: ObjectVersion,
    /// What to tell people, after the status is written.
    pub events: Vec<EventNote>,
    /// What is being waited for.
    pub waiting: Option<WaitingOn>,
    /// When to look again.
    pub look_again: LookAgain,
}

impl<Status> Decision<Status> {
    /// Whether there is nothing to do and nothing to say; the next look stays where it is.
    pub fn is_idle(&self) -> bool {
        self.effects.is_empty() && !self.persist && self.events.is_empty()
    }

    /// Whether all there is to do is to write down what comes next, so that it can be done.
    pub fn only_writes(&self) -> bool {
        self.effects.is_empty() && self.persist && self.waiting == Some(WaitingOn::Write)
    }
}

/// When the next pass should happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum LookAgain {
    /// When something changes. A slow fallback pass is still wise.
    OnChange,
    /// When something changes, and at the latest then. An instant that is not in the future means
    /// at once.
    At(Timestamp),
}

/// One Kubernetes Event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventNote {
    /// The site to write it on.
    pub site: SiteName,
    /// What it is about.
    pub on: ObjectRef,
    /// `Warning` if true, else `Normal`.
    pub warning: bool,
    /// One of [`siterecovery_api::reasons`].
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
}

/// The object an Event is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ObjectRef {
    /// `ProtectionGroup` or `Failover`; both are `siterecovery.trilio.io/v1alpha1`.
    pub kind: &'static str,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Uid.
    pub uid: String,
}

impl EventNote {
    /// An Event whose type is the one its reason has in the table of reasons.
    pub fn new(site: &str, on: ObjectRef, reason: &'static str, message: String) -> Self {
        Self {
            site: site.to_owned(),
            on,
            warning: siterecovery_api::reasons::find(reason).is_some_and(|doc| doc.warning),
            reason,
            message,
        }
    }
}
