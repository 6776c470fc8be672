//! Faults: what is broken, how, and by which name it is lifted.

use super::lint::Lint;
use super::step::Scope;
use super::{duration, given};
use crate::names::{all_of, quoted};
use crate::scenario::{Calls, Controller, Fault, FaultStep, StartFailure};
use crate::syntax::{self, At, OneOrMany, Pos};

/// The shapes a fault can have: the key that tells it, its name without `as`, and the keys that go with it.
const SHAPES: [(&str, &str, &[&str]); 20] = [
    ("kill", "kill", &["site", "at"]),
    ("pause", "pause", &["site", "at"]),
    ("skewClock", "skew-clock", &["site", "by"]),
    ("cutOff", "cut-off", &[]),
    ("apiDown", "api-down", &[]),
    ("slowApi", "slow-api", &["by"]),
    (
        "failApi",
        "fail-api",
        &["with", "verbs", "resource", "times"],
    ),
    (
        "loseAnswers",
        "lose-answers",
        &["verbs", "resource", "times"],
    ),
    ("dropWatches", "drop-watches", &[]),
    ("muteWatches", "mute-watches", &[]),
    ("nodeDown", "node-down", &[]),
    ("vmCrash", "vm-crash", &[]),
    ("vmStuck", "vm-stuck", &[]),
    ("vmUnstartable", "vm-unstartable", &["with"]),
    ("holdVolume", "hold-volume", &["on"]),
    ("degradeDisk", "degrade-disk", &["on", "state"]),
    ("slowSite", "slow-site", &["factor"]),
    ("cutLink", "cut-link", &[]),
    ("quorumLost", "quorum-lost", &[]),
    ("taint", "taint", &["keys", "putBack"]),
];

/// The steps of a failover (DECISIONS 3).
const STEPS: [&str; 9] = [
    "Validate",
    "AcquireLock",
    "LocateGroup",
    "SafetyCheck",
    "ClearTaints",
    "StopSource",
    "ReleaseStorage",
    "StartTarget",
    "ReleaseLock",
];

/// DRBD's words for a disk that is not up to date.
const DISK_STATES: [&str; 6] = [
    "Consistent",
    "Outdated",
    "Inconsistent",
    "Failed",
    "Diskless",
    "DUnknown",
];

/// RBAC's words for requests.
const VERBS: [&str; 7] = [
    "get", "list", "watch", "create", "update", "patch", "delete",
];

pub(super) fn fault(
    lint: &mut Lint<'_>,
    scope: &Scope,
    written: &At<syntax::Fault>,
) -> Option<FaultStep> {
    let (head, name) = shape(lint, written)?;
    let fault = meaning(lint, scope, written, head)?;
    let name = match &written.value.r#as {
        None => name.to_owned(),
        Some(name) => {
            lint.label("fault", &name.value, name.pos);
            name.value.clone()
        }
    };
    Some(FaultStep { name, fault })
}

/// The name of a fault as a `lift` step would write it, if it can be told.
pub(super) fn name_of(written: &At<syntax::Fault>) -> Option<String> {
    if let Some(name) = &written.value.r#as {
        return Some(name.value.clone());
    }
    let present = present(&written.value);
    let mut heads = SHAPES
        .iter()
        .filter(|(head, ..)| present.iter().any(|(key, _)| key == head));
    heads.next().map(|(_, name, _)| (*name).to_owned())
}

fn shape(lint: &mut Lint<'_>, written: &At<syntax::Fault>) -> Option<(&'static str, &'static str)> {
    let present = present(&written.value);
    let heads: Vec<_> = SHAPES
        .iter()
        .filter(|(head, ..)| present.iter().any(|(key, _)| key == head))
        .collect();
    let [(head, name, companions)] = heads.as_slice() else {
        let names: Vec<&str> = heads.iter().map(|(head, ..)| *head).collect();
        let (message, help) = if names.is_empty() {
            let all: Vec<&str> = SHAPES.iter().map(|(head, ..)| *head).collect();
            let message = "nothing says what is broken".to_owned();
            (message, format!("name one of {}", quoted(&all)))
        } else {
            let message = format!("{} do not go together", all_of(&names));
            (message, "use one step for each".to_owned())
        };
        lint.error_help(written.pos, message, help);
        return None;
    };
    let mut sound = true;
    for (key, pos) in present {
        if key != *head && key != "as" && !companions.contains(&key) {
            sound = false;
            let help = match *companions {
                [] => format!("with `{head}` goes `as` only"),
                keys => format!("with `{head}` go {}", quoted(keys)),
            };
            lint.error_help(pos, format!("`{key}` does not go with `{head}`"), help);
        }
    }
    sound.then_some((*head, *name))
}

