//! The Failover Controller: carries out the Failovers that live on its home site.
//!
//! ```text
//! watches on all sites -> keys of Failovers -> a pass: fetch, understand, decide, perform
//! ```
//!
//! What a pass decides on is read live, from every site that answers; a site that does not is an
//! observation and never an error. The watches only say which Failover to look at.

mod ahead;
mod asked;
mod fetch;
mod members;
mod need;
mod register;
mod triggers;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, OptionFuture};
use futures::join;
use kube::core::DeserializeGuard;
use siterecovery_api::names::FAILOVER_MANAGER;
use siterecovery_api::{
    DeploymentModel, Failover, FailoverPhase, FailoverStatus, SiteDirectory, SiteName,
};
use siterecovery_decide::Policy;
use siterecovery_decide::conditions::{SOURCE_FENCED, Truth, holds};
use siterecovery_decide::failover::{Fetched, decide, understand};
use tokio::sync::mpsc;
use tracing::Instrument;

use crate::client::metered;
use crate::config::{FailoverControllerConfig, Now, Site, Storage};
use crate::driver::{DriverSettings, Next, drive};
use crate::error::{Error, PassError};
use crate::interest::Interest;
use crate::key::Key;
use crate::malformed::Kind;
use crate::meter::{Meter, SharedMeter, Unmetered, measured, say_failover};
use crate::perform::Performer;
use crate::reader::{REQUEST_LIMIT, Reader, Silence};
use crate::scribe::{Scribe, Writing};
use crate::storage::{DrbdOperatorView, StorageView};
use ahead::Shown;
use asked::Asked;
use fetch::{Begun, Reading};
use register::Register;

/// Runs the controller until `shutdown` completes.
///
/// # Errors
///
/// The home site is not among the sites, or a test's gate halts it; everything else is retried.
pub fn run_failover_controller(
    config: FailoverControllerConfig,
    shutdown: BoxFuture<'static, ()>,
) -> BoxFuture<'static, Result<(), Error>> {
    run_failover_controller_metered(config, Arc::new(Unmetered), shutdown)
}

/// The same, and `meter` hears what happens.
///
/// # Errors
///
/// As above.
pub fn run_failover_controller_metered(
    config: FailoverControllerConfig,
    meter: Arc<dyn Meter>,
    shutdown: BoxFuture<'static, ()>,
) -> BoxFuture<'static, Result<(), Error>> {
    // Boxed, so that all of it is compiled here and not in whatever program runs it.
    run(config, meter, shutdown).boxed()
}

async fn run(
    config: FailoverControllerConfig,
    meter: SharedMeter,
    shutdown: BoxFuture<'static, ()>,
) -> Result<(), Error> {
    let seed = config.seed;
    let linstor = match &config.storage {
        Storage::Linstor(client) => Some(client.clone()),
        Storage::DrbdOperator => None,
    };
    let (context, writing) = Context::new(config, meter)?;
    let context = Arc::new(context);
    let (sender, keys) = mpsc::unbounded_channel();
    let _watches = triggers::watch(&context, linstor, seed, &sender);
    tracing::info!(home = %context.home, "the Failover Controller runs");
    let passes = Arc::clone(&context);
    drive(
        DriverSettings::with_seed(seed),
        keys,
        shutdown,
        move |key| {
            let span =
                tracing::info_span!("pass", kind = "Failover", site = %passes.home, object = %key);
            let meter = Arc::clone(&passes.meter);
            measured(meter, "Failover", pass(Arc::clone(&passes), key)).instrument(span)
        },
    )
    .await?;
    writing.finish().await;
    Ok(())
}

/// So many decisions are made on one reading at most: to begin a step, and to act.
const DECISIONS_PER_READING: usize = 2;

/// What every pass shares.
struct Context {
    home: SiteName,
    directory: SiteDirectory,
    readers: BTreeMap<SiteName, Reader>,
    storage: Box<dyn StorageView>,
    policy: Policy,
    now: Now,
    performer: Performer,
    scribe: Scribe,
    silence: Silence,
    interest: Mutex<Interest>,
    register: Mutex<Register>,
    /// What to ask for early.
    shown: Mutex<Shown>,
    /// What groups have been asked to do and have not been seen to be asked yet.
    asked: Asked,
    meter: SharedMeter,
}

