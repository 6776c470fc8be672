//! What can go wrong, and whose move it then is.

use kube::core::Status;
use tokio::task::JoinError;

use crate::reader::ReadError;

/// Why a controller could not start, or has ended other than by shutdown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The hook of a test stopped the controller, as a crash would have.
    #[error("halted by the effect gate at {at}")]
    Halted {
        /// The effect at which it stopped.
        at: String,
    },
    /// The management site is not among the sites.
    #[error("the home site {home} is not among the configured sites ({})", known.join(", "))]
    UnknownHome {
        /// The site the controller was told to run on.
        home: String,
        /// The sites it was given.
        known: Vec<String>,
    },
    /// The site directory could not be read.
    #[error("failed to read the site directory")]
    Directory {
        /// What went wrong.
        #[source]
        source: crate::directory::DirectoryError,
    },
    /// The storage system could not be set up.
    #[error("failed to set up the storage adapter")]
    Storage {
        /// What went wrong.
        #[source]
        source: crate::storage::StorageError,
    },
}

/// Why one pass over one object did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PassError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("failed to perform {effect}")]
    Perform {
        effect: String,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("failed to perform {effect}: site {site} is not configured")]
    UnknownSite { effect: String, site: String },
    #[error("halted by the effect gate at {at}")]
    Halted { at: String },
    #[error("a pass panicked")]
    Panicked {
        #[source]
        source: JoinError,
    },
}

impl PassError {
    pub(crate) fn perform(effect: impl Into<String>, source: kube::Error) -> Self {
        Self::Perform {
            effect: effect.into(),
            source: Box::new(source),
        }
    }

    /// A stable word for logs and metrics.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Read(_) => "ReadFailed",
            Self::Perform { .. } => "EffectFailed",
            Self::UnknownSite { .. } => "UnknownSite",
            Self::Halted { .. } => "Halted",
            Self::Panicked { .. } => "Panicked",
        }
    }

    /// What the driver does about it.
    pub(crate) fn remedy(&self) -> Remedy {
        match self {
            Self::Perform { source, .. } => match classify(source) {
                Refusal::Conflict | Refusal::AlreadyExists | Refusal::NotFound => {
                    Remedy::LookAgainSoon
                }
                Refusal::Invalid => Remedy::WaitForChange,
                Refusal::Other => Remedy::BackOff,
            },
            Self::UnknownSite { .. } => Remedy::WaitForChange,
            Self::Read(_) | Self::Halted { .. } | Self::Panicked { .. } => Remedy::BackOff,
        }
    }
}

/// What follows from a failed pass (STYLE, part 4, rule 14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// The object itself is at fault; only a change of it can help.
    WaitForChange,
    /// Our view was old; look again at once.
    LookAgainSoon,
    /// The outside world is at fault; give it time.
    BackOff,
}

/// What an API server's answer means to a writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    NotFound,
    AlreadyExists,
    Conflict,
    Invalid,
    Other,
}

/// The only place where status codes are told apart.
pub(crate) fn classify(error: &kube::Error) -> Refusal {
    let kube::Error::Api(status) = error else {
        return Refusal::Other;
    };
    let Status { code, reason, .. } = status.as_ref();
    match (*code, reason.as_str()) {
        (404, _) => Refusal::NotFound,
        (409, "AlreadyExists") => Refusal::AlreadyExists,
        (409, _) => Refusal::Conflict,
        (422 | 400, _) => Refusal::Invalid,
        _ => Refusal::Other,
    }
}

/// `None` where the object does not exist; other errors stay errors.
pub(crate) fn absent_is_none<T>(answer: Result<T, kube::Error>) -> Result<Option<T>, kube::Error> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if classify(&error) == Refusal::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: u16, reason: &str) -> kube::Error {
        kube::Error::Api(Box::new(Status::failure("no", reason).with_code(code)))
    }

    #[test]
    fn two_kinds_of_409_are_told_apart() {
        assert_eq!(
            classify(&answer(409, "AlreadyExists")),
            Refusal::AlreadyExists
        );
        assert_eq!(classify(&answer(409, "Conflict")), Refusal::Conflict);
    }

    #[test]
    fn a_stale_write_looks_again_soon_an_invalid_one_waits_and_a_broken_server_gets_time() {
        let remedy = |code, reason| PassError::perform("x", answer(code, reason)).remedy();
        assert_eq!(remedy(409, "Conflict"), Remedy::LookAgainSoon);
        assert_eq!(remedy(422, "Invalid"), Remedy::WaitForChange);
        assert_eq!(remedy(500, "InternalError"), Remedy::BackOff);
    }

    #[test]
    fn only_absence_becomes_none() {
        assert!(
            absent_is_none::<()>(Err(answer(404, "NotFound")))
                .unwrap()
                .is_none()
        );
        assert!(absent_is_none::<()>(Err(answer(403, "Forbidden"))).is_err());
    }
}
