//! Every CamelCase reason that appears in an Event, a condition or a metric, in one table.
//!
//! `controllers/README.md` shows the same table to operators; a test keeps the two equal.

/// One reason and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReasonDoc {
    /// The word.
    pub reason: &'static str,
    /// Whether Events with it are warnings.
    pub warning: bool,
    /// One sentence for the operator.
    pub meaning: &'static str,
}

macro_rules! reasons {
    ($( $(#[$warning:ident])? $constant:ident = $word:literal : $meaning:literal; )*) => {
        $( #[doc = $meaning] pub const $constant: &str = $word; )*

        /// All reasons, in the order in which the README lists them.
        pub const ALL: &[ReasonDoc] = &[
            $( ReasonDoc { reason: $word, warning: reasons!(@ $($warning)?), meaning: $meaning }, )*
        ];
    };
    (@ warning) => { true };
    (@) => { false };
}

reasons! {
    // Progress of a failover.
    STEP_STARTED = "StepStarted": "A step of the failover began.";
    STEP_SUCCEEDED = "StepSucceeded": "A step of the failover ended well.";
    STEP_SKIPPED = "StepSkipped": "A step had nothing to do; the message says why.";
    LOCK_ACQUIRED = "LockAcquired": "The failover holds the lock of its group.";
    LOCK_RELEASED = "LockReleased": "The failover gave the lock of its group back.";
    SUCCEEDED = "Succeeded": "The group runs on the target.";
    ALREADY_THERE = "AlreadyThere": "The group was running on the target before the failover began.";
    #[warning] FORCED = "Forced": "The concurrent-safety check was skipped because force was set.";
    #[warning] ROLLED_BACK = "RolledBack": "The failover failed before the target was started, and the source was set to running again.";
    #[warning] ROLLBACK_FAILED = "RollbackFailed": "The source could not be set to running again; a person has to do it.";
    #[warning] TAINTS_RETURNED = "TaintsReturned": "An agent put quorum taints back on the target's nodes; quorum is probably still lost.";
    TAINTS_CLEARED = "TaintsCleared": "The target's nodes carry no quorum taint.";
    TAINTS_PRESENT = "TaintsPresent": "The target's nodes carry quorum taints.";
    #[warning] SOURCE_NOT_FENCED = "SourceNotFenced": "The source was unreachable, and its copy has not been confirmed stopped.";
    SOURCE_FENCED = "SourceFenced": "The source came back, and its copy is confirmed stopped.";
    FENCING_SUPERSEDED = "FencingSuperseded": "A later failover moved the group back to that site, so its copy there is wanted again.";

    #[warning] SITE_SECRET_INVALID = "SiteSecretInvalid": "A kubeconfig Secret cannot be used; the old credentials stay in use until it is corrected.";

    // Refusals and failures of a failover.
    #[warning] LOCK_HELD = "LockHeld": "Another failover of the same group holds the lock.";
    #[warning] LOCK_LOST = "LockLost": "Somebody else took the lock while the failover ran; it stopped before its next write.";
    #[warning] SAFETY_CHECK = "SafetyCheck": "Other groups have running VMs on the target, or are on their way there.";
    #[warning] SPLIT_BRAIN = "SplitBrain": "The group's VMs run on both sites; a person has to stop one side.";
    #[warning] NO_SUCH_GROUP = "NoSuchGroup": "The named group does not exist on a site that needs it.";
    #[warning] NO_SUCH_SITE = "NoSuchSite": "The target is no known site.";
    #[warning] NOT_A_WORKLOAD_SITE = "NotAWorkloadSite": "The target is a site that runs no virtual machines.";
    #[warning] NO_MEMBERS = "NoMembers": "The group names no virtual machine that exists.";
    #[warning] STORAGE_NOT_PROMOTABLE = "StorageNotPromotable": "The target's replicas cannot be promoted safely.";
    #[warning] STORAGE_UNKNOWN = "StorageUnknown": "The state of the storage cannot be read.";
    #[warning] SOURCE_UNREACHABLE = "SourceUnreachable": "The source cannot be reached, and storage does not prove that the target is the only writer.";
    #[warning] TARGET_UNREACHABLE = "TargetUnreachable": "The target cannot be reached.";
    #[warning] SPEC_CHANGED = "SpecChanged": "The spec was edited after the failover began.";
    #[warning] INVALID = "Invalid": "The object cannot be understood; the message names the field.";
    #[warning] TAINTS_NOT_CLEARED = "TaintsNotCleared": "The target's nodes did not stay free of quorum taints in time.";
    #[warning] SOURCE_NOT_STOPPED = "SourceNotStopped": "The source's VMs did not stop in time.";
    #[warning] STORAGE_NOT_RELEASED = "StorageNotReleased": "The source's storage was not released in time.";
    #[warning] TARGET_NOT_STARTED = "TargetNotStarted": "The target's VMs did not all start in time.";
    #[warning] LOCK_NOT_ACQUIRED = "LockNotAcquired": "The lock could not be written in time.";
    #[warning] LOCK_NOT_RELEASED = "LockNotReleased": "The lock could not be deleted; it expires by itself.";

    // What a failover waits for.
    WAITING_FOR_SITE = "WaitingForSite": "A site cannot be reached at the moment.";
    WAITING_FOR_LOCK = "WaitingForLock": "The lock is being written.";
    WAITING_FOR_STORAGE_VIEW = "WaitingForStorageView": "The state of the storage cannot be read at the moment.";
    WAITING_FOR_REPLICATION = "WaitingForReplication": "A replica on the target is still catching up.";
    WAITING_FOR_OTHER_FAILOVER = "WaitingForOtherFailover": "Another failover to the same target is about to decide.";
    WAITING_FOR_FENCING = "WaitingForFencing": "An earlier failover still has to stop the group on the target.";
    WAITING_FOR_TAINTS = "WaitingForTaints": "The target's nodes still carry quorum taints, or have not been clear for long enough.";
    WAITING_FOR_STOP = "WaitingForStop": "Virtual machines are still stopping.";
    WAITING_FOR_STORAGE_RELEASE = "WaitingForStorageRelease": "Volumes are still in use on the source, or cannot be promoted on the target yet.";
    WAITING_FOR_START = "WaitingForStart": "Virtual machines are still starting.";
    WAITING_FOR_WRITE = "WaitingForWrite": "A decision is written down before it is acted on.";

    // Protection groups.
    RUNNING = "Running": "Every member runs and is ready.";
    STOPPED = "Stopped": "No member has a live instance.";
    STARTING = "Starting": "Members are being started.";
    STOPPING = "Stopping": "Members are being stopped.";
    #[warning] MEMBER_MISSING = "MemberMissing": "A virtual machine the group names does not exist.";
    MEMBERS_FOUND = "MembersFound": "Every member exists.";
    #[warning] CONFLICTING_CLAIMS = "ConflictingClaims": "Two groups claim the same virtual machine; the older group drives it.";
    CLAIMS_EXCLUSIVE = "ClaimsExclusive": "No other group claims a member.";
    #[warning] MEMBER_STUCK = "MemberStuck": "KubeVirt reports that a member cannot start or stop.";
    #[warning] CANNOT_OBSERVE = "CannotObserve": "The site's API could not be read.";
    STATE_CHANGED = "StateChanged": "The current state of the group changed.";
    MEMBER_STARTED = "MemberStarted": "The group asked KubeVirt to start a member.";
    MEMBER_STOPPED = "MemberStopped": "The group asked KubeVirt to stop a member.";
}

/// The entry for a reason.
pub fn find(reason: &str) -> Option<&'static ReasonDoc> {
    ALL.iter().find(|doc| doc.reason == reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_one_camel_case_word_with_a_sentence_and_listed_once() {
        let mut seen = std::collections::BTreeSet::new();
        for doc in ALL {
            assert!(doc.reason.starts_with(|c: char| c.is_ascii_uppercase()));
            assert!(doc.reason.chars().all(|c| c.is_ascii_alphanumeric()));
            assert!(doc.meaning.ends_with('.'), "{}", doc.reason);
            assert!(seen.insert(doc.reason), "{} is listed twice", doc.reason);
        }
    }

    #[test]
    fn the_readme_shows_this_table() {
        let readme = include_str!("../../README.md");
        let row = |doc: &ReasonDoc| {
            let kind = if doc.warning { "Warning" } else { "Normal" };
            format!("| `{}` | {kind} | {} |", doc.reason, doc.meaning)
        };
        let rows: Vec<String> = ALL.iter().map(row).collect();
        assert!(
            readme.contains(&rows.join("\n")),
            "replace the table by:\n{}",
            rows.join("\n")
        );
    }
}
