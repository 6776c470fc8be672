//! The front door: the controllers' own refusals, decided from what is read right now.

use siterecovery_api::{FailoverRefusal, SiteDirectory, SiteInfo, reasons};

use crate::context::Context;
use crate::outcome::Outcome;
use crate::output::{Output, Stream};

use super::Order;

/// An order that goes no further: what to print, and what it means.
pub(crate) struct Stopped {
    lines: Vec<String>,
    outcome: Outcome,
}

impl Stopped {
    /// Prints it and gives its outcome back.
    pub(crate) fn report(self, out: &mut (dyn Output + Send)) -> Outcome {
        for line in &self.lines {
            out.line(Stream::Stderr, line);
        }
        self.outcome
    }
}

pub(crate) async fn check(
    _order: &Order<'_>,
    _target: &SiteInfo,
    _directory: &SiteDirectory,
    _context: &Context,
) -> Result<(), Stopped> {
    Ok(())
}

/// A refusal that the controller gave after the front door had let the order pass.
pub(crate) fn lost_race(order: &Order<'_>, refusal: &FailoverRefusal, message: &str) -> Stopped {
    let _ = (order, reasons::LOCK_HELD);
    Stopped {
        lines: Vec::new(),
        outcome: Outcome::Refused {
            reason: refusal.reason.clone(),
            holder: refusal.holder.clone(),
            message: message.to_owned(),
        },
    }
}
