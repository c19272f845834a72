//! Where a forge is: its kind, the address of its API, and the name of the repository there, all told by the address of a Git remote.
//!
//! ```text
//! git@github.com:shop/deploy.git            GitHub      https://api.github.com                  shop/deploy
//! https://gitlab.com/shop/apps/deploy.git   GitLab      https://gitlab.com/api/v4               shop/apps/deploy
//! https://codeberg.org/shop/deploy          Gitea       https://codeberg.org/api/v1             shop/deploy
//! https://dev.azure.com/shop/web/_git/k8s   Azure       https://dev.azure.com/shop              web/k8s
//! ```
//!
//! The API is always at the remote's own host, or at the host that the vendor publishes for it (`api.github.com`), or where the user says.

use percent_encoding::percent_decode_str;
use reqwest::Url;

use crate::engine::code::Code;

/// The API that a forge speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForgeKind {
    /// GitHub and GitHub Enterprise.
    GitHub,
    /// GitLab.
    GitLab,
    /// Gitea, and Forgejo, which has the same API.
    Gitea,
    /// Bitbucket Cloud.
    BitbucketCloud,
    /// Bitbucket Data Center.
    BitbucketServer,
    /// Azure DevOps.
    Azure,
}

impl ForgeKind {
    /// The vendor's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::GitHub => "GitHub",
            Self::GitLab => "GitLab",
            Self::Gitea => "Gitea",
            Self::BitbucketCloud => "Bitbucket Cloud",
            Self::BitbucketServer => "Bitbucket Data Center",
            Self::Azure => "Azure DevOps",
        }
    }

    /// What the forge calls a request.
    pub fn noun(self) -> &'static str {
        match self {
            Self::GitLab => "merge request",
            _ => "pull request",
        }
    }

    /// How people of this forge refer to a request: `#12`, or `!12`.
    pub fn reference(self, number: u64) -> String {
        match self {
            Self::GitLab | Self::Azure => format!("!{number}"),
            _ => format!("#{number}"),
        }
    }

    /// The kind of a host, where its name tells: that of a vendor's own service, or `gitlab.` and the like before a company's domain.
    /// A wrong guess asks the right host in a wrong language: the kind says which paths are asked, and not which host.
    fn of_host(host: &str) -> Option<Self> {
        const NAMES: [(&str, ForgeKind); 7] = [
            ("github.com", ForgeKind::GitHub),
            ("gitlab.com", ForgeKind::GitLab),
            ("codeberg.org", ForgeKind::Gitea),
            ("gitea.com", ForgeKind::Gitea),
            ("bitbucket.org", ForgeKind::BitbucketCloud),
            ("dev.azure.com", ForgeKind::Azure),
            ("visualstudio.com", ForgeKind::Azure),
        ];
        const LABELS: [(&str, ForgeKind); 5] = [
            ("github", ForgeKind::GitHub),
            ("gitlab", ForgeKind::GitLab),
            ("gitea", ForgeKind::Gitea),
            ("forgejo", ForgeKind::Gitea),
            ("codeberg", ForgeKind::Gitea),
        ];
        let own = NAMES.iter().find(|(name, _)| host == *name);
        let (first, domain) = host.split_once('.')?;
        let kind = own
            .or_else(|| LABELS.iter().find(|(label, _)| first == *label))
            .map(|(_, kind)| *kind);
        kind.or(match domain {
            "ghe.com" => Some(Self::GitHub),
            "visualstudio.com" => Some(Self::Azure),
            _ => None,
        })
    }

    /// What the path of the API ends with, below the address of the installation.
    fn root(self) -> &'static str {
        match self {
            Self::GitHub => "/api/v3",
            Self::GitLab => "/api/v4",
            Self::Gitea => "/api/v1",
            Self::BitbucketCloud => "/2.0",
            Self::BitbucketServer => "/rest/api/1.0",
            Self::Azure => "",
        }
    }
}

