//! The command line as typed: `pgctl` and the two failover scripts, which are covers over it.
//!
//! A site is named in the flag itself (`--to-cluster2`), as the guide writes it. Clap knows no such
//! flag, so `--to-X` becomes `--to=X` before clap reads the line.

use std::path::PathBuf;

use clap::{Args as _, CommandFactory as _, FromArgMatches as _};

use crate::outcome::Outcome;
use crate::output::{Output, Stream, write_text};

/// The names under which a failover script calls this program.
pub const SCRIPTS: [&str; 2] = [
    "intelligent-pg-failover.sh",
    "intelligent-pg-failover-crd.sh",
];

const FAILOVER_USAGE: &str = "<GROUP> --to-<SITE> [--force] [--namespace <NAMESPACE>]";

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused or failed
  2  usage: the command line or the config file is wrong
  3  a site could not be reached";

/// One invocation, understood.
#[derive(Debug, Clone, clap::Parser)]
#[command(
    name = "pgctl",
    version,
    about = "Moves protection groups of virtual machines between sites and shows what happened",
    after_help = EXIT_CODES,
    max_term_width = 100
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Global {
    /// The namespace of the groups and failovers [default: the config file's, else site-recovery]
    #[arg(long, short, global = true, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "The config file [default: $PGCTL_CONFIG, else ~/.config/pgctl/config.yaml]"
    )]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum Command {
    /// Move a protection group to another site, and follow it to the end
    #[command(override_usage = format!("pgctl failover {FAILOVER_USAGE}"), after_help = EXIT_CODES)]
    Failover(FailoverArgs),
    /// Active and completed failover operations
    #[command(subcommand)]
    Operations(OperationsCommand),
    /// Protection groups on every site
    #[command(subcommand)]
    Groups(GroupsCommand),
    /// Failover locks
    #[command(subcommand)]
    Locks(LocksCommand),
    /// Can every site be reached, and what runs where?
    Status,
    /// What pgctl is configured with
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// What `pgctl failover` and both scripts take.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct FailoverArgs {
    /// The protection group to move
    #[arg(value_name = "GROUP")]
    pub(crate) group: String,
    #[arg(
        long,
        value_name = "SITE",
        help = "The site to move it to, by name or alias; also written --to-<SITE>, as in --to-cluster2"
    )]
    pub(crate) to: String,
    /// Skip the safety check for other groups on the target; emergencies only. A lock that is held,
    /// split-brain and the storage checks still refuse
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum OperationsCommand {
    /// List operations of all reachable sites, oldest first
    List {
        /// Only operations of this protection group
        #[arg(long, short = 'g', value_name = "GROUP")]
        protection_group: Option<String>,
        #[command(flatten)]
        format: FormatArg,
    },
    /// Show one operation in full: spec, status, steps and events
    Get {
        /// The name of the Failover, as in failover-pg-a-1730400000
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        format: FormatArg,
    },
}

#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum GroupsCommand {
    /// List the groups with their state on every site
    List {
        #[command(flatten)]
        format: FormatArg,
    },
    /// Show one group on every site
    Get {
        /// The name of the group
        #[arg(value_name = "GROUP")]
        name: String,
        #[command(flatten)]
        format: FormatArg,
    },
}

#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum LocksCommand {
    /// List the failover locks with their holders
    List {
        #[command(flatten)]
        format: FormatArg,
    },
    /// Show the lock of one group
    Show {
        /// The name of the group
        #[arg(value_name = "GROUP")]
        name: String,
        #[command(flatten)]
        format: FormatArg,
    },
}

#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the configuration; it holds paths and names, never a secret
    View,
}

/// The output format, the same for every command that prints objects.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct FormatArg {
    /// The output format
    #[arg(
        long = "output",
        short = 'o',
        value_name = "FORMAT",
        default_value = "table"
    )]
    pub(crate) format: Format,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    Table,
    Wide,
    Json,
    Yaml,
}

impl Args {
    /// Reads a command line. Its first word is the name of the program or of a script, or already a
    /// command.
    ///
    /// A wrong line, and a request for help, are written to `out`.
    ///
    /// # Errors
    ///
    /// The outcome of an invocation that ends here: [`Outcome::Usage`] for a wrong line,
    /// [`Outcome::Printed`] for help and version.
    pub(crate) fn parse(words: &[String], out: &mut (dyn Output + Send)) -> Result<Self, Outcome> {
        let (first, rest) = match words.split_first() {
            Some((first, rest)) => (first.rsplit('/').next().unwrap_or(first), rest),
            None => ("pgctl", words),
        };
        let parsed = if let Some(script) = SCRIPTS.into_iter().find(|script| *script == first) {
            parse_script(script, rest)
        } else if first.starts_with('-') || Self::command().find_subcommand(first).is_some() {
            parse_pgctl(words)
        } else {
            parse_pgctl(rest)
        };
        parsed.map_err(|error| report(&error, out))
    }

