use super::*;
use crate::engine::yaml::File;

/// The rules on a line each, and the remarks with the hints behind them.
pub(in crate::engine::import) fn import(documents: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let mut importer = Importer::default();
    for (name, text) in documents {
        let file = File::parse(text).unwrap();
        for index in 0..file.len() {
            match name.ends_with("renovate.json") {
                true => importer.read_renovate(file.document(index), name),
                false => importer.read(file.document(index), name),
            }
        }
        importer.read_markers(text, name);
        importer.see(name);
    }
    let Imported {
        rules,
        remarks,
        hints,
        ..
    } = importer.finish();
    let rule = |rule: &Rule| {
        let mut text = format!("{}: {}", rule.image, rule.policy);
        for (key, value) in [("allow", &rule.allow), ("files", &rule.files)] {
            if let Some(value) = value {
                text += &format!("; {key} {value}");
            }
        }
        if !rule.ignore.is_empty() {
            text += &format!("; ignore {}", rule.ignore.join(" "));
        }
        text
    };
    let remark = |Remark { source, text }: &Remark| {
        format!(
            "{}:{} {}: {text}",
            source.file,
            source.line.unwrap_or(0),
            source.what
        )
    };
    (
        rules.iter().map(rule).collect(),
        remarks
            .iter()
            .map(remark)
            .chain(hints.iter().map(|hint| format!("note: {}", remark(hint))))
            .collect(),
    )
}

#[test]
fn policies_of_flux_come_with_the_image_of_their_repository() {
    let repository = "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {name: web, namespace: shop}\nspec:\n  image: nginx\n  exclusionList: ['^.*\\.sig$', 'rc']\n---\n";
    let policy = |spec: &str| {
        format!(
            "{repository}apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {{name: web, namespace: shop}}\nspec:\n  imageRepositoryRef: {{name: web}}\n{spec}"
        )
    };
    for (spec, expected) in [
        ("  policy: {semver: {range: ~1.4}}\n", "semver ~1.4"),
        (
            "  policy: {alphabetical: {order: desc}}\n",
            "alphabetical:desc",
        ),
        ("  policy: {numerical: {}}\n", "numerical"),
        (
            "  filterTags: {pattern: '^main-[a-f0-9]+-(?P<ts>[0-9]+)', extract: '$ts'}\n  policy: {numerical: {order: asc}}\n",
            "numerical; allow main-[a-f0-9]+-(?<number>[0-9]+).*",
        ),
        (
            "  filterTags: {pattern: '(.*)-alpine$', extract: $1}\n  policy: {semver: {range: '*'}}\n",
            "semver *; allow .*?(?<version>.*)-alpine",
        ),
        (
            "  filterTags: {pattern: '^(?P<version>.*)-alpine$'}\n  policy: {semver: {range: '*'}}\n",
            "semver *; allow (.*)-alpine",
        ),
        (
            "  filterTags: {pattern: '^v\\d+$|^w'}\n  policy: {alphabetical: {order: asc}}\n",
            "alphabetical; allow .*?(?:^v\\d+$|^w).*",
        ),
    ] {
        let (rules, remarks) = import(&[("flux.yaml", &policy(spec))]);
        let expected = format!("docker.io/library/nginx: {expected}; ignore *.sig *rc*");
        assert_eq!((rules, remarks), (vec![expected], vec![]), "{spec}");
    }
    // Forms of `extract`, for a pattern with a group `ts` and another one.
    for (extract, expected) in [
        ("$ts", "main-(?<number>[0-9]+)(-x)?.*"),
        ("${ts}", "main-(?<number>[0-9]+)(-x)?.*"),
        ("$1", "main-(?<number>[0-9]+)(-x)?.*"),
        ("${2}", "main-(?P<ts>[0-9]+)(?<number>-x)?.*"),
        ("$0", "(?<number>main-(?P<ts>[0-9]+)(-x)?).*"),
        ("", "main-(?P<ts>[0-9]+)(-x)?.*"),
    ] {
        let spec = format!(
            "  filterTags: {{pattern: '^main-(?P<ts>[0-9]+)(-x)?', extract: '{extract}'}}\n  policy: {{numerical: {{}}}}\n"
        );
        let (rules, remarks) = import(&[("flux.yaml", &policy(&spec))]);
        let expected =
            format!("docker.io/library/nginx: numerical; allow {expected}; ignore *.sig *rc*");
        assert_eq!((rules, remarks), (vec![expected], vec![]), "{extract}");
    }
    let (unknown, joined) = (
        "names a group that `pattern` does not have",
        "is not one group",
    );
    for (extract, expected) in [
        ("$b", unknown),
        ("$3", unknown),
        ("$01", unknown),
        // The name is as long as possible.
        ("$ts1", unknown),
        ("$1$2", joined),
        ("v$ts", joined),
        ("${ts}.0", joined),
        ("$$", joined),
        ("$$ts", joined),
        ("${ts", joined),
        ("ts", joined),
    ] {
        let spec = format!(
            "  filterTags: {{pattern: '^main-(?P<ts>[0-9]+)(-x)?', extract: '{extract}'}}\n  policy: {{numerical: {{}}}}\n"
        );
        let (rules, remarks) = import(&[("flux.yaml", &policy(&spec))]);
        assert!(
            rules.is_empty() && remarks.len() == 1,
            "{extract} {rules:?}"
        );
        let start = format!("flux.yaml:8 ImagePolicy shop/web: `extract: {extract}` {expected}");
        assert!(remarks[0].starts_with(&start), "{remarks:?}");
    }
    // Without a pattern there is no group, and an order that Flux does not know is none.
    for (spec, expected) in [
        (
            "  filterTags: {extract: $1}\n  policy: {numerical: {}}\n",
            unknown,
        ),
        (
            "  policy: {numerical: {order: down}}\n",
            "`numerical:down` is unknown",
        ),
    ] {
        let (rules, remarks) = import(&[("flux.yaml", &policy(spec))]);
        assert!(
            rules.is_empty() && remarks[0].contains(expected),
            "{remarks:?}"
        );
    }
}