/// Where requests are opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The API that is spoken.
    pub kind: ForgeKind,
    /// The address of the API, without a slash at its end.
    pub api: String,
    /// The repository: `shop/deploy`, with all groups (`shop/apps/deploy`), or with its project (`web/deploy` of Azure).
    pub project: String,
    /// The host as people know it, with its port where it has one.
    pub host: String,
}

impl Location {
    /// An address for people that the forge names, where it is one of the forge's own host.
    pub(super) fn own_address(&self, text: &str) -> Option<Url> {
        let api = Url::parse(&self.api).ok()?;
        let people = Url::parse(&format!("{}://{}", api.scheme(), self.host)).ok()?;
        let url = Url::parse(text).ok()?;
        let is_own = [&api, &people]
            .iter()
            .any(|it| it.host_str() == url.host_str());
        let is_as_safe = url.scheme() == "https" || url.scheme() == api.scheme();
        (is_own && is_as_safe && url.username().is_empty() && url.password().is_none())
            .then_some(url)
    }
}

/// Why a remote's address does not tell where requests are opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocateError {
    /// A path, or a form that no forge has.
    #[error("the remote's address names no host of a forge")]
    NoHost,
    /// A host whose name does not tell what runs there.
    #[error("the name `{0}` does not tell which forge runs there")]
    Kind(String),
    /// A path that is no repository of such a forge.
    #[error("the remote's address names no repository of {}", .0.name())]
    Project(ForgeKind),
    /// What was given as the repository is none of such a forge.
    #[error("`{}` names no repository of {}", .1, .0.name())]
    NamedProject(ForgeKind, String),
    /// What was given as the address of the API is none.
    #[error("`{0}` is not an http or https address without an account")]
    Api(String),
}

impl LocateError {
    /// A stable word for programs.
    pub fn code(&self) -> Code {
        Code::ForgeUnknown
    }

    /// One thing to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoHost => "name it with `--forge KIND --forge-url URL --forge-project PATH`",
            Self::Kind(_) => {
                "name it with `--forge github`, `gitlab`, `gitea`, `forgejo`, `bitbucket`, `bitbucket-server` or `azure`"
            }
            Self::Project(ForgeKind::Azure) | Self::NamedProject(ForgeKind::Azure, _) => {
                "name it with `--forge-project PROJECT/REPOSITORY`"
            }
            Self::Project(_) | Self::NamedProject(..) => {
                "name it with `--forge-project OWNER/REPOSITORY`"
            }
            Self::Api(_) => "write `--forge-url` as in `https://git.example.com`",
        }
    }
}

/// Tells where requests for a remote are opened. What is given goes before what the address says. `api` may be the address of the
/// installation or of its API; it must come from the user, because the token goes there.
pub fn locate(
    remote: &str,
    kind: Option<ForgeKind>,
    api: Option<&str>,
    project: Option<&str>,
) -> Result<Location, LocateError> {
    let address = Address::parse(remote);
    let given = api.map(installation).transpose()?;
    let host_of = |url: &Url| url.host_str().unwrap_or_default().to_ascii_lowercase();
    let named = match (&address, &given) {
        (Some(address), _) => address.host.clone(),
        (None, Some(url)) => host_of(url).trim_start_matches("api.").to_owned(),
        (None, None) => return Err(LocateError::NoHost),
    };
    let kind = kind
        .or_else(|| ForgeKind::of_host(&named))
        .ok_or(LocateError::Kind(named))?;
    let found = match (&address, project) {
        (_, Some(project)) => own_project(kind, project)
            .ok_or_else(|| LocateError::NamedProject(kind, project.to_owned()))?,
        (Some(address), None) => address
            .project(kind, given.as_ref())
            .ok_or(LocateError::Project(kind))?,
        (None, None) => return Err(LocateError::NoHost),
    };
    let (base, host) = match (&given, &address) {
        (Some(url), address) => {
            let own = shown_host(url);
            let host = address.as_ref().filter(|it| it.is_at(&host_of(url)));
            let host = host.map_or(own, Address::shown);
            (url.as_str().trim_end_matches('/').to_owned(), host)
        }
        (None, Some(address)) => (address.base(kind), address.shown()),
        (None, None) => return Err(LocateError::NoHost),
    };
    Ok(Location {
        kind,
        api: api_of(kind, base, &found),
        project: found.path,
        host,
    })
}

