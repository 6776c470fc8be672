//! What the controllers say on stderr: one subscriber for the binaries, one way to print an error.

use std::error::Error;
use std::fmt::Write;
use std::io::IsTerminal;

/// Our own words. kube's client reports each failed connection too, and says less.
const DEFAULT_FILTER: &str = "info,kube_client::client::builder=off";

/// Installs the subscriber of a binary. The environment variable `RUST_LOG` selects what is shown;
/// the default is `info` and above.
///
/// A second call changes nothing, and libraries never call this.
pub fn init() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(DEFAULT_FILTER));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .finish();
    if tracing::subscriber::set_global_default(subscriber).is_err() {
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
