//! What is asked, and what is changed: from objects and answers to outcomes and changes.
//!
//! Both modes plan here. A change says which string shall stand where; how it gets there is the business of `splice` and of `patch`.

mod eligibility;
mod markers;
mod restart;
mod state;
mod unclaimed;

pub use restart::restart;
pub use state::{State, pins, states};
use unclaimed::Left;
pub use unclaimed::Unclaimed;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::annotation::{Original, Originals};
use super::answer::{Answer, Answers, Refusal};
use super::change::Change;
use super::hold::Hold;
use super::image::{Digest, ImageError, ImageRef, Lookup};
use super::memory::Ledger;
use super::object::{Object, Record};
use super::policy::{self, Intent, Return, TagForm, Track};
use super::running::{PodVerdict, Pods, Purpose};
use super::selector::ImageFilter;
use super::site::{Image, Memory, Site};
use super::source_link::SourceLink;
use super::version::Counts;
use crate::engine::code::Code;
use eligibility::{Considered, Eligibility, consider, last_part, recorded};

/// What holds for all images of a run.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Where the tag that is followed stands.
    pub track: Track,
    /// What is written when a digest is.
    pub form: TagForm,
    /// The images that the user takes.
    pub images: ImageFilter,
    /// Who chooses the tags.
    pub tags: TagChoice,
}

/// Who chooses the tags of images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TagChoice {
    /// Policies, where there are some.
    #[default]
    ByPolicy,
    /// Nobody: each image stays on its tag.
    Kept,
}

/// What was decided for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is on its tag's digest, has nothing to go back from, or has a digest where a check asked for no more.
    Ok,
    /// A person's pin: left alone.
    Fixed,
    /// It has to be updated to this image.
    Outdated(String),
    /// It has no digest, and a check asked for one.
    Unpinned {
        /// The kustomization that decides it, and gives it none.
        decided_by: Option<String>,
    },
    /// It goes back to this image, which the annotation records.
    Restored(String),
    /// The action leaves it as written, for this reason.
    Kept(String),
    /// It is left out.
    Ignored(LeftOut),
    /// Not an image yet: a variable or a template expression.
    Variable,
    /// It stays as written, although it does not follow its tag: somebody has to look.
    Held(Hold),
    /// It has to be restarted: a pod is on another digest than its tag.
    Stale {
        /// The digest that a pod runs.
        running: Digest,
        /// The digest that the tag has now.
        digest: Digest,
        /// The image with the tag, where it was put on a digest before and goes back.
        back: Option<String>,
    },
    /// It stays as it is, because its pods do not say that it has to change, for this reason.
    Unchecked(String),
    /// It has a problem.
    Failed(Refusal),
}

/// Why an image is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// [`Code::Ignored`], or [`Code::DecidedBy`].
    pub code: Code,
    /// What leaves it out: ``annotation `imago/ignore` ``.
    pub by: String,
}

impl Outcome {
    /// Its code, where it has one.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Outdated(_) => Some(Code::Outdated),
            Self::Unpinned { .. } => Some(Code::Unpinned),
            Self::Restored(_) => Some(Code::Restored),
            Self::Stale { .. } => Some(Code::Stale),
            Self::Ignored(left_out) => Some(left_out.code),
            Self::Variable => Some(Code::Variable),
            Self::Held(hold) => Some(hold.code),
            Self::Failed(refusal) => Some(refusal.code),
            Self::Ok | Self::Fixed | Self::Unchecked(_) | Self::Kept(_) => None,
        }
    }

    /// The image that shall stand there instead, if another shall.
    pub fn new_image(&self) -> Option<&str> {
        match self {
            Self::Outdated(image) | Self::Restored(image) => Some(image),
            Self::Stale { back, .. } => back.as_deref(),
            _ => None,
        }
    }
}

