//! The settings one by one: what each takes, and what is said where it gets something else.

use std::path::{Component, PathBuf};

use clap::{CommandFactory, ValueEnum};

use super::{Values, Wrong, wrong};
use crate::cli::args::{Track, Typed};
use crate::cli::settings::{self, UsageError};
use crate::engine::tree::{Scalar, Tree};
use crate::engine::yaml::YamlNode;
use crate::io::scan;

/// Every setting, in the order in which they are told.
pub(super) const KEYS: [&str; 14] = [
    "include",
    "exclude",
    "include-image",
    "exclude-image",
    "track",
    "drop-tag",
    "max-changes",
    "lock",
    "registry-map",
    "insecure-registry",
    "concurrency",
    "message",
    "author",
    "signoff",
];

/// The most requests at once, as of the flag.
const MOST_REQUESTS: usize = 1024;

/// Takes one entry of the file.
pub(super) fn take(
    text: &str,
    values: &mut Values,
    key: YamlNode<'_, '_>,
    value: YamlNode<'_, '_>,
) -> Result<(), Wrong> {
    let Some((name, _)) = key.styled() else {
        return Err(wrong(
            text,
            key,
            "a setting's name is text".to_owned(),
            "write it like `exclude: [charts/**]`".to_owned(),
        ));
    };
    let reader = Reader { text, name, value };
    match name {
        "include" => values.include = reader.list(glob)?,
        "exclude" => values.exclude = reader.list(glob)?,
        "include-image" | "exclude-image" => {
            let globs =
                reader.list(|text| settings::images::filter(&[text.to_owned()], &[]).map(drop))?;
            *(if name == "include-image" {
                &mut values.include_image
            } else {
                &mut values.exclude_image
            }) = globs;
        }
        "track" => values.track = Some(reader.track()?),
        "drop-tag" => values.drop_tag = reader.yes_or_no()?,
        "max-changes" => values.max_changes = Some(reader.number(0, usize::MAX)?),
        "message" => {
            values.message = Some(reader.text(|text| settings::commits::template(text).map(drop))?)
        }
        "author" => {
            values.author = Some(reader.text(|text| settings::commits::author(text).map(drop))?)
        }
        "signoff" => values.signoff = reader.yes_or_no()?,
        "registry-map" => {
            values.registry_map =
                reader.list(|text| settings::registries::maps(&[text.to_owned()]).map(drop))?
        }
        "insecure-registry" => {
            values.insecure_registry = reader.list(settings::registries::check_host)?
        }
        "concurrency" => values.concurrency = u16::try_from(reader.number(1, MOST_REQUESTS)?).ok(),
        "lock" => values.lock = Some(PathBuf::from(reader.text(inside)?)),
        _ => return Err(unknown(text, name, key)),
    }
    if values.drop_tag && values.track == Some(Track::Tag) {
        let what = "`track: tag` and `drop-tag` exclude each other: the tag is what is tracked";
        return Err(wrong(
            text,
            key,
            what.to_owned(),
            "leave one of them out".to_owned(),
        ));
    }
    Ok(())
}

/// The value of one setting.
struct Reader<'a, 'f, 't> {
    text: &'a str,
    name: &'a str,
    value: YamlNode<'f, 't>,
}

impl Reader<'_, '_, '_> {
    fn list(&self, check: impl Fn(&str) -> Result<(), UsageError>) -> Result<Vec<String>, Wrong> {
        let Some((_, items)) = self.value.target().written_items() else {
            return Err(self.wrong(
                "takes a list",
                format!("write it like `{}: [\"…\"]`", self.name),
            ));
        };
        items
            .into_iter()
            .map(|item| {
                Reader {
                    value: item,
                    ..*self
                }
                .text(&check)
            })
            .collect()
    }

    fn text(&self, check: impl Fn(&str) -> Result<(), UsageError>) -> Result<String, Wrong> {
        let Scalar::Text(value) = self.value.scalar() else {
            return Err(self.wrong("takes text", "put the text in quotes".to_owned()));
        };
        // The words are those for the flag of the same name.
        let plain = |text: String| text.replace("`--", "`");
        let check = check(value)
            .map_err(|error| wrong(self.text, self.value, plain(error.what), plain(error.hint)));
        check.map(|()| value.to_owned())
    }

    fn yes_or_no(&self) -> Result<bool, Wrong> {
        match self.value.scalar() {
            Scalar::Bool(value) => Ok(value),
            _ => Err(self.wrong(
                "takes `true` or `false`",
                format!("write `{}: true`", self.name),
            )),
        }
    }

    fn number(&self, least: usize, most: usize) -> Result<usize, Wrong> {
        let digits = self
            .value
            .target()
            .styled()
            .map(|(text, _)| text)
            .filter(|_| self.value.scalar() == Scalar::Other("a number"));
        let number = digits
            .and_then(|digits| digits.parse().ok())
            .filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| match most {
            usize::MAX => self.wrong(
                "takes a whole number",
                format!("write it like `{}: 20`", self.name),
            ),
            _ => self.wrong(
                &format!("takes a whole number from {least} to {most}"),
                format!("write it like `{}: 8`", self.name),
            ),
        })
    }

    fn track(&self) -> Result<Track, Wrong> {
        let known = match self.value.scalar() {
            Scalar::Text(text) => Track::from_str(text, false).ok(),
            _ => None,
        };
        known.ok_or_else(|| {
            self.wrong(
                "takes `annotation` or `tag`",
                "`annotation` is the way without a setting".to_owned(),
            )
        })
    }

    fn wrong(&self, takes: &str, hint: String) -> Wrong {
        wrong(
            self.text,
            self.value,
            format!("`{}` {takes}", self.name),
            hint,
        )
    }
}

fn glob(text: &str) -> Result<(), UsageError> {
    scan::check_glob(text).map_err(|error| UsageError {
        what: error.to_string(),
        hint: error.hint(),
    })
}

/// A path that cannot leave the folder by its spelling.
fn inside(text: &str) -> Result<(), UsageError> {
    let path = PathBuf::from(text);
    let plain = path.components().all(|part| match part {
        // What is in there is Git's alone.
        Component::Normal(name) => !name.eq_ignore_ascii_case(".git"),
        part => part == Component::CurDir,
    });
    if plain && path.file_name().is_some() {
        return Ok(());
    }
    Err(UsageError {
        what: format!("`{text}` is no path below the folder of these settings"),
        hint: "a file elsewhere is named by the flag alone".to_owned(),
    })
}

fn unknown(text: &str, name: &str, key: YamlNode<'_, '_>) -> Wrong {
    let flags = Typed::command();
    let is_flag = flags
        .get_subcommands()
        .flat_map(clap::Command::get_arguments)
        .any(|flag| flag.get_long() == Some(name));
    if is_flag {
        let what = format!(
            "`{name}` is no setting: it is for whoever runs imago to say, not for the repository"
        );
        return wrong(
            text,
            key,
            what,
            format!("give `--{name}` on the command line"),
        );
    }
    let hint = match nearest(name) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("the settings are {}", KEYS.join(", ")),
    };
    wrong(text, key, format!("`{name}` is no setting"), hint)
}

/// The setting that is few slips of the finger away.
fn nearest(name: &str) -> Option<&'static str> {
    // Measuring takes as long as the name is, and no slip makes one this long.
    if name.len() > 64 {
        return None;
    }
    let name = name.replace('_', "-").to_lowercase();
    let near = KEYS
        .into_iter()
        .map(|key| (strsim::damerau_levenshtein(key, &name), key))
        .min()?;
    (near.0 <= near.1.len() / 3).then_some(near.1)
}