/// The repository, and what stands before it in an address of the API.
struct Project {
    path: String,
    /// Azure's organization, where the address of the API does not have it yet.
    organization: Option<String>,
}

fn own_project(kind: ForgeKind, text: &str) -> Option<Project> {
    let text = text.trim_matches('/');
    let path = checked(text.split('/'), kind)?;
    Some(Project {
        path,
        organization: None,
    })
}

/// The segments of a repository's name, joined, where they are as many as such a forge has, and each is a name.
fn checked<'a>(segments: impl Iterator<Item = &'a str>, kind: ForgeKind) -> Option<String> {
    let segments: Vec<String> = segments
        .map(|text| percent_decode_str(text).decode_utf8_lossy().into_owned())
        .collect();
    let is_name = |text: &String| {
        !text.is_empty()
            && text != "."
            && text != ".."
            && !text.contains(['/', '\\', '?', '#'])
            && !text.chars().any(char::is_control)
    };
    let count = match kind {
        ForgeKind::GitLab => segments.len() >= 2,
        _ => segments.len() == 2,
    };
    (count && segments.iter().all(is_name)).then(|| segments.join("/"))
}

fn installation(text: &str) -> Result<Url, LocateError> {
    let refused = || LocateError::Api(without_account(text));
    let mut url = Url::parse(text).map_err(|_| refused())?;
    let usable = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none();
    if !usable {
        return Err(refused());
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

/// The text without what may be a password.
fn without_account(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        (None, Some((_, rest))) => rest.to_owned(),
        (_, None) => text.to_owned(),
    }
}

fn shown_host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let host = match host {
        "api.github.com" => "github.com",
        "api.bitbucket.org" => "bitbucket.org",
        other => other,
    };
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The address of the API of an installation, which may have been given whole.
fn api_of(kind: ForgeKind, base: String, project: &Project) -> String {
    let hosted = base
        .split_once("://")
        .map_or("", |(_, rest)| rest)
        .split('/')
        .next()
        .unwrap_or_default();
    let ours = kind.root();
    let root = match kind {
        ForgeKind::GitHub if base.ends_with(ours) || hosted.starts_with("api.") => "",
        ForgeKind::BitbucketServer if base.ends_with("/rest/api/latest") => "",
        _ if base.ends_with(ours) => "",
        _ => ours,
    };
    match &project.organization {
        Some(organization) => format!("{base}/{}", encoded(organization)),
        None => base + root,
    }
}

fn encoded(segment: &str) -> String {
    let mut url = Url::parse("http://segment.invalid").expect("it is a URL");
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.push(segment);
    }
    url.path().trim_start_matches('/').to_owned()
}

/// Whether a host of ssh, which may be any text, is one of the web too.
fn is_web_host(host: &str) -> bool {
    Url::parse(&format!("https://{host}/")).is_ok_and(|url| url.host_str() == Some(host))
}

/// A remote's address.
struct Address {
    /// In lower case.
    host: String,
    /// The port of http or https; one of ssh says nothing of the API.
    port: Option<u16>,
    is_plain: bool,
    path: String,
}

