//! What a registry's bytes are: their digest, and what they stand for.
//!
//! Bytes are believed, headers are not. Schema 1 manifests are refused: their digest changes with their signature.

use std::collections::BTreeMap;

use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256, Sha512};

use crate::engine::answer::{Details, Platform};
use crate::engine::image::Digest;

/// What we accept of a registry, all four at once: with fewer, some answer 404, and some with one platform's manifest.
pub(super) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// The usual media type of a schema 1 manifest.
pub(super) const SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// Whether a media type is one of the four.
pub(super) fn is_accepted(media_type: &str) -> bool {
    ACCEPT.split(", ").any(|accepted| accepted == media_type)
}

/// Whether a media type is one of schema 1's.
pub(super) fn is_schema_1(media_type: &str) -> bool {
    media_type.starts_with("application/vnd.docker.distribution.manifest.v1+")
}

/// The sha256 digest of these bytes.
pub(super) fn sha256(bytes: &[u8]) -> Digest {
    digest("sha256", &Sha256::digest(bytes))
}

/// The digest of these bytes in the other digest's algorithm.
pub(super) fn digest_like(other: &Digest, bytes: &[u8]) -> Digest {
    if other.as_str().starts_with("sha512:") {
        digest("sha512", &Sha512::digest(bytes))
    } else {
        sha256(bytes)
    }
}

/// Whether it is the digest of no bytes at all: some servers hash the body of their answer to HEAD, which has none.
pub(super) fn is_of_nothing(digest: &Digest) -> bool {
    *digest == digest_like(digest, b"")
}

fn digest(algorithm: &str, hash: &[u8]) -> Digest {
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    Digest::parse(&format!("{algorithm}:{hex}")).expect("a hash in lower-case hex is a digest")
}

/// A manifest's bytes, understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// An index: its manifests with their platforms, and those that name none, whose own bytes must tell.
    Index {
        platforms: BTreeMap<Digest, Platform>,
        unnamed: Vec<Digest>,
    },
    /// One image: where its configuration is, which names the platform.
    Image { config: Digest },
    /// A manifest that no container runs, with the media type that says so.
    Other(String),
}

/// Why bytes are no manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// They are not JSON, or JSON of another kind.
    NotAManifest,
    /// They are a schema 1 manifest.
    Schema1,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: Option<u64>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    manifests: Option<Vec<Descriptor>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    digest: String,
    media_type: Option<String>,
    platform: Option<PlatformFields>,
}

/// `platform` of a descriptor, and the same fields of an image's configuration.
#[derive(Default, Deserialize)]
#[serde(default)]
struct PlatformFields {
    os: String,
    architecture: String,
    variant: String,
}

/// Reads a manifest or an index, by its content: the media type in it is optional, and that of the header may lie.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
    let document: Document = serde_json::from_slice(bytes).map_err(|_| Malformed::NotAManifest)?;
    match document.schema_version {
        Some(1) => return Err(Malformed::Schema1),
        Some(2) => {}
        _ => return Err(Malformed::NotAManifest),
    }
    if let Some(descriptors) = document.manifests {
        return index(descriptors);
    }
    let Some(config) = document.config else {
        return match document.artifact_type.or(document.media_type) {
            Some(media_type) => Ok(Parsed::Other(media_type)),
            None => Err(Malformed::NotAManifest),
        };
    };
    let config_type = config.media_type.unwrap_or_default();
    if config_type == OCI_CONFIG || config_type == DOCKER_CONFIG {
        let config = Digest::parse(&config.digest).map_err(|_| Malformed::NotAManifest)?;
        return Ok(Parsed::Image { config });
    }
    Ok(Parsed::Other(document.artifact_type.unwrap_or(config_type)))
}