/// What happens to one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// One for each of the object's sites, in their order. `None`: it has no image.
    pub outcomes: Vec<Option<Outcome>>,
    /// The images that change, in the order of the sites, then the record.
    pub changes: Vec<Change>,
    /// What the record and the sites have apart from each other.
    pub unclaimed: Unclaimed,
    /// What policies have chosen, by the place of the site.
    pub choices: BTreeMap<usize, Choice>,
    /// Where the sources of new images are, by the place of the site.
    pub sources: BTreeMap<usize, Arc<SourceLink>>,
}

/// The choice of a policy for one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The policy, with all that decides: `minor; allow=/v.*/`.
    pub policy: String,
    /// The tag now.
    pub from: String,
    /// The tag that is taken: the same, where the image stays on it.
    pub to: String,
    /// How many tags took part, where a list was read.
    pub counts: Option<Counts>,
    /// What keeps a digest from the image, where its tag moves alone.
    pub no_digest: Option<Code>,
}

impl Choice {
    /// What chose, and what was left undone: `minor`, `minor; no digest: chart-unproven`.
    pub fn brief(&self) -> String {
        self.policy.clone() + &self.undone()
    }

    /// Who chose among how many: ``by the policy `minor`, of 214 tags, 200 allowed and 31 understood``.
    pub fn told(&self) -> String {
        let counts = self.counts.map(|counts| {
            let Counts {
                seen,
                allowed,
                understood,
            } = counts;
            format!(", of {seen} tags, {allowed} allowed and {understood} understood")
        });
        let (policy, counts) = (&self.policy, counts.unwrap_or_default());
        format!("by the policy `{policy}`{counts}{}", self.undone())
    }

    fn undone(&self) -> String {
        let code = self.no_digest.map(Code::as_str);
        code.map_or_else(String::new, |code| format!("; no digest: {code}"))
    }
}

impl Plan {
    /// How many images change.
    pub fn image_changes(&self) -> usize {
        self.outcomes
            .iter()
            .flatten()
            .filter(|outcome| outcome.new_image().is_some())
            .count()
    }
}

/// A lookup, and the digest that the image which asks it is on now.
pub type Question = (Lookup, Option<Digest>);

/// What an update of the objects asks: once for each image that follows a tag, in their order. A object whose record cannot be read
/// asks nothing; [`update`] says so.
pub fn questions<'w>(
    objects: impl IntoIterator<Item = &'w Object>,
    rules: &Rules,
) -> Vec<Question> {
    let mut questions = Vec::new();
    for object in objects {
        let Ok(ledger) = recorded(object, rules) else {
            continue;
        };
        let Ok(considered) = consider(object, ledger.as_ref(), rules) else {
            continue;
        };
        for considered in considered {
            let Eligibility::Taken(Intent::Follow(follow)) = considered.eligibility else {
                continue;
            };
            match held(object, considered.site) {
                None => questions.push((follow.lookup, follow.digest)),
                Some(hold) if moves_alone(hold, &follow) => {
                    questions.push((follow.lookup, None));
                }
                Some(hold) if hold.unless.is_empty() && hold.after.is_empty() => {}
                Some(hold) => {
                    questions.push((follow.lookup, follow.digest));
                    let others = hold.unless.iter().chain(&hold.after);
                    questions.extend(others.map(|other| (other.clone(), None)));
                }
            }
        }
    }
    // A tree has one list for each of its files.
    questions.shrink_to_fit();
    questions
}

/// The same, each lookup once, with all the digests that its images are on.
pub fn wanted<'w>(
    objects: impl IntoIterator<Item = &'w Object>,
    rules: &Rules,
) -> BTreeMap<Lookup, BTreeSet<Digest>> {
    let mut wanted: BTreeMap<Lookup, BTreeSet<Digest>> = BTreeMap::new();
    for (lookup, digest) in questions(objects, rules) {
        wanted.entry(lookup).or_default().extend(digest);
    }
    wanted
}