impl Context {
    fn new(config: FailoverControllerConfig, meter: SharedMeter) -> Result<(Self, Writing), Error> {
        let FailoverControllerConfig {
            home,
            sites,
            storage,
            policy,
            now,
            seed: _,
            gate,
        } = config;
        if !sites.iter().any(|site| site.info.name == home) {
            let known = sites.into_iter().map(|site| site.info.name).collect();
            return Err(Error::UnknownHome { home, known });
        }
        let model = match storage {
            Storage::Linstor(_) => DeploymentModel::Linstor,
            Storage::DrbdOperator => DeploymentModel::DrbdOperator,
        };
        let directory = SiteDirectory {
            model,
            sites: sites.iter().map(|site| site.info.clone()).collect(),
        };
        let clients: BTreeMap<_, _> = sites
            .into_iter()
            .map(|site| {
                let Site { info, client } = site;
                let client = metered(client, REQUEST_LIMIT, &info.name, Arc::clone(&meter));
                (info.name, client)
            })
            .collect();
        let storage: Box<dyn StorageView> = match storage {
            Storage::Linstor(client) => Box::new(client),
            Storage::DrbdOperator => {
                let workload = directory.workload_sites().into_iter();
                let sites = workload
                    .filter_map(|site| Some((site.name.clone(), clients.get(&site.name)?.clone())));
                Box::new(DrbdOperatorView {
                    sites: sites.collect(),
                })
            }
        };
        let readers = clients
            .iter()
            .map(|(name, client)| (name.clone(), Reader::new(client.clone())))
            .collect();
        let performer = Performer {
            sites: clients,
            manager: FAILOVER_MANAGER,
            now: Arc::clone(&now),
            gate,
        };
        let (scribe, writing) = Scribe::start(performer.clone());
        let context = Self {
            readers,
            performer,
            scribe,
            silence: Silence::default(),
            interest: Mutex::default(),
            register: Mutex::default(),
            shown: Mutex::default(),
            asked: Asked::default(),
            meter,
            home,
            directory,
            storage,
            policy,
            now,
        };
        Ok((context, writing))
    }

    fn interest(&self) -> MutexGuard<'_, Interest> {
        // The index only makes passes start sooner; the next pass over each Failover renews it.
        self.interest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn register(&self) -> MutexGuard<'_, Register> {
        // It changes by single calls only, so a panic elsewhere leaves it usable.
        self.register.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        // It only says what to ask for early.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A Failover has ended, or is gone.
    fn forget(&self, failover: &Key) {
        self.interest().forget(failover);
    }
}

/// Whether a Failover can still do something: it has not ended, or owes a lost source its stop.
fn is_active(status: Option<&FailoverStatus>) -> bool {
    let Some(status) = status else { return true };
    !is_terminal(Some(status)) || holds(&status.conditions, SOURCE_FENCED, Truth::False).is_some()
}

fn is_terminal(status: Option<&FailoverStatus>) -> bool {
    status
        .and_then(|status| status.phase)
        .is_some_and(FailoverPhase::is_terminal)
}

async fn pass(context: Arc<Context>, key: Key) -> Result<Next, PassError> {
    let home = context
        .readers
        .get(&context.home)
        .expect("Context::new checked that the home site is known");
    // What is known of it says where to look first; that need not wait for it to be read.
    let known = context.register().active(&key);
    let early = OptionFuture::from(known.as_ref().map(|known| Begun::begin(&context, known)));
    let (found, early) = join!(home.get::<Failover>(&key), early);
    let failover = match found? {
        None => {
            context.forget(&key);
            context.register().gone(&key);
            say_failover(&context.meter, &key, None);
            return Ok(Next::Never);
        }
        Some(DeserializeGuard(Err(invalid))) => {
            context
                .performer
                .complain(Kind::Failover, &context.home, &key, &invalid.error)
                .await?;
            return Ok(Next::OnChange);
        }
        Some(DeserializeGuard(Ok(failover))) => failover,
    };
    context.register().put(&failover);
    say_failover(&context.meter, &key, Some(&failover));
    let begun = match early.filter(|early| early.is_for(&failover)) {
        Some(early) => early,
        None => Begun::begin(&context, &failover).await,
    };
    if !is_active(failover.status.as_ref()) && !begun.holds_lock() {
        context.forget(&key);
        return Ok(Next::Never);
    }
    let reading = begun.finish(&failover).await;
    decide_and_perform(&context, &key, reading).await
}

/// Decides on one reading of the sites, and does what comes of it.
///
/// Where that is only to write down what comes next, the next decision is made on the same reading: a status says
/// nothing about the sites. It is the controllers' most frequent pair of passes, and reading takes most of their time.
async fn decide_and_perform(
    context: &Context,
    key: &Key,
    (mut fetched, reading): (Fetched, Reading),
) -> Result<Next, PassError> {
    for decisions_left in (0..DECISIONS_PER_READING).rev() {
        let observed = understand(&fetched);
        let decision = decide(&observed, &context.policy, (context.now)());
        let subjects = triggers::subjects(key, &observed, decision.waiting.as_ref());
        let only_writes = decision.only_writes();
        context.interest().set(key, subjects);
        context.asked.note(&decision.effects);
        let mut known = fetched.failover.clone();
        known.status = Some(decision.status.clone());
        let ends = !is_active(known.status.as_ref());
        context.register().writes(&known);
        let before = fetched.failover.clone();
        let performing = context
            .performer
            .decision(&context.home, before, decision)
            .await;
        context.register().wrote(key);
        let performed = performing?;
        context.scribe.tell(performed.events, (context.now)(), ends);
        let was_written = performed.written.is_some();
        if let Some(version) = performed.written {
            known.metadata.resource_version = Some(version);
            context.register().put(&known);
            say_failover(&context.meter, key, Some(&known));
        }
        if ends {
            context.forget(key);
            return Ok(Next::Never);
        }
        let goes_on = only_writes && was_written && decisions_left > 0;
        if !(goes_on && reading.serves(&known, (context.now)())) {
            return Ok(performed.next);
        }
        fetched.failover = known;
    }
    Ok(Next::OnChange)
}
