//! The list of a repository's tags (OCI distribution spec, "Listing Tags"): whole, or not at all.
//!
//! A part of the list would make an old tag the newest. So a list that breaks off, goes in a circle or is larger than the limits is a
//! refusal, however much of it has come.
//!
//! # How the next page is found
//!
//! - By the link to it. Only its query is used, and only where it names this repository's list: the question always goes to the same host
//!   and the same repository.
//! - By `last=` with the last tag of the page, where the link names another list (Artifactory's lacks a part of the name) or cannot be read.
//! - By `last=` too where a page without a link is as full as pages are: some registries cut a list and do not say so. A registry that
//!   does not know `last` answers with the same page. It is asked once more for the whole list then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Registry;
use super::ask::Answered;
use super::destination::Destination;
use super::link_header::{self, Next};
use super::refusal::{passes, refusal};
use super::retry::Asked;
use super::trace::Way;
use crate::engine::answer::Refusal;
use crate::engine::code::Code;
use crate::engine::image::is_tag;
use crate::engine::version::{Built, TagList};
use crate::io::clock;

/// How many tags a page is asked to have. ECR takes no more.
const PAGE: usize = 1000;
/// What is the rounding of registries' own limits: a page with a multiple of so many tags may have been cut there.
const ROUND: usize = 100;
/// The most pages of one list.
const MOST_PAGES: usize = 1000;
/// The most tags of one list.
const MOST_TAGS: usize = 500_000;
/// What a tag takes beside its bytes, about.
const OF_EACH: usize = 64;
/// What a person can do where a list is of no use.
const WITHOUT_A_LIST: &str = "try again later; the policy `digest` needs no list of tags";

/// What is escaped in a query (RFC 3986): nothing of a tag.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// How the next page is asked for.
enum Ask {
    /// As the registry said, or by hand where it said so in a way that cannot be used.
    Page(Option<String>),
    /// By hand, to see whether a full page was the last.
    Beyond(String),
}

impl Registry {
    /// All tags of the repository, sorted, each once. What is no tag by the specification is left out.
    pub(super) async fn read_tags(
        &self,
        to: &Destination,
        way: &Way<'_>,
    ) -> Result<Arc<TagList>, Refusal> {
        let mut list = List::new(to, self.limits.tags);
        let mut size = Some(PAGE);
        let mut ask = Ask::Page(query(size, None));
        loop {
            let (asked, is_beyond) = match ask {
                Ask::Page(query) => (query, false),
                Ask::Beyond(query) => (Some(query), true),
            };
            list.count_page(asked.as_deref())?;
            let answered = self.tags_page(to, asked.as_deref(), way).await;
            let answered = answered.map_err(|refusal| list.broken_off(refusal))?;
            let status = answered.reply.status;
            if status != 200 {
                if is_beyond && (400..500).contains(&status) && !matches!(status, 401 | 403 | 429) {
                    return self.confirmed(to, list, way).await;
                }
                if list.pages == 1 && size.is_some() && refuses_the_size(status) {
                    (size, list.pages) = (None, 0);
                    ask = Ask::Page(query(size, None));
                    continue;
                }
                return Err(list.broken_off(self.no_tags(to, &answered)));
            }
            let page = list.parse(&answered.reply.body)?;
            let (count, last) = (page.len(), page.last().cloned());
            let before = list.bytes;
            let new = list.add(page)?;
            self.keep(new * OF_EACH + list.bytes - before, &list)?;
            if count > 0 && new == 0 {
                if is_beyond {
                    return self.confirmed(to, list, way).await;
                }
                return Err(list.refused("answers with the same tags again"));
            }
            let by_hand = last.and_then(|last| query(size, Some(&last)));
            ask = match (link_header::next(&answered.reply.headers), by_hand) {
                (Next::At(link), by_hand) => match (query_of(to, link), by_hand) {
                    (Some(query), _) | (None, Some(query)) => Ask::Page(Some(query)),
                    (None, None) => return Err(list.refused("names a next page of another list")),
                },
                (Next::Unreadable, Some(by_hand)) => Ask::Page(Some(by_hand)),
                (Next::Unreadable, None) => {
                    return Err(list.refused("names a next page in a way that cannot be read"));
                }
                (Next::Last, Some(by_hand))
                    if count.is_multiple_of(ROUND) && count <= PAGE && new > 0 =>
                {
                    Ask::Beyond(by_hand)
                }
                (Next::Last, _) => return Ok(list.whole()),
            };
        }
    }

