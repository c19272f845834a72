//! Suggests the name that was meant, where a path does not exist.

use std::path::Path;

/// How many names of a folder are compared.
const LOOKED_AT: usize = 10_000;

/// The path with its last name corrected: the name in its folder that is few typing errors away.
pub(super) fn near(typed: &Path, current: &Path) -> Option<String> {
    let name = typed.file_name()?.to_str()?;
    let folder = current.join(typed.parent()?);
    let names = std::fs::read_dir(folder)
        .ok()?
        .take(LOOKED_AT)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let (slips, near) = names
        .map(|known| (strsim::damerau_levenshtein(&known, name), known))
        .min()?;
    (slips <= name.chars().count() / 3).then(|| typed.with_file_name(near).display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_seen_and_another_name_is_none() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["deploy", "base", "web.yaml"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        for (typed, meant) in [
            ("depoly", Some("deploy")),
            ("./web.yml", Some("./web.yaml")),
            ("bsae/", Some("base")),
            ("charts", None),
            ("none/deploy", None),
            ("..", None),
        ] {
            assert_eq!(
                near(Path::new(typed), folder.path()).as_deref(),
                meant,
                "{typed}"
            );
        }
    }
}
