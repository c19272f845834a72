//! The codes: one stable word for each thing that a report, a log or a rule of code scanning says.
//!
//! A new code is a row below. `docs/codes.md` lists them, and a test holds that page equal to the rows.

/// Makes the enum, its words, and the texts of the documentation from one row for each code.
macro_rules! codes {
    ($($kind:ident {
        $($name:ident = $word:literal, $meaning:literal, $remedy:literal;)*
    })*) => {
        /// What happened, in one stable word for programs. `Display` and [`Code::as_str`] give that word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $meaning] $name,)*)*
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &[Self] = &[$($(Self::$name,)*)*];

            /// The word: `yaml-syntax`, `not-found`, `platform-lost`, …
            pub fn as_str(self) -> &'static str {
                match self { $($(Self::$name => $word,)*)* }
            }

            /// What it comes to for the run.
            pub fn kind(self) -> CodeKind {
                match self { $($(Self::$name => CodeKind::$kind,)*)* }
            }

            /// What it means, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $($(Self::$name => $meaning,)*)* }
            }

            /// What frees it, in one sentence.
            pub fn remedy(self) -> &'static str {
                match self { $($(Self::$name => $remedy,)*)* }
            }
        }
    };
}

/// What a code comes to for the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CodeKind {
    /// An image, or an entry of the lock, is not what its tag says now.
    Outdated,
    /// The action that was asked for changes the image.
    Change,
    /// The image stays as it is although it follows a tag. Somebody has to look.
    Held,
    /// It is passed over on purpose.
    Skipped,
    /// A file, an object or an image has a problem, and the rest of the run goes on.
    Problem,
    /// The run cannot go on.
    Fatal,
}

impl CodeKind {
    /// The word of the documentation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Outdated => "outdated",
            Self::Change => "change",
            Self::Held => "held",
            Self::Skipped => "skipped",
            Self::Problem => "problem",
            Self::Fatal => "fatal",
        }
    }

    /// The exit code of a run that has it, for the documentation.
    pub fn exit_code(self) -> &'static str {
        match self {
            Self::Outdated => "1 with `--check`",
            Self::Held => "1 with `--check --strict`",
            Self::Change | Self::Skipped => "0",
            Self::Problem => "3",
            Self::Fatal => "2",
        }
    }
}