#[test]
fn an_image_update_automation_says_what_to_name() {
    let automation = |spec: &str| {
        format!(
            "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageUpdateAutomation\nmetadata: {{name: all, namespace: shop}}\nspec:\n{spec}"
        )
    };
    let source = |line| format!("flux.yaml:{line} ImageUpdateAutomation shop/all: ");
    let in_its_place = |with: &str| {
        vec![format!(
            "note: {}in its place: `imago files --update` with {with}",
            source(1)
        )]
    };
    for (spec, expected) in [
        ("  interval: 1m\n", in_its_place("`--push`")),
        (
            "  update: {path: ./apps/prod, strategy: Setters}\n",
            in_its_place("the folder `apps/prod`, `--push`"),
        ),
        (
            "  update: {path: ./}\n  git:\n    checkout: {ref: {branch: main}}\n    push: {branch: main}\n",
            in_its_place("`--push`"),
        ),
        (
            "  git:\n    checkout: {ref: {branch: main}}\n    push: {branch: flux/up}\n",
            in_its_place("`--push`, `--branch flux/up`"),
        ),
        (
            "  policySelector: {matchLabels: {a: b}}\n",
            [
                vec![format!(
                    "{}`policySelector` has no counterpart: imago carries out every ImagePolicy",
                    source(5)
                )],
                in_its_place("`--push`"),
            ]
            .concat(),
        ),
        (
            "  update: {path: apps}\n  suspend: true\n",
            vec![format!(
                "{}it is suspended: Flux writes nothing below `apps` now, and `imago files --update` would; leave it out with `--exclude`, or run nothing yet",
                source(6)
            )],
        ),
    ] {
        let (rules, remarks) = import(&[("flux.yaml", &automation(spec))]);
        assert_eq!((rules, remarks), (vec![], expected), "{spec}");
    }
}

