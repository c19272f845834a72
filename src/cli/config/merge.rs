//! Settings as values for the flags that were not given.

use std::path::{Path, PathBuf};

use super::Config;
use super::values::{DigestPlace, Kind, Written};
use crate::app::kind_names::KindLists;
use crate::app::request::ImageGlobs;
use crate::cli::args::{Digest, Files, Locking, Registries, Tags, Track};
use crate::cli::refused::UsageError;
use crate::engine::shape::{EntryDigest, PolicyRules};
use crate::io::files::FileError;
use crate::io::links;
use crate::io::registry::{Detour, Map};
use crate::io::scan::Globs;

impl Config {
    /// Fills in what the flags of `imago files` leave open.
    pub fn fill_files(&self, flags: &mut Files) -> Result<(), UsageError> {
        let values = &self.values;
        self.fill_selection(flags)?;
        flags.max_changes = flags.max_changes.or(values.max_changes.value());
        // What is said of commits is no reason to make one.
        if flags.git.commit || flags.git.push || flags.git.branch.is_some() {
            flags.git.message = flags.git.message.take().or_else(|| values.message.value());
            flags.git.author = flags.git.author.take().or_else(|| values.author.value());
            flags.git.signoff |= values.signoff;
        }
        self.fill_registries(&mut flags.registries);
        self.fill_lock(&mut flags.locking)
    }

    /// Fills in which files, objects and images are taken, and where their tags are: all that a list of images needs.
    pub fn fill_selection(&self, flags: &mut Files) -> Result<(), UsageError> {
        let values = &self.values;
        let unless_given = |given: &[String], own: &[Written<String>]| match given {
            [] => texts(own),
            _ => Vec::new(),
        };
        flags.of_repository = Some(Globs {
            include: unless_given(&flags.include, &values.include),
            exclude: unless_given(&flags.exclude, &values.exclude),
            base: self.folder.clone(),
        });
        flags.images.of_repository = ImageGlobs {
            include: flags.images.include_image.is_empty(),
            exclude: flags.images.exclude_image.is_empty(),
        };
        fill_list(&mut flags.images.include_image, &values.include_image);
        fill_list(&mut flags.images.exclude_image, &values.exclude_image);
        let kinds = || values.kinds.iter();
        let declared = kinds().filter_map(|kind| Some((kind.shape()?, kind)));
        let places = declared.clone().map(|(_, kind)| {
            let places = kind.lines().map(|line| format!("{}:{line}", self.name));
            places.collect()
        });
        flags.kinds.of_repository = KindLists {
            only: flags.kinds.kind.is_empty(),
            excluded: flags.kinds.exclude_kind.is_empty(),
            added: flags.kinds.add_kind.is_empty(),
            places: places.collect(),
        };
        if values.kustomize.digest.value() == Some(DigestPlace::Field) {
            flags.kinds.entry_digests = EntryDigest::Field;
        }
        flags.kinds.helm = values.helm.settings();
        flags.kinds.policies = self.policies();
        flags.kinds.values = Globs {
            include: texts(&values.helm.values),
            exclude: Vec::new(),
            base: self.folder.clone(),
        };
        flags.kinds.declared = declared.map(|(shape, _)| shape).collect();
        fill_list(&mut flags.kinds.kind, &values.kind);
        fill_list(&mut flags.kinds.exclude_kind, &values.exclude_kind);
        fill_list(&mut flags.kinds.add_kind, &values.add_kind);
        let ignored = kinds().filter(|kind| kind.shape().is_none());
        flags.kinds.ignored = ignored.map(Kind::name).collect();
        flags.flux_policies |= values.flux_policies;
        self.fill_track(flags)
    }

    /// The policies.
    pub fn policies(&self) -> PolicyRules {
        let rules = self.values.policies.iter();
        PolicyRules::new(
            rules.filter_map(|policy| policy.rule().ok()).collect(),
            self.folder.clone(),
            self.current.clone(),
        )
    }

    /// Fills in what the flags of `imago tags` leave open.
    pub fn fill_tags(&self, flags: &mut Tags) {
        self.fill_registries(&mut flags.registries);
        flags.policies = self.policies();
    }

