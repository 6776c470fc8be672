//! Files that are written from code and committed: people and tools read them without a build.

use std::fs;

use anyhow::Context as _;

use crate::repo::Repo;

/// Where the custom resource definitions stand, with a `/` at the end.
const CRDS: &str = "controllers/deploy/crds/";
/// Where the manifests stand, with a `/` at the end.
const DEPLOY: &str = "controllers/deploy/";
/// Where the schema of the drill language stands.
const SCHEMA: &str = "scenarios/sitedrill.schema.json";

/// A file as code says it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// From the root.
    pub path: String,
    /// What it should hold.
    pub text: String,
    /// The command that writes it.
    pub by: &'static str,
}

/// The custom resource definitions.
///
/// # Errors
///
/// Where a definition cannot be written as YAML.
pub fn crds() -> anyhow::Result<Vec<Generated>> {
    let manifests = siterecovery_api::crd_manifests().into_iter();
    manifests
        .map(|manifest| {
            let yaml = serde_saphyr::to_string(&manifest.crd)
                .with_context(|| format!("failed to write {} as YAML", manifest.file_name))?;
            Ok(Generated {
                path: format!("{CRDS}{}", manifest.file_name),
                text: format!(
                    "# Written by `cargo xtask crds` from the types in controllers/api.\n{}\n",
                    yaml.trim_end()
                ),
                by: "cargo xtask crds",
            })
        })
        .collect()
}

/// The manifests that install the controllers, with their rights.
///
/// # Errors
///
/// Where a manifest cannot be written as YAML.
pub fn deploy() -> anyhow::Result<Vec<Generated>> {
    let manifests = siterecovery_api::deploy::manifests().into_iter();
    manifests
        .map(|manifest| {
            let mut text = format!(
                "# {}\n# Written by `cargo xtask deploy` from controllers/api/src/deploy.rs and access.rs.\n",
                manifest.about
            );
            for document in &manifest.documents {
                let yaml = serde_saphyr::to_string(document)
                    .with_context(|| format!("failed to write {} as YAML", manifest.file_name))?;
                text.push_str("---\n");
                text.push_str(yaml.trim_end());
                text.push('\n');
            }
            Ok(Generated {
                path: format!("{DEPLOY}{}", manifest.file_name),
                text,
                by: "cargo xtask deploy",
            })
        })
        .collect()
}

/// The JSON Schema of the drill language.
///
/// # Errors
///
/// Where the schema cannot be written as JSON.
pub fn schema() -> anyhow::Result<Generated> {
    let text = serde_json::to_string_pretty(&sitedrill_model::schema())
        .context("failed to write the schema as JSON")?;
    Ok(Generated {
        path: SCHEMA.to_owned(),
        text: format!("{text}\n"),
        by: "cargo xtask schema",
    })
}

/// All generated files.
///
/// # Errors
///
/// Where one of them cannot be made.
pub fn all() -> anyhow::Result<Vec<Generated>> {
    let mut files = crds()?;
    files.extend(deploy()?);
    files.push(schema()?);
    Ok(files)
}

/// Files that do not hold what they should, one a line with the command that writes them.
///
/// # Errors
///
/// Where a file exists and cannot be read.
pub fn stale(repo: &Repo, files: &[Generated]) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for file in files {
        let path = repo.path(&file.path);
        let is = match fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                return Err(error).with_context(|| format!("failed to read {}", file.path));
            }
        };
        match is {
            Some(text) if text == file.text => {}
            Some(_) => problems.push(format!("{}: is stale; run `{}`", file.path, file.by)),
            None => problems.push(format!("{}: is missing; run `{}`", file.path, file.by)),
        }
    }
    Ok(problems)
}

/// Writes the files that are stale, and says which.
///
/// # Errors
///
/// Where a file cannot be written.
pub fn write(repo: &Repo, files: &[Generated]) -> anyhow::Result<Vec<String>> {
    let mut written = Vec::new();
    for file in files {
        if stale(repo, std::slice::from_ref(file))?.is_empty() {
            continue;
        }
        let path = repo.path(&file.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("failed to make the folder of {}", file.path))?;
        }
        fs::write(&path, &file.text).with_context(|| format!("failed to write {}", file.path))?;
        written.push(file.path.clone());
    }
    Ok(written)
}