impl Address {
    /// `None`: it is no address of a forge, such as a path.
    fn parse(text: &str) -> Option<Self> {
        // Others read them in another way than we do, and may find another host.
        if text.contains(|it: char| it == '\\' || it.is_control() || it.is_whitespace()) {
            return None;
        }
        if let Some((scheme, _)) = text.split_once("://") {
            let url = Url::parse(text).ok()?;
            let is_ssh = match scheme.to_ascii_lowercase().as_str() {
                "http" | "https" => false,
                "ssh" | "git+ssh" | "ssh+git" => true,
                _ => return None,
            };
            let host = url.host_str()?.to_ascii_lowercase();
            return is_web_host(&host).then(|| Self {
                host: known_as(&host),
                port: url.port().filter(|_| !is_ssh),
                is_plain: url.scheme() == "http",
                path: url.path().to_owned(),
            });
        }
        // As scp has it: a colon before the first slash, and more than a letter before it.
        let (before, path) = text.split_once(':')?;
        let host = before.rsplit_once('@').map_or(before, |(_, host)| host);
        let is_host = host.len() > 1
            && !before.starts_with('-')
            && host
                .chars()
                .all(|it| it.is_ascii_alphanumeric() || matches!(it, '.' | '-'));
        is_host.then(|| Self {
            host: known_as(&host.to_ascii_lowercase()),
            port: None,
            is_plain: false,
            path: path.to_owned(),
        })
    }

    fn shown(&self) -> String {
        self.port
            .map_or_else(|| self.host.clone(), |port| format!("{}:{port}", self.host))
    }

    /// Whether its API may be at this host.
    fn is_at(&self, host: &str) -> bool {
        host == self.host || host.strip_prefix("api.") == Some(&self.host)
    }

    /// The address of the installation.
    fn base(&self, kind: ForgeKind) -> String {
        let host = self.shown();
        let scheme = if self.is_plain { "http" } else { "https" };
        let first = self.host.split('.').next().unwrap_or_default();
        match kind {
            ForgeKind::GitHub if host == "github.com" || is_data_residency(&self.host) => {
                format!("https://api.{host}")
            }
            ForgeKind::BitbucketCloud if host == "bitbucket.org" => {
                "https://api.bitbucket.org".to_owned()
            }
            ForgeKind::BitbucketServer => {
                let context = self
                    .path
                    .split_once("/scm/")
                    .map_or("", |(before, _)| before);
                format!("{scheme}://{host}{context}")
            }
            ForgeKind::Azure if self.host.ends_with(".visualstudio.com") && first != "vs-ssh" => {
                format!("https://{host}")
            }
            ForgeKind::Azure if self.host == "visualstudio.com" => {
                "https://dev.azure.com".to_owned()
            }
            _ => format!("{scheme}://{host}"),
        }
    }

    /// The repository that it names.
    fn project(&self, kind: ForgeKind, api: Option<&Url>) -> Option<Project> {
        let mut path = self.path.trim_matches('/');
        path = path.strip_suffix(".git").unwrap_or(path);
        let plain = |path| {
            Some(Project {
                path,
                organization: None,
            })
        };
        match kind {
            ForgeKind::Azure => self.azure_project(path, api.is_some()),
            ForgeKind::BitbucketServer => {
                let path = match path.split_once("scm/") {
                    Some((before, rest)) if before.is_empty() || before.ends_with('/') => rest,
                    _ => path,
                };
                plain(checked(path.split('/'), kind)?)
            }
            _ => {
                let context = api.map(|url| {
                    let path = url.path().trim_matches('/');
                    let root = kind.root().trim_matches('/');
                    path.strip_suffix(root).unwrap_or(path).trim_matches('/')
                });
                let below = context
                    .filter(|context| !context.is_empty())
                    .and_then(|context| path.strip_prefix(context)?.strip_prefix('/'));
                plain(checked(below.unwrap_or(path).split('/'), kind)?)
            }
        }
    }

