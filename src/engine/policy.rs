//! `decide`: the only place that decides what should happen to an image.
//!
//! It sees the image as written and its recorded original, never a registry. What it needs to know, it returns as a question.

use std::borrow::Cow;
use std::sync::Arc;

use super::image::{Digest, ImageError, ImageRef, Lookup, is_placeholder};
use super::version::Policy;

/// Where the followed tag is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Track {
    /// In the annotation `imago-config-spec`, which is kept up to date.
    #[default]
    Annotation,
    /// In the image itself, `name:tag@digest`. No annotation is read or written.
    Tag,
}

/// How an image with a digest is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TagForm {
    /// `name:tag@digest`
    #[default]
    Keep,
    /// `name@digest`
    Drop,
}

/// What should happen to an image, before its tag's digest is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent<'t> {
    /// It is not an image yet: a variable, a template expression or another placeholder.
    Variable,
    /// It is a person's pin, and stays.
    Fixed,
    /// It is not an image reference.
    Invalid(ImageError),
    /// It follows a tag.
    Follow(Follow<'t>),
}

/// An image that follows a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follow<'t> {
    /// The question for the registry.
    pub lookup: Lookup,
    /// What to record: the image without a digest.
    pub original: Cow<'t, str>,
    /// The name, with the tag if that stays.
    base: Cow<'t, str>,
    /// The digest that the image has now.
    pub digest: Option<Digest>,
    /// Whether a tag stays beside a digest that is written.
    form: TagForm,
}

impl<'t> Follow<'t> {
    /// A text that Flux writes, by the answer to this question.
    pub fn marked(lookup: Lookup, text: &'t str) -> Self {
        Self {
            lookup,
            original: text.into(),
            base: text.into(),
            digest: None,
            form: TagForm::Keep,
        }
    }

    /// The image with this digest.
    pub fn on(&self, digest: &Digest) -> String {
        [&*self.base, "@", digest.as_str()].concat()
    }

    /// The same image with another tag, which a policy has chosen.
    pub fn at(&self, tag: &str) -> Self {
        let renamed = |text: &str| {
            let name = ImageRef::parse(text).map_or(text, |image| image.name());
            Cow::from(format!("{name}:{tag}"))
        };
        let is_tagged = ImageRef::parse(&self.base).is_ok_and(|base| base.tag().is_some());
        let gets_tag = is_tagged || self.form == TagForm::Keep && self.digest.is_none();
        Self {
            original: renamed(&self.original),
            base: match gets_tag {
                true => renamed(&self.base),
                false => self.base.clone(),
            },
            ..self.clone()
        }
    }

    /// The image with its tag and without a digest.
    pub fn without_digest(&self) -> &str {
        &self.base
    }

    /// Whether `image` equals [`Self::on`] of this digest.
    pub fn is_on(&self, image: &str, digest: &Digest) -> bool {
        image
            .strip_prefix(&*self.base)
            .and_then(|rest| rest.strip_prefix('@'))
            == Some(digest.as_str())
    }
}

/// Decides by the image as written, by what is recorded for it, and by who chooses its tag. With a policy, a digest beside a tag is no
/// person's pin: the policy says that the image shall follow.
pub fn decide<'t>(
    image: &'t str,
    recorded: Option<&'t str>,
    track: Track,
    form: TagForm,
    policy: Option<&Arc<Policy>>,
) -> Intent<'t> {
    let image = match ImageRef::parse(image) {
        Ok(image) if image.is_placeholder() => return Intent::Variable,
        Ok(image) => image,
        Err(_) if is_placeholder(image) => return Intent::Variable,
        Err(error) => return Intent::Invalid(error),
    };
    let intent = match track {
        Track::Tag => by_tag(&image, form),
        Track::Annotation => {
            let recorded = recorded.and_then(|recorded| match recorded == image.without_digest() {
                true => Some(image.undigested()),
                false => ImageRef::parse(recorded).ok(),
            });
            match by_record(&image, recorded, form) {
                Intent::Fixed if policy.is_some() && image.tag().is_some() => {
                    follow(&image, &image, form)
                }
                intent => intent,
            }
        }
    };
    match (intent, policy.filter(|policy| !policy.keeps_tag())) {
        (Intent::Follow(follow), Some(policy)) => Intent::Follow(Follow {
            lookup: follow.lookup.by(Arc::clone(policy)),
            ..follow
        }),
        (intent, _) => intent,
    }
}