fn index(descriptors: Vec<Descriptor>) -> Result<Parsed, Malformed> {
    let (mut platforms, mut unnamed) = (BTreeMap::new(), Vec::new());
    for descriptor in descriptors {
        let digest = Digest::parse(&descriptor.digest).map_err(|_| Malformed::NotAManifest)?;
        let is_manifest = descriptor.media_type.as_deref().is_none_or(is_accepted);
        match descriptor.platform {
            Some(fields) if fields.os == "unknown" && fields.architecture == "unknown" => {}
            _ if !is_manifest => {}
            Some(fields) if !fields.os.is_empty() && !fields.architecture.is_empty() => {
                platforms.insert(digest, name(&fields));
            }
            _ => unnamed.push(digest),
        }
    }
    Ok(Parsed::Index { platforms, unnamed })
}

/// The platform that an image's configuration names; `unknown/unknown` where it names none.
pub(super) fn platform(config: &[u8]) -> Result<Platform, Malformed> {
    let fields: PlatformFields =
        serde_json::from_slice(config).map_err(|_| Malformed::NotAManifest)?;
    Ok(name(&fields))
}

/// The labels, and the annotations of the same names, that say where an image comes from.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Labels {
    #[serde(rename = "org.opencontainers.image.source")]
    source: Value,
    #[serde(rename = "org.opencontainers.image.revision")]
    revision: Value,
}

/// The longest text that is kept of such a label.
const LONGEST_LABEL: usize = 2048;

impl Labels {
    fn details(self) -> Details {
        let text = |value: Value| match value {
            Value::String(text) if !text.is_empty() && text.len() <= LONGEST_LABEL => Some(text),
            _ => None,
        };
        Details {
            source: text(self.source),
            revision: text(self.revision),
            created: None,
        }
    }
}

/// What the annotations of a manifest or an index say of it. Annotations of another form say nothing.
pub(super) fn annotated(manifest: &[u8]) -> Details {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Annotated {
        annotations: Labels,
    }
    if memmem::find(manifest, b"org.opencontainers.image.").is_none() {
        return Details::default();
    }
    let annotated: Annotated = serde_json::from_slice(manifest).unwrap_or_default();
    annotated.annotations.details()
}

/// What an image's configuration says of it: when it was built, and its labels.
pub(super) fn configured(config: &[u8]) -> Details {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Created {
        created: Option<String>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Labelled {
        config: Inner,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "PascalCase")]
    struct Inner {
        labels: Labels,
    }
    // One that has another form does not spoil the other.
    let created: Created = serde_json::from_slice(config).unwrap_or_default();
    let labelled: Labelled = serde_json::from_slice(config).unwrap_or_default();
    Details {
        created: created.created.filter(|text| text.len() <= LONGEST_LABEL),
        ..labelled.config.labels.details()
    }
}