fn present(fault: &syntax::Fault) -> Vec<(&'static str, Pos)> {
    fn of<T>(at: Option<&At<T>>) -> Option<Pos> {
        at.map(|at| at.pos)
    }
    let it = fault;
    let keys = [
        ("kill", of(it.kill.as_ref())),
        ("pause", of(it.pause.as_ref())),
        ("skewClock", of(it.skew_clock.as_ref())),
        ("cutOff", of(it.cut_off.as_ref())),
        ("apiDown", of(it.api_down.as_ref())),
        ("slowApi", of(it.slow_api.as_ref())),
        ("failApi", of(it.fail_api.as_ref())),
        ("loseAnswers", of(it.lose_answers.as_ref())),
        ("dropWatches", of(it.drop_watches.as_ref())),
        ("muteWatches", of(it.mute_watches.as_ref())),
        ("nodeDown", of(it.node_down.as_ref())),
        ("vmCrash", of(it.vm_crash.as_ref())),
        ("vmStuck", of(it.vm_stuck.as_ref())),
        ("vmUnstartable", of(it.vm_unstartable.as_ref())),
        ("holdVolume", of(it.hold_volume.as_ref())),
        ("degradeDisk", of(it.degrade_disk.as_ref())),
        ("slowSite", of(it.slow_site.as_ref())),
        ("cutLink", of(it.cut_link.as_ref())),
        ("quorumLost", of(it.quorum_lost.as_ref())),
        ("taint", of(it.taint.as_ref())),
        ("as", of(it.r#as.as_ref())),
        ("site", of(it.site.as_ref())),
        ("at", of(it.at.as_ref())),
        ("by", of(it.by.as_ref())),
        ("with", of(it.with.as_ref())),
        ("on", of(it.on.as_ref())),
        ("state", of(it.state.as_ref())),
        ("factor", of(it.factor.as_ref())),
        ("keys", of(it.keys.as_ref())),
        ("putBack", of(it.put_back.as_ref())),
        ("verbs", of(it.verbs.as_ref())),
        ("resource", of(it.resource.as_ref())),
        ("times", of(it.times.as_ref())),
    ];
    let keys = keys.into_iter();
    keys.filter_map(|(key, pos)| Some((key, pos?))).collect()
}

fn meaning(
    lint: &mut Lint<'_>,
    scope: &Scope,
    written: &At<syntax::Fault>,
    head: &str,
) -> Option<Fault> {
    match head {
        "kill" | "pause" | "skewClock" => of_controller(lint, scope, written, head),
        "nodeDown" | "vmCrash" | "vmStuck" | "vmUnstartable" => {
            of_machine(lint, scope, written, head)
        }
        "cutOff" | "apiDown" | "slowApi" | "failApi" | "loseAnswers" | "dropWatches"
        | "muteWatches" => of_api(lint, scope, written, head),
        _ => of_site(lint, scope, written, head),
    }
}

fn of_controller(
    lint: &mut Lint<'_>,
    scope: &Scope,
    written: &At<syntax::Fault>,
    head: &str,
) -> Option<Fault> {
    let it = &written.value;
    let name = match head {
        "kill" => it.kill.as_ref()?,
        "pause" => it.pause.as_ref()?,
        _ => it.skew_clock.as_ref()?,
    };
    let known = [
        Controller::FailoverController,
        Controller::ProtectionGroupController,
    ];
    let Some(controller) = known.into_iter().find(|known| known.name() == name.value) else {
        lint.unknown("controller", name, known.map(Controller::name));
        return None;
    };
    let site = match &it.site {
        None => None,
        Some(site) => Some(lint.site(&scope.sites, site)?),
    };
    let at = match &it.at {
        None => None,
        Some(step) if STEPS.contains(&step.value.as_str()) => Some(step.value.clone()),
        Some(step) => {
            lint.unknown("step of a failover", step, STEPS);
            return None;
        }
    };
    if at.is_some() && controller != Controller::FailoverController {
        let pos = it.at.as_ref().map_or(written.pos, |at| at.pos);
        lint.error(pos, "only the failover-controller goes through steps");
    }
    match head {
        "kill" => Some(Fault::Kill {
            controller,
            site,
            at,
        }),
        "pause" => Some(Fault::Pause {
            controller,
            site,
            at,
        }),
        _ => seconds(lint, it.by.as_ref(), written.pos).map(|by_seconds| Fault::SkewClock {
            controller,
            site,
            by_seconds,
        }),
    }
}

/// A time that may be negative, in whole seconds.
fn seconds(lint: &mut Lint<'_>, by: Option<&At<String>>, pos: Pos) -> Option<i64> {
    let by = lint.need(by, pos, "by")?;
    let (sign, text) = match by.value.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, by.value.as_str()),
    };
    let text = At {
        value: text.to_owned(),
        pos: by.pos,
    };
    let length = duration::positive(lint, &text)?;
    if length.subsec_nanos() != 0 {
        lint.error(by.pos, "a clock is skewed by whole seconds");
    }
    i64::try_from(length.as_secs()).ok().map(|it| sign * it)
}