    /// The config file named on the line.
    pub(crate) fn config(&self) -> Option<&PathBuf> {
        self.global.config.as_ref()
    }
}

fn parse_pgctl(rest: &[String]) -> Result<Args, clap::Error> {
    let mut command = Args::command();
    let matches = command.try_get_matches_from_mut(line("pgctl", rest))?;
    Args::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

fn parse_script(script: &'static str, rest: &[String]) -> Result<Args, clap::Error> {
    let command = clap::Command::new(script)
        .about("Moves a protection group to another site; the same as `pgctl failover`")
        .override_usage(format!("{script} {FAILOVER_USAGE}"))
        .after_help(EXIT_CODES)
        .max_term_width(100);
    let mut command = Global::augment_args(FailoverArgs::augment_args(command));
    let matches = command.try_get_matches_from_mut(line(script, rest))?;
    let args = Global::from_arg_matches(&matches).and_then(|global| {
        let failover = FailoverArgs::from_arg_matches(&matches)?;
        Ok(Args {
            global,
            command: Command::Failover(failover),
        })
    });
    args.map_err(|error| error.format(&mut command))
}

/// The line as clap shall see it: `--to-X` before any `--` becomes `--to=X`.
fn line(program: &str, rest: &[String]) -> Vec<String> {
    let mut literal = false;
    let mut words = vec![program.to_owned()];
    for word in rest {
        literal |= word == "--";
        words.push(match word.strip_prefix("--to-") {
            Some(site) if !literal && !site.is_empty() => format!("--to={site}"),
            _ => word.clone(),
        });
    }
    words
}

/// Writes clap's answer: help is what was asked for, all else is talk.
fn report(error: &clap::Error, out: &mut (dyn Output + Send)) -> Outcome {
    let text = error.render().to_string();
    if error.use_stderr() {
        write_text(out, Stream::Stderr, text.trim_end());
        let message = text.lines().next().unwrap_or_default();
        Outcome::Usage {
            message: message.trim_start_matches("error: ").to_owned(),
        }
    } else {
        write_text(out, Stream::Stdout, text.trim_end());
        Outcome::Printed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Transcript;

    fn parse(line: &str) -> Result<Args, (Outcome, Transcript)> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let mut out = Transcript::default();
        Args::parse(&words, &mut out).map_err(|outcome| (outcome, out))
    }

    fn failover(line: &str) -> (Args, FailoverArgs) {
        let args = parse(line).unwrap();
        let Command::Failover(failover) = args.command.clone() else {
            panic!("{line} is a failover");
        };
        (args, failover)
    }

    #[test]
    fn the_target_may_be_part_of_the_flag_or_follow_it() {
        for line in [
            "pgctl failover pg-a --to-cluster2",
            "pgctl failover --to-cluster2 pg-a",
            "failover pg-a --to-cluster2",
            "/usr/local/bin/pgctl failover pg-a --to-cluster2",
            "pgctl failover pg-a --to cluster2",
            "pgctl failover pg-a --to=cluster2",
            "./intelligent-pg-failover.sh pg-a --to-cluster2",
            "intelligent-pg-failover-crd.sh --to-cluster2 pg-a",
        ] {
            let (_, failover) = failover(line);
            assert_eq!(
                (failover.group.as_str(), failover.to.as_str()),
                ("pg-a", "cluster2")
            );
            assert!(!failover.force, "{line}");
        }
    }

    #[test]
    fn a_script_takes_force_and_a_namespace() {
        let (args, failover) =
            failover("./intelligent-pg-failover.sh pg-b --to-dr-cluster --force --namespace other");
        assert_eq!(failover.to, "dr-cluster");
        assert!(failover.force);
        assert_eq!(args.global.namespace.as_deref(), Some("other"));
    }

    #[test]
    fn a_mistyped_flag_is_a_usage_error_that_names_the_near_one() {
        let (outcome, out) = parse("pgctl failover pg-a --to-cluster2 --forse").unwrap_err();
        assert_eq!(outcome.exit_code(), crate::outcome::EXIT_USAGE);
        assert!(out.of(Stream::Stderr).contains("--force"), "{}", out.text());
        assert_eq!(out.of(Stream::Stdout), "");
    }

    #[test]
    fn a_failover_without_a_target_is_a_usage_error() {
        let (outcome, out) = parse("./intelligent-pg-failover.sh pg-a").unwrap_err();
        assert_eq!(outcome.exit_code(), crate::outcome::EXIT_USAGE);
        assert!(out.text().contains("--to"), "{}", out.text());
    }

    #[test]
    fn help_goes_to_stdout_and_is_no_error() {
        let (outcome, out) = parse("intelligent-pg-failover.sh --help").unwrap_err();
        assert_eq!(outcome, Outcome::Printed);
        assert!(
            out.of(Stream::Stdout)
                .contains("intelligent-pg-failover.sh <GROUP> --to-<SITE>")
        );
    }
}