    async fn tags_page(
        &self,
        to: &Destination,
        query: Option<&str>,
        way: &Way<'_>,
    ) -> Result<Answered, Refusal> {
        let mut asked = Asked::new("tags/list".to_owned(), self.limits.tries)
            .part(query.map(str::to_owned), self.limits.tags);
        self.ask(to, &Method::GET, &mut asked, None, way).await
    }

    /// The list that is asked for without pages, which must have all tags that came in pages.
    async fn confirmed(
        &self,
        to: &Destination,
        mut list: List<'_>,
        way: &Way<'_>,
    ) -> Result<Arc<TagList>, Refusal> {
        list.pages += 1;
        let answered = self.tags_page(to, None, way).await;
        let answered = answered.map_err(|refusal| list.broken_off(refusal))?;
        if answered.reply.status != 200 {
            return Err(list.broken_off(self.no_tags(to, &answered)));
        }
        let mut whole = List::new(to, self.limits.tags);
        let page = whole.parse(&answered.reply.body)?;
        let new = whole.add(page)?;
        self.keep(new * OF_EACH + whole.bytes, &whole)?;
        if link_header::next(&answered.reply.headers) != Next::Last
            || !list.tags.is_subset(&whole.tags)
        {
            return Err(list.refused("answers with the same tags again"));
        }
        Ok(whole.whole())
    }

    /// Keeps so many bytes of a list, if there is room for them.
    fn keep(&self, bytes: usize, list: &List<'_>) -> Result<(), Refusal> {
        let less = |left: usize| left.checked_sub(bytes);
        let kept = self.tags_left.fetch_update(Relaxed, Relaxed, less);
        kept.map(drop).map_err(|_| {
            let most = self.limits.all_tags;
            list.broken_off(refusal(
                Code::TagList,
                format!("all lists of tags together take more than {most} bytes"),
                "give fewer images a policy that needs the list; `digest` needs none",
            ))
        })
    }

    /// Why an answer with an error's status has no tags.
    fn no_tags(&self, to: &Destination, answered: &Answered) -> Refusal {
        let refused = self.refused(to, answered);
        match answered.reply.status {
            404 => Refusal {
                code: Code::NameUnknown,
                cause: format!(
                    "`{}` answered 404 Not Found: it has no such repository",
                    to.host.name
                ),
                hint: Some(
                    "check the name; a private repository may look so without credentials"
                        .to_owned(),
                ),
            },
            401 | 403 => refused,
            status if passes(status) => refused,
            status => refusal(
                Code::TagList,
                format!(
                    "`{}` answered {status} to the question for its tags",
                    to.host.name
                ),
                WITHOUT_A_LIST,
            ),
        }
    }
}

/// Whether a registry may mean the size of the page that it was asked for. ECR says 405, the distribution project's registry 400.
fn refuses_the_size(status: u16) -> bool {
    matches!(status, 400 | 405 | 413 | 416 | 422)
}

/// The query of a link to the next page, where the link leads to the list of this repository. The host and the scheme may be those that
/// the registry has behind a proxy.
fn query_of(to: &Destination, link: &str) -> Option<String> {
    let list = format!("v2/{}/tags/list", to.target.repository);
    let page = to.base.join(&list).ok()?;
    let link = page.join(link).ok()?;
    let query = link.query().filter(|query| !query.is_empty())?;
    (link.path() == page.path()).then(|| query.to_owned())
}

/// The query for the tags behind this one.
fn query(size: Option<usize>, last: Option<&str>) -> Option<String> {
    let size = size.map(|size| format!("n={size}"));
    let last = last.map(|last| format!("last={}", utf8_percent_encode(last, RESERVED)));
    match (size, last) {
        (Some(size), Some(last)) => Some(format!("{size}&{last}")),
        (size, last) => size.or(last),
    }
}

/// What has come of a list.
struct List<'d> {
    to: &'d Destination,
    most: usize,
    tags: BTreeSet<String>,
    bytes: usize,
    pages: usize,
    /// The queries that were sent.
    asked: BTreeSet<Option<String>>,
    /// What the first page says that the repository's name is.
    name: Option<String>,
    /// When each tag was pushed, where the registry says so.
    pushed: BTreeMap<String, Built>,
    /// The clock of this machine, in seconds.
    clock: i64,
}

