//! What is printed once sites are up: where they are, and what to try.

use std::fmt::Write as _;

use super::Ready;
use super::files::{KUBECONFIG, PGCTL_CONFIG};

/// How the sites are kept, and so how they are stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// By the program that the user looks at.
    Here,
    /// By one in the background.
    Detached,
}

/// Everything to say about sites that are up.
pub fn words(ready: &Ready, kept: Kept) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        out,
        "{} {} sites are up, with the simulated world and both controllers:\n",
        ready.sites.len(),
        ready.provider
    );
    out.push_str(&table(ready));
    out.push_str(&groups(ready));
    out.push_str(&to_try(ready));
    out.push_str(match kept {
        Kept::Here => "\nCtrl-C stops the sites and removes their files.\n",
        Kept::Detached => "\n`sitedrill down` stops the sites and removes their files.\n",
    });
    out
}

fn table(ready: &Ready) -> String {
    let mut rows = vec![["CONTEXT", "ALSO", "KUBERNETES", "SERVER"].map(str::to_owned)];
    rows.extend(ready.sites.iter().map(|site| {
        [
            site.name.clone(),
            site.aliases.join(", "),
            site.kubernetes.clone(),
            site.access.server.clone(),
        ]
    }));
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let widths = [width(0), width(1), width(2)];
    let line = |row: &[String; 4]| {
        let [context, also, version, server] = row;
        let [a, b, c] = widths;
        format!("  {context:a$}  {also:b$}  {version:c$}  {server}\n")
    };
    rows.iter().map(line).collect()
}

fn groups(ready: &Ready) -> String {
    let machines = if ready.vms == 1 {
        "machine"
    } else {
        "machines"
    };
    match ready.groups.as_slice() {
        [] => "\nThere are no protection groups yet.\n".to_owned(),
        [group] => format!(
            "\n{group} runs at primary, with {} {machines}.\n",
            ready.vms
        ),
        groups => format!(
            "\n{} run at primary, with {} {machines} each.\n",
            groups.join(", "),
            ready.vms
        ),
    }
}

fn to_try(ready: &Ready) -> String {
    let folder = ready.folder.display();
    let namespace = &ready.namespace;
    let mut out = format!(
        "\nTry:\n\
         \x20 export KUBECONFIG={folder}/{KUBECONFIG}\n\
         \x20 export PGCTL_CONFIG={folder}/{PGCTL_CONFIG} PATH={folder}:$PATH\n\n\
         \x20 kubectl get pg -A --context primary\n\
         \x20 kubectl get vmi,nodes -A --context dr\n\
         \x20 pgctl status\n"
    );
    if let Some(group) = ready.groups.first() {
        let _ = write!(
            out,
            "\x20 intelligent-pg-failover.sh {group} --to-cluster2\n\
             \x20 pgctl operations list --protection-group {group}\n\
             \x20 kubectl get failovers -n {namespace} --context quorum\n\
             \x20 kubectl get protectiongroup {group} -n {namespace} --context dr -w\n"
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use sitedrill_sites::Access;

    use super::super::OpenSite;
    use super::*;

    fn ready(groups: &[&str]) -> Ready {
        let site = |name: &str, alias: &str, port: u16| OpenSite {
            name: name.to_owned(),
            role: name.to_owned(),
            aliases: vec![alias.to_owned()],
            kubernetes: "v1.33.0".to_owned(),
            access: Access {
                server: format!("https://127.0.0.1:{port}"),
                ca_pem: String::new(),
                token: "secret".to_owned(),
            },
        };
        Ready {
            provider: "embedded",
            sites: vec![site("primary", "cluster1", 1), site("dr", "cluster2", 2)],
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
            vms: 2,
            namespace: "site-recovery".to_owned(),
            folder: "/up".into(),
        }
    }

    #[test]
    fn the_words_name_contexts_aliases_and_what_to_try_and_no_secret() {
        let text = words(&ready(&["pg-a", "pg-b"]), Kept::Here);
        for part in [
            "  primary  cluster1  v1.33.0     https://127.0.0.1:1\n",
            "pg-a, pg-b run at primary, with 2 machines each.",
            "  export KUBECONFIG=/up/kubeconfig\n",
            "  intelligent-pg-failover.sh pg-a --to-cluster2\n",
            "Ctrl-C stops",
        ] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
        assert!(!text.contains("secret"));
    }

    #[test]
    fn without_groups_nothing_is_said_of_failing_over() {
        let text = words(&ready(&[]), Kept::Detached);
        assert!(text.contains("no protection groups"), "{text}");
        assert!(!text.contains("failover"), "{text}");
        assert!(text.contains("sitedrill down"), "{text}");
    }
}
