//! Names of values as `helm --set`, Argo CD's parameters and Flux's `targetPath` have them: `controller.images[0].tag`, `a\.b`
//! (<https://helm.sh/docs/intro/using_helm/#the-format-and-limitations-of---set>).

use std::collections::BTreeSet;

use super::chooses;
use crate::engine::path::{Path, Step};

/// How deep a name may lead.
const DEEPEST: usize = 32;
/// The most items of a list that a name may reach: longer lists are no lists of images.
const LONGEST: usize = 100;

/// The steps to the value of a name. `None`: it is no name, or leads too deep.
pub fn steps(name: &str) -> Option<Vec<Step>> {
    let mut steps: Vec<Step> = Vec::new();
    let mut key = String::new();
    let mut letters = name.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => key.extend(letters.next()),
            '.' if key.is_empty() && matches!(steps.last(), Some(Step::Index(_))) => {}
            '.' | '[' => {
                if !key.is_empty() || letter == '.' {
                    steps.push(Step::Key(std::mem::take(&mut key).into()));
                }
                if letter == '[' {
                    let digits = letters.by_ref().take_while(|letter| *letter != ']');
                    let index = digits.collect::<String>().parse().ok();
                    steps.push(Step::Index(index.filter(|index| *index < LONGEST)?));
                }
            }
            letter => key.push(letter),
        }
    }
    if !key.is_empty() {
        steps.push(Step::Key(key.into()));
    }
    (!steps.is_empty() && steps.len() <= DEEPEST).then_some(steps)
}

/// The mappings in which values of these names choose an image, and say nothing of its digest.
pub fn chosen<'n>(names: impl Iterator<Item = &'n str>) -> BTreeSet<Path> {
    let (mut chosen, mut digests) = (BTreeSet::new(), BTreeSet::new());
    for steps in names.filter_map(steps) {
        let Some((Step::Key(key), above)) = steps.split_last() else {
            continue;
        };
        let at = || above.iter().cloned().collect::<Path>();
        match &**key {
            "digest" | "sha" => drop(digests.insert(at())),
            key if chooses(key) => drop(chosen.insert(at())),
            _ => {}
        }
    }
    &chosen - &digests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_a_value() {
        for (name, expected) in [
            ("a.b[1].c", "a.b[1].c"),
            (r"a\.b.c", r#"["a.b"].c"#),
            ("a[0][1]", "a[0][1]"),
            ("tag", "tag"),
        ] {
            let path: Path = steps(name).unwrap().into_iter().collect();
            assert_eq!(path.to_string(), expected);
        }
        for name in ["", "a[", "a[x]", "a[4000000000]", "a[-1]"] {
            assert_eq!(steps(name), None, "{name}");
        }
        for name in [".", "[0]", "..", "a.b."] {
            let _ = steps(name);
        }
        assert_eq!(steps(&"a.".repeat(100_000)), None);
    }

    #[test]
    fn names_choose_images_unless_they_say_the_digest_too() {
        let chosen = |names: &[&str]| -> Vec<String> {
            let chosen = chosen(names.iter().copied());
            chosen.iter().map(Path::to_string).collect()
        };
        assert_eq!(chosen(&["image.tag", "a.replicas", "tag"]), ["", "image"]);
        assert_eq!(chosen(&[r"a\.b.image.repository"]), [r#"["a.b"].image"#]);
        assert_eq!(chosen(&["sidecars[1].tag", "x.fips"]), ["sidecars[1]", "x"]);
        assert_eq!(chosen(&["image.tag", "image.digest"]), [""; 0]);
    }
}
