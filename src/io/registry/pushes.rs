//! When tags were pushed, by the word of the registries that say so beside the distribution specification.
//!
//! | | all tags, those that were pushed last first | one tag | the time |
//! |---|---|---|---|
//! | Docker Hub | `hub.docker.com/v2/namespaces/NS/repositories/NAME/tags?page_size=100` | `…/tags/TAG` | `tag_last_pushed` |
//! | Quay | `quay.io/api/v1/repository/NS/NAME/tag/?onlyActiveTags=true&limit=100` | `…&specificTag=TAG` | `start_ts` |
//!
//! One page is asked for, and then each tag that it lacks: there is no way from page to page, which a registry could lengthen.
//! Every question is asked as nobody. `hub.docker.com` is not the registry, and Quay's API takes other credentials than its registry. So
//! these APIs say nothing of private repositories.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::try_join_all;
use reqwest::{Method, Url};
use serde::Deserialize;

use super::Registry;
use super::destination::Destination;
use super::map::Target;
use super::refusal::{SignedAs, of_status, passes, refusal};
use super::retry::Asked;
use super::trace::Way;
use super::transport::{Request, authority};
use crate::engine::answer::Refusal;
use crate::engine::code::Code;
use crate::engine::version::Built;
use crate::io::clock;

/// A repository, and one tag or the page of those that were pushed last.
pub(super) type Question = (Target, Option<String>);
/// What the API says. `None`: nothing, because the repository is private or unknown to it.
pub(super) type Pushes = Option<Arc<BTreeMap<String, Built>>>;

/// Who says when tags were pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Api {
    DockerHub,
    Quay,
}

/// A page of tags.
#[derive(Deserialize)]
struct Page {
    #[serde(alias = "results")]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
struct Tag {
    name: String,
    tag_last_pushed: Option<String>,
    start_ts: Option<i64>,
}

impl Tag {
    /// When it was pushed, where that can be believed.
    fn pushed(&self, api: Api, clock: i64) -> Option<Built> {
        match api {
            Api::DockerHub => Built::parse(self.tag_last_pushed.as_deref()?, clock).ok(),
            Api::Quay => Built::from_milliseconds(self.start_ts?.checked_mul(1000)?, clock),
        }
    }
}

impl Api {
    /// The API of the host that is asked. A mirror has none, and neither has a host that is asked over plain http.
    fn of(base: &Url) -> Option<Self> {
        match base.as_str() {
            "https://registry-1.docker.io/" => Some(Self::DockerHub),
            "https://quay.io/" => Some(Self::Quay),
            _ => None,
        }
    }

    /// Where it says when tags of the repository were pushed.
    fn url(self, repository: &str, tag: Option<&str>) -> Option<Url> {
        let text = match self {
            Self::DockerHub => {
                let (namespace, name) = repository.split_once('/')?;
                format!("https://hub.docker.com/v2/namespaces/{namespace}/repositories/{name}/tags")
            }
            Self::Quay => format!("https://quay.io/api/v1/repository/{repository}/tag/"),
        };
        let mut url = Url::parse(&text).ok()?;
        match (self, tag) {
            (Self::DockerHub, Some(tag)) => drop(url.path_segments_mut().ok()?.push(tag)),
            (Self::DockerHub, None) => url.set_query(Some("page_size=100")),
            (Self::Quay, None) => url.set_query(Some("onlyActiveTags=true&limit=100")),
            (Self::Quay, Some(tag)) => {
                url.query_pairs_mut()
                    .append_pair("onlyActiveTags", "true")
                    .append_pair("specificTag", tag);
            }
        }
        Some(url)
    }