    /// `ORG/PROJECT/_git/REPO` and `v3/ORG/PROJECT/REPO`. Where project and repository have one name, it may stand once.
    fn azure_project(&self, path: &str, has_api: bool) -> Option<Project> {
        let segments: Vec<&str> = path.split('/').collect();
        let is_of_organization = self.host.ends_with(".visualstudio.com");
        let (organization, project, repository) = match segments[..] {
            ["v3", organization, project, repository] => (Some(organization), project, repository),
            [ref before @ .., "_git", repository] => {
                let before: Vec<&str> = before
                    .iter()
                    .copied()
                    .filter(|name| !name.eq_ignore_ascii_case("DefaultCollection"))
                    .collect();
                match (is_of_organization || has_api, &before[..]) {
                    (true, []) => (None, repository, repository),
                    (true, [.., project]) => (None, *project, repository),
                    (false, [organization]) => (Some(*organization), repository, repository),
                    (false, [organization, project]) => (Some(*organization), *project, repository),
                    _ => return None,
                }
            }
            _ => return None,
        };
        Some(Project {
            path: checked([project, repository].into_iter(), ForgeKind::Azure)?,
            organization: organization
                .filter(|_| !has_api)
                .map(|name| percent_decode_str(name).decode_utf8_lossy().into_owned()),
        })
    }
}

/// Vendors' hosts for ssh are not those of their API.
fn known_as(host: &str) -> String {
    match host {
        "ssh.github.com" | "www.github.com" => "github.com",
        "altssh.gitlab.com" => "gitlab.com",
        "altssh.bitbucket.org" => "bitbucket.org",
        "ssh.dev.azure.com" => "dev.azure.com",
        "vs-ssh.visualstudio.com" => "visualstudio.com",
        other => other,
    }
    .to_owned()
}