#[derive(Deserialize)]
struct Page {
    name: Option<String>,
    // A list without tags is `null` in some registries, but an answer without the field is no list.
    #[serde(deserialize_with = "Option::deserialize")]
    tags: Option<Vec<String>>,
    /// What Google's registries say of each digest.
    #[serde(default, deserialize_with = "of_google")]
    manifest: BTreeMap<String, Pushed>,
}

/// What another registry may say in another form says nothing.
fn of_google<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Pushed>, D::Error> {
    let value = Value::deserialize(from)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// What Google's registries say of a digest: its tags, and when it was pushed.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Pushed {
    tag: Vec<String>,
    time_uploaded_ms: String,
}

impl<'d> List<'d> {
    fn new(to: &'d Destination, most: usize) -> Self {
        Self {
            to,
            most,
            tags: BTreeSet::new(),
            bytes: 0,
            pages: 0,
            asked: BTreeSet::new(),
            name: None,
            pushed: BTreeMap::new(),
            clock: clock::seconds(),
        }
    }

    fn count_page(&mut self, query: Option<&str>) -> Result<(), Refusal> {
        if !self.asked.insert(query.map(str::to_owned)) {
            return Err(self.refused("names a page again that it has answered with"));
        }
        if self.pages == MOST_PAGES {
            return Err(self.refused(&format!("has more than {MOST_PAGES} pages of tags")));
        }
        self.pages += 1;
        Ok(())
    }

    /// The tags of a page, in its order.
    fn parse(&mut self, body: &[u8]) -> Result<Vec<String>, Refusal> {
        let Ok(page) = serde_json::from_slice::<Page>(body) else {
            if self.pages > 1 {
                return Err(self.refused("answers with something that is not a list of tags"));
            }
            return Err(refusal(
                Code::NotARegistry,
                format!(
                    "`{}` answered with something that is not a list of tags",
                    self.to.host.name
                ),
                "check the registry's name and port; the sign-in page of a proxy answers like this",
            ));
        };
        // Proxies shorten or lengthen the name at its beginning.
        let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
        let expected = self.name.as_deref();
        let is_another = match (&page.name, expected) {
            (Some(name), Some(expected)) => name != expected,
            (Some(name), None) => last(name) != last(&self.to.target.repository),
            (None, _) => false,
        };
        if is_another {
            return Err(self.refused("answers with the tags of another repository"));
        }
        self.name = page.name.or(self.name.take());
        let tags = page.tags.unwrap_or_default();
        // What the limit of tags does not count is not kept.
        let listed: BTreeSet<&str> = tags.iter().map(String::as_str).collect();
        for pushed in page.manifest.into_values() {
            let time = pushed.time_uploaded_ms.parse().ok();
            let believed = |time| Built::from_milliseconds(time, self.clock);
            if let Some(time) = time.and_then(believed) {
                let own = pushed.tag.into_iter();
                let own = own.filter(|tag| listed.contains(&**tag) && is_tag(tag));
                self.pushed.extend(own.map(|tag| (tag, time)));
            }
        }
        Ok(tags)
    }

    /// Takes a page's tags, and counts those that are new.
    fn add(&mut self, page: Vec<String>) -> Result<usize, Refusal> {
        let mut new = 0;
        for tag in page {
            if is_tag(&tag) && !self.tags.contains(&tag) {
                self.bytes += tag.len();
                new += 1;
                self.tags.insert(tag);
            }
        }
        if self.tags.len() > MOST_TAGS {
            return Err(self.refused(&format!("has more than {MOST_TAGS} tags")));
        }
        if self.bytes > self.most {
            let cause = format!("has more than {} bytes of tags", self.most);
            return Err(self.refused(&cause));
        }
        Ok(new)
    }

    fn whole(self) -> Arc<TagList> {
        Arc::new(TagList::new(self.tags, self.pushed))
    }

    /// A list that is no use, because the registry does this.
    fn refused(&self, what: &str) -> Refusal {
        self.broken_off(refusal(
            Code::TagList,
            format!("`{}` {what}", self.to.host.name),
            WITHOUT_A_LIST,
        ))
    }

    /// The refusal with the page that it is of.
    fn broken_off(&self, mut refusal: Refusal) -> Refusal {
        if self.pages > 1 {
            refusal.cause += &format!(", on page {} of the list of tags", self.pages);
        }
        if refusal.code == Code::TooLarge {
            refusal.hint = Some(WITHOUT_A_LIST.to_owned());
        }
        refusal
    }
}