/// The sites of a object whose images follow a tag, each with the question that is asked for it.
pub fn follows<'w>(object: &'w Object, rules: &Rules) -> Vec<(&'w Site, Lookup)> {
    let Ok(ledger) = recorded(object, rules) else {
        return Vec::new();
    };
    let followed = |Considered {
                        site, eligibility, ..
                    }: Considered<'w, '_>| match eligibility {
        Eligibility::Taken(Intent::Follow(follow)) => Some((site, follow.lookup)),
        Eligibility::Taken(_) | Eligibility::LeftOut(_) => None,
    };
    consider(object, ledger.as_ref(), rules)
        .unwrap_or_default()
        .into_iter()
        .filter_map(followed)
        .collect()
}

/// The tags that the images and the records of the objects name, whatever a run does with them. `None`: a record cannot be read, so
/// that nobody knows what it names.
pub fn named<'w>(objects: impl IntoIterator<Item = &'w Object>) -> Option<BTreeSet<Lookup>> {
    let mut named = BTreeSet::new();
    for object in objects {
        let originals = match &object.record {
            Record::Text(text) => Originals::parse(text).ok()?,
            Record::NoText => return None,
            Record::Absent => Originals::default(),
        };
        let holds = object.sites.iter().filter_map(|site| held(object, site));
        named.extend(holds.flat_map(|hold| hold.unless.iter().chain(&hold.after).cloned()));
        let written = object.sites.iter().filter_map(|site| site.image.text());
        let recorded = originals.entries().map(|(_, original)| original.image());
        named.extend(
            written
                .chain(recorded)
                .filter_map(|image| Some(ImageRef::parse(image).ok()?.lookup())),
        );
    }
    Some(named)
}

/// Plans to bring a object's images to their tags' digests. `Err`: its record cannot be relied on, and all of it is left as it is.
pub fn update(object: &Object, rules: &Rules, answers: &Answers) -> Result<Plan, Refusal> {
    update_where(object, rules, answers, |_, _, outcome| outcome)
}

/// The same for the images that one of the running pods is not on.
pub fn update_running(pods: &Pods<'_>, rules: &Rules, answers: &Answers) -> Result<Plan, Refusal> {
    update_where(
        &pods.live.workload,
        rules,
        answers,
        |site, lookup, outcome| match (&outcome, answers.get(lookup)) {
            (Outcome::Outdated(_), Some(Ok(answer))) => {
                match pods.say(site, &answer.digest, Purpose::Update) {
                    PodVerdict::Differs(_) => outcome,
                    PodVerdict::Agrees => Outcome::Ok,
                    PodVerdict::Nothing(reason) => Outcome::Unchecked(reason.to_owned()),
                }
            }
            _ => outcome,
        },
    )
}

