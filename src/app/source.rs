//! Where the answers of a run come from: registries, or with `--offline` the lock alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::ahead::Ahead;
use super::gate::Reading;
use super::observer::Event;
use super::report::{Place, Problem};
use super::resolve::{self, Wanted};
use super::workspace::Workspace;
use crate::engine::answer::{Answer, Answers, Chosen, Refusal};
use crate::engine::code::Code;
use crate::engine::image::Lookup;
use crate::engine::plan::Question;
use crate::engine::version::from_record;
use crate::io::links;
use crate::io::lock::{Lock, LockError};
use crate::io::registry::{Registry, RegistryError, Settings, Step, Trace};

/// How the lock file is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockUse {
    /// Where it is.
    pub path: PathBuf,
    /// Whether `--lock` named it: then it is made where it is absent.
    pub named: bool,
    /// Read it and ask no registry.
    pub offline: bool,
    /// Drop what the run did not use.
    pub prune: bool,
    /// What is in it, if it was read for many runs.
    pub given: Option<Arc<Lock>>,
}

impl LockUse {
    /// The same lock, by a path that can be opened.
    pub(super) fn reached(&self, at: &Workspace) -> Self {
        self.at(at.reach(&self.path))
    }

    /// The same lock by another path.
    pub(super) fn at(&self, path: PathBuf) -> Self {
        Self {
            path,
            ..self.clone()
        }
    }

    /// Where the lock is read and written. `Err`: a link stands in the way, or it is inside Git's folder.
    pub fn place(&self, root: &Path) -> Result<PathBuf, Box<Problem>> {
        links::destination(root, &self.path)
            .map_err(|error| Box::new(lock_problem("use", &self.path, &error.into())))
    }
}

/// The registries that several runs ask side by side: each question is asked once for all of them, within the limits of the first run.
///
/// Runs share answers if nothing in their settings can make the answers differ.
#[derive(Default)]
pub struct Registries(Mutex<Vec<(Settings, Arc<Registry>)>>);

impl Registries {
    /// Gets ready to ask; nobody is asked yet. `Err` is always a [`Problem`].
    pub(super) fn of(&self, settings: &Settings) -> anyhow::Result<Arc<Registry>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = all.iter().find(|(other, _)| other.answers_like(settings)) {
            return Ok(Arc::clone(known));
        }
        let registry = match all.first() {
            None => Registry::new(settings.clone()),
            Some((_, first)) => first.beside(settings.clone()),
        };
        let registry = Arc::new(registry.map_err(unusable)?);
        all.push((settings.clone(), Arc::clone(&registry)));
        Ok(registry)
    }
}

/// Where a lock is read.
#[derive(Debug)]
pub(super) enum LockPlace {
    /// From a file.
    File(PathBuf),
    /// From a commit, which has this or no lock.
    Commit(Option<Vec<u8>>),
}

impl LockPlace {
    /// `None`: there is no lock.
    pub(super) fn read(&self, lock: &LockUse) -> Result<Option<Lock>, Box<Problem>> {
        if let Some(given) = &lock.given {
            return Ok(Some(Lock::clone(given)));
        }
        let read = match self {
            Self::File(path) => Lock::read(path),
            Self::Commit(bytes) => bytes.as_deref().map(Lock::parse).transpose(),
        };
        read.map_err(|error| Box::new(lock_problem("read", &lock.path, &error)))
    }
}

/// Who answers.
pub(super) enum Source {
    /// The lock, and nothing else.
    ///
    /// With what is to be done about an image that it lacks.
    Lock(Lock, PathBuf, &'static str),
    /// Registries.
    Registries(Ahead<Registry>),
}

/// What came back.
#[derive(Debug, Default)]
pub(super) struct Sourced {
    /// The answers.
    pub(super) answers: Answers,
    /// What a person should know although there is an answer.
    pub(super) warnings: Vec<String>,
    /// How each answer was found.
    pub(super) ways: BTreeMap<String, Vec<String>>,
}

impl Source {
    /// Takes the lock, which is to be read at `place`, or checks how registries are to be asked, which a runtime has to be there for. None of
    /// them is asked yet. `Err` is always a [`Problem`].
    pub(super) fn open(
        lock: &LockUse,
        place: &LockPlace,
        settings: &Settings,
        registries: &Registries,
    ) -> anyhow::Result<Self> {
        if !lock.offline {
            return Ok(Self::Registries(Ahead::new(registries.of(settings)?)));
        }
        match place.read(lock).map_err(|problem| *problem)? {
            Some(read) => {
                let hint = match lock.given {
                    None => {
                        "run `imago files --update` without `--offline` where the registry can be reached"
                    }
                    Some(_) => {
                        "run `imago resolve FILE --lock FILE` again, where the registry can be reached"
                    }
                };
                Ok(Self::Lock(read, lock.path.clone(), hint))
            }
            None => Err(absent(lock).into()),
        }
    }

    /// Takes what the file with this number asks, among all that are found: see [`Ahead::take`].
    pub(super) fn ask_ahead(&self, number: usize, questions: &[Question]) {
        match self {
            Self::Lock(..) => {}
            Self::Registries(ahead) => {
                ahead.take(number, questions.iter().map(|(lookup, _)| lookup))
            }
        }
    }

