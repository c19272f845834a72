//! Who commits: what was typed, then `GIT_AUTHOR_*` and `GIT_COMMITTER_*`, then the configuration, as Git itself has it.

use git2::{ErrorCode, Signature};

use super::GitError;
use super::repository::Repository;

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
        let plain = |text: &str| !text.is_empty() && !text.contains(['<', '>']) && !text.contains(char::is_control);
        (plain(name) && plain(mail)).then(|| Self { name: name.to_owned(), mail: mail.to_owned() })
    }
}

/// Author and committer of a commit that is made now.
pub struct Identity {
    pub(super) author: Signature<'static>,
    pub(super) committer: Signature<'static>,
}

impl Identity {
    /// Author and committer, the author replaced where one is named. A machine without any identity commits as the named author.
    pub fn of(repository: &Repository, author: Option<&Person>) -> Result<Self, GitError> {
        let named = author.map(|person| Signature::now(&person.name, &person.mail)).transpose()?;
        let committer = match (repository.inner.committer_from_env(), &named) {
            (Ok(committer), _) => committer,
            (Err(error), Some(named)) if error.code() == ErrorCode::NotFound => named.clone(),
            (Err(error), None) if error.code() == ErrorCode::NotFound => return Err(GitError::NoIdentity),
            (Err(error), _) => return Err(error.into()),
        };
        let author = match named {
            Some(named) => named,
            None => repository.inner.author_from_env()?,
        };
        Ok(Self { author, committer })
    }

    /// The committer as a trailer has it: `NAME <MAIL>`.
    pub fn committer(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        format!("{} <{}>", text(self.committer.name_bytes()), text(self.committer.email_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_a_name_and_a_mail_address() {
        let ada = Some(Person { name: "Ada L.".to_owned(), mail: "ada@example.test".to_owned() });
        assert_eq!(Person::parse("Ada L. <ada@example.test>"), ada);
        assert_eq!(Person::parse(" Ada L.<ada@example.test> "), ada);
        for text in ["", "Ada", "ada@example.test", "<ada@example.test>", "Ada <>", "A <b> <c>", "A\nB <c>", "Ada <a> x"] {
            assert_eq!(Person::parse(text), None, "{text}");
        }
    }
}
