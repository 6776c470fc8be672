//! `pgctl config`: what this program is configured with. Paths and names, never a secret.

use crate::args::{ConfigCommand, Format};
use crate::config::Config;
use crate::context::Context;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::print::print_as;

pub(crate) fn run(
    command: &ConfigCommand,
    namespace: &str,
    context: &Context,
    out: &mut (dyn Output + Send),
) -> Outcome {
    match command {
        ConfigCommand::View => {
            let sites = context.sites.iter().map(|site| &site.info);
            let mut config = context
                .config
                .clone()
                .unwrap_or_else(|| Config::of_sites(sites, namespace));
            namespace.clone_into(&mut config.namespace);
            print_as(Format::Yaml, &config, out);
            Outcome::Printed
        }
    }
}
