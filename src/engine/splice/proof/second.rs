//! The second parser's half of the proof: libyaml, which kubectl's reader follows; for JSON a JSON parser.
//!
//! It reads both texts on its own, one document of each at a time, and must see the same differences as our reading does. Only where the
//! old text is plain, so that no two readers differ on it, ours is taken for its reading of that one.

use std::iter;
use std::ops::Range;

use super::document::{Document, narrow};
use super::resolve::resolved;
use super::{json, libyaml};
use crate::engine::code::Code;
use crate::engine::splice::difference::{Differences, Leaf, Reading, Shape, compare};
use crate::engine::splice::{Refused, unproven};
use crate::engine::tree::{Scalar, Tree as _};
use crate::engine::yaml::{CommentedFile, File, YamlNode};

/// How many lines of a file may begin with `%TAG`. The second parser compares each with all before it, and each tag with all of them.
const MAX_TAG_DIRECTIVES: usize = 100;

/// A text for the second parser.
#[derive(Clone, Debug)]
pub(super) enum Source<'t> {
    /// The whole text, and how many documents our reading has in it.
    Whole(&'t str, usize),
    /// A text of which documents are refused: where each of the others stands, with its number.
    Parts(&'t str, Vec<(usize, Range<usize>)>),
}

impl<'t> Source<'t> {
    pub(super) fn of(file: &File<'t>) -> Self {
        if file.refused().is_empty() {
            return Self::Whole(file.text(), file.len());
        }
        let read = (0..file.len()).filter(|document| !file.is_refused(*document));
        Self::Parts(
            file.text(),
            read.map(|document| (document, file.region(document)))
                .collect(),
        )
    }

    /// How many documents are to be read.
    fn len(&self) -> usize {
        match self {
            Self::Whole(_, count) => *count,
            Self::Parts(_, parts) => parts.len(),
        }
    }

    /// The documents, each with its number, read one at a time. A part must be one document for this parser too, so that both agree on
    /// where documents begin and end.
    fn documents(self) -> Box<dyn Iterator<Item = Result<(usize, Document), Refused>> + 't> {
        match self {
            Self::Whole(text, count) => {
                let mut values = read(text);
                let mut number = 0;
                Box::new(iter::from_fn(move || match values.next() {
                    Some(_) if number == count => {
                        number += 1;
                        Some(Err(another_number()))
                    }
                    Some(value) => {
                        number += 1;
                        Some(value.map(|value| (number - 1, value)))
                    }
                    None if number < count => {
                        number = count;
                        Some(Err(another_number()))
                    }
                    None => None,
                }))
            }
            Self::Parts(text, parts) => {
                let (mut lines, mut counted) = (0, 0);
                Box::new(parts.into_iter().map(move |(number, region)| {
                    let between = &text.as_bytes()[counted..region.start];
                    lines += memchr::memchr_iter(b'\n', between).count();
                    counted = region.start;
                    let in_file = |refused: Refused| Refused {
                        line: refused.line.map(|line| line.saturating_add(narrow(lines))),
                        ..refused
                    };
                    let mut values = read(&text[region]);
                    let value = values.next().unwrap_or_else(|| Err(another_number()));
                    let mut value = value.map_err(in_file)?;
                    value.twice = (value.twice).map(|line| line.saturating_add(narrow(lines)));
                    match values.next() {
                        None => Ok((number, value)),
                        Some(_) => Err(another_number()),
                    }
                }))
            }
        }
    }
}

/// What the edit began with, for the second parser.
pub(super) enum Before<'t> {
    /// Our reading of a text on which no two readers differ.
    Plain(File<'t>),
    /// A text that it reads on its own.
    Text(Source<'t>),
}

impl<'t> From<CommentedFile<'t>> for Before<'t> {
    /// Keeps our reading only where the second parser is spared by it.
    fn from(file: CommentedFile<'t>) -> Self {
        match file.is_plain() {
            true => Self::Plain(file.into()),
            false => Self::Text(Source::of(&file)),
        }
    }
}

impl<'t> Before<'t> {
    fn source(&self) -> Source<'t> {
        match self {
            Self::Plain(file) => Source::of(file),
            Self::Text(source) => source.clone(),
        }
    }
}

