use crate::engine::import::Importer;
use crate::engine::import::tests;
use crate::engine::yaml::File;

/// What the policies are for where the settings name no files.
const READ: &str = "**/{kustomization.yaml,kustomization.yml,values.yaml,values.yml}";

/// The rules without the names of the files that Renovate reads anyway, and the remarks.
fn import(documents: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let (rules, remarks) = tests::import(documents);
    let short = |rule: String| {
        let rule = rule.replace(&format!("; files {READ}"), "");
        rule.replace(READ, "**")
    };
    (rules.into_iter().map(short).collect(), remarks)
}

#[test]
fn rules_of_renovate_are_put_together() {
    let text = r#"{"packageRules": [
           {"matchDatasources": ["docker"], "matchUpdateTypes": ["major"], "enabled": false},
           {"matchPackageNames": ["acme/**", "!acme/x"], "allowedVersions": "<2"},
           {"matchPackageNames": ["postgres"], "matchUpdateTypes": ["major", "minor"], "enabled": false, "matchFileNames": ["db/**"]},
           {"matchPackageNames": ["ghcr.io/shop/web"], "allowedVersions": "/^v1\\./", "groupName": "shop"},
           {"matchManagers": ["npm"], "allowedVersions": "<9"},
           {"matchPackageNames": ["/^quay/"], "enabled": false},
           {"matchPackageNames": ["redis"], "enabled": false, "matchCurrentVersion": "<6"},
           {"matchPackageNames": ["redis"], "minimumReleaseAge": "3 days"}
       ], "ignoreDeps": ["busybox"]}"#;
    let (rules, remarks) = import(&[("renovate.json", text)]);
    assert_eq!(
        rules,
        [
            "docker.io/library/busybox: ignore",
            "docker.io/library/redis: digest",
            "ghcr.io/shop/web: minor; allow v1\\..*",
            "docker.io/library/postgres: patch; files db/**",
            "docker.io/library/postgres: minor",
            "docker.io/acme/x: minor",
            "docker.io/acme/**: minor; allow v?[0-1](?:[^0-9].*)?",
            "**: digest",
        ]
    );
    let all = remarks.join("\n");
    for part in ["/^quay/", "matchCurrentVersion", "minimumReleaseAge"] {
        assert!(all.contains(part), "{part}: {all}");
    }
    assert_eq!(remarks.len(), 3, "{all}");
    let (rules, _) = import(&[("renovate.json", "{}")]);
    assert_eq!(rules, ["**: major"]);
    for (written, expected) in [
        // All but one are off, whatever the order of special and general rules.
        (
            r#"{"matchDatasources": ["docker"], "enabled": false},
                  {"matchPackageNames": ["ghcr.io/shop/**"], "enabled": true}"#,
            &["ghcr.io/shop/**: major", "**: ignore"][..],
        ),
        (
            r#"{"matchPackageNames": ["nginx"], "allowedVersions": "/-alpine$/"},
                  {"matchUpdateTypes": ["major"], "enabled": false}"#,
            &[
                "docker.io/library/nginx: minor; allow .*?-alpine",
                "**: minor",
            ],
        ),
        (
            r#"{"enabled": false}, {"matchUpdateTypes": ["patch", "digest"], "enabled": true}"#,
            &["**: patch"],
        ),
        (
            r#"{"matchUpdateTypes": ["major", "minor", "patch"], "enabled": false}"#,
            &["**: digest"],
        ),
        // What switches a manager off leaves its files out.
        (
            r#"{"matchUpdateTypes": ["major"], "enabled": false},
                  {"matchManagers": ["kubernetes", "helm-values"], "matchDatasources": ["docker"], "enabled": false}"#,
            &["**: minor; files **/{kustomization.yaml,kustomization.yml}"],
        ),
        // Of the two the narrower one comes first.
        (
            r#"{"matchPackageNames": ["ghcr.io/**"], "enabled": false},
                  {"matchPackageNames": ["ghcr.io/shop/**"], "matchUpdateTypes": ["major"], "enabled": false},
                  {"matchPackageNames": ["ghcr.io/shop/web"], "allowedVersions": "<4"}"#,
            &[
                "ghcr.io/shop/web: ignore",
                "ghcr.io/shop/**: ignore",
                "ghcr.io/**: ignore",
                "**: major",
            ],
        ),
        (
            r#"{"matchPackageNames": ["r.test/a"], "allowedVersions": "<4"},
                  {"matchPackageNames": ["r.test/b"], "allowedVersions": ">=1.2 <1.5"},
                  {"matchPackageNames": ["r.test/c"], "allowedVersions": "3.x"},
                  {"matchPackageNames": ["r.test/d"], "allowedVersions": "~3.0"},
                  {"matchUpdateTypes": ["major"], "enabled": false}"#,
            &[
                "r.test/d: minor; allow v?(?:[0-2]|3\\.0)(?:[^0-9].*)?",
                "r.test/c: minor; allow v?[0-3](?:[^0-9].*)?",
                "r.test/b: minor; allow v?(?:0|1\\.[0-4])(?:[^0-9].*)?",
                "r.test/a: minor; allow v?[0-3](?:[^0-9].*)?",
                "**: minor",
            ],
        ),
    ] {
        let text = format!(r#"{{"packageRules": [{written}]}}"#);
        let (rules, remarks) = import(&[("renovate.json", &text)]);
        assert_eq!(rules, expected, "{written}");
        let is_off = usize::from(written.contains("matchManagers"));
        assert_eq!(remarks.len(), is_off, "{remarks:?}");
    }
    let digests = r#"{"packageRules": [{"matchUpdateTypes": ["digest"], "enabled": false}]}"#;
    let (rules, remarks) = import(&[("renovate.json", digests)]);
    assert_eq!(rules, ["**: major"]);
    assert!(
        remarks[0].contains("`matchUpdateTypes: [digest]`"),
        "{remarks:?}"
    );
    let (rules, _) = import(&[("renovate.json", r#"{"enabledManagers": ["npm"]}"#)]);
    assert!(rules.is_empty());
}

#[test]
fn where_renovate_pins_digests_the_setting_that_goes_on_so_is_named() {
    for (settings, pins) in [
        ("{}", false),
        (r#"{"extends": ["config:recommended"]}"#, false),
        (r#"{"pinDigests": false}"#, false),
        (r#"{"pinDigests": true}"#, true),
        (r#"{"docker": {"pinDigests": true}}"#, true),
        (r#"{"extends": ["docker:pinDigests"]}"#, true),
        (r#"{"extends": ["config:best-practices"]}"#, true),
        (r#"{"packageRules": [{"pinDigests": true}]}"#, true),
        (r#"{"pinDigests": true, "enabledManagers": ["npm"]}"#, false),
    ] {
        let mut importer = Importer::default();
        let file = File::parse(settings).unwrap();
        importer.read_renovate(file.document(0), "renovate.json");
        let notes = importer.finish().notes;
        let names = notes.iter().any(|note| note.contains("`track: tag`"));
        assert_eq!(names, pins, "{settings}: {notes:?}");
    }
}

#[test]
fn what_renovate_holds_back_is_not_opened() {
    let off = r#""enabled": false"#;
    for (settings, expected, said) in [
           (r#"{"major": {"enabled": false}}"#.to_owned(), &["**: minor"][..], &[][..]),
           (r#"{"docker": {"major": {"enabled": false}}}"#.to_owned(), &["**: minor"], &[]),
           (r#"{"extends": ["docker:disableMajor"]}"#.to_owned(), &["**: minor"], &[]),
           (r#"{"patch": {"enabled": false}}"#.to_owned(), &["**: digest"], &["`**`: no policy takes"]),
           (r#"{"kubernetes": {"enabled": false}}"#.to_owned(), &["**: major"], &[]),
           // A regular expression that is the start of a name, a name, or neither.
           (rule(&format!(r#""matchPackageNames": ["/^ghcr\\.io\\/shop\\//"], {off}"#)), &["ghcr.io/shop/**: ignore", "**: major"], &[]),
           (rule(&format!(r#""matchPackagePatterns": ["^redis$"], {off}"#)), &["docker.io/library/redis: ignore", "**: major"], &[]),
           (rule(&format!(r#""matchDepNames": ["redis"], {off}"#)), &["docker.io/library/redis: ignore", "**: major"], &[]),
           (rule(&format!(r#""matchPackageNames": ["/sha/"], {off}"#)), &["**: digest"], &["`/sha/` is not a name"]),
           // Exceptions are updated, as without the rule.
           (rule(&format!(r#""matchPackageNames": ["*", "!ghcr.io/shop/**"], {off}"#)), &["ghcr.io/shop/**: major", "**: ignore"], &[]),
           (rule(&format!(r#""excludePackageNames": ["nginx"], {off}"#)), &["docker.io/library/nginx: major", "**: ignore"], &[]),
           (rule(&format!(r#""matchPackageNames": ["*", "!/shop/"], {off}"#)), &["**: ignore"], &["so the rule is for these, too"]),
           (rule(r#""matchPackageNames": ["!/shop/"], "enabled": true"#), &["**: major"], &["the rule is left out"]),
           (rule(&format!(r#""matchPackageNames": ["redis"], "matchDepNames": ["x"], {off}"#)), &["docker.io/library/redis: digest",
"docker.io/library/x: digest", "**: major"], &["`matchDepNames`"]),
           (rule(&format!(r#""matchManagers": ["!kubernetes"], "matchUpdateTypes": ["major"], {off}"#)), &["**: digest"], &["`matchManagers` has no counterpart"]),
           (rule(r#""matchManagers": ["kubernetes"], "enabled": true"#), &["**: major"], &["the files of all managers"]),
           // Files.
           (rule(&format!(r#""matchFileNames": ["!apps/prod/**"], "matchUpdateTypes": ["major"], {off}"#)), &["**: major; files apps/prod/**", "**: minor"], &[]),
           (rule(&format!(r#""matchFileNames": ["/^apps/"], {off}"#)), &["**: digest"], &["not a glob of files"]),
           (
               r#"{"packageRules": [{"matchFileNames": ["db/**"], "matchUpdateTypes": ["major"], "enabled": false},
                   {"matchPackageNames": ["r.test/a"], "matchUpdateTypes": ["minor"], "enabled": true}]}"#.to_owned(),
               &["r.test/a: minor; files db/**", "r.test/a: major", "**: minor; files db/**", "**: major"],
               &[],
           ),
           // Versions.
           (rule(r#""matchPackageNames": ["node"], "allowedVersions": "<21""#), &["docker.io/library/node: major; allow v?(?:[0-9]|1[0-9]|20)(?:[^0-9].*)?", "**: major"], &[]),
           (rule(r#""matchPackageNames": ["node"], "allowedVersions": ">=18""#), &["docker.io/library/node: major", "**: major"], &[]),
           (rule(r#""matchPackageNames": ["node"], "allowedVersions": "<1.2.3""#), &["docker.io/library/node: semver <1.2.3", "**: major"], &["reads versions of three numbers"]),
           (rule(r#""matchPackageNames": ["node"], "allowedVersions": "/^v/i""#), &["docker.io/library/node: major; allow (?i)v.*", "**: major"], &[]),
           (rule(r#""matchPackageNames": ["node"], "allowedVersions": "!/rc/""#), &["docker.io/library/node: digest", "**: major"], &["`allowedVersions: !/rc/`"]),
           (rule(r#""matchPackageNames": ["node"], "allowedVersions": "/^(?!v)/""#), &["docker.io/library/node: digest", "**: major"], &["no policy is `major` within"]),
           (rule(r#""matchPackageNames": ["node"], "allowedVersions": "<1.2.3.4""#), &["docker.io/library/node: digest", "**: major"], &["no policy is `major` within"]),
           (rule(r#""matchPackageNames": ["node"], "allowedVersions": "<{{add major 1}}""#), &["docker.io/library/node: digest", "**: major"], &["within `allowedVersions"]),
           (rule(&format!(r#""matchPackageNames": ["node"], "versioning": "regex:^x$", {off}"#)), &["docker.io/library/node: ignore", "**: major"], &["a suffix stays"]),
           (rule(r#""matchUpdateTypes": ["major"], "dependencyDashboardApproval": true"#), &["**: minor"], &["nobody is asked"]),
           // Names by their start, general approval, one manager, files that overlap, and globs that cost too much.
           (rule(&format!(r#""matchPackagePrefixes": ["bitnami"], {off}"#)), &["docker.io/library/bitnami*: ignore", "docker.io/bitnami/**: ignore", "**: major"], &[]),
           (rule(&format!(r#""matchPackageNames": ["/^ghcr\\.io\\/sh/"], {off}"#)), &["ghcr.io/sh*: ignore", "ghcr.io/sh*/**: ignore", "**: major"], &[]),
           (r#"{"dependencyDashboardApproval": true}"#.to_owned(), &["**: digest"], &[]),
           (r#"{"extends": [":approveMajorUpdates"]}"#.to_owned(), &["**: minor"], &[]),
           (r#"{"extends": [":dependencyDashboardApproval"]}"#.to_owned(), &["**: digest"], &[]),
           (rule(r#""matchUpdateTypes": ["major"], "prCreation": "approval""#), &["**: minor"], &["nobody is asked"]),
           (r#"{"major": {"enabled": false}, "kubernetes": {"major": {"enabled": true}}}"#.to_owned(), &["**: minor"], &[]),
           (
               r#"{"packageRules": [{"enabled": false}, {"matchFileNames": ["prod/**"], "enabled": true},
                   {"matchFileNames": ["prod/secret/**"], "enabled": false}]}"#.to_owned(),
               &["**: ignore; files prod/secret/**", "**: major; files prod/**", "**: ignore"],
               &[],
           ),
           (rule(&format!(r#""matchFileNames": ["values.yaml"], {off}"#)), &["**: ignore; files /values.yaml", "**: major"], &[]),
           (
               r#"{"packageRules": [{"enabled": false}, {"matchPackageNames": ["ghcr.io/*"], "enabled": true},
                   {"matchPackageNames": ["ghcr.io/shop/web"], "allowedVersions": "<2"}]}"#.to_owned(),
               &["ghcr.io/shop/web: ignore", "ghcr.io/*: major", "**: ignore"],
               &[],
           ),
           (rule(&format!(r#""matchFileNames": ["{}a{}"], {off}"#, "{".repeat(300), "}".repeat(300))), &["**: digest"], &["not a glob of files"]),
           // No images.
           (rule(&format!(r#""matchPackageNames": ["@angular/**", "org.example:**"], {off}"#)), &["**: major"], &[]),
           (rule(r#""matchManagers": ["helmv3"], "matchPackageNames": ["redis"], "allowedVersions": "<2""#), &["**: major"], &[]),
       ] {
           let (rules, remarks) = import(&[("renovate.json", &settings)]);
           assert_eq!(rules, expected, "{settings} {remarks:?}");
           assert_eq!(remarks.len(), said.len(), "{settings} {remarks:?}");
           for (remark, part) in remarks.iter().zip(said) {
               assert!(remark.contains(part), "{settings} {remarks:?}");
           }
       }
}

/// Where names or files of two rules overlap, and neither has all of the other's, the policy that comes first is not wider than Renovate.
#[test]
fn what_overlaps_is_held_back_as_the_stricter_rule_says() {
    let minor = r#""matchUpdateTypes": ["major"], "enabled": false"#;
    let patch = r#""matchUpdateTypes": ["major", "minor"], "enabled": false"#;
    for (one, other, expected, overlaps) in [
        (
            format!(r#""matchFileNames": ["a/**"], {minor}"#),
            format!(r#""matchFileNames": ["**/values.yaml"], {patch}"#),
            &[
                "**: patch; files a/**",
                "**: patch; files **/values.yaml",
                "**: major",
            ][..],
            Some((1, "a/**")),
        ),
        // The stricter one is tried first anyway.
        (
            format!(r#""matchFileNames": ["a/**"], {patch}"#),
            format!(r#""matchFileNames": ["**/values.yaml"], {minor}"#),
            &[
                "**: patch; files a/**",
                "**: minor; files **/values.yaml",
                "**: major",
            ],
            None,
        ),
        // What has no part in another rule is as before.
        (
            minor.to_owned(),
            r#""matchFileNames": ["**/values.yaml"], "enabled": true"#.to_owned(),
            &["**: major; files **/values.yaml", "**: minor"],
            None,
        ),
        (
            format!(r#""matchPackageNames": ["ghcr.io/shop/*"], {minor}"#),
            r#""matchPackageNames": ["ghcr.io/*/web"], "allowedVersions": "/^v/""#.to_owned(),
            &[
                "ghcr.io/shop/*: digest",
                "ghcr.io/*/web: major; allow v.*",
                "**: major",
            ],
            Some((1, "ghcr.io/shop/*")),
        ),
        // Neither the starts nor the ends meet.
        (
            format!(r#""matchFileNames": ["a/**"], {minor}"#),
            format!(r#""matchFileNames": ["b/**"], {patch}"#),
            &[
                "**: patch; files b/**",
                "**: minor; files a/**",
                "**: major",
            ],
            None,
        ),
        // One within the other comes first, however they begin.
        (
            format!(r#""matchPackageNames": ["ghcr.io/*/web"], {patch}"#),
            format!(r#""matchPackageNames": ["ghcr.io/**"], {minor}"#),
            &["ghcr.io/*/web: patch", "ghcr.io/**: minor", "**: major"],
            None,
        ),
        (
            format!(r#""matchFileNames": ["a/*/values.yaml"], {patch}"#),
            format!(r#""matchFileNames": ["a/**"], {minor}"#),
            &[
                "**: patch; files a/*/values.yaml",
                "**: minor; files a/**",
                "**: major",
            ],
            None,
        ),
    ] {
        let text = format!(r#"{{"packageRules": [{{{one}}}, {{{other}}}]}}"#);
        let (rules, remarks) = import(&[("renovate.json", &text)]);
        assert_eq!(rules, expected, "{text}");
        let said = overlaps.map(|(index, glob)| {
            format!("renovate.json:1 packageRules[{index}]: it is for some of `{glob}` alone, which no policy can name: what it holds back is held back for all of `{glob}`")
        });
        assert_eq!(remarks, Vec::from_iter(said), "{text}");
    }
}

#[test]
fn what_holds_back_where_it_is_not_read_holds_all_images_back() {
    for settings in [
        r#"{"allowedVersions": "<2"}"#,
        r#"{"force": {"enabled": false}}"#,
        r#"{"docker": {"packageRules": [{"matchPackageNames": ["**"], "enabled": false}]}}"#,
        r#"{"kubernetes": {"ignoreDeps": ["r.test/a"]}}"#,
        r#"{"major": {"allowedVersions": "<2"}}"#,
    ] {
        let (rules, remarks) = import(&[("renovate.json", settings)]);
        assert_eq!(rules, ["**: digest"], "{settings} {remarks:?}");
        let said = "is not read here, so all images follow their tags";
        assert!(remarks[0].contains(said), "{remarks:?}");
    }
    // Renovate compares names whatever their case.
    for (settings, expected) in [
        (
            r#"{"packageRules": [{"matchPackageNames": ["GHCR.io/Shop/A"], "enabled": false}]}"#,
            vec!["ghcr.io/shop/a: ignore", "**: major"],
        ),
        (
            r#"{"packageRules": [{"matchDatasources": ["DOCKER"], "enabled": false}]}"#,
            vec!["**: ignore"],
        ),
        (
            r#"{"packageRules": [{"matchDatasources": ["{docker,helm}"], "enabled": false}]}"#,
            vec!["**: digest"],
        ),
    ] {
        let (rules, remarks) = import(&[("renovate.json", settings)]);
        assert_eq!(rules, expected, "{settings} {remarks:?}");
    }
    // A rule that opens, and says more than is read.
    for more in [
        r#""extends": ["packages:postgres"]"#,
        r#""languages": ["docker"]"#,
    ] {
        let settings = format!(
            r#"{{"packageRules": [{{"matchPackageNames": ["**"], "enabled": false}}, {{{more}, "enabled": true}}]}}"#
        );
        let (rules, remarks) = import(&[("renovate.json", &settings)]);
        assert_eq!(rules, ["**: ignore"], "{settings} {remarks:?}");
    }
}

#[test]
fn a_policy_is_for_no_more_files_than_renovate_reads() {
    for (settings, expected, said) in [
        ("{}", vec![format!("**: major; files {READ}")], &[][..]),
        (
            r#"{"enabledManagers": ["helm-values", "npm"]}"#,
            vec!["**: major; files **/{values.yaml,values.yml}".to_owned()],
            &[],
        ),
        (
            r#"{"kustomize": {"enabled": false}}"#,
            vec!["**: major; files **/{values.yaml,values.yml}".to_owned()],
            &[],
        ),
        // A rule that says more is not about managers alone: what it holds back is held back in all files.
        (
            r#"{"packageRules": [{"matchManagers": ["kubernetes"], "labels": ["x"], "enabled": false}]}"#,
            vec!["**: ignore".to_owned()],
            &[],
        ),
        (
            r#"{"packageRules": [{"matchManagers": ["helm-values", "npm"], "enabled": false}]}"#,
            vec!["**: major; files **/{kustomization.yaml,kustomization.yml}".to_owned()],
            &["so what they read gets no policy"],
        ),
        (
            r#"{"enabledManagers": ["kubernetes"], "kubernetes": {"managerFilePatterns": ["/^clusters/.+\\.ya?ml$/", "k8s/*.yaml"]}}"#,
            vec!["**: major; files {clusters/**/*.{yaml,yml},k8s/*.yaml}".to_owned()],
            &[],
        ),
        (
            r#"{"enabledManagers": ["flux"], "flux": {"fileMatch": ["\\.yaml$"]}, "packageRules": [
                {"matchFileNames": ["apps/**"], "matchUpdateTypes": ["major"], "enabled": false},
                {"matchFileNames": ["apps/*"], "matchUpdateTypes": ["minor"], "enabled": false},
                {"matchFileNames": ["x.json"], "matchUpdateTypes": ["major"], "enabled": false}]}"#,
            vec![
                "**: digest; files apps/*".to_owned(),
                "**: minor; files apps/**/*.yaml".to_owned(),
                "**: major; files **/*.yaml".to_owned(),
            ],
            &["`apps/*`: no glob says which of these files"],
        ),
        // Nothing is read, or nobody knows what.
        (r#"{"enabledManagers": ["kubernetes"]}"#, vec![], &[]),
        (
            r#"{"enabledManagers": ["argocd"], "argocd": {"managerFilePatterns": ["/a|b/"]}}"#,
            vec![],
            &["renovate.json:1 argocd: `/a|b/` of `managerFilePatterns` is not a simple pattern"],
        ),
        // What is left out is left as it is.
        (
            r#"{"extends": ["config:recommended", "group:all"], "enabledManagers": ["helm-values"]}"#,
            vec![
                "**: ignore; files **/{__fixtures__,__tests__,bower_components,examples,node_modules,test,tests,vendor}/**".to_owned(),
                "**: major; files **/{values.yaml,values.yml}".to_owned(),
            ],
            &["presets are not read; look at what `config:recommended` says of"],
        ),
        (
            r#"{"extends": ["config:base", ":semanticCommits", "local>a/b"], "ignorePaths": ["**/old/**", "charts/", "/x"], "enabledManagers": ["helm-values"]}"#,
            vec![
                "**: ignore; files **/{old/**,*charts/**}".to_owned(),
                "**: major; files **/{values.yaml,values.yml}".to_owned(),
            ],
            &["look at what `config:base`, `local>a/b` say of", "`/x` is not a glob of files"],
        ),
    ] {
        let (rules, remarks) = tests::import(&[("renovate.json", settings)]);
        assert_eq!(rules, expected, "{settings} {remarks:?}");
        assert_eq!(remarks.len(), said.len(), "{settings} {remarks:?}");
        for (remark, part) in remarks.iter().zip(said) {
            assert!(remark.contains(part), "{settings} {remarks:?}");
        }
    }
}

#[test]
fn what_is_about_requests_is_not_said() {
    let (rules, remarks) = import(&[(
        "renovate.json",
        &rule(
            r#""matchUpdateTypes": ["major"], "enabled": false, "prBodyNotes": [], "commitMessageExtra": "", "groupName": "a", "automergeStrategy": "squash", "rebaseWhen": "never", "schedule": [], "minimumReleaseAge": "3 days""#,
        ),
    )]);
    assert_eq!(rules, ["**: minor"]);
    assert_eq!(
        remarks,
        ["renovate.json:1 packageRules[0]: `minimumReleaseAge` has no counterpart"]
    );
}

fn rule(keys: &str) -> String {
    format!(r#"{{"packageRules": [{{{keys}}}]}}"#)
}

#[test]
fn a_bound_lets_the_tags_below_it_through_with_any_suffix() {
    for (range, taken, left) in [
        (
            "<21",
            &["20", "20.11.0-alpine", "v9.1", "0.1"][..],
            &["21", "21.0.1", "200", "20240101", "latest"][..],
        ),
        ("<=4", &["4.9-x", "3"], &["5.0", "44"]),
        (
            "<1.5",
            &["1.4", "1.4.9-rc.1", "0.9"],
            &["1.5", "1.40", "14", "2"],
        ),
        ("^3.2 || 4", &[], &[]),
        (">=14 <17.0.0", &["16.2-alpine", "14"], &["17.0", "170"]),
        ("~2.30", &["2.30.4", "2.9", "1.99"], &["2.31", "2.300", "3"]),
    ] {
        let settings = rule(&format!(
            r#""matchPackageNames": ["r.test/a"], "allowedVersions": "{range}""#
        ));
        let mut importer = Importer::default();
        let file = File::parse(&settings).unwrap();
        importer.read_renovate(file.document(0), "renovate.json");
        let imported = importer.finish();
        let Some(allow) = &imported.rules[0].allow else {
            assert!(taken.is_empty(), "{range}");
            continue;
        };
        let allow = regex::Regex::new(&format!("^(?:{allow})$")).unwrap();
        for tag in taken {
            assert!(allow.is_match(tag), "{range} {tag}");
        }
        for tag in left {
            assert!(!allow.is_match(tag), "{range} {tag}");
        }
    }
}

#[test]
fn more_rules_than_can_be_put_together_open_nothing() {
    let rule = |number: usize| {
        format!(
            r#"{{"matchPackageNames": ["w{number}"], "matchFileNames": ["f{number}/**"], "enabled": false}}"#
        )
    };
    let rules: Vec<String> = (0..2_000).map(rule).collect();
    let text = format!(r#"{{"packageRules": [{}]}}"#, rules.join(","));
    let (rules, remarks) = import(&[("renovate.json", &text)]);
    assert_eq!(rules, ["**: digest"]);
    assert!(
        remarks.len() == 1 && remarks[0].contains("too many"),
        "{remarks:?}"
    );
}