fn of_api(
    lint: &mut Lint<'_>,
    scope: &Scope,
    written: &At<syntax::Fault>,
    head: &str,
) -> Option<Fault> {
    let it = &written.value;
    let name = match head {
        "cutOff" => it.cut_off.as_ref()?,
        "apiDown" => it.api_down.as_ref()?,
        "slowApi" => it.slow_api.as_ref()?,
        "failApi" => it.fail_api.as_ref()?,
        "loseAnswers" => it.lose_answers.as_ref()?,
        "dropWatches" => it.drop_watches.as_ref()?,
        _ => it.mute_watches.as_ref()?,
    };
    let site = lint.site(&scope.sites, name)?;
    match head {
        "cutOff" => Some(Fault::CutOff { site }),
        "apiDown" => Some(Fault::ApiDown { site }),
        "slowApi" => lint
            .need(it.by.as_ref(), written.pos, "by")
            .and_then(|by| duration::positive(lint, by))
            .map(|by| Fault::SlowApi { site, by }),
        "failApi" => {
            let code = code(lint, written);
            let calls = calls(lint, it);
            code.zip(calls)
                .map(|(code, calls)| Fault::FailApi { site, code, calls })
        }
        "loseAnswers" => calls(lint, it).map(|calls| Fault::LoseAnswers { site, calls }),
        "dropWatches" => Some(Fault::DropWatches { site }),
        _ => Some(Fault::MuteWatches { site }),
    }
}

fn code(lint: &mut Lint<'_>, written: &At<syntax::Fault>) -> Option<u16> {
    let with = lint.need(written.value.with.as_ref(), written.pos, "with")?;
    let code = with.value.0.parse().ok();
    let code = code.filter(|code| (400..600).contains(code));
    if code.is_none() {
        lint.error_help(
            with.pos,
            format!("`{}` is no HTTP code of an error", with.value.0),
            "such as 429 or 500",
        );
    }
    code
}

fn calls(lint: &mut Lint<'_>, it: &syntax::Fault) -> Option<Calls> {
    let verbs: Vec<At<String>> = match &it.verbs {
        None => Vec::new(),
        Some(At {
            value: OneOrMany::One(verb),
            pos,
        }) => vec![At {
            value: verb.clone(),
            pos: *pos,
        }],
        Some(At {
            value: OneOrMany::Many(verbs),
            ..
        }) => verbs.clone(),
    };
    let mut sound = true;
    for verb in &verbs {
        if !VERBS.contains(&verb.value.as_str()) {
            lint.unknown("verb", verb, VERBS);
            sound = false;
        }
    }
    if let Some(times) = &it.times
        && times.value == 0
    {
        lint.error(times.pos, "a fault that happens 0 times is none");
    }
    sound.then(|| Calls {
        verbs: verbs.into_iter().map(|verb| verb.value).collect(),
        resource: it.resource.as_ref().map(|it| it.value.clone()),
        times: it.times.as_ref().map(|times| times.value),
    })
}