/// Proves that the second parser sees the wanted differences of each document, and no others.
pub(super) fn prove<'w>(
    old: &Before<'_>,
    new: Source<'_>,
    wanted: impl Fn(usize) -> &'w Differences,
) -> Result<(), Refused> {
    let mut read_before = match old {
        Before::Plain(_) => None,
        Before::Text(source) => Some(source.clone().documents()),
    };
    let mut count = 0;
    for document in new.documents() {
        let (number, new) = document.map_err(|refused| where_it_stands(refused, old))?;
        let seen = match (old, read_before.as_mut().and_then(Iterator::next)) {
            (Before::Plain(file), _) => {
                if new.twice.is_some() && !wanted(number).is_empty() {
                    return Err(twice(number, old));
                }
                compare(Plain(file.document(number)), new.root(), wanted(number))
            }
            (Before::Text(_), Some(before)) => {
                let (_, before) = before?;
                if before.twice.or(new.twice).is_some() {
                    let stays = wanted(number).is_empty() && before.is_same(&new);
                    if !stays {
                        return Err(twice(number, old));
                    }
                    Ok(())
                } else {
                    compare(before.root(), new.root(), wanted(number))
                }
            }
            (Before::Text(_), None) => return Err(another_number()),
        };
        seen.map_err(|path| {
            unproven(format!(
                "the second YAML reader sees another change in it than the wanted ones: {path}"
            ))
        })?;
        count += 1;
    }
    // The old text has an end as well, and no fault before it.
    if let Some(document) = read_before.and_then(|mut rest| rest.next()) {
        document.and(Err(another_number()))?;
    }
    match count == old.source().len() {
        true => Ok(()),
        false => Err(another_number()),
    }
}

/// A document has a key that stands twice, and is edited.
fn twice(number: usize, old: &Before<'_>) -> Refused {
    let of_number = |read: Result<(usize, Document), Refused>| {
        let (at, document) = read.ok()?;
        document.twice.filter(|_| at == number)
    };
    let why = "a key stands twice in one mapping";
    match old.source().documents().find_map(of_number) {
        Some(line) => Refused {
            code: Code::DuplicateKey,
            ..libyaml::not_taken(line.into(), why)
        },
        None => Refused {
            line: None,
            ..libyaml::not_taken(0, &format!("{why}, once it is edited"))
        },
    }
}

fn another_number() -> Refused {
    unproven("the second YAML reader finds another number of documents in it".to_owned())
}

/// What the second parser does not take, told where it stands in the file: the edit may have moved it. What it takes in the old text alone
/// stands nowhere in the file.
fn where_it_stands(in_new: Refused, old: &Before<'_>) -> Refused {
    let in_old = old.source().documents().find_map(Result::err);
    in_old.unwrap_or(Refused {
        line: None,
        message: format!("{}, once it is edited", in_new.message),
        ..in_new
    })
}

/// What the second parser makes of a plain text, by our reading of it.
#[derive(Clone, Copy)]
struct Plain<'f, 't>(YamlNode<'f, 't>);

impl<'f> Plain<'f, '_> {
    fn leaf(self) -> Leaf<'f> {
        match self.0.scalar() {
            Scalar::Text(text) => Leaf::Text(text),
            Scalar::Null => Leaf::Null,
            Scalar::Bool(_) | Scalar::Other(_) => {
                resolved(self.0.styled().map_or("", |(text, _)| text))
            }
        }
    }
}

impl<'f> Reading<'f> for Plain<'f, '_> {
    fn shape(self) -> Shape<'f, Self> {
        if let Some(pairs) = self.0.each_pair() {
            let typed = |(key, value)| (Plain(key).leaf(), Plain(value));
            return Shape::Mapping(Box::new(pairs.map(typed)));
        }
        match self.0.styled() {
            None if !self.0.is_alias() => Shape::Sequence(Box::new(self.0.each_item().map(Plain))),
            _ => Shape::Leaf(self.leaf()),
        }
    }

    fn is_plain(leaf: Leaf<'f>, letters: &str) -> bool {
        resolved(letters) == leaf
    }
}

/// The documents of a text, read one at a time.
fn read<'t>(text: &'t str) -> Box<dyn Iterator<Item = Result<Document, Refused>> + 't> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('{')
        && let Some(document) = json::read(text)
    {
        return Box::new(iter::once(Ok(document)));
    }
    if let Err(refused) = within_tag_directives(text) {
        return Box::new(iter::once(Err(refused)));
    }
    Box::new(libyaml::Documents::of(text))
}