/// `judge` has the last word on what an image is to become.
fn update_where(
    object: &Object,
    rules: &Rules,
    answers: &Answers,
    judge: impl Fn(&Site, &Lookup, Outcome) -> Outcome,
) -> Result<Plan, Refusal> {
    let ledger = recorded(object, rules)?;
    let mut plan = Plan::default();
    let mut originals = Originals::default();
    let considered = consider(object, ledger.as_ref(), rules)?;
    plan.outcomes.reserve_exact(considered.len());
    let left = Left::of(ledger.as_ref(), &considered);
    plan.unclaimed = left.told();
    let mut changed = false;
    for Considered {
        site,
        eligibility,
        entry,
    } in considered
    {
        let recorded = entry.map(Original::image);
        let Image::Text(image) = &site.image else {
            plan.outcomes.push(not_text(&site.image, eligibility));
            continue;
        };
        let mut original = match &eligibility {
            Eligibility::LeftOut(_) => Some(recorded.unwrap_or(image).into()),
            Eligibility::Taken(Intent::Variable) => recorded.map(Into::into),
            Eligibility::Taken(Intent::Fixed) if recorded.is_none() && left.may_be(image) => None,
            Eligibility::Taken(Intent::Fixed | Intent::Invalid(_)) => Some(image.into()),
            Eligibility::Taken(Intent::Follow(follow)) => Some(follow.original.clone()),
        };
        let outcome = match decided(object, site, eligibility) {
            Decided::Now(outcome) => outcome,
            Decided::ByTag { .. } if let Some(marker) = &site.marker => {
                let (outcome, choice) = markers::outcome(marker, image, answers);
                plan.choices
                    .extend(choice.map(|choice| (plan.outcomes.len(), choice)));
                outcome
            }
            Decided::ByTag { follow, hold } => {
                let hold = hold.filter(|hold| !is_freed(hold, &follow.lookup, answers));
                let alone = hold.filter(|hold| moves_alone(hold, &follow));
                let choice = choice(&follow, answers, alone.map(|hold| hold.code));
                let moved = (choice.as_ref())
                    .filter(|choice| choice.from != choice.to)
                    .map(|choice| follow.at(&choice.to));
                let aim = moved.as_ref().unwrap_or(&follow);
                let outcome = match (alone, hold) {
                    (Some(hold), _) => tag_alone(aim, hold, moved.is_some(), answers),
                    (None, Some(hold)) => Outcome::Held(hold.clone()),
                    (None, None) => judge(site, &follow.lookup, followed(image, aim, answers)),
                };
                if let (Outcome::Outdated(_), Some(Ok(answer))) =
                    (&outcome, answers.get(&follow.lookup))
                {
                    let source = answer.source.clone();
                    (plan.sources).extend(source.map(|source| (plan.outcomes.len(), source)));
                }
                if let (Some(moved), Outcome::Outdated(_) | Outcome::Ok) = (&moved, &outcome) {
                    original = Some(moved.original.to_string().into());
                    // The digest is that of both tags, and the new one stands in the record alone.
                    changed |= outcome == Outcome::Ok
                        && site.memory == Memory::Annotation
                        && rules.track == Track::Annotation;
                }
                plan.choices
                    .extend(choice.map(|choice| (plan.outcomes.len(), choice)));
                outcome
            }
        };
        let is_recorded = site.memory == Memory::Annotation;
        if let Some(new_image) = outcome.new_image() {
            if plan.changes.is_empty() {
                // Most objects have one image, and a large file has many objects.
                plan.changes.reserve_exact(object.sites.len() + 1);
            }
            plan.changes.extend(site.write(new_image));
            changed |= is_recorded && rules.track == Track::Annotation;
        }
        if let Some(original) = original.filter(|_| is_recorded) {
            originals.push(site.role, &site.name, original);
        }
        plan.outcomes.push(Some(outcome));
    }
    for (role, entry) in left.kept() {
        originals.push(*role, entry.name(), entry.image().into());
    }
    let from = text(&object.record);
    if changed
        && !from
            .as_deref()
            .is_some_and(|from| originals.is_said_by(from))
    {
        plan.changes.push(Change {
            at: object.record_path(),
            from,
            to: Some(originals.to_text()),
        });
    }
    Ok(plan)
}

/// What is decided for an image before anybody is asked.
enum Decided<'r> {
    /// This, whatever its tag points to.
    Now(Outcome),
    /// What its tag points to decides.
    ByTag {
        /// The tag.
        follow: policy::Follow<'r>,
        /// What keeps it as it is written, unless the answers free it.
        hold: Option<&'r Hold>,
    },
}

fn decided<'r>(object: &'r Object, site: &'r Site, eligibility: Eligibility<'r>) -> Decided<'r> {
    let hold = held(object, site);
    let intent = match eligibility {
        Eligibility::LeftOut(why) => return Decided::Now(Outcome::Ignored(why)),
        Eligibility::Taken(intent) => intent,
    };
    Decided::Now(match (intent, hold) {
        (Intent::Follow(follow), hold) => return Decided::ByTag { follow, hold },
        (Intent::Variable, _) => Outcome::Variable,
        (Intent::Fixed, Some(hold)) if hold.concerns_pins() => Outcome::Held(hold.clone()),
        (Intent::Fixed, _) => Outcome::Fixed,
        // What keeps an entry from being read says more than what came of reading it.
        (Intent::Invalid(_), Some(hold)) if site.memory == Memory::InPlace => {
            Outcome::Held(hold.clone())
        }
        (Intent::Invalid(error), _) => Outcome::Failed(invalid(error)),
    })
}