fn by_record<'t>(
    image: &ImageRef<'t>,
    recorded: Option<ImageRef<'t>>,
    form: TagForm,
) -> Intent<'t> {
    if !image.has_digest() {
        return follow(image, image, form);
    }
    // Without a recorded tag, a digest is a person's pin.
    let Some(recorded) = recorded.filter(|recorded| !recorded.has_digest()) else {
        return Intent::Fixed;
    };
    match image.tag() {
        Some(_) if image.same_lookup(&recorded) => follow(image, &recorded, form),
        // Somebody changed the image since. The written image wins, and the record follows it.
        Some(_) => follow(image, image, form),
        None if image.same_name(&recorded) => follow(image, &recorded, form),
        None => Intent::Fixed,
    }
}

/// `original` is asked for and recorded; `image` keeps its form.
fn follow<'t>(image: &ImageRef<'t>, original: &ImageRef<'t>, form: TagForm) -> Intent<'t> {
    Intent::Follow(Follow {
        lookup: original.lookup(),
        original: original.without_digest().into(),
        base: match form {
            TagForm::Keep => image.without_digest().into(),
            TagForm::Drop => image.name().into(),
        },
        digest: image.digest(),
        form,
    })
}

fn by_tag(image: &ImageRef<'_>, form: TagForm) -> Intent<'static> {
    if image.tag().is_none() && image.has_digest() {
        return Intent::Fixed;
    }
    let base = Cow::from(format!("{}:{}", image.name(), image.asked_tag()));
    Intent::Follow(Follow {
        original: base.clone(),
        base,
        lookup: image.lookup(),
        digest: image.digest(),
        form,
    })
}

/// What `--restore` does with an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Return {
    /// It already is the recorded image.
    There,
    /// It goes back to this image.
    To(String),
    /// It stays as written, for this reason.
    Stays(&'static str),
}

/// Restores an image if the record still fits it: the name is the same, and the tag is the same or missing.
pub fn restore(image: &str, recorded: Option<&str>) -> Return {
    let Some(recorded) = recorded else {
        return Return::Stays("nothing is recorded for it");
    };
    if image == recorded {
        return Return::There;
    }
    let (Ok(image), Ok(original)) = (ImageRef::parse(image), ImageRef::parse(recorded)) else {
        return Return::Stays("it is not the image that was recorded");
    };
    if !image.has_digest() {
        return Return::Stays("it has no digest, so it was changed since it was recorded");
    }
    if original.has_digest() {
        return Return::Stays("a person chose its digest");
    }
    if !image.same_name(&original) {
        Return::Stays("its name was changed since it was recorded")
    } else if image.tag().is_some() && image.asked_tag() != original.asked_tag() {
        Return::Stays("its tag was changed since it was recorded")
    } else {
        Return::To(recorded.to_owned())
    }
}

/// Whether it is a placeholder, which something replaces before a container runtime sees it.
pub(super) fn is_variable(image: &str) -> bool {
    ImageRef::parse(image).map_or_else(|_| is_placeholder(image), |image| image.is_placeholder())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha(digit: char) -> String {
        format!("sha256:{}", digit.to_string().repeat(64))
    }

    /// What is recorded, what is asked, and what is written for the answer `1…`; or a word for an image that is left alone.
    fn decided(image: &str, recorded: Option<&str>, track: Track, form: TagForm) -> String {
        match decide(image, recorded, track, form, None) {
            Intent::Variable => "variable".to_owned(),
            Intent::Fixed => "fixed".to_owned(),
            Intent::Invalid(_) => "invalid".to_owned(),
            Intent::Follow(follow) => {
                let digest = Digest::parse(&sha('1')).unwrap();
                format!(
                    "{} {} {}",
                    follow.original,
                    follow.lookup,
                    follow.on(&digest)
                )
                .replace(&sha('1'), "NEW")
            }
        }
    }

    #[test]
    fn the_table_of_what_happens_to_an_image() {
        let old = sha('0');
        for (image, recorded, expected) in [
            (
                "nginx",
                None,
                "nginx docker.io/library/nginx:latest nginx@NEW",
            ),
            (
                "nginx:1.25",
                None,
                "nginx:1.25 docker.io/library/nginx:1.25 nginx:1.25@NEW",
            ),
            (
                "nginx:1.25",
                Some("redis:7"),
                "nginx:1.25 docker.io/library/nginx:1.25 nginx:1.25@NEW",
            ),
            (
                "nginx:1.25@OLD",
                Some("nginx:1.25"),
                "nginx:1.25 docker.io/library/nginx:1.25 nginx:1.25@NEW",
            ),
            (
                "docker.io/library/nginx:1.25@OLD",
                Some("nginx:1.25"),
                "nginx:1.25 docker.io/library/nginx:1.25 docker.io/library/nginx:1.25@NEW",
            ),
            (
                "nginx:latest@OLD",
                Some("nginx"),
                "nginx docker.io/library/nginx:latest nginx:latest@NEW",
            ),
            (
                "nginx:1.27@OLD",
                Some("nginx:1.25"),
                "nginx:1.27 docker.io/library/nginx:1.27 nginx:1.27@NEW",
            ),
            (
                "redis:7@OLD",
                Some("nginx:1.25"),
                "redis:7 docker.io/library/redis:7 redis:7@NEW",
            ),
            (
                "nginx@OLD",
                Some("nginx:1.25"),
                "nginx:1.25 docker.io/library/nginx:1.25 nginx@NEW",
            ),
            ("redis@OLD", Some("nginx:1.25"), "fixed"),
            ("nginx@OLD", None, "fixed"),
            ("nginx:1.25@OLD", None, "fixed"),
            ("nginx:1.25@OLD", Some("nginx:1.25@OLD"), "fixed"),
            ("nginx:1.27@OLD", Some("nginx:1.25@OLD"), "fixed"),
            ("nginx:1.25@OLD", Some("no image!"), "fixed"),
            ("${TAG}", None, "variable"),
            ("registry.example.test/web:$(TAG)", None, "variable"),
            ("registry.example.test/web:$TAG", None, "variable"),
            (
                "registry.example.test/web:1.4-$TAG",
                Some("registry.example.test/web:1.4"),
                "variable",
            ),
            ("{{ .Values.image }}", None, "variable"),
            ("ko://registry.example.test/cmd/web", None, "variable"),
            ("registry.example.test/web:__TAG__", None, "variable"),
            ("registry.example.test/web:__TAG__@OLD", None, "fixed"),
            ("auto", None, "variable"),
            ("not an image", None, "invalid"),
        ] {
            let (image, recorded) = (
                image.replace("OLD", &old),
                recorded.map(|recorded| recorded.replace("OLD", &old)),
            );
            assert_eq!(
                decided(
                    &image,
                    recorded.as_deref(),
                    Track::Annotation,
                    TagForm::Keep
                ),
                expected,
                "{image} {recorded:?}"
            );
        }
    }

    #[test]
    fn a_dropped_tag_stays_in_the_record() {
        let image = format!("nginx:1.25@{}", sha('0'));
        for (image, recorded) in [("nginx:1.25", None), (image.as_str(), Some("nginx:1.25"))] {
            assert_eq!(
                decided(image, recorded, Track::Annotation, TagForm::Drop),
                "nginx:1.25 docker.io/library/nginx:1.25 nginx@NEW"
            );
        }
    }

    #[test]
    fn without_an_annotation_the_tag_is_in_the_image() {
        let old = sha('0');
        for (image, expected) in [
            (
                "nginx",
                "nginx:latest docker.io/library/nginx:latest nginx:latest@NEW",
            ),
            (
                "nginx:1.25@OLD",
                "nginx:1.25 docker.io/library/nginx:1.25 nginx:1.25@NEW",
            ),
            ("nginx@OLD", "fixed"),
        ] {
            assert_eq!(
                decided(
                    &image.replace("OLD", &old),
                    Some("redis:7"),
                    Track::Tag,
                    TagForm::Keep
                ),
                expected
            );
        }
    }

    #[test]
    fn a_policy_moves_the_tag_in_the_image_and_in_the_record() {
        let old = sha('0');
        let minor = Arc::new(Policy::parse("minor").unwrap());
        let digest = Arc::new(Policy::parse("digest").unwrap());
        for (image, recorded, form, expected) in [
            ("web:1.4", None, TagForm::Keep, "web:1.5 web:1.5@NEW"),
            (
                "web:1.4@OLD",
                Some("web:1.4"),
                TagForm::Keep,
                "web:1.5 web:1.5@NEW",
            ),
            // A person's pin follows, because the policy says so.
            ("web:1.4@OLD", None, TagForm::Keep, "web:1.5 web:1.5@NEW"),
            (
                "web:1.4@OLD",
                Some("web:1.4@OLD"),
                TagForm::Keep,
                "web:1.5 web:1.5@NEW",
            ),
            (
                "docker.io/library/web:1.4@OLD",
                Some("web:1.4"),
                TagForm::Keep,
                "web:1.5 docker.io/library/web:1.5@NEW",
            ),
            ("web@OLD", Some("web:1.4"), TagForm::Keep, "web:1.5 web@NEW"),
            (
                "web:1.4@OLD",
                Some("web:1.4"),
                TagForm::Drop,
                "web:1.5 web@NEW",
            ),
            ("web", None, TagForm::Keep, "web:1.5 web:1.5@NEW"),
            ("web", None, TagForm::Drop, "web:1.5 web@NEW"),
            (
                "reg:5000/web:1.4",
                None,
                TagForm::Keep,
                "reg:5000/web:1.5 reg:5000/web:1.5@NEW",
            ),
            ("web@OLD", None, TagForm::Keep, "fixed"),
        ] {
            let (image, recorded) = (
                image.replace("OLD", &old),
                recorded.map(|it| it.replace("OLD", &old)),
            );
            let told = match decide(
                &image,
                recorded.as_deref(),
                Track::Annotation,
                form,
                Some(&minor),
            ) {
                Intent::Follow(follow) => {
                    assert_eq!(follow.lookup.policy(), Some(&*minor));
                    let moved = follow.at("1.5");
                    let new = moved.on(&Digest::parse(&sha('1')).unwrap());
                    format!("{} {new}", moved.original).replace(&sha('1'), "NEW")
                }
                Intent::Fixed => "fixed".to_owned(),
                other => format!("{other:?}"),
            };
            assert_eq!(told, expected, "{image} {recorded:?}");
        }
        let pinned = format!("web:1.4@{old}");
        let intent = decide(
            &pinned,
            None,
            Track::Annotation,
            TagForm::Keep,
            Some(&digest),
        );
        let Intent::Follow(follow) = intent else {
            panic!("{intent:?}")
        };
        assert_eq!(follow.lookup.policy(), None);
    }

    #[test]
    fn an_image_goes_back_only_where_the_record_still_holds() {
        let old = sha('0');
        for (image, recorded, expected) in [
            (
                "nginx:1.25@OLD",
                Some("nginx:1.25"),
                Return::To("nginx:1.25".to_owned()),
            ),
            (
                "nginx@OLD",
                Some("nginx:1.25"),
                Return::To("nginx:1.25".to_owned()),
            ),
            ("nginx@OLD", Some("nginx"), Return::To("nginx".to_owned())),
            ("nginx:1.25", Some("nginx:1.25"), Return::There),
            ("nginx@OLD", Some("nginx@OLD"), Return::There),
            (
                "nginx:1.27@OLD",
                Some("nginx:1.25"),
                Return::Stays("its tag was changed since it was recorded"),
            ),
            (
                "redis@OLD",
                Some("nginx"),
                Return::Stays("its name was changed since it was recorded"),
            ),
            (
                "nginx:1.27",
                Some("nginx:1.25"),
                Return::Stays("it has no digest, so it was changed since it was recorded"),
            ),
            (
                "nginx@OLD",
                None,
                Return::Stays("nothing is recorded for it"),
            ),
        ] {
            let (image, recorded) = (
                image.replace("OLD", &old),
                recorded.map(|recorded| recorded.replace("OLD", &old)),
            );
            assert_eq!(restore(&image, recorded.as_deref()), expected, "{image}");
        }
    }
}
