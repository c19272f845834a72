//! Who commits: what was typed, then `GIT_AUTHOR_*` and `GIT_COMMITTER_*`, then `author.*` and `committer.*` of the configuration, then
//! `user.*`, as Git itself has it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use git2::{ErrorCode, Signature};

use super::GitError;

/// A name and a mail address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    name: String,
    mail: String,
}

impl Person {
    /// Reads `NAME <MAIL>`; `None` where it is not of this form.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, mail) = text.trim().strip_suffix('>')?.split_once('<')?;
        let (name, mail) = (name.trim(), mail.trim());
        let plain = |text: &str| {
            !text.is_empty() && !text.contains(['<', '>']) && !text.contains(char::is_control)
        };
        (plain(name) && plain(mail)).then(|| Self {
            name: name.to_owned(),
            mail: mail.to_owned(),
        })
    }
}

/// Author and committer of a commit that is made now.
pub struct Identity {
    pub(super) author: Signature<'static>,
    pub(super) committer: Signature<'static>,
    /// The environment of the program that signs.
    pub(super) environment: BTreeMap<OsString, OsString>,
}

impl Identity {
    pub(super) fn of(
        repository: &git2::Repository,
        author: Option<&Person>,
        environment: &BTreeMap<OsString, OsString>,
    ) -> Result<Self, GitError> {
        let config = repository.config()?.snapshot()?;
        // libgit2 knows `user.name` and `user.email` alone.
        let in_role = |role: &str, known: Result<Signature<'static>, git2::Error>| {
            let own = |field: &str| {
                let variable = format!("GIT_{role}_{field}").to_uppercase();
                let typed = environment
                    .get(OsStr::new(&variable))
                    .is_some_and(|value| !value.is_empty());
                config
                    .get_string(&format!("{role}.{field}"))
                    .ok()
                    .filter(|value| !value.is_empty() && !typed)
            };
            let (name, mail) = (own("name"), own("email"));
            match (known, name, mail) {
                (known, None, None) => known,
                (Ok(known), name, mail) => {
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    let name = name.unwrap_or_else(|| text(known.name_bytes()));
                    let mail = mail.unwrap_or_else(|| text(known.email_bytes()));
                    Signature::new(&name, &mail, &known.when())
                }
                (Err(_), Some(name), Some(mail)) => Signature::now(&name, &mail),
                (known, ..) => known,
            }
        };
        let unusable = |error: git2::Error| match error.code() {
            ErrorCode::NotFound => GitError::NoIdentity,
            _ => GitError::UnusableIdentity(error.message().to_owned()),
        };
        let named = author
            .map(|person| Signature::now(&person.name, &person.mail))
            .transpose()
            .map_err(unusable)?;
        let committer = match (
            in_role("committer", repository.committer_from_env()),
            &named,
        ) {
            (Ok(committer), _) => committer,
            (Err(error), Some(named)) if error.code() == ErrorCode::NotFound => named.clone(),
            (Err(error), _) => return Err(unusable(error)),
        };
        let author = match named {
            Some(named) => named,
            None => in_role("author", repository.author_from_env()).map_err(unusable)?,
        };
        for person in [&author, &committer] {
            if person.name().is_err() || person.email().is_err() {
                let text = shown(person);
                return Err(GitError::UnusableIdentity(format!("`{text}` is not UTF-8")));
            }
        }
        Ok(Self {
            author,
            committer,
            environment: environment.clone(),
        })
    }

    /// The committer as a trailer has it: `NAME <MAIL>`.
    pub fn committer(&self) -> String {
        shown(&self.committer)
    }
}

/// A person as a trailer has it.
pub(super) fn shown(person: &Signature<'_>) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!(
        "{} <{}>",
        text(person.name_bytes()),
        text(person.email_bytes())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_a_name_and_a_mail_address() {
        let ada = Some(Person {
            name: "Ada L.".to_owned(),
            mail: "ada@example.test".to_owned(),
        });
        assert_eq!(Person::parse("Ada L. <ada@example.test>"), ada);
        assert_eq!(Person::parse(" Ada L.<ada@example.test> "), ada);
        for text in [
            "",
            "Ada",
            "ada@example.test",
            "<ada@example.test>",
            "Ada <>",
            "A <b> <c>",
            "A\nB <c>",
            "Ada <a> x",
        ] {
            assert_eq!(Person::parse(text), None, "{text}");
        }
    }
}