/// The platform's name with the spellings made one, as containerd compares them: a publisher that begins to write `arm64/v8` for
/// `arm64` has lost no platform.
fn name(fields: &PlatformFields) -> Platform {
    let or_unknown = |text: &str| {
        if text.is_empty() {
            "unknown".to_owned()
        } else {
            text.to_ascii_lowercase()
        }
    };
    let (os, architecture) = (or_unknown(&fields.os), or_unknown(&fields.architecture));
    let (architecture, variant) = match (architecture.as_str(), fields.variant.as_str()) {
        ("aarch64" | "arm64", "" | "8" | "v8") => ("arm64", ""),
        ("x86_64" | "x86-64" | "amd64", "" | "v1") => ("amd64", ""),
        ("i386", variant) => ("386", variant),
        ("armhf", _) => ("arm", "v7"),
        ("armel", _) => ("arm", "v6"),
        ("arm", "" | "7") => ("arm", "v7"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "6") => ("arm", "v6"),
        other => other,
    };
    let name = if variant.is_empty() {
        format!("{os}/{architecture}")
    } else {
        format!("{os}/{architecture}/{variant}")
    };
    Platform(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(digit: char) -> String {
        format!("sha256:{}", digit.to_string().repeat(64))
    }

    #[test]
    fn digests_are_those_of_the_bytes() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(b"").as_str(), empty);
        let long = Digest::parse(&format!("sha512:{}", "0".repeat(128))).unwrap();
        assert!(
            digest_like(&long, b"")
                .as_str()
                .starts_with("sha512:cf83e1357eefb8bd")
        );
        assert_eq!(digest_like(&sha256(b"x"), b"").as_str(), empty);
    }

    #[test]
    fn an_index_has_platforms_and_no_attestations() {
        let text = format!(
            r#"{{"schemaVersion":2,"manifests":[
                {{"digest":"{}","mediaType":"application/vnd.oci.image.manifest.v1+json","platform":{{"os":"linux","architecture":"arm64","variant":"v8"}}}},
                {{"digest":"{}","platform":{{"os":"linux","architecture":"arm","variant":"v6"}}}},
                {{"digest":"{}","platform":{{"os":"unknown","architecture":"unknown"}}}},
                {{"digest":"{}"}}]}}"#,
            hex('a'),
            hex('b'),
            hex('c'),
            hex('d'),
        );
        let Ok(Parsed::Index { platforms, unnamed }) = parse(text.as_bytes()) else {
            panic!("no index")
        };
        let names: Vec<_> = platforms
            .values()
            .map(|platform| platform.0.as_str())
            .collect();
        assert_eq!(names, ["linux/arm64", "linux/arm/v6"]);
        assert_eq!(unnamed, [Digest::parse(&hex('d')).unwrap()]);
    }

    #[test]
    fn bytes_are_judged_by_what_they_say() {
        let config = |media_type: &str| {
            format!(
                r#"{{"schemaVersion":2,"config":{{"digest":"{}","mediaType":"{media_type}"}}}}"#,
                hex('a')
            )
        };
        assert!(matches!(
            parse(config(OCI_CONFIG).as_bytes()),
            Ok(Parsed::Image { .. })
        ));
        assert!(matches!(
            parse(config(DOCKER_CONFIG).as_bytes()),
            Ok(Parsed::Image { .. })
        ));
        let chart = "application/vnd.cncf.helm.config.v1+json";
        assert_eq!(
            parse(config(chart).as_bytes()),
            Ok(Parsed::Other(chart.to_owned()))
        );
        assert_eq!(
            parse(br#"{"schemaVersion":1,"name":"a"}"#),
            Err(Malformed::Schema1)
        );
        for text in [
            "",
            "<html>",
            "{}",
            "[]",
            "null",
            r#"{"schemaVersion":2}"#,
            r#"{"schemaVersion":2,"manifests":[{"digest":"x"}]}"#,
        ] {
            assert_eq!(
                parse(text.as_bytes()),
                Err(Malformed::NotAManifest),
                "{text}"
            );
        }
    }

    #[test]
    fn a_platform_has_one_name() {
        for (json, named) in [
            (r#"{"os":"linux","architecture":"aarch64"}"#, "linux/arm64"),
            (r#"{"os":"linux","architecture":"arm"}"#, "linux/arm/v7"),
            (
                r#"{"os":"linux","architecture":"amd64","variant":"v1"}"#,
                "linux/amd64",
            ),
            (
                r#"{"os":"linux","architecture":"amd64","variant":"v3"}"#,
                "linux/amd64/v3",
            ),
            (
                r#"{"os":"windows","architecture":"amd64","os.version":"10.0.17763.1"}"#,
                "windows/amd64",
            ),
            (r#"{}"#, "unknown/unknown"),
        ] {
            assert_eq!(platform(json.as_bytes()).unwrap().0, named);
        }
    }

    proptest::proptest! {
        /// Whatever bytes a registry sends: no panic, and what is taken for an index or an image names whole digests.
        #[test]
        fn any_bytes_are_judged(
            start in "\\{\"schemaVersion\":2,",
            text in "(\"(manifests|layers|config|mediaType|digest|platform|os|architecture|variant)\":|[\\[\\]{},]|null|1e99|\"linux\"|\"sha256:[0-9a-f]{0,64}\"|\"\\\\u[0-9a-f]{0,4}\"){0,40}",
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64),
        ) {
            for bytes in [format!("{start}{text}").as_bytes(), format!("{{{text}}}").as_bytes(), &bytes] {
                drop(parse(bytes));
                drop(platform(bytes));
            }
        }
    }
}