    /// Asks each question once.
    pub(super) async fn ask(
        self,
        wanted: &Wanted,
        reading: impl Into<Reading>,
        on_event: impl FnMut(Event),
    ) -> Sourced {
        match self {
            Self::Lock(lock, path, hint) => {
                let answers = wanted
                    .keys()
                    .map(|lookup| (lookup.clone(), from_lock(&lock, &path, hint, lookup)))
                    .collect();
                let way = |lookup: &Lookup| {
                    (
                        lookup.to_string(),
                        vec![format!("looked into `{}`", path.display())],
                    )
                };
                Sourced {
                    answers,
                    warnings: Vec::new(),
                    ways: wanted.keys().map(way).collect(),
                }
            }
            Self::Registries(ahead) => {
                // Until all are answered, what was asked ahead goes on.
                let (registry, _under_way) = ahead.hand_over().await;
                let answers = resolve::resolve(&registry, wanted, reading, on_event).await;
                Sourced::of(&registry, answers)
            }
        }
    }
}

impl Sourced {
    /// What registries have answered, with all that was noticed on the way.
    pub(super) fn by(registry: &Registry, answers: Answers) -> Self {
        Self::told(registry.trace(), answers)
    }

    /// The same, with what was noticed for these answers alone: others ask the registry, too.
    fn of(registry: &Registry, answers: Answers) -> Self {
        let lookups = answers.iter().flat_map(|(lookup, answer)| {
            let chosen = answer
                .as_ref()
                .ok()
                .and_then(|answer| answer.chosen.as_ref());
            let tag = chosen.map_or(lookup.tag(), |chosen| &chosen.tag);
            [lookup.clone(), lookup.at(tag)]
        });
        Self::told(registry.trace_of(&lookups.collect()), answers)
    }

    fn told(trace: Trace, answers: Answers) -> Self {
        let mut told = Self {
            answers,
            ..Self::default()
        };
        for (lookup, steps) in trace {
            for step in &steps {
                if let Step::Warning(text) = step {
                    told.warnings.push(format!("`{lookup}`: {text}"));
                }
            }
            let steps = steps.iter().map(ToString::to_string);
            told.ways.insert(lookup.to_string(), steps.collect());
        }
        told
    }
}

/// Gets ready to ask registries; none of them is asked yet. `Err` is always a [`Problem`].
pub(super) fn registries(settings: &Settings) -> anyhow::Result<Arc<Registry>> {
    Ok(Arc::new(Registry::new(settings.clone()).map_err(unusable)?))
}

/// `--offline` has no lock to read.
fn absent(lock: &LockUse) -> Problem {
    let name = lock.path.display();
    Problem {
        code: Code::NoLock,
        what: format!("cannot read the lock `{name}`"),
        place: Place::default(),
        cause: "there is none, and `--offline` has nothing else to go by".to_owned(),
        hint: Some(format!(
            "make it once with `imago files --update --lock {name}`"
        )),
    }
}

/// What the lock's failure is to the report. `act` is what cannot be done with it: `read`, `write`.
pub fn lock_problem(act: &str, path: &Path, error: &LockError) -> Problem {
    let name = path.display().to_string();
    Problem {
        code: error.code(),
        what: format!("cannot {act} the lock `{name}`"),
        place: Place {
            file: Some(name),
            ..Place::default()
        },
        cause: error.to_string(),
        hint: error.hint().map(str::to_owned),
    }
}

/// The lock's answer to one question.
fn from_lock(lock: &Lock, path: &Path, hint: &str, lookup: &Lookup) -> Result<Answer, Refusal> {
    let missing = |what: &str| Refusal {
        code: Code::NotInLock,
        cause: format!(
            "`{}` has no {what} for it, and `--offline` asks no registry",
            path.display()
        ),
        hint: Some(hint.to_owned()),
    };
    let digest = |lookup: &Lookup| lock.get(lookup).cloned().ok_or_else(|| missing("digest"));
    let Some(policy) = lookup.policy() else {
        return digest(lookup).map(Answer::new);
    };
    let best = lock
        .best(lookup)
        .ok_or_else(|| missing(&format!("tag by the policy `{policy}`")))?;
    // The best tag decides as the whole list did.
    let ranking = from_record(best, lookup.tag(), policy);
    let tag = ranking.candidates.first().copied().unwrap_or(lookup.tag());
    let chosen = Chosen {
        tag: tag.to_owned(),
        best: ranking.best.map(str::to_owned),
        counts: None,
        obstacle: ranking.obstacle,
    };
    Ok(Answer {
        chosen: Some(Box::new(chosen)),
        ..Answer::new(digest(&lookup.at(tag))?)
    })
}

/// As [`registries`], for who is asked beside another.
pub(super) fn registries_beside(
    other: &Registry,
    settings: Settings,
) -> anyhow::Result<Arc<Registry>> {
    Ok(Arc::new(other.beside(settings).map_err(unusable)?))
}

fn unusable(error: RegistryError) -> Problem {
    let hint = match &error {
        RegistryError::NoSlots(_) => "give it at least 1",
        RegistryError::CertificateAuthority(_) => {
            "name a readable file of PEM certificates: `--registry-ca FILE`"
        }
        RegistryError::DockerConfig(_) => {
            "name a readable docker config: `--docker-config FILE`, or leave the flag out"
        }
    };
    Problem {
        code: Code::Usage,
        what: error.to_string(),
        place: Place::default(),
        cause: String::new(),
        hint: Some(hint.to_owned()),
    }
}
