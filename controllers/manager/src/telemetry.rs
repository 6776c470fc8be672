//! What the controllers say on stderr: one subscriber for the binaries, one way to print an error.

use std::error::Error;
use std::fmt::Write;
#[cfg(feature = "service")]
use std::io::IsTerminal;

#[cfg(feature = "service")]
/// Our own words. kube's client reports each failed connection too, and says less.
const DEFAULT_FILTER: &str = "info,kube_client::client::builder=off";

/// How a binary writes its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "service", derive(clap::ValueEnum))]
#[cfg(feature = "service")]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line, with the fields of the span of the pass.
    Json,
}

/// Installs the subscriber of a binary. The environment variable `RUST_LOG` selects what is shown;
/// the default is `info` and above.
///
/// A second call changes nothing, and libraries never call this.
#[cfg(feature = "service")]
pub fn init(format: LogFormat) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(DEFAULT_FILTER));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let installed = match format {
        LogFormat::Text => tracing::subscriber::set_global_default(lines.finish()),
        LogFormat::Json => {
            let json = lines.json().flatten_event(true).with_span_list(false);
            tracing::subscriber::set_global_default(json.finish())
        }
    };
    if installed.is_err() {
        tracing::debug!("a subscriber was already installed");
    }
}

/// An error with all its causes, each once, separated by `: `.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // kube's errors print their source as well as returning it; say it once.
        let part = error.to_string();
        if !text.contains(&part) {
            write!(text, ": {part}").expect("writing to a String cannot fail");
        }
        cause = error.source();
    }
    text
}