#[test]
fn two_policies_for_one_image_are_for_the_files_that_name_them() {
    let policies = "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {name: web, namespace: shop}\nspec: {image: r.test/web}\n---\n\
        apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: dev, namespace: shop}\nspec: {imageRepositoryRef: {name: web}, policy: {semver: {range: '*-0'}}}\n---\n\
        apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: prod, namespace: shop}\nspec: {imageRepositoryRef: {name: web}, policy: {semver: {range: '1.x'}}}\n";
    let marked = |policy: &str| {
        format!("image: r.test/web:1 # {{\"$imagepolicy\": \"shop:{policy}:tag\"}}\n")
    };
    let (dev, prod) = (marked("dev"), marked("prod"));
    let (rules, remarks) = import(&[
        ("flux.yaml", policies),
        ("dev/web.yaml", &dev),
        ("prod/web.yaml", &prod),
    ]);
    assert_eq!(
        (rules, remarks),
        (
            vec![
                "r.test/web: semver *-0; files dev/web.yaml".to_owned(),
                "r.test/web: semver 1.x; files prod/web.yaml".to_owned(),
            ],
            vec![]
        )
    );
    let (rules, remarks) = import(&[("flux.yaml", policies)]);
    assert_eq!(rules.len(), 1);
    assert!(remarks[0].contains("say with `files`"), "{remarks:?}");
}

#[test]
fn annotations_of_argo_cd_image_updater() {
    let text = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: shop\n  annotations:\n    argocd-image-updater.argoproj.io/image-list: web=r.test/shop/web:~1.4, r.test:5000/api, old=nginx:main, b=r.test/b\n    \
        argocd-image-updater.argoproj.io/web.ignore-tags: '*-rc*, nightly'\n    argocd-image-updater.argoproj.io/web.allow-tags: regexp:^v[0-9.]+$\n    \
        argocd-image-updater.argoproj.io/old.update-strategy: digest\n    argocd-image-updater.argoproj.io/b.update-strategy: newest-build\n    \
        argocd-image-updater.argoproj.io/web.platforms: linux/arm64\n    argocd-image-updater.argoproj.io/web.helm.image-name: image.name\n";
    let (rules, remarks) = import(&[("app.yaml", text)]);
    assert_eq!(
        rules,
        [
            "r.test/shop/web: semver ~1.4; allow v[0-9.]+; ignore *-rc* nightly",
            "r.test:5000/api: semver *",
            "docker.io/library/nginx: digest",
            "r.test/b: newest",
        ]
    );
    assert_eq!(
        remarks,
        [
            "note: app.yaml:11 Application shop: `web.platforms`: a tag without a platform that the image has now is held"
        ]
    );
}

#[test]
fn words_of_image_updater_are_read_as_it_reads_them() {
    let application = |strategy: &str, constraint: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: shop\n  annotations:\n    argocd-image-updater.argoproj.io/image-list: web=r.test/web{constraint}\n    argocd-image-updater.argoproj.io/update-strategy: '{strategy}'\n"
        )
    };
    for (strategy, expected) in [
        ("semver", "semver 1.x"),
        ("SemVer", "semver 1.x"),
        (" SEMVER ", "semver 1.x"),
        ("", "semver 1.x"),
        ("alphabetical", "alphabetical"),
        ("Alphabetical", "alphabetical"),
        ("name", "alphabetical"),
        ("Name", "alphabetical"),
        ("newest-build", "newest"),
        ("Newest-Build", "newest"),
        ("latest", "newest"),
        ("LATEST", "newest"),
        ("digest", "digest"),
        ("Digest", "digest"),
        // It warns of these, and takes them for `semver`.
        ("newest", "semver 1.x"),
        ("lexical", "semver 1.x"),
    ] {
        let (rules, remarks) = import(&[("app.yaml", &application(strategy, ":1.x"))]);
        assert_eq!(rules, [format!("r.test/web: {expected}")], "{strategy}");
        let is_unknown = ["newest", "lexical"].contains(&strategy);
        assert_eq!(remarks.len(), usize::from(is_unknown), "{remarks:?}");
        if is_unknown {
            let start = "note: app.yaml:6 Application shop: the strategy `";
            assert!(remarks[0].starts_with(start), "{remarks:?}");
        }
    }
    let (rules, remarks) = import(&[("app.yaml", &application("digest", ""))]);
    assert!(
        rules.is_empty() && remarks[0].contains("names no tag"),
        "{remarks:?}"
    );
    for (allow, expected) in [
        ("any", Some("semver *")),
        ("Any", Some("semver *")),
        ("RegExp:^v", Some("semver *; allow v.*")),
        ("regexp:^(?P<version>.*)-x$", Some("semver *; allow (.*)-x")),
        ("^v", None),
        ("glob:v*", None),
    ] {
        let more = format!(
            "    argocd-image-updater.argoproj.io/web.allow-tags: '{allow}'\n    argocd-image-updater.argoproj.io/old.allow-tags: any\n    argocd-image-updater.argoproj.io/web.pull-secret: pullsecret:a/b\n    argocd-image-updater.argoproj.io/web.force-update: 'true'\n    argocd-image-updater.argoproj.io/web.tag-sort: name\n"
        );
        let text = application("semver", "") + &more;
        let (rules, remarks) = import(&[("app.yaml", &text)]);
        let expected: Vec<String> = expected
            .iter()
            .map(|it| format!("r.test/web: {it}"))
            .collect();
        assert_eq!(rules, expected, "{allow}");
        let all = remarks.join("\n");
        assert_eq!(remarks.len(), 4 - rules.len(), "{all}");
        for part in [
            "note: app.yaml:9 Application shop: `old.allow-tags` is for no image",
            "note: app.yaml:10 Application shop: `web.pull-secret`: registries get",
            "app.yaml:12 Application shop: `web.tag-sort` has no counterpart",
        ] {
            assert!(all.contains(part), "{part}: {all}");
        }
    }
}