fn within_tag_directives(text: &str) -> Result<(), Refused> {
    let begins_a_line = |at: &usize| *at == 0 || matches!(text.as_bytes()[at - 1], b'\n' | b'\r');
    let Some(at) = memchr::memmem::find_iter(text.as_bytes(), b"%TAG")
        .filter(begins_a_line)
        .nth(MAX_TAG_DIRECTIVES)
    else {
        return Ok(());
    };
    let line = 1 + memchr::memchr_iter(b'\n', &text.as_bytes()[..at]).count();
    Err(Refused {
        line: u32::try_from(line).ok(),
        ..unproven(format!(
            "the file has more than {MAX_TAG_DIRECTIVES} `%TAG` directives"
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::path::PathBuf;

    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    use super::*;

    /// The pieces of plain lines, put together rightly and wrongly.
    const LINE: &str = "(  ){0,3}(- ){0,2}((a|b-c|image|d.e/f|7|yes|null):|((a|b-c|7): )?(g|h:i|x/y:1|1|0x1f|017|-1.5|1e3|~|null|yes|on|'j'|\"k # l\"|\\{\\}|\\[\\]|-m|\\[(--o|p:q|'r'|1|~|s t)(, (\\{u: v, w: \"x\"\\}|\\[\\]|yes|http://y))?\\]|\\{z: (1|\\[0x1f\\]|a=b)(, 2: -c)?\\}|é ✓|'🚀'|)( # n)?)\n|((  ){0,2}(- |a: )\\|[-+]?\n(  ){1,3}(d|# e|f: g|é)\n( {6}h\n|\n){0,2})|---\n";

    /// Whether the text is plain. Then the second parser must make of it what we say it makes.
    fn agrees(text: &str) -> bool {
        let Ok(file) = File::parse(text) else {
            return false;
        };
        if !file.is_plain() {
            return false;
        }
        let theirs: Result<Vec<_>, _> = read(text).collect();
        let theirs = theirs.unwrap_or_else(|refused| panic!("{refused}\n{text}"));
        assert_eq!(file.len(), theirs.len(), "{text}");
        for (document, theirs) in theirs.iter().enumerate() {
            let ours = Plain(file.document(document));
            if let Err(path) = compare(ours, theirs.root(), &Differences::default()) {
                panic!("{path}: {theirs:?}\n{text}");
            }
        }
        true
    }

    #[test]
    fn on_a_plain_text_both_parsers_agree() {
        let line = prop::string::string_regex(LINE).unwrap();
        let plain = Cell::new(0);
        let mut runner = TestRunner::new(ProptestConfig {
            cases: 10_000,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let outcome = runner.run(&prop::collection::vec(line, 1..9), |lines| {
            plain.set(plain.get() + u32::from(agrees(&lines.concat())));
            Ok(())
        });
        outcome.unwrap();
        assert!(plain.get() > 1000, "only {} texts were plain", plain.get());
    }

    #[test]
    fn a_file_of_tag_directives_is_refused_before_the_second_parser_compares_them_all() {
        let text = |count: usize| {
            let directives: String = (0..count)
                .map(|number| format!("%TAG !t{number}! tag:example.com,2000:\n"))
                .collect();
            directives + "---\na: b # %TAG\n"
        };
        let documents = |count| {
            read(&text(count))
                .collect::<Result<Vec<_>, _>>()
                .map(|read| read.len())
        };
        assert_eq!(documents(MAX_TAG_DIRECTIVES).unwrap(), 1);
        let refused = documents(MAX_TAG_DIRECTIVES + 1).unwrap_err();
        assert_eq!(
            (refused.code.as_str(), refused.line),
            ("unproven", Some(101))
        );
        assert_eq!(
            refused.message,
            "the file has more than 100 `%TAG` directives"
        );
    }

    #[test]
    fn on_a_plain_manifest_both_parsers_agree() {
        let folder = |path: PathBuf| {
            std::fs::read_dir(path)
                .into_iter()
                .flatten()
                .map(|entry| entry.unwrap().path())
        };
        let cases = folder(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/rewrite").into());
        let files = cases
            .flat_map(|case| ["in", "out"].map(|side| case.join(side)))
            .flat_map(folder);
        let texts = files
            .filter(|path| path.is_file())
            .filter_map(|path| std::fs::read_to_string(path).ok());
        let plain = texts.filter(|text| agrees(text)).count();
        assert!(plain > 20, "only {plain} manifests are plain");
    }
}
