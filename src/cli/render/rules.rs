//! What each code stands for, for readers who know nothing of this program.

/// One sentence on a code. A code without a line of its own is a problem whose message says all.
pub(super) fn rule(code: &str) -> &'static str {
    match code {
        "empty" => "The run checked no image, and was asked to fail then.",
        "outdated" => "An image is not on the digest that its tag points to now.",
        "lock-outdated" => "The lock has another digest of a tag than the registry.",
        "restored" => "An image is not as it was written before it was pinned.",
        "stale" => "A pod runs another digest than its image's tag points to now.",
        "platform-lost" => {
            "The tag's new digest lacks a platform that the old one has, so it is not taken."
        }
        "renamed-by" => {
            "A kustomization gives the image another name, which need not have its digest."
        }
        "bad-comment" => "A comment for imago is not understood, or stands on no image's line.",
        "flux-marker" => {
            "Flux writes the image, as the marker on its line says, so it is left as it is."
        }
        "invalid-image" => "The text is no image.",
        "ambiguous-record" => {
            "The annotation `imago-config-spec` fits the containers in more than one way."
        }
        "invalid-annotation" => "The annotation `imago-config-spec` cannot be read.",
        "yaml-syntax" => "The file is no YAML.",
        "merge-conflict" => "The file holds the markers of an unresolved merge conflict.",
        "duplicate-key" => "A key stands twice in a mapping.",
        "complex-key" => "A key is a collection.",
        "recursive-alias" | "alias-bomb" | "too-deep" => "A document cannot be read within bounds.",
        "ambiguous-line-break" => "Readers of YAML 1.1 and of YAML 1.2 disagree on a line break.",
        "not-utf8" => "The file is not UTF-8.",
        "encrypted" => "SOPS has signed all values of a document, so an edit would break it.",
        "shared-anchor" => "An anchor is used where its value must not change.",
        "not-editable" | "unproven" => "The file cannot be edited without touching anything else.",
        "permission" | "read-only" | "vanished" | "changed-meanwhile" | "not-a-file" | "io" => {
            "The file cannot be read or written."
        }
        "too-large" => "The file or the answer is larger than manifests are.",
        "link" => "A link in a work tree stands where something is to be written.",
        "inside-git" => "The file is inside Git's own folder.",
        "link-outside" => "A link leads out of the repository.",
        "git-uncommitted" => "The file has changes that are not committed.",
        "git-untracked" => "Git does not track the file.",
        "git-attributes" => "Git's attributes of the file stand in what is no regular file.",
        "git-filter" => "Git converts the file, so what is committed is not what is on disk.",
        "not-found" | "name-unknown" => "The registry knows no such image.",
        "unauthorized" | "credentials-refused" | "forbidden" => {
            "The registry does not let us look at the image."
        }
        "rate-limited" => "The registry answers no more questions for now.",
        "not-in-lock" => "The lock has no digest of the image.",
        "server-error" | "name-not-resolved" | "name-lookup" | "connection-refused"
        | "connection-lost" | "timeout" | "proxy" => {
            "The registry cannot be reached, or is out of order."
        }
        "certificate" | "plain-http" | "tls" => "The connection to the registry cannot be trusted.",
        _ => "Something of a file, a workload or an image went wrong.",
    }
}