#[test]
fn image_updaters_inherit_their_settings() {
    let text = "apiVersion: argocd-image-updater.argoproj.io/v1alpha1\nkind: ImageUpdater\nmetadata: {name: shop}\nspec:\n  commonUpdateSettings: {ignoreTags: [nightly]}\n  applicationRefs:\n  - namePattern: '*'\n    \
        commonUpdateSettings: {updateStrategy: alphabetical}\n    images:\n    - {alias: web, imageName: r.test/web:1.x, commonUpdateSettings: {updateStrategy: semver}}\n    - {alias: api, imageName: r.test/api}\n";
    let (rules, remarks) = import(&[("updater.yaml", text)]);
    assert_eq!(
        (rules, remarks),
        (
            vec![
                "r.test/web: semver 1.x; ignore nightly".to_owned(),
                "r.test/api: alphabetical; ignore nightly".to_owned(),
            ],
            vec![]
        )
    );
}

#[test]
fn an_image_updater_that_reads_annotations_says_nothing_itself() {
    let text = "apiVersion: argocd-image-updater.argoproj.io/v1alpha1\nkind: ImageUpdater\nmetadata: {name: shop}\nspec:\n  imagesVerification: {enabled: true}\n  applicationRefs:\n  - namePattern: a\n    useAnnotations: true\n    images: [{alias: web, imageName: r.test/web}]\n  - namePattern: b\n    images: [{alias: api, imageName: r.test/api}]\n";
    let (rules, remarks) = import(&[("updater.yaml", text)]);
    assert_eq!(rules, ["r.test/api: semver *"]);
    assert_eq!(
        remarks,
        ["updater.yaml:5 ImageUpdater shop: `imagesVerification`: imago verifies no signatures"]
    );
}