    /// Fills in what the flags of `imago digest` leave open.
    pub fn fill_digest(&self, flags: &mut Digest) -> Result<(), UsageError> {
        self.fill_registries(&mut flags.registries);
        self.fill_lock(&mut flags.locking)
    }

    fn fill_track(&self, flags: &mut Files) -> Result<(), UsageError> {
        let against = |flag: &str, why: &str| {
            let what = format!(
                "`{flag}` does not go with `track: tag` of `{}`: {why}",
                self.name
            );
            Err(UsageError {
                what,
                hint: format!("leave out `{flag}`, or say `--track annotation`"),
            })
        };
        match (flags.images.track, self.values.track.value()) {
            (None, Some(Track::Tag)) if flags.restore => {
                against("--restore", "no image is recorded that could come back")
            }
            (None, Some(Track::Tag)) if flags.images.drop_tag => {
                against("--drop-tag", "the tag is what is tracked")
            }
            (Some(Track::Tag), _) => Ok(()),
            (given, own) => {
                flags.images.track = given.or(own);
                flags.images.drop_tag |= self.values.drop_tag;
                Ok(())
            }
        }
    }

    /// Whoever may change the settings may thereby choose who answers, so that is said where it comes to it.
    pub fn fill_registries(&self, flags: &mut Registries) {
        if flags.registry_map.is_empty() {
            flags.registry_map = texts(&self.values.registry_map);
            flags
                .detours_of_repository
                .extend(flags.registry_map.iter().filter_map(|map| {
                    let (from, to) = map.split_once('=')?;
                    let said = format!(
                        "`{}` has `{to}` answer for images of `{from}` (`registry-map`)",
                        self.name
                    );
                    Some((Detour::Map(Map::parse(map).ok()?), said))
                }));
        }
        if flags.insecure_registry.is_empty() {
            flags.insecure_of_repository = texts(&self.values.insecure_registry);
            flags.detours_of_repository.extend(flags.insecure_of_repository.iter().map(|host| {
                let said = format!(
                    "`{}` has `{host}` asked over plain http, where anybody on the way can answer (`insecure-registry`)",
                    self.name
                );
                (Detour::Plain(host.to_ascii_lowercase()), said)
            }));
        }
        flags.concurrency = flags.concurrency.or(self.values.concurrency.value());
    }

    fn fill_lock(&self, flags: &mut Locking) -> Result<(), UsageError> {
        if let (None, Some(lock)) = (&flags.lock, self.values.lock.value()) {
            if self.is_of_commit {
                flags.lock = Some(lock.into());
                return Ok(());
            }
            let path = self.folder.join(&lock);
            let is_there = |place: PathBuf| match place.parent().is_some_and(Path::is_dir) {
                true => Ok(()),
                false => Err(FileError::FolderMissing),
            };
            links::destination(&self.folder, &path)
                .and_then(is_there)
                .map_err(|error| UsageError {
                    what: format!("cannot use the lock `{lock}` of `{}`: {error}", self.name),
                    hint: "name a file whose folder is there, or give `--lock`".to_owned(),
                })?;
            let folders = path.ancestors().skip(1);
            let mut folders = folders.take_while(|folder| *folder != self.folder.as_path());
            if folders.any(|folder| folder.join(".git").exists()) {
                return Err(UsageError {
                    what: format!(
                        "cannot use the lock `{lock}` of `{}`: its folder is in another repository",
                        self.name
                    ),
                    hint: "name a file of this repository, or give `--lock`".to_owned(),
                });
            }
            // As a person in the current folder would write it.
            flags.lock = Some(
                path.strip_prefix(&self.current)
                    .map(Path::to_owned)
                    .unwrap_or(path),
            );
        }
        Ok(())
    }
}

fn fill_list(given: &mut Vec<String>, own: &[Written<String>]) {
    if given.is_empty() {
        *given = texts(own);
    }
}

fn texts(written: &[Written<String>]) -> Vec<String> {
    written.iter().map(|text| text.value().clone()).collect()
}