codes! {
    Outdated {
        Outdated = "outdated",
            "The image is not on the digest that its tag points to.",
            "Run with `--update`.";
        Unpinned = "unpinned",
            "The image has no digest, and `--check --pinned` asks for one.",
            "Run with `--update`.";
        LockOutdated = "lock-outdated",
            "The lock has another digest of the tag than the registry.",
            "Run `imago files --update` with the lock.";
    }
    Change {
        Restored = "restored",
            "`--restore` takes off the digest that imago recorded; the tag stays.",
            "Run with `--restore`.";
        Stale = "stale",
            "A pod runs another digest than the one its image's tag points to.",
            "Run `imago cluster --restart`.";
    }
    Held {
        PlatformLost = "platform-lost",
            "The tag's new digest lacks a platform that the old one has.",
            "Push the image again with all platforms.";
        RenamedBy = "renamed-by",
            "A kustomization gives the image another name, which need not have its digest.",
            "Pin the image in the kustomization, or write its new name in the manifest.";
        FluxMarker = "flux-marker",
            "Flux writes the image, as the marker on its line says.",
            "Remove the marker, or let imago write there what Flux would: `--flux-policies`.";
        JobImmutable = "job-immutable",
            "The image is in a Job, whose template the API server does not let change.",
            "Delete the Job and make it again, have it replaced, or take its kind with `--add-kind`.";
        ManagedImage = "managed-image",
            "Something else chooses the image: an ImageChange trigger, a `registryPoll`, or a `semver` of Flux.",
            "Remove what chooses it.";
        BadComment = "bad-comment",
            "A comment for imago, or the annotation `imago/policy`, is not understood, or the comment is not on the line of an image.",
            "Write `# imago: ignore` or a policy such as `# imago: minor` on the image's line, or remove the comment.";
        NoVersion = "no-version",
            "The policy cannot compare the image's tag, or no tag of the repository fits it.",
            "Write a version as the tag, or another policy. `semver`, `alphabetical` and `numerical` leave such a tag with `allow-downgrade: true`.";
        NewerThanPolicy = "newer-than-policy",
            "The best tag that fits the policy is lower than the tag now.",
            "Widen the policy, or set `allow-downgrade: true` in the settings.";
        DuplicateName = "duplicate-name",
            "Two entries of a kustomization's `images` have one name, and their order decides.",
            "Leave one entry for each name.";
        InvalidEntry = "invalid-entry",
            "kustomize does not take the entry of `images`, or reads it in another way than it looks.",
            "Write the tag into `newTag` alone, and one digest.";
        NameIsPattern = "name-is-pattern",
            "The name of an entry of `images` is a pattern, and names no repository.",
            "Write `newName`.";
        TagSuffix = "tag-suffix",
            "`tagSuffix` puts the tag together when the kustomization is built.",
            "Write the whole tag into `newTag`.";
        NotLiteral = "not-literal",
            "The image stands in a text that is folded or escaped, so no part of it can be edited.",
            "Write the text as a literal block.";
        OtherWriter = "other-writer",
            "Another program writes the image: annotations, an ImageUpdater or the name of the file say so.",
            "Remove what says so, let that program write the digest, or say `--add-kind argocd-source` for such a file that you write.";
        TakenApart = "taken-apart",
            "A `replacement` of a kustomization takes the image apart at a delimiter, so a digest would end up in the pieces.",
            "Copy the whole image, or keep the tag in a place of its own.";
        Unfollowed = "unfollowed",
            "imago does not know what the kustomizations above make of the image.",
            "Select by kind and name in the `replacement`, find containers by their name and not by an index, or write fewer entries.";
        ChartUnproven = "chart-unproven",
            "Nothing shows that the chart takes a digest behind the tag: it may use the tag in a label, or compare it as a version.",
            "Write `# imago: digest-in-tag` on the tag's line, set `helm: {digest-in-tag: [PATH]}` in the settings, or pin the image with the chart's own `digest` value.";
        VariantSwitch = "variant-switch",
            "Another value, such as `distroless` beside the tag, or a tag in a HelmRelease, has the chart run another image than the tag says.",
            "Write the whole tag, or remove that value, or give it a digest of its own.";
        ShaForm = "sha-form-unknown",
            "It is not known whether the chart takes `sha` with `sha256:` before it or without, or the text there is no digest.",
            "Write a first digest by hand, or name the chart in `helm: {charts: [...]}` of the settings.";
        TwoDigests = "two-digests",
            "Two places have a digest for one image: behind the tag, in `digest`, or in `sha`.",
            "Remove one of the two.";
        TagNotString = "tag-not-string",
            "The tag is a number or something else that is not a string, and charts write it in another way than it looks.",
            "Put the tag in quotes.";
        AnchoredTag = "anchored-tag",
            "The image is written with an anchor, an alias or a merge key, so a digest would go to other places too.",
            "Write it out in each place.";
        NameMissing = "name-missing",
            "The values name no repository for the tag, or imago does not know what the chart puts before it.",
            "Write the repository beside the tag, or `# imago: image=NAME` on the tag's line.";
        SchemaRefuses = "schema-refuses",
            "The `values.schema.json` of the chart refuses the digest.",
            "Change the schema, or pin what the chart renders, as with `images` of a kustomization.";
    }
    Skipped {
        TagFromChart = "tag-from-chart",
            "The values leave the tag to the chart.",
            "Nothing, or write the tag.";
        VendoredChart = "vendored-chart",
            "The values belong to a chart that is a part of another one.",
            "Nothing: they change with that chart. Set the tag in the values of the chart around it.";
        Template = "template",
            "A template engine makes the file YAML, so it is not YAML yet.",
            "Nothing: imago does not edit templates.";
        NotYaml = "not-yaml",
            "The file is not YAML, and shows no sign of a Kubernetes object.",
            "Nothing, unless it is meant as a manifest: then correct it.";
        Variable = "variable",
            "The image is a placeholder that something else fills in.",
            "Write an image instead of the placeholder.";
        Ignored = "ignored",
            "An annotation, a comment or a glob leaves the image out.",
            "Remove `imago/ignore`, the comment `# imago: ignore`, or the glob.";
        DecidedBy = "decided-by",
            "All kustomizations above the image set its tag or digest anew, or Skaffold does.",
            "Nothing: the image is pinned where it is decided.";
        Managed = "managed",
            "Another program writes the object in the cluster.",
            "Change it at its source, or run with `--managed`.";
    }
    Problem {
        TooManyCandidates = "too-many-candidates",
            "The policy `newest` would have to read more images than it may.",
            "Name fewer tags with `allow` and `ignore`, or use `numerical` with a number in the tag.";
        FluxPolicy = "flux-policy",
            "An ImagePolicy of Flux that `--flux-policies` carries out takes no tag.",
            "Correct the ImagePolicy.";
        NoBuildTime = "no-build-time",
            "The policy `newest` compares build times, and an image has none that can be believed.",
            "Leave the tag out with `ignore`, or use another policy.";
        InvalidImage = "invalid-image",
            "The text is not an image.",
            "Write it as `[registry/]name[:tag][@digest]`.";
        AmbiguousRecord = "ambiguous-record",
            "The annotation `imago-config-spec` fits the containers in more than one way.",
            "Correct the annotation; or remove it, and take the digests off the images that follow their tags.";
        InvalidAnnotation = "invalid-annotation",
            "The annotation `imago-config-spec` cannot be read.",
            "Correct the annotation, or remove it.";

        YamlSyntax = "yaml-syntax",
            "The file is not YAML.",
            "Correct it, or leave it out with `--exclude`.";
        MergeConflict = "merge-conflict",
            "The file has the markers of a merge conflict.",
            "Resolve the conflict.";
        DuplicateKey = "duplicate-key",
            "A mapping has the same key twice.",
            "Remove one of the two.";
        ComplexKey = "complex-key",
            "A key is a mapping or a sequence.",
            "Use plain keys.";
        RecursiveAlias = "recursive-alias",
            "An alias is inside the node that it names.",
            "Write the alias out.";
        AliasBomb = "alias-bomb",
            "The aliases stand for far more than the file has.",
            "Write the aliases out.";
        TooDeep = "too-deep",
            "The file is nested deeper than any Kubernetes object, or its keys are longer.",
            "Leave it out with `--exclude`.";
        AmbiguousLineBreak = "ambiguous-line-break",
            "YAML 1.1 and YAML 1.2 disagree on a line break in the file.",
            "Remove the character, or put the text in double quotes with an escape for it.";
        NotUtf8 = "not-utf8",
            "The file is not UTF-8.",
            "Save it as UTF-8, or leave it out with `--exclude`.";
        Encrypted = "encrypted",
            "SOPS has signed all values of the document, so an edit would break it.",
            "Encrypt it with `mac_only_encrypted: true`, or leave it out with `--exclude`.";
        SharedAnchor = "shared-anchor",
            "An anchor is also used where its value must not change.",
            "Write the value out in both places.";
        NotEditable = "not-editable",
            "The text around the image allows no edit that changes nothing else.",
            "Edit the file by hand, or leave it out with `--exclude`.";
        Unproven = "unproven",
            "The proof found that the edit would change something else, so the file stays as it is.",
            "Edit the file by hand, and report the file as a fault of imago.";

        Permission = "permission",
            "The user may not read or write the file, or may not make a file in its folder.",
            "Run as a user who may.";
        ReadOnly = "read-only",
            "The mode of the file forbids to write it.",
            "Make it writable with `chmod u+w`.";
        Vanished = "vanished",
            "The file is gone since it was found.",
            "Run again.";
        ChangedMeanwhile = "changed-meanwhile",
            "The file, the lock or the object changed since it was read.",
            "Run again.";
        NotAFile = "not-a-file",
            "A folder, a pipe or a device is where a regular file is expected.",
            "Name a regular file.";
        TooLarge = "too-large",
            "The file or the answer is larger than any manifest.",
            "Leave the file out with `--exclude`, or check the registry's name.";
        Link = "link",
            "A link is where something has to be written, and a link may lead anywhere.",
            "Name the file that the link leads to.";
        LinkOutside = "link-outside",
            "A link leads out of the repository.",
            "Run on the place that it leads to, or leave it out with `--exclude`.";
        InsideGit = "inside-git",
            "The file is inside Git's own folder, or one like it: with `HEAD`, `objects` and `refs`.",
            "Name another file, or leave it out with `--exclude`.";
        FolderMissing = "folder-missing",
            "The folder of the file does not exist.",
            "Make the folder.";
        DiskFull = "disk-full",
            "The disk, or the user's share of it, is full.",
            "Free some space.";
        OpenFiles = "open-files",
            "The process, or the system, may open no further file.",
            "Raise the limit, for example with `ulimit -n 1024`.";
        Io = "io",
            "The system cannot read or write the file for another reason.",
            "The cause in the message has the words of the system.";
        GitIndex = "git-index",
            "Git does not say which of the ignored files it tracks.",
            "Make `git ls-files` work there, or leave the folder out with `--exclude`.";

        GitElsewhere = "git-elsewhere",
            "The file is in another repository than the commit.",
            "Run in that repository, or leave the file out with `--exclude`.";
        GitUntracked = "git-untracked",
            "Git does not track the file, so it cannot be committed.",
            "Commit the file first, or leave it out with `--exclude`.";
        GitUncommitted = "git-uncommitted",
            "The file has changes that are not committed.",
            "Commit or stash them first.";
        GitCase = "git-case",
            "Git has two files whose names are one to it, as `core.ignoreCase` says: they differ in case.",
            "Rename one of the two.";
        GitLineEnds = "git-line-ends",
            "`core.safecrlf` forbids Git to convert the line endings of the file.",
            "Give the file the line endings that `git add` takes.";
        GitFilter = "git-filter",
            "A filter of Git converts the file, so the commit would not have the bytes on disk.",
            "Leave the file out with `--exclude`, or run without `--commit`.";
        GitAttributes = "git-attributes",
            "A file of Git's attributes that applies to the file is not a regular file, or is too large, or has lines that are too long or patterns that may take too long.",
            "Make it a regular file of at most 64 KiB, with lines under 2048 bytes and few stars in its patterns.";

        NotFound = "not-found",
            "The registry has no such tag, or the API server has no such object.",
            "Check the name and the tag.";
        NameUnknown = "name-unknown",
            "The registry has no such repository.",
            "Check the name; a private repository may look so without credentials.";
        DigestUnknown = "digest-unknown",
            "The registry does not have the digest that its tag, or the lock, names.",
            "Of the lock: run `imago files --update`, because registries delete digests that no tag has any more. Of a tag: run again later.";
        DigestMismatch = "digest-mismatch",
            "The bytes that the registry sent are not those of the digest.",
            "Check the registry, and the proxies on the way.";
        TagList = "tag-list",
            "The registry gives no whole list of the repository's tags: the list breaks off, goes in a circle or is too long.",
            "Run again later, or give the image the policy `digest`, which needs no list.";
        Schema1 = "schema-1",
            "The registry has the tag only in the old form schema 1, whose digest cannot be pinned.",
            "Push the image again with a newer program.";
        NotARegistry = "not-a-registry",
            "The answer is not one that a registry gives.",
            "Check the registry's name and port.";
        Unauthorized = "unauthorized",
            "The registry or the API server wants credentials, and there are none.",
            "Sign in, for example with `docker login`.";
        CredentialsRefused = "credentials-refused",
            "The registry refuses the credentials.",
            "Sign in again.";
        Forbidden = "forbidden",
            "The credentials have no right to the image or the object.",
            "Ask for the right to pull or to read.";
        Challenge = "challenge",
            "The registry asks to sign in, in a way that imago cannot or must not use.",
            "Check the registry's name, and tell its administrator.";
        Token = "token",
            "The token server of the registry gives no token.",
            "Tell the registry's administrator.";
        DockerConfig = "docker-config",
            "A docker config cannot be read.",
            "Correct the file, or name another with `--docker-config`.";
        CredentialHelper = "credential-helper",
            "A credential helper is missing, fails, or prints something else.",
            "Install or repair it; `docker pull` asks the same helper.";
        Redirect = "redirect",
            "The registry redirects to a place where imago does not go.",
            "Name that host with `--registry-map`.";
        Settings = "settings",
            "A certificate file, a proxy's address or a registry map cannot be used.",
            "Correct the setting.";
        NotInLock = "not-in-lock",
            "The lock has no digest of the image, and `--offline` asks no registry.",
            "Run `imago files --update` without `--offline`.";

        RateLimited = "rate-limited",
            "The registry or the API server answers no more requests for now.",
            "Run again later; credentials often have a higher limit.";
        ServerError = "server-error",
            "The server answered several times that it is out of order.",
            "Run again later.";
        NameNotResolved = "name-not-resolved",
            "The host has no address.",
            "Check the host's name, and the DNS of the machine.";
        NameLookup = "name-lookup",
            "The DNS gave no answer on the host.",
            "Run again later, or check the DNS of the machine.";
        ConnectionRefused = "connection-refused",
            "The host accepts no connection there.",
            "Check that the server is running, and the port.";
        ConnectionLost = "connection-lost",
            "The connection broke several times.",
            "Run again later.";
        Timeout = "timeout",
            "There was no connection, or no whole answer, in time.",
            "Run again later, or check the way to the host.";
        Certificate = "certificate",
            "The certificate of the host is not trusted.",
            "Name its authority, for example with `--registry-ca`.";
        PlainHttp = "plain-http",
            "The host does not speak TLS.",
            "Allow plain http with `--insecure-registry`, where that is meant.";
        Tls = "tls",
            "The TLS handshake failed.",
            "Check the TLS settings of the host.";
        Proxy = "proxy",
            "The proxy cannot be reached, is not trusted, or refuses to connect.",
            "Check the proxy and `NO_PROXY`.";

        NotAnApiServer = "not-an-api-server",
            "The answer is not one that an API server gives.",
            "Check the server's address in the kubeconfig.";
        PullSecret = "pull-secret",
            "A pull secret cannot be used.",
            "Correct the secret.";
        ListExpired = "list-expired",
            "The objects changed faster than they could be listed.",
            "Run again, or name fewer namespaces.";
        Conflict = "conflict",
            "Something else changed the object each time that imago tried to.",
            "Run again.";
        Invalid = "invalid",
            "The API server refuses the changed object as invalid.",
            "Correct the object as the message says.";
        Denied = "denied",
            "A policy or a webhook of the cluster refuses the change.",
            "Change the policy, or the object.";
        Interrupted = "interrupted",
            "A signal ended the run before all changes were made.",
            "Run again for the rest.";
        ForgeSignIn = "forge-sign-in",
            "The forge refuses the token.",
            "Give a token that is still valid in `IMAGO_FORGE_TOKEN`.";
        ForgeRight = "forge-right",
            "The token lacks a right that the pull request needs.",
            "Give the token the right that the message names.";
        ForgeAbsent = "forge-absent",
            "The forge does not show the repository to this token.",
            "Check the address, and that the token may read the repository.";
        ForgeRefused = "forge-refused",
            "The forge refuses the pull request or a change to it.",
            "Do as the message says.";
        ForgeAnswer = "forge-answer",
            "The answer is not one that the forge's API gives.",
            "Check `--forge` and `--forge-url`.";
        RequestBranch = "request-branch",
            "The branch of a pull request could not be looked at, replaced, pushed or deleted, and the rest of the run went on.",
            "Do as the message says.";
        OtherBase = "other-base",
            "The branch has an open pull request into another branch than the one that is checked out.",
            "Name another `--branch`, or close that request.";
        ForgeAutoMerge = "forge-auto-merge",
            "The forge does not merge the request by itself.",
            "Let the repository merge automatically, and require a check or a review for the branch.";
        Unresolved = "unresolved",
            "No answer came for the image: a fault of imago.",
            "Report it with the image's name.";
        Internal = "internal",
            "The part that asks registries broke off: a fault of imago.",
            "Report it with the image's name.";
    }
    Fatal {
        Usage = "usage",
            "A flag, a setting or a path cannot be used.",
            "Correct it as the message says.";
        Empty = "empty",
            "The run checked no image, and `--fail-on-empty` was given.",
            "Check the paths and the selection.";
        MaxChanges = "max-changes",
            "The plan has more changes than `--max-changes` allows.",
            "Raise the number, or narrow the selection.";
        NoLock = "no-lock",
            "`--offline` was given, and there is no lock.",
            "Make it with `imago files --update --lock imago.lock`.";
        LockSyntax = "lock-syntax",
            "The lock cannot be read.",
            "Correct it, or delete it and let `--update` make it anew.";
        LockVersion = "lock-version",
            "A newer imago wrote the lock.",
            "Use that version of imago.";

        NoCluster = "no-cluster",
            "No kubeconfig and no account of a pod names a cluster.",
            "Name a kubeconfig with `--kubeconfig`.";
        Kubeconfig = "kubeconfig",
            "The kubeconfig cannot be used.",
            "Correct it, or name another with `--kubeconfig`.";
        CredentialPlugin = "credential-plugin",
            "The program that the kubeconfig names for credentials fails.",
            "Run the program by itself, and repair it.";

        ForgeUnknown = "forge-unknown",
            "The remote's address does not tell where pull requests are opened.",
            "Name it with `--forge`, `--forge-url` and `--forge-project`.";
        ForgeToken = "forge-token",
            "There is no token for the forge, or the key of the GitHub App cannot be used.",
            "Give a token in `IMAGO_FORGE_TOKEN`.";

        NoRepository = "no-repository",
            "The folder is in no Git repository.",
            "Run inside a repository, or without `--commit`.";
        Git = "git",
            "Git refuses for another reason.",
            "The cause in the message has the words of Git.";
        GitAbsent = "git-absent",
            "The clone lacks an object that the commit needs.",
            "Clone it without a filter, or with `--filter=blob:none`.";
        GitOwner = "git-owner",
            "The repository belongs to another user.",
            "Add it with `git config --global --add safe.directory`.";
        GitBare = "git-bare",
            "A bare repository has no files to write, or this is the Git folder of a work tree.",
            "Add `--commit` or `--branch NAME`; or run in the work tree.";
        GitUnsupported = "git-unsupported",
            "The repository has a format that imago cannot write.",
            "Clone it as Git does by default, or run without `--commit`.";
        GitUnderWay = "git-under-way",
            "A merge, a rebase or the like is not finished.",
            "Finish it or abort it.";
        GitNoCommit = "git-no-commit",
            "The branch has no commit yet.",
            "Make the first commit.";
        GitIdentity = "git-identity",
            "Git does not know the author.",
            "Set `user.name` and `user.email`, or give `--author`.";
        GitSigning = "git-signing",
            "The commit cannot be signed.",
            "Correct `user.signingKey` and `gpg.format`.";
        GitLocked = "git-locked",
            "Another Git process has locked the repository.",
            "Run again when it is done.";
        GitMoved = "git-moved",
            "The branch moved during the run.",
            "Run again.";
        GitCheckedOut = "git-checked-out",
            "The branch is checked out.",
            "Name another branch.";
        GitDetached = "git-detached",
            "HEAD is detached, so there is no branch to push.",
            "Name a branch with `--branch`, or check one out.";
        GitForeignBranch = "git-foreign-branch",
            "The branch has commits that are not imago's.",
            "Name another branch, or delete this one.";
        GitUnpushed = "git-unpushed",
            "The push would take along commits of a person.",
            "Push those commits first.";
        GitDiverged = "git-diverged",
            "The addresses that the remote is pushed to have different histories of the branch.",
            "Bring them together, or push to one of them.";
        GitTakenBack = "git-taken-back",
            "Somebody has taken a commit off the remote's branch that is still here.",
            "Do as the hint of the message says.";
        GitShallow = "git-shallow",
            "The clone is shallow, so it does not show whose commits a branch has.",
            "Fetch the whole history, or delete the branch.";
        GitOvertaken = "git-overtaken",
            "Others kept pushing to the branch during the run.",
            "Run again later.";
        GitProgram = "git-program",
            "The program `git` cannot be started.",
            "Install git.";
        GitRemote = "git-remote",
            "The repository has no such remote.",
            "Name one of those that `git remote` lists.";
        GitSignIn = "git-sign-in",
            "The remote refuses the credentials, or there are none.",
            "Give a token that may push in `IMAGO_GIT_TOKEN`.";
        GitHostKey = "git-host-key",
            "The key of the ssh host is not known, or is another one.",
            "Compare the key, and add it to `known_hosts`.";
        GitUnreachable = "git-unreachable",
            "The remote cannot be reached.",
            "Check its address and the network.";
        GitTimeout = "git-timeout",
            "A command of Git did not end in time.",
            "Run again.";
        GitCutOff = "git-cut-off",
            "A signal ended the push, and the remote may have taken the commit.",
            "Look at the remote, and run again.";
        GitRefused = "git-refused",
            "A rule or a hook of the remote refuses the push.",
            "Change what the remote's words name, or push to a branch of its own with `--branch`.";
        GitHook = "git-hook",
            "The pre-push hook of the clone refuses the push.",
            "Correct what the hook says.";
        GitInTheWay = "git-in-the-way",
            "A file is changed both here and in the commit that the branch has to take.",
            "Commit or stash the change.";
        GitNotFollowed = "git-not-followed",
            "The remote has the commit, and the branch here could not follow it.",
            "Run `git status`, then `git pull --ff-only`.";
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_word_and_no_meaning_stands_for_two_codes() {
        let words: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        let meanings: BTreeSet<&str> = Code::ALL.iter().map(|code| code.meaning()).collect();
        assert_eq!(
            (words.len(), meanings.len()),
            (Code::ALL.len(), Code::ALL.len())
        );
    }

    #[test]
    fn a_word_is_lower_case_with_hyphens_and_its_texts_are_sentences() {
        for code in Code::ALL {
            let word = code.as_str();
            assert!(word.split('-').all(|part| !part.is_empty()), "{word}");
            assert!(
                word.chars()
                    .all(|each| each.is_ascii_lowercase() || each.is_ascii_digit() || each == '-'),
                "{word}"
            );
            for text in [code.meaning(), code.remedy()] {
                assert!(text.ends_with('.') && !text.contains('|'), "{word}: {text}");
            }
        }
    }
}