#[test]
fn annotations_of_keel_are_for_the_images_of_their_file() {
    let object = |annotations: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  annotations: {{{annotations}}}\nspec:\n  template:\n    spec:\n      containers:\n      - {{name: web, image: 'r.test/web:1.4'}}\n      - {{name: side, image: 'nginx:1.25'}}\n"
        )
    };
    let both = |policy: &str| {
        ["r.test/web", "docker.io/library/nginx"]
            .map(|name| format!("{name}: {policy}; files /keel.yaml"))
            .to_vec()
    };
    for (annotations, expected) in [
        ("keel.sh/policy: minor", "minor"),
        ("keel.sh/policy: all, keel.sh/trigger: poll", "major"),
        ("keel.sh/policy: never", "ignore"),
        ("keel.sh/policy: force, keel.sh/match-tag: 'true'", "digest"),
        (
            "keel.sh/policy: 'glob:build-*'",
            "alphabetical; allow build-.*",
        ),
        (
            "keel.sh/policy: 'regexp:^rel-(?P<compare>.*)$'",
            "alphabetical; allow rel-(?<text>.*)",
        ),
    ] {
        let (rules, remarks) = import(&[("keel.yaml", &object(annotations))]);
        let (expected, rules) = (both(expected), rules);
        assert_eq!((rules, remarks), (expected, vec![]), "{annotations}");
    }
    let one =
        object("keel.sh/policy: minor, keel.sh/monitorContainers: ^web$, keel.sh/approvals: '2'");
    let (rules, remarks) = import(&[("keel.yaml", &one)]);
    assert_eq!(rules, ["r.test/web: minor; files /keel.yaml"]);
    assert!(
        remarks.len() == 1 && remarks[0].contains("keel.sh/approvals"),
        "{remarks:?}"
    );
    let (rules, remarks) = import(&[("keel.yaml", &object("keel.sh/policy: force"))]);
    assert!(
        rules.is_empty() && remarks[0].contains("`force`"),
        "{remarks:?}"
    );
    let (rules, _) = import(&[("k[1].yaml", &object("keel.sh/policy: patch"))]);
    assert!(rules[0].ends_with("; files /k\\[1\\].yaml"), "{rules:?}");
    let values = "keel: {policy: patch, images: [{repository: image.repository, tag: image.tag}]}\nimage: {repository: r.test/web, tag: '1.4.2'}\n";
    let (rules, _) = import(&[("values.yaml", values)]);
    assert_eq!(rules, ["r.test/web: patch; files /values.yaml"]);
}

#[test]
fn keel_takes_init_containers_where_they_are_named_and_annotations_before_labels() {
    let object = |annotations: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels: {{keel.sh/policy: major}}\n  annotations: {{{annotations}}}\nspec:\n  initContainers: [{{name: migrate, image: 'r.test/migrate:1'}}]\n  containers: [{{name: web, image: 'r.test/web:1.4'}}]\n"
        )
    };
    let web = |policy: &str| format!("r.test/web: {policy}; files pods/web.yaml");
    let migrate = "r.test/migrate: minor; files pods/web.yaml".to_owned();
    for (annotations, expected, remarks) in [
        ("a: b", vec![web("major")], 0),
        ("keel.sh/policy: minor", vec![web("minor")], 0),
        (
            "keel.sh/policy: minor, keel.sh/initContainers: 'true'",
            vec![migrate, web("minor")],
            0,
        ),
        (
            "keel.sh/policy: minor, keel.sh/monitorContainers: '(?!web)'",
            Vec::new(),
            1,
        ),
    ] {
        let (rules, left) = import(&[("pods/web.yaml", &object(annotations))]);
        assert_eq!(
            (rules, left.len()),
            (expected, remarks),
            "{annotations} {left:?}"
        );
    }
}

#[test]
fn two_policies_for_the_same_images_leave_them_on_their_tags() {
    let warehouse = |name: &str, constraint: &str| {
        format!(
            "apiVersion: kargo.akuity.io/v1alpha1\nkind: Warehouse\nmetadata: {{name: {name}}}\nspec: {{subscriptions: [{{image: {{repoURL: r.test/web, constraint: {constraint}}}}}]}}\n"
        )
    };
    let (one, two) = (warehouse("one", "^1"), warehouse("two", "^2"));
    let (rules, remarks) = import(&[("a.yaml", &one), ("b.yaml", &two)]);
    assert_eq!(rules, ["r.test/web: digest"]);
    assert!(
        remarks.len() == 1 && remarks[0].contains("Warehouse one has another one"),
        "{remarks:?}"
    );
}

