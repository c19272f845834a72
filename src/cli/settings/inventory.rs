//! The flags of `imago images`, checked.

use super::{Outside, in_cluster, in_files};
use crate::app::cluster::ClusterRequest;
use crate::app::request::FilesRequest;
use crate::cli::args;
use crate::cli::refused::{UsageError, usage};

/// Whose images are listed.
#[derive(Clone, Debug)]
pub enum ImagesOf {
    /// Those of files.
    Files(Box<FilesRequest>),
    /// Those of a cluster.
    Cluster(Box<ClusterRequest>),
}

/// Whose images are asked for.
pub(super) fn images_of(
    mut flags: args::Inventory,
    outside: &Outside,
) -> Result<ImagesOf, UsageError> {
    let Some(of_cluster) = flags.cluster_flag() else {
        let files = flags.filled.take().unwrap_or_else(|| flags.files());
        let request = in_files::request(files, outside)?;
        return Ok(ImagesOf::Files(Box::new(request)));
    };
    let lists = [("--include", &flags.include), ("--exclude", &flags.exclude)];
    let path = flags.paths.first();
    let path = path.map(|path| format!("the path `{}`", path.display()));
    let list = lists.iter().find(|(_, values)| !values.is_empty());
    let config = (flags.configuration.config.is_some()).then(|| "`--config`".to_owned());
    let of_files = path
        .or_else(|| list.map(|(flag, _)| format!("`{flag}`")))
        .or(config);
    if let Some(of_files) = of_files {
        return Err(usage(
            format!("`{of_cluster}` names a cluster, and {of_files} is for files"),
            "leave one of them out",
        ));
    }
    let (request, _) = in_cluster::request(flags.cluster(), outside)?;
    Ok(ImagesOf::Cluster(Box::new(request)))
}