    /// The tags of an answer with their times. An answer in another form says nothing.
    fn read(self, body: &[u8], clock: i64) -> BTreeMap<String, Built> {
        let page = serde_json::from_slice(body).map(|page: Page| page.tags);
        let one = || serde_json::from_slice(body).map(|tag: Tag| vec![tag]);
        let tags = page.or_else(|_| one()).unwrap_or_default();
        let mut pushed = BTreeMap::new();
        for tag in tags {
            if let Some(time) = tag.pushed(self, clock) {
                // Of the history of a tag, the last push counts.
                let last = pushed.entry(tag.name).or_insert(time);
                *last = time.max(*last);
            }
        }
        pushed
    }
}

impl Registry {
    /// When these tags were pushed. `None`: nobody says it of all of them.
    pub(super) async fn read_pushes(
        &self,
        to: &Destination,
        tags: &[&str],
        way: &Way<'_>,
    ) -> Result<Option<BTreeMap<String, Built>>, Refusal> {
        let Some(api) = Api::of(&to.base) else {
            return Ok(None);
        };
        let Some(page) = self.pushes_once(api, to, None, way).await? else {
            return Ok(None);
        };
        let questions = tags.iter().map(async |tag| {
            if let Some(time) = page.get(*tag) {
                return Ok(Some(((*tag).to_owned(), *time)));
            }
            let pushes = self.pushes_once(api, to, Some(tag), way).await?;
            Ok(pushes.and_then(|pushes| Some(((*tag).to_owned(), *pushes.get(*tag)?))))
        });
        Ok(try_join_all(questions).await?.into_iter().collect())
    }

    async fn pushes_once(
        &self,
        api: Api,
        to: &Destination,
        tag: Option<&str>,
        way: &Way<'_>,
    ) -> Result<Pushes, Refusal> {
        let question = (to.target.clone(), tag.map(str::to_owned));
        let work = || async {
            match api.url(&to.target.repository, tag) {
                Some(url) => self.ask_pushes(api, url, tag, way).await,
                None => Ok(None),
            }
        };
        self.pushes.ask(question, work).await
    }

