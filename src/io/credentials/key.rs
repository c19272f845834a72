//! A key of `auths` or `credHelpers`: which host and which namespace it stands for.
//!
//! Keys come with and without scheme and path. The path of a key without a scheme is a namespace (containers' form). The path of
//! a key with a scheme is not (Docker's form).

/// The host names of Docker Hub.
const DOCKER_HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// A parsed key.
pub(super) struct Key<'a> {
    host: &'a str,
    namespace: &'a str,
}

/// How closely a key matches a repository. The greatest match is the closest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Match {
    /// Whether the key names the host exactly, rather than by a pattern.
    named: bool,
    /// How many components of the repository's path the key names.
    pub(super) depth: usize,
}

impl<'a> Key<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let (rest, docker_form) = match text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
        {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_matches('/');
        let namespace = if docker_form || matches!(path, "v1" | "v2") {
            ""
        } else {
            path
        };
        Self { host, namespace }
    }

    /// Matches the key against a whole host. `None` if it is for another host or for a namespace.
    pub(super) fn of_host(&self, registry: &str) -> Option<Match> {
        self.of(registry, "").filter(|_| self.namespace.is_empty())
    }

    /// Matches the key against a repository. `None` if it is for something else.
    pub(super) fn of(&self, registry: &str, repository: &str) -> Option<Match> {
        let named = self.host.eq_ignore_ascii_case(registry)
            || (is_docker_hub(self.host) && is_docker_hub(registry));
        if !named && !is_pattern_of(self.host, registry) {
            return None;
        }
        if self.namespace.is_empty() {
            return Some(Match { named, depth: 0 });
        }
        let rest = repository.strip_prefix(self.namespace)?;
        (rest.is_empty() || rest.starts_with('/')).then(|| Match {
            named,
            depth: self.namespace.split('/').count(),
        })
    }
}

/// Whether a pattern such as `*.example.test` matches a host, as the kubelet does it: label by label, with at most one `*` in a
/// label.
fn is_pattern_of(key: &str, registry: &str) -> bool {
    let (parts, of): (Vec<&str>, Vec<&str>) =
        (key.split('.').collect(), registry.split('.').collect());
    key.contains('*')
        && parts.len() == of.len()
        && parts
            .iter()
            .zip(of)
            .all(|(part, of)| match part.split_once('*') {
                Some((start, end)) => {
                    of.len() >= start.len() + end.len()
                        && of.starts_with(start)
                        && of.ends_with(end)
                }
                None => part.eq_ignore_ascii_case(of),
            })
}

/// Whether a host is one of Docker Hub's names.
pub(super) fn is_docker_hub(host: &str) -> bool {
    DOCKER_HUB
        .iter()
        .any(|name| name.eq_ignore_ascii_case(host))
}