/// Plans to put back what the record of a object says, and to remove the record. `Err`: the record cannot be relied on.
pub fn restore(object: &Object, rules: &Rules) -> Result<Plan, Refusal> {
    let ledger = recorded(object, rules)?;
    let mut plan = Plan::default();
    let mut considered = consider(object, ledger.as_ref(), rules)?;
    // What remembers in place claims no entry, and has one from before where its object has become a patch.
    let entries = || ledger.iter().flat_map(Ledger::entries);
    let before: BTreeMap<_, _> = entries()
        .map(|(role, entry)| ((role, entry.name()), entry))
        .collect();
    let in_place = considered.iter_mut();
    for it in in_place.filter(|it| it.site.memory == Memory::InPlace) {
        it.entry = before.get(&(it.site.role, &*it.site.name)).copied();
    }
    let images: BTreeSet<_> = entries()
        .filter_map(|(_, entry)| last_part(entry.image()))
        .collect();
    let left = Left::of(ledger.as_ref(), &considered);
    plan.unclaimed = left.told();
    let mut still_needed = left.is_kept();
    for Considered {
        site,
        eligibility,
        entry,
    } in considered
    {
        let Image::Text(image) = &site.image else {
            plan.outcomes.push(not_text(&site.image, eligibility));
            continue;
        };
        let back = policy::restore(image, entry.map(Original::image));
        let pinned = ImageRef::parse(image).is_ok_and(|image| image.has_digest());
        let outcome = match (eligibility, back) {
            (Eligibility::LeftOut(why), back) => {
                still_needed |= matches!(back, Return::To(_));
                Outcome::Ignored(why)
            }
            (Eligibility::Taken(Intent::Variable), _) => Outcome::Variable,
            _ if site.memory == Memory::InPlace && pinned && entry.is_none() => {
                let is_known = last_part(image).is_some_and(|part| images.contains(part));
                still_needed |= is_known;
                Outcome::Kept(match is_known {
                    true => "its tag stands beside its digest, and the record has its image under another name".to_owned(),
                    false => "its tag stands beside its digest, and nothing is recorded".to_owned(),
                })
            }
            (_, Return::To(original)) => Outcome::Restored(original),
            // As after the restore, when there is no record: what has no digest, or is recorded nowhere, has nothing to give back.
            (_, Return::Stays(why)) if pinned && entry.is_some() => Outcome::Kept(why.to_owned()),
            _ if pinned => Outcome::Fixed,
            _ => Outcome::Ok,
        };
        if let Some(original) = outcome.new_image() {
            plan.changes.extend(site.write(original));
        }
        plan.outcomes.push(Some(outcome));
    }
    // A site that the user left out may still go back one day, and a pin may be the image of an entry: the record waits for them.
    if ledger.is_some() && !still_needed {
        plan.changes.push(without_record(object));
    }
    Ok(plan)
}

/// What keeps the image as it is written.
fn held<'o>(object: &'o Object, site: &'o Site) -> Option<&'o Hold> {
    let hold = site.hold.as_ref().or(object.hold.as_ref());
    hold.filter(|_| site.marker.is_none())
}

/// Whether the answers free an image that follows the tag `own` from what holds it.
fn is_freed(hold: &Hold, own: &Lookup, answers: &Answers) -> bool {
    let digest = |lookup| Some(&answers.get(lookup)?.as_ref().ok()?.digest);
    let Some(own) = digest(own) else {
        return false;
    };
    let is_same = |other| digest(other) == Some(own);
    !hold.unless.is_empty() && hold.unless.iter().all(is_same)
        || !hold.after.is_empty() && hold.after.iter().all(|other| digest(other).is_some())
}

/// Whether the tag of an image may move although it can have no digest: the chart takes a tag, and may not take a digest behind it.
fn moves_alone(hold: &Hold, follow: &policy::Follow<'_>) -> bool {
    hold.code == Code::ChartUnproven && follow.digest.is_none() && follow.lookup.policy().is_some()
}