    async fn ask_pushes(
        &self,
        api: Api,
        url: Url,
        tag: Option<&str>,
        way: &Way<'_>,
    ) -> Result<Pushes, Refusal> {
        let host = self.transport.host(&url, authority(&url));
        let request = Request {
            method: Method::GET,
            url,
            authorization: None,
            accept: Some("application/json"),
            headers: &[],
            body: None,
            most: self.limits.body,
        };
        let what = tag.map_or_else(|| "tags".to_owned(), |tag| format!("tags/{tag}"));
        let mut asked = Asked::new(what, self.limits.tries);
        let reply = match asked.enter(&host).await {
            Ok(()) => self.until_answered(&host, &request, &mut asked, way).await,
            Err(refusal) => Err(refusal),
        };
        host.settle();
        asked.leave();
        let untold = |refusal: Refusal| Refusal {
            cause: format!("{}; it was asked when tags were pushed", refusal.cause),
            hint: Some(match refusal.code {
                Code::RateLimited | Code::ServerError | Code::Timeout => {
                    "try again later, or use another policy than `newest`".to_owned()
                }
                _ => format!(
                    "let imago reach `{}`, or use another policy than `newest`",
                    host.name
                ),
            }),
            ..refusal
        };
        let reply = reply.map_err(untold)?;
        match reply.status {
            _ if !reply.direct => Err(untold(refusal(
                Code::Redirect,
                format!("`{}` redirects to another host", host.name),
                "",
            ))),
            200 => Ok(Some(Arc::new(api.read(&reply.body, clock::seconds())))),
            status if passes(status) => {
                let (name, nobody) = (&host.name, SignedAs::Nobody);
                Err(untold(of_status(status, &reply.body, name, name, &nobody)))
            }
            // A private repository, one that the API does not know, or an API that is no more.
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half past 2026.
    const CLOCK: i64 = 1_782_864_000;

    #[test]
    fn only_the_registries_themselves_have_an_api() {
        for (base, api) in [
            ("https://registry-1.docker.io/", Some(Api::DockerHub)),
            ("https://quay.io/", Some(Api::Quay)),
            ("http://quay.io/", None),
            ("https://quay.io:8443/", None),
            ("https://quay.example.test/", None),
            ("https://mirror.example.test/", None),
            ("http://registry-1.docker.io/", None),
        ] {
            assert_eq!(Api::of(&Url::parse(base).unwrap()), api, "{base}");
        }
    }

    #[test]
    fn each_api_is_asked_where_it_says() {
        let hub = "https://hub.docker.com/v2/namespaces/";
        for (api, repository, tag, url) in [
            (
                Api::DockerHub,
                "library/nginx",
                None,
                format!("{hub}library/repositories/nginx/tags?page_size=100"),
            ),
            (
                Api::DockerHub,
                "shop/web",
                Some("main-1"),
                format!("{hub}shop/repositories/web/tags/main-1"),
            ),
            (
                Api::Quay,
                "shop/web",
                None,
                "https://quay.io/api/v1/repository/shop/web/tag/?onlyActiveTags=true&limit=100"
                    .to_owned(),
            ),
            (
                Api::Quay,
                "shop/web",
                Some("main-1"),
                "https://quay.io/api/v1/repository/shop/web/tag/?onlyActiveTags=true&specificTag=main-1"
                    .to_owned(),
            ),
        ] {
            let asked = api.url(repository, tag).unwrap();
            assert_eq!(asked.as_str(), url);
        }
        assert_eq!(Api::DockerHub.url("nginx", None), None);
    }

    fn read(api: Api, body: &str) -> Vec<String> {
        api.read(body.as_bytes(), CLOCK).into_keys().collect()
    }

    #[test]
    fn a_time_that_cannot_be_believed_is_none() {
        for (time, is_taken) in [
            (r#""2026-01-05T21:06:53.506400Z""#, true),
            (r#""2026-01-05T21:06:53Z""#, true),
            (r#""0001-01-01T00:00:00Z""#, false),
            (r#""9999-01-01T00:00:00Z""#, false),
            (r#""soon""#, false),
            ("null", false),
        ] {
            let tag = format!(r#"{{"name":"a","id":1,"images":[],"tag_last_pushed":{time}}}"#);
            let page = format!(r#"{{"count":1,"next":null,"results":[{tag}]}}"#);
            for body in [tag, page] {
                assert_eq!(
                    read(Api::DockerHub, &body).len(),
                    usize::from(is_taken),
                    "{body}"
                );
            }
        }
        for (time, is_taken) in [
            ("1767641213", true),
            ("0", false),
            ("-1", false),
            ("9999999999", false),
            ("9223372036854775807", false),
            ("null", false),
        ] {
            let page = format!(r#"{{"tags":[{{"name":"a","start_ts":{time}}}],"page":1}}"#);
            assert_eq!(
                read(Api::Quay, &page).len(),
                usize::from(is_taken),
                "{page}"
            );
        }
    }

    #[test]
    fn an_answer_in_another_form_says_nothing() {
        for body in [
            "",
            "<html>",
            "null",
            "[]",
            "{}",
            r#"{"results":{}}"#,
            r#"{"tags":[1]}"#,
            r#"{"name":"a"}"#,
            r#"{"tags":[{"start_ts":1767641213}]}"#,
        ] {
            assert!(read(Api::DockerHub, body).is_empty(), "{body}");
            assert!(read(Api::Quay, body).is_empty(), "{body}");
        }
        let twice = r#"{"tags":[{"name":"a","start_ts":1767641213},{"name":"a","start_ts":1767641299},{"name":"a","start_ts":1767641000}]}"#;
        let last = Built::from_milliseconds(1_767_641_299_000, CLOCK).unwrap();
        let pushed = Api::Quay.read(twice.as_bytes(), CLOCK);
        assert_eq!(pushed, BTreeMap::from([("a".to_owned(), last)]));
    }
}