#[test]
fn what_flux_suspends_is_no_policy_and_a_namespace_may_come_from_a_kustomization() {
    let policy = |name: &str, more: &str, range: &str| {
        format!(
            "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {{name: {name}}}\nspec: {{imageRepositoryRef: {{name: web}}, policy: {{semver: {{range: {range}}}}}{more}}}\n---\n"
        )
    };
    let repository = "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {name: web}\nspec: {image: r.test/web}\n---\n";
    let marked = |name: &str| {
        format!("image: r.test/web:1 # {{\"$imagepolicy\": \"flux-system:{name}\"}}\n")
    };
    let flux = [
        repository,
        &policy("dev", "", "'*-0'"),
        &policy("prod", "", "1.x"),
        &policy("old", ", suspend: true", "0.x"),
    ]
    .concat();
    let (rules, remarks) = import(&[
        ("flux.yaml", &flux),
        ("dev/web.yaml", &marked("dev")),
        ("web.yaml", &marked("prod")),
    ]);
    assert_eq!(
        rules,
        [
            "r.test/web: semver *-0; files dev/web.yaml",
            "r.test/web: semver 1.x; files /web.yaml"
        ]
    );
    assert!(
        remarks.len() == 1 && remarks[0].contains("suspended"),
        "{remarks:?}"
    );
}

#[test]
fn subscriptions_of_kargo() {
    let warehouse = |image: &str| {
        format!(
            "apiVersion: kargo.akuity.io/v1alpha1\nkind: Warehouse\nmetadata: {{name: web, namespace: shop}}\nspec:\n  subscriptions:\n  - git: {{repoURL: 'https://git.test/a'}}\n  - image:\n      repoURL: r.test/web\n{image}"
        )
    };
    for (image, expected, left) in [
        ("", "semver *-0", ""),
        ("      constraint: ^1.2\n", "semver ^1.2", ""),
        (
            "      semverConstraint: ^1.2\n      discoveryLimit: 5\n",
            "semver ^1.2",
            "",
        ),
        (
            "      imageSelectionStrategy: Lexical\n      allowTags: ^main-\n",
            "alphabetical; allow main-.*",
            "",
        ),
        (
            "      imageSelectionStrategy: NewestBuild\n      allowTagsRegexes: ['^a$', '^b-']\n      ignoreTags: [latest, 'x*']\n      ignoreTagsRegexes: ['-rc', '^[a-c]']\n",
            "newest; allow .*?(?:^a$|^b-).*; ignore latest x\\* *-rc*",
            "`^[a-c]` of `ignoreTagsRegexes`",
        ),
        (
            "      imageSelectionStrategy: Digest\n      constraint: main\n",
            "digest",
            "",
        ),
        (
            "      strictSemvers: false\n",
            "semver *-0",
            "`strictSemvers: false`",
        ),
        (
            "      imageSelectionStrategy: Best\n",
            "",
            "the strategy `Best`",
        ),
    ] {
        let (rules, remarks) = import(&[("kargo.yaml", &warehouse(image))]);
        let expected: Vec<String> = match expected {
            "" => Vec::new(),
            _ => vec![format!("r.test/web: {expected}")],
        };
        assert_eq!(rules, expected, "{image}");
        match left {
            "" => assert_eq!(remarks, [""; 0], "{image}"),
            _ => assert!(
                remarks.len() == 1
                    && remarks[0].starts_with("kargo.yaml:8 Warehouse shop/web: ")
                    && remarks[0].contains(left),
                "{remarks:?}"
            ),
        }
    }
}

#[test]
fn what_is_for_some_files_comes_before_what_is_for_all() {
    let application = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: shop\n  annotations:\n    argocd-image-updater.argoproj.io/image-list: r.test/web:~1.4\nspec: {source: {path: ./apps/shop/}}\n";
    let keel = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, annotations: {keel.sh/policy: patch}}\nspec: {containers: [{name: web, image: 'r.test/web:1.4'}]}\n";
    let files = [("clusters/app.yaml", application), ("keel/web.yaml", keel)];
    let (rules, _) = import(&files);
    assert_eq!(
        rules,
        [
            "r.test/web: patch; files keel/web.yaml",
            "r.test/web: semver ~1.4"
        ]
    );
    // The folder of the Application is in this repository.
    let (rules, _) = import(&[&files[..], &[("apps/shop/base/web.yaml", "a: b\n")]].concat());
    assert_eq!(
        rules,
        [
            "r.test/web: semver ~1.4; files apps/shop/**",
            "r.test/web: semver ~1.4; files clusters/app.yaml",
            "r.test/web: patch; files keel/web.yaml",
        ]
    );
}
