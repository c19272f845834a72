//! The flags of `imago cluster`, checked.

use super::{Outside, UsageError, images, kinds, registries, usage, workloads};
use crate::app::cluster::{ClusterRequest, Managed, PodCheck, PullSecrets};
use crate::app::report::Action;
use crate::cli::args;
use crate::io::cluster;

/// What is asked of the cluster, and what a person should know about how it was asked.
pub(super) fn request(
    flags: args::Cluster,
    outside: &Outside,
) -> Result<(ClusterRequest, Vec<String>), UsageError> {
    let (action, warnings) = action(&flags)?;
    let track = images::track(&flags.images, action)?;
    workloads::labels(&flags.selecting)?;
    workloads::fields(&flags.selecting)?;
    let selecting = &flags.selecting;
    let named = !selecting.namespaces.is_empty()
        || selecting.all_namespaces
        || !selecting.exclude_namespaces.is_empty();
    let namespaces = workloads::namespaces(selecting)?;
    let request = ClusterRequest {
        cluster: cluster::Settings {
            kubeconfig: flags.kubeconfig,
            context: flags.context,
            environment: outside.environment.clone(),
            ..cluster::Settings::default()
        },
        action,
        dry_run: flags.dry_run,
        strict: super::strict(flags.strict, action)?,
        pinned: super::pinned(flags.pinned, action)?,
        fail_on_empty: flags.fail_on_empty,
        pods: if flags.check_pods {
            PodCheck::Ask
        } else {
            PodCheck::Skip
        },
        managed: if flags.managed {
            Managed::Take
        } else {
            Managed::PassOver
        },
        track,
        form: images::form(&flags.images),
        tags: images::tags(&flags.images),
        images: images::filter(&flags.images.include_image, &flags.images.exclude_image)?,
        namespaces: named.then_some(namespaces),
        kinds: kinds::kinds(&flags.kinds)?,
        query: cluster::Query {
            labels: flags.selecting.selector.unwrap_or_default(),
            fields: flags.selecting.field_selector.unwrap_or_default(),
        },
        max_changes: flags.max_changes,
        reading: images::reading(&flags.images),
        registries: registries::settings(flags.registries, outside)?,
        pull_secrets: if flags.image_pull_secrets {
            PullSecrets::Use
        } else {
            PullSecrets::Ignore
        },
        now: jiff::Timestamp::from_second(outside.now)
            .unwrap_or_default()
            .to_string(),
    };
    Ok((request, warnings))
}

fn action(flags: &args::Cluster) -> Result<(Action, Vec<String>), UsageError> {
    let asked = [
        ("--update", flags.update),
        ("--restart", flags.restart),
        ("--restore", flags.restore),
        ("--check", flags.check),
    ];
    let given: Vec<&str> = asked
        .iter()
        .filter(|(_, given)| *given)
        .map(|(flag, _)| *flag)
        .collect();
    let action = match given[..] {
        [] if flags.dry_run => {
            return Err(usage(
                "`--dry-run` needs an action",
                "add `--update`, `--restart` or `--restore`, or leave out `--dry-run`: without an action nothing is changed",
            ));
        }
        ["--check"] if flags.dry_run => {
            return Err(usage(
                "`--dry-run` needs an action",
                "leave out `--dry-run`: a check changes nothing",
            ));
        }
        [] => Action::Report,
        ["--check"] => Action::Check,
        ["--update"] => Action::Update,
        ["--restore"] => Action::Restore,
        ["--restart"] => Action::Restart,
        // Jobs that were written for the Go program have both.
        ["--update", "--restart"] => {
            return Ok((
                Action::Restart,
                vec!["`--update` is ignored beside `--restart`: workloads are restarted, not updated".to_owned()],
            ));
        }
        [first, second, ..] => {
            return Err(usage(
                format!("`{first}` and `{second}` exclude each other"),
                "run one of them at a time",
            ));
        }
        [_] => unreachable!("the four flags are all there are"),
    };
    if action == Action::Restore && flags.check_pods {
        let what = "`--check-pods` and `--restore` exclude each other: a restore asks no pod";
        return Err(usage(what, "leave out `--check-pods`"));
    }
    if flags.pinned && flags.check_pods {
        let what = "`--check-pods` and `--pinned` exclude each other: `--pinned` asks no pod";
        return Err(usage(what, "leave one of them out"));
    }
    Ok((action, Vec::new()))
}