/// What becomes of an image whose tag alone may change.
fn tag_alone(aim: &policy::Follow<'_>, hold: &Hold, is_moved: bool, answers: &Answers) -> Outcome {
    match answers.get(&aim.lookup) {
        Some(Err(refusal)) => Outcome::Failed(refusal.clone()),
        Some(Ok(answer)) => match by_policy(aim, answer) {
            Some(hold) => Outcome::Held(hold),
            None if is_moved => Outcome::Outdated(aim.without_digest().to_owned()),
            None => Outcome::Held(hold.clone()),
        },
        None => Outcome::Held(hold.clone()),
    }
}

/// What the policy of an image has chosen.
fn choice(
    follow: &policy::Follow<'_>,
    answers: &Answers,
    no_digest: Option<Code>,
) -> Option<Choice> {
    let policy = follow.lookup.policy()?;
    let chosen = answers
        .get(&follow.lookup)?
        .as_ref()
        .ok()?
        .chosen
        .as_ref()?;
    Some(Choice {
        policy: policy.text().to_owned(),
        from: follow.lookup.tag().to_owned(),
        to: chosen.tag.clone(),
        counts: chosen.counts,
        no_digest,
    })
}

/// Why the policy of an image keeps it on its tag, where it does.
fn by_policy(follow: &policy::Follow<'_>, answer: &Answer) -> Option<Hold> {
    let obstacle = answer.chosen.as_ref()?.obstacle.as_ref()?;
    let policy = follow.lookup.policy()?;
    Some(Hold::by_policy(
        obstacle,
        follow.lookup.tag(),
        policy.text(),
    ))
}

fn followed(image: &str, follow: &policy::Follow<'_>, answers: &Answers) -> Outcome {
    match answers.get(&follow.lookup) {
        None => Outcome::Failed(Refusal {
            code: Code::Unresolved,
            cause: "nothing answered for it".to_owned(),
            hint: None,
        }),
        Some(Err(refusal)) => Outcome::Failed(refusal.clone()),
        Some(Ok(answer)) => match by_policy(follow, answer).or_else(|| gated(follow, answer)) {
            Some(hold) => Outcome::Held(hold),
            None if follow.is_on(image, &answer.digest) => Outcome::Ok,
            None => Outcome::Outdated(follow.on(&answer.digest)),
        },
    }
}

/// What a gate has found against the answer, with the tag where that is another one.
fn gated(follow: &policy::Follow<'_>, answer: &Answer) -> Option<Hold> {
    let mut hold = answer.held.get(follow.digest.as_ref()?)?.clone();
    let chosen = answer.chosen.as_ref().map(|chosen| &*chosen.tag);
    let tag = chosen.filter(|tag| *tag != follow.lookup.tag());
    if let Some(tag) = tag {
        hold.reason = format!("with the tag `{tag}`, {}", hold.reason);
    }
    Some(hold)
}

fn not_text(image: &Image, eligibility: Eligibility<'_>) -> Option<Outcome> {
    match (image, eligibility) {
        (Image::Absent | Image::Text(_), _) => None,
        (Image::Other(_), Eligibility::LeftOut(why)) => Some(Outcome::Ignored(why)),
        (Image::Other(what), Eligibility::Taken(_)) => Some(Outcome::Failed(Refusal {
            code: Code::InvalidImage,
            cause: format!("it is {what} where a string is expected"),
            hint: Some("put the image in quotes".to_owned()),
        })),
    }
}

fn invalid(error: ImageError) -> Refusal {
    Refusal {
        code: Code::InvalidImage,
        cause: error.to_string(),
        hint: Some("write it as `[registry/]name[:tag][@digest]`".to_owned()),
    }
}

/// Removes the record.
fn without_record(object: &Object) -> Change {
    Change {
        at: object.record_path(),
        from: text(&object.record),
        to: None,
    }
}

fn text(record: &Record) -> Option<String> {
    match record {
        Record::Text(text) => Some(text.clone()),
        Record::Absent | Record::NoText => None,
    }
}