/// `SUBDOMAIN.ghe.com`, GitHub Enterprise Cloud with data residency, whose API is at `api.SUBDOMAIN.ghe.com`.
fn is_data_residency(host: &str) -> bool {
    host.strip_suffix(".ghe.com")
        .is_some_and(|name| !name.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(remote: &str) -> String {
        located(remote, None, None, None)
    }

    fn located(
        remote: &str,
        kind: Option<ForgeKind>,
        api: Option<&str>,
        project: Option<&str>,
    ) -> String {
        match locate(remote, kind, api, project) {
            Ok(it) => format!("{} {} {} {}", it.kind.name(), it.api, it.project, it.host),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn vendors_own_services_are_known_by_every_form_of_address() {
        let github = "GitHub https://api.github.com shop/deploy github.com";
        for remote in [
            "https://github.com/shop/deploy",
            "https://github.com/shop/deploy.git",
            "https://github.com/shop/deploy.git/",
            "https://x-access-token:secret@github.com/shop/deploy.git",
            "https://GitHub.com/shop/deploy",
            "git@github.com:shop/deploy.git",
            "github.com:shop/deploy",
            "ssh://git@github.com/shop/deploy.git",
            "ssh://git@github.com:22/shop/deploy.git",
            "ssh://git@ssh.github.com:443/shop/deploy.git",
        ] {
            assert_eq!(found(remote), github, "{remote}");
        }
        for (remote, expected) in [
            (
                "git@gitlab.com:shop/apps/web/deploy.git",
                "GitLab https://gitlab.com/api/v4 shop/apps/web/deploy gitlab.com",
            ),
            (
                "https://codeberg.org/shop/deploy.git",
                "Gitea https://codeberg.org/api/v1 shop/deploy codeberg.org",
            ),
            (
                "git@bitbucket.org:shop/deploy.git",
                "Bitbucket Cloud https://api.bitbucket.org/2.0 shop/deploy bitbucket.org",
            ),
            (
                "https://shop@dev.azure.com/shop/web%20team/_git/k8s",
                "Azure DevOps https://dev.azure.com/shop web team/k8s dev.azure.com",
            ),
            (
                "https://dev.azure.com/shop/_git/k8s",
                "Azure DevOps https://dev.azure.com/shop k8s/k8s dev.azure.com",
            ),
            (
                "git@ssh.dev.azure.com:v3/shop/web%20team/k8s",
                "Azure DevOps https://dev.azure.com/shop web team/k8s dev.azure.com",
            ),
            (
                "https://shop.visualstudio.com/DefaultCollection/web/_git/k8s",
                "Azure DevOps https://shop.visualstudio.com web/k8s shop.visualstudio.com",
            ),
            (
                "shop@vs-ssh.visualstudio.com:v3/shop/web/k8s",
                "Azure DevOps https://dev.azure.com/shop web/k8s visualstudio.com",
            ),
            (
                "https://shop.ghe.com/web/deploy",
                "GitHub https://api.shop.ghe.com web/deploy shop.ghe.com",
            ),
        ] {
            assert_eq!(found(remote), expected, "{remote}");
        }
    }

    #[test]
    fn a_host_of_a_company_is_known_by_its_first_label_or_by_the_user() {
        for (remote, expected) in [
            (
                "https://github.example.com/shop/deploy.git",
                "GitHub https://github.example.com/api/v3 shop/deploy github.example.com",
            ),
            (
                "ssh://git@gitlab.example.com:2222/shop/apps/deploy.git",
                "GitLab https://gitlab.example.com/api/v4 shop/apps/deploy gitlab.example.com",
            ),
            (
                "https://gitea.example.com:3000/shop/deploy.git",
                "Gitea https://gitea.example.com:3000/api/v1 shop/deploy gitea.example.com:3000",
            ),
            (
                "https://git.example.com/shop/deploy.git",
                "the name `git.example.com` does not tell which forge runs there",
            ),
            (
                "https://notgithub.com/shop/deploy",
                "the name `notgithub.com` does not tell which forge runs there",
            ),
            (
                "https://github.com.example.com/a/b",
                "GitHub https://github.com.example.com/api/v3 a/b github.com.example.com",
            ),
            (
                "/srv/git/deploy.git",
                "the remote's address names no host of a forge",
            ),
            (
                "../deploy.git",
                "the remote's address names no host of a forge",
            ),
            (
                "file:///srv/deploy.git",
                "the remote's address names no host of a forge",
            ),
            (
                "-oProxyCommand=x:y/z",
                "the remote's address names no host of a forge",
            ),
            (
                "https://github.com/shop",
                "the remote's address names no repository of GitHub",
            ),
            (
                "https://github.com/a/b/c",
                "the remote's address names no repository of GitHub",
            ),
            (
                "https://github.com/a/%2e%2e",
                "the remote's address names no repository of GitHub",
            ),
            (
                "git@gitlab.com:a/..%2Fb",
                "the remote's address names no repository of GitLab",
            ),
        ] {
            assert_eq!(found(remote), expected, "{remote}");
        }
    }

    #[test]
    fn an_address_for_people_is_at_the_host_of_the_forge_or_of_its_api() {
        for (remote, text, is_own) in [
            (
                "https://github.com/a/b",
                "https://github.com/a/b/pull/1",
                true,
            ),
            ("https://github.com/a/b", "https://api.github.com/x", true),
            (
                "https://github.com/a/b",
                "http://github.com/a/b/pull/1",
                false,
            ),
            (
                "https://github.com/a/b",
                "https://github.com.example.com/1",
                false,
            ),
            ("https://github.com/a/b", "https://user@github.com/1", false),
            ("https://github.com/a/b", "/a/b/pull/1", false),
            (
                "https://gitea.example.com:3000/a/b",
                "https://gitea.example.com/1",
                true,
            ),
            (
                "http://[::1]:3000/a/b",
                "http://[::1]:3000/a/b/pulls/1",
                true,
            ),
            (
                "http://[::1]:3000/a/b",
                "http://[::2]:3000/a/b/pulls/1",
                false,
            ),
        ] {
            let location = locate(remote, Some(ForgeKind::GitHub), None, None).unwrap();
            assert_eq!(
                location.own_address(text).is_some(),
                is_own,
                "{remote} {text}"
            );
        }
    }

    #[test]
    fn a_host_that_the_web_does_not_know_is_none() {
        for remote in [
            "ssh://%/@github.com/a",
            "ssh://git@a b/c/d",
            "ssh://%41/a/b",
        ] {
            let found = locate(remote, Some(ForgeKind::GitHub), None, None);
            assert_eq!(found, Err(LocateError::NoHost), "{remote}");
        }
    }

    proptest::proptest! {
        /// Wherever a remote is, its API is at the same host, or at the one that the vendor publishes.
        #[test]
        fn no_address_leads_the_token_to_another_host(
            before in "(https?://|ssh://|git@|)(([a-z.:@%\\\\/-]|github\\.com|gitlab\\.com){0,12}@)?",
            host in "(github\\.com|gitlab\\.com|dev\\.azure\\.com|bitbucket\\.org|git\\.example\\.com|a\\.ghe\\.com|b\\.visualstudio\\.com)",
            after in "(:[0-9]{1,4})?[/:]([a-z@.:%\\\\-]|github\\.com|/){1,24}",
            kind in 0_usize..7,
        ) {
            use ForgeKind::*;
            let kinds = [None, Some(GitHub), Some(GitLab), Some(Gitea), Some(BitbucketCloud), Some(BitbucketServer), Some(Azure)];
            let remote = format!("{before}{host}{after}");
            if let Ok(found) = locate(&remote, kinds[kind], None, None) {
                let api = Url::parse(&found.api).unwrap();
                let api = api.host_str().unwrap();
                let own = found.host.split(':').next().unwrap();
                let published = api.strip_prefix("api.") == Some(own)
                    || (api == "dev.azure.com" && own == "visualstudio.com");
                proptest::prop_assert!(api == own || published, "{remote}: {found:?}");
                proptest::prop_assert!(remote.contains(own), "{remote}: {found:?}");
            }
        }
    }

    #[test]
    fn what_the_user_says_goes_before_the_address() {
        use ForgeKind::*;
        for (remote, kind, api, project, expected) in [
            (
                "https://git.example.com/gitea/shop/deploy.git",
                Gitea,
                Some("https://git.example.com/gitea/"),
                None,
                "Gitea https://git.example.com/gitea/api/v1 shop/deploy git.example.com",
            ),
            (
                "https://git.example.com/gitea/shop/deploy.git",
                Gitea,
                Some("https://git.example.com/gitea/api/v1"),
                None,
                "Gitea https://git.example.com/gitea/api/v1 shop/deploy git.example.com",
            ),
            (
                "git@git.example.com:shop/deploy.git",
                GitLab,
                Some("https://git.example.com:8443/gitlab"),
                None,
                "GitLab https://git.example.com:8443/gitlab/api/v4 shop/deploy git.example.com",
            ),
            (
                "/srv/deploy.git",
                GitHub,
                Some("http://127.0.0.1:4000"),
                Some("shop/deploy"),
                "GitHub http://127.0.0.1:4000/api/v3 shop/deploy 127.0.0.1:4000",
            ),
            (
                "/srv/deploy.git",
                GitHub,
                Some("https://api.github.com"),
                Some("shop/deploy"),
                "GitHub https://api.github.com shop/deploy github.com",
            ),
            (
                "ssh://git@git.example.com:7999/web/deploy.git",
                BitbucketServer,
                None,
                None,
                "Bitbucket Data Center https://git.example.com/rest/api/1.0 web/deploy git.example.com",
            ),
            (
                "https://git.example.com/bitbucket/scm/~ada/deploy.git",
                BitbucketServer,
                None,
                None,
                "Bitbucket Data Center https://git.example.com/bitbucket/rest/api/1.0 ~ada/deploy git.example.com",
            ),
            (
                "https://tfs.example.com/tfs/Main/web/_git/k8s",
                Azure,
                Some("https://tfs.example.com/tfs/Main"),
                None,
                "Azure DevOps https://tfs.example.com/tfs/Main web/k8s tfs.example.com",
            ),
            (
                "https://git.example.com/a/b",
                GitHub,
                Some("https://ada:hunter2@git.example.com"),
                None,
                "`https://git.example.com` is not an http or https address without an account",
            ),
            (
                "https://git.example.com/a/b",
                GitHub,
                None,
                Some("a/../b"),
                "`a/../b` names no repository of GitHub",
            ),
        ] {
            assert_eq!(
                located(remote, Some(kind), api, project),
                expected,
                "{remote}"
            );
        }
    }
}