fn of_machine(
    lint: &mut Lint<'_>,
    scope: &Scope,
    written: &At<syntax::Fault>,
    head: &str,
) -> Option<Fault> {
    let it = &written.value;
    let (name, what) = match head {
        "nodeDown" => (it.node_down.as_ref()?, "node"),
        "vmCrash" => (it.vm_crash.as_ref()?, "machine"),
        "vmStuck" => (it.vm_stuck.as_ref()?, "machine"),
        _ => (it.vm_unstartable.as_ref()?, "machine"),
    };
    let Some((site, vm)) = name.value.split_once('/') else {
        lint.error_help(
            name.pos,
            format!("`{}` names no {what}", name.value),
            format!("write `site/{what}`, such as `primary/pg-a-vm-1` or `primary/primary-1`"),
        );
        return None;
    };
    let vm = vm.to_owned();
    let site = At {
        value: site.to_owned(),
        pos: name.pos,
    };
    let site = lint.site(&scope.sites, &site)?;
    match head {
        "nodeDown" => Some(Fault::NodeDown { site, node: vm }),
        "vmCrash" => Some(Fault::VmCrash { site, vm }),
        "vmStuck" => Some(Fault::VmStuck { site, vm }),
        _ => start_failure(lint, it).map(|reason| Fault::VmUnstartable { site, vm, reason }),
    }
}

fn start_failure(lint: &mut Lint<'_>, it: &syntax::Fault) -> Option<StartFailure> {
    let Some(with) = &it.with else {
        return Some(StartFailure::Unschedulable);
    };
    let mut known = StartFailure::ALL.iter();
    let found = known.find(|(word, _)| *word == with.value.0);
    if found.is_none() {
        let word = At {
            value: with.value.0.clone(),
            pos: with.pos,
        };
        lint.unknown("reason", &word, StartFailure::ALL.map(|(word, _)| word));
    }
    found.map(|(_, reason)| *reason)
}

fn of_site(
    lint: &mut Lint<'_>,
    scope: &Scope,
    written: &At<syntax::Fault>,
    head: &str,
) -> Option<Fault> {
    let it = &written.value;
    match head {
        "holdVolume" => Some(Fault::HoldVolume {
            volume: it.hold_volume.as_ref()?.value.clone(),
            on: place(lint, it, written.pos)?,
        }),
        "degradeDisk" => {
            let state = lint.need(it.state.as_ref(), written.pos, "state");
            let on = place(lint, it, written.pos);
            let state = state?;
            if !DISK_STATES.contains(&state.value.as_str()) {
                lint.unknown("state of a disk", state, DISK_STATES);
            }
            Some(Fault::DegradeDisk {
                volume: it.degrade_disk.as_ref()?.value.clone(),
                on: on?,
                state: state.value.clone(),
            })
        }
        "slowSite" => {
            let site = lint.site(&scope.sites, it.slow_site.as_ref()?);
            let factor = lint.need(it.factor.as_ref(), written.pos, "factor")?;
            if !(0.0..=1000.0).contains(&factor.value) {
                lint.error(factor.pos, "a factor is from 0 to 1000");
            }
            Some(Fault::SlowSite {
                site: site?,
                factor: factor.value,
            })
        }
        "cutLink" => {
            let sites = it.cut_link.as_ref()?;
            let named = sites.value.iter();
            let named: Vec<_> = named.map(|site| lint.site(&scope.sites, site)).collect();
            let named: Option<Vec<String>> = named.into_iter().collect();
            let between = <[String; 2]>::try_from(named?).ok();
            if between.is_none() {
                lint.error(sites.pos, "a link is between two sites");
            }
            between.map(|between| Fault::CutLink { between })
        }
        "quorumLost" => {
            let site = lint.site(&scope.sites, it.quorum_lost.as_ref()?)?;
            Some(Fault::QuorumLost { site })
        }
        _ => {
            let site = lint.site(&scope.sites, it.taint.as_ref()?);
            let quorum = At {
                value: OneOrMany::One("quorum".to_owned()),
                pos: written.pos,
            };
            let keys = given::taint_keys(lint, it.keys.as_ref().unwrap_or(&quorum));
            Some(Fault::Taint {
                site: site?,
                keys,
                put_back: it.put_back.as_ref().is_some_and(|it| it.value),
            })
        }
    }
}

/// A site by any of its names, or else a node.
fn place(lint: &mut Lint<'_>, it: &syntax::Fault, pos: Pos) -> Option<String> {
    let on = lint.need(it.on.as_ref(), pos, "on")?;
    Some(crate::names::canonical_site(&on.value).map_or_else(|| on.value.clone(), str::to_owned))
}
