//! Generates images: as written, as recorded, and as an update leaves them.

use super::model::Inventor;

/// A container's image, and what happens to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    /// `None` means no key. An empty string may also be written as null.
    pub(super) written: Option<String>,
    pub(super) new: Option<String>,
    /// The image in the file's record.
    pub(super) recorded: Option<String>,
    /// The image in a new record.
    pub(super) original: Option<String>,
    pub(super) ignored: bool,
}

const HOSTS: [&str; 8] = [
    "",
    "",
    "shop/",
    "docker.io/",
    "docker.io/shop/",
    "registry.example.test/",
    "reg:5000/",
    "localhost/a/b/",
];
const REPOSITORIES: [&str; 6] = ["web", "db", "a-b", "x_y.z", "gone", "web2"];
const TAGS: [&str; 5] = ["1.4", "1.5", "latest", "v2-rc.1", "7"];

impl Inventor<'_> {
    /// `used` has the workload's repositories. A record is claimed by image, so a repository that occurs twice has an entry for
    /// either.
    pub(super) fn image(&mut self, recorded: bool, used: &mut Vec<&'static str>) -> Image {
        let mut repository = *self.random.pick(&REPOSITORIES);
        while recorded && used.contains(&repository) {
            repository = *self.random.pick(&REPOSITORIES);
        }
        used.push(repository);
        let name = format!("{}{repository}", self.random.pick(&HOSTS));
        let tag = self.random.percent(80).then(|| *self.random.pick(&TAGS));
        let base = tag.map_or(name.clone(), |tag| format!("{name}:{tag}"));
        let old = digest_of(&format!("old {base}"));
        let digest = self.ask(&name, tag.unwrap_or("latest"));
        let on = |base: &str, digest: &str| format!("{base}@{digest}");
        let follow = |written: String,
                      base: &str,
                      recorded: Option<String>,
                      original: &str,
                      digest: &Option<String>| {
            let new = digest
                .as_ref()
                .map(|digest| on(base, digest))
                .filter(|new| *new != written);
            Image {
                written: Some(written),
                new,
                recorded,
                original: Some(original.to_owned()),
                ignored: false,
            }
        };
        let mut image = match (recorded, self.random.below(20)) {
            (_, 0) => Image::default(),
            (_, 1) => Image {
                written: Some(String::new()),
                ..Image::default()
            },
            (_, 2) => {
                let written = *self.random.pick(&[
                    "${TAG}",
                    "registry.example.test/web:${TAG}",
                    "{{ .Values.image }}",
                    "$(IMAGE)",
                ]);
                Image {
                    written: Some(written.to_owned()),
                    ..Image::default()
                }
            }
            (false, 3 | 4) | (true, 3) => Image {
                written: Some(on(&base, &old)),
                original: Some(on(&base, &old)),
                ..Image::default()
            },
            // The record itself is a pin.
            (true, 4) => Image {
                written: Some(on(&base, &old)),
                recorded: Some(on(&base, &digest_of("another"))),
                original: Some(on(&base, &old)),
                ..Image::default()
            },
            // Up to date, if the tag can be resolved.
            (true, 5..=8) => follow(
                on(&base, digest.as_ref().unwrap_or(&old)),
                &base,
                Some(base.clone()),
                &base,
                &digest,
            ),
            (true, 9..=11) => follow(on(&base, &old), &base, Some(base.clone()), &base, &digest),
            // The tag moved on.
            (true, 12) if tag.is_some() => follow(
                on(&base, &old),
                &base,
                Some(format!("{name}:other")),
                &base,
                &digest,
            ),
            // Only the digest, as older versions wrote it.
            (true, 13) => {
                let asked = self.ask(&name, "1.4");
                follow(
                    on(&name, &old),
                    &name,
                    Some(format!("{name}:1.4")),
                    &format!("{name}:1.4"),
                    &asked,
                )
            }
            // Another name and no tag: a pin.
            (true, 14) => Image {
                written: Some(on(&name, &old)),
                recorded: Some("elsewhere.example.test/other:1".to_owned()),
                original: Some(on(&name, &old)),
                ..Image::default()
            },
            (true, 15) => follow(
                base.clone(),
                &base,
                Some("elsewhere.example.test/other:1".to_owned()),
                &base,
                &digest,
            ),
            _ => follow(base.clone(), &base, None, &base, &digest),
        };
        image.ignored = !self.json && image.original.is_some() && self.random.percent(2);
        image
    }

    /// The tag's digest, if the lock has it.
    fn ask(&mut self, name: &str, tag: &str) -> Option<String> {
        let lookup = format!("{}:{tag}", normalised(name));
        (!name.ends_with("gone")).then(|| {
            self.digests
                .entry(lookup.clone())
                .or_insert_with(|| digest_of(&lookup))
                .clone()
        })
    }
}

/// The name with its registry, and with `library/` for Docker Hub's own images.
fn normalised(name: &str) -> String {
    match name.split_once('/') {
        None => format!("docker.io/library/{name}"),
        Some(("docker.io", path)) if !path.contains('/') => format!("docker.io/library/{path}"),
        Some((first, _)) if first == "localhost" || first.contains(['.', ':']) => name.to_owned(),
        Some(_) => format!("docker.io/{name}"),
    }
}

/// A digest derived from a text; now and then a long one (sha512).
fn digest_of(text: &str) -> String {
    // FNV-1a.
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let hex = format!("{hash:016x}");
    if hash % 11 == 0 {
        format!("sha512:{}", hex.repeat(8))
    } else {
        format!("sha256:{}", hex.repeat(4))
    }
}
