//! What `.gitignore` leaves out, compared with Git itself.

use proptest::prelude::*;

use super::*;

#[test]
fn what_git_ignores_is_passed_over() {
    let world = World::new(&[
        "web.yaml",
        "out.gen.yaml",
        "build/web.yaml",
        "deploy/build/web.yaml",
        "deploy/secret.yaml",
        "deploy/keep.gen.yaml",
        "private.yaml",
        ".git/config.yaml",
        "deploy/.git",
    ]);
    world.write(".gitignore", "*.gen.yaml\n/build/\n");
    world.write("deploy/.gitignore", "secret.*\n!keep.gen.yaml\n");
    world.write(".git/info/exclude", "private.yaml\n");
    let expected = ["deploy/build/web.yaml", "deploy/keep.gen.yaml", "web.yaml"];
    // A `.git` without a repository behind it: what is tracked there is unknown.
    let mut found = world.scan(&[]);
    assert_eq!(found.remove(2), "deploy/secret.yaml (unknown)");
    assert_eq!(found, expected);
    std::fs::remove_file(world.at("deploy/.git")).unwrap();
    assert_eq!(world.scan(&[]), expected);
    assert_eq!(world.scan(&["deploy"]), expected[..2]);
}

#[test]
fn rules_hold_in_folders_below_that_are_named_alone() {
    let world = World::new(&[
        "apps/shop/gen/web.yaml",
        "apps/shop/web.yaml",
        "apps/shop/x.gen.yaml",
        "apps/private.yaml",
    ]);
    world.write(".gitignore", "*.gen.yaml\napps/*/gen\n");
    world.write(".git/info/exclude", "apps/private.yaml\n");
    assert_eq!(world.scan(&["apps/shop"]), ["apps/shop/web.yaml"]);
    assert_eq!(world.scan(&["apps"]), ["apps/shop/web.yaml"]);
    assert_eq!(
        world.scan(&[world.at("apps").to_str().unwrap()]),
        [world.at("apps/shop/web.yaml").to_str().unwrap()]
    );
}

#[test]
fn rules_from_above_the_repository_do_not_hold_in_it() {
    let world = World::new(&[
        "repository/web.yaml",
        "repository/.git/HEAD",
        "repository/deploy/web.yaml",
    ]);
    world.write(".gitignore", "web.yaml\n");
    assert_eq!(
        world.scan(&["repository"]),
        ["repository/deploy/web.yaml", "repository/web.yaml"]
    );
    assert_eq!(
        world.scan(&["repository/deploy"]),
        ["repository/deploy/web.yaml"]
    );
}

#[test]
fn rules_hold_where_there_is_no_repository_and_other_tools_rules_do_not() {
    let world = World::new(&["web.yaml", "gen/web.yaml", "other.yaml"]);
    world.write(".gitignore", "gen\n");
    world.write(".ignore", "other.yaml\n");
    assert_eq!(world.scan(&[]), ["other.yaml", "web.yaml"]);
}

fn git(world: &World, line: &str) {
    let mut command = std::process::Command::new("git");
    command
        .current_dir(world.at(""))
        .args(line.split(' '))
        .env_clear()
        .env("HOME", world.at(""));
    command
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("GIT_CONFIG_NOSYSTEM", "1");
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{line}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn what_git_tracks_is_read_whatever_its_rules_say() {
    let world = World::new(&[
        "web.yaml",
        "kustomize/base/web.yaml",
        "kustomize/base/notes.txt",
        "vendor/notes.txt",
        "deploy/secret.yaml",
        "deploy/private.yaml",
        "conflict/odd name.yaml",
    ]);
    world.write(".gitignore", "kustomize/\nvendor/\nconflict\n*.gen.yaml\n");
    world.write("deploy/.gitignore", "secret.yaml\n");
    git(&world, "init -q");
    world.write(".git/info/exclude", "private.yaml\n");
    git(&world, "add -f .");
    for untracked in [
        "kustomize/base/new.yaml",
        "kustomize/new/web.yaml",
        "vendor/new.yaml",
        "deploy/x.gen.yaml",
    ] {
        world.write(untracked, "");
    }
    // A nested repository in a left-out folder is not entered.
    world.write("kustomize/module/.git/HEAD", "");
    world.write("kustomize/module/web.yaml", "");
    let expected = [
        "conflict/odd name.yaml",
        "deploy/private.yaml",
        "deploy/secret.yaml",
        "kustomize/base/web.yaml",
        "web.yaml",
    ];
    assert_eq!(world.scan(&[]), expected);
    assert_eq!(world.scan(&["deploy"]), expected[1..3]);
    // In a sparse checkout, a tracked file that is missing on the disk is not a problem.
    std::fs::remove_dir_all(world.at("kustomize/base")).unwrap();
    assert_eq!(
        world.scan(&[]),
        [expected[0], expected[1], expected[2], "web.yaml"]
    );
}

#[test]
fn a_linked_work_tree_has_an_index_and_rules_of_its_repository() {
    let world = World::new(&["main/gen/web.yaml", "main/web.yaml"]);
    world.write("main/.gitignore", "gen\n");
    git(&world, "-C main init -q");
    git(&world, "-C main add -f .");
    git(
        &world,
        "-C main -c user.name=a -c user.email=a@example.test commit -qm first",
    );
    git(&world, "-C main worktree add -q ../linked");
    world.write("main/.git/info/exclude", "private.yaml\n");
    world.write("linked/private.yaml", "");
    world.write("linked/gen/new.yaml", "");
    assert_eq!(
        world.scan(&["linked"]),
        ["linked/gen/web.yaml", "linked/web.yaml"]
    );
}

#[test]
fn an_index_that_cannot_be_read_is_told_once_where_something_is_left_out() {
    let world = World::new(&["web.yaml", "gen/web.yaml", "other/web.yaml"]);
    git(&world, "init -q");
    assert_eq!(
        world.scan(&[]),
        ["gen/web.yaml", "other/web.yaml", "web.yaml"]
    );
    world.write(".gitignore", "gen\nother\n");
    git(&world, "add -f .");
    world.write(".git/index", "no index");
    assert_eq!(world.scan(&[]), ["gen (unknown)", "web.yaml"]);
}

#[test]
fn an_index_of_any_form_says_what_is_tracked() {
    type Act = fn(&World);
    let cases: [(&str, &str, Act); 6] = [
        ("split", "init -q", |world| {
            git(world, "update-index --split-index")
        }),
        ("split and more", "init -q", |world| {
            git(world, "update-index --split-index");
            world.write("other/new.yaml", "");
            git(world, "add -f other");
            std::fs::remove_file(world.at("other/new.yaml")).unwrap();
        }),
        ("sparse", "init -q", |world| {
            git(world, "sparse-checkout set --cone --sparse-index gen");
        }),
        ("of SHA-256", "init -q --object-format=sha256", |_| {}),
        ("reftable", "init -q --ref-format=reftable", |_| {}),
        ("of another user", "init -q", |world| {
            for name in ["", ".git"] {
                let chowned = std::os::unix::fs::chown(world.at(name), Some(12_345), None);
                chowned.unwrap_or_else(|_| eprintln!("LEFT OUT: only root gives files away"));
            }
        }),
    ];
    for (name, init, act) in cases {
        let world = World::new(&["web.yaml", "gen/web.yaml", "gen/not.yaml", "other/web.yaml"]);
        git(&world, init);
        world.write(".gitignore", "gen\nother\n");
        git(&world, "add -f gen/web.yaml other web.yaml");
        git(
            &world,
            "-c user.name=Ada -c user.email=ada@example.com commit -q -m first",
        );
        act(&world);
        let expected: &[&str] = match name {
            "sparse" => &["gen/web.yaml", "web.yaml"],
            _ => &["gen/web.yaml", "other/web.yaml", "web.yaml"],
        };
        assert_eq!(world.scan(&[]), expected, "{name}");
    }
}

#[test]
fn a_submodule_in_a_folder_that_is_left_out_is_read_as_any_other() {
    let world = World::new(&[
        "vendor/module/web.yaml",
        "vendor/module/gen/x.yaml",
        "vendor/module/new.yaml",
        "vendor/absent/x.yaml",
        "vendor/other/web.yaml",
        "plain/web.yaml",
        "plain/gen/x.yaml",
    ]);
    world.write(".gitignore", "vendor\n*.yaml\n");
    git(&world, "init -q");
    for module in ["vendor/module", "vendor/other", "plain"] {
        world.write(&format!("{module}/.gitignore"), "gen\n");
        git(&world, &format!("-C {module} init -q"));
        git(&world, &format!("-C {module} add web.yaml"));
    }
    let commit = "1".repeat(40);
    for module in ["vendor/module", "vendor/absent", "plain"] {
        git(
            &world,
            &format!("update-index --add --cacheinfo 160000,{commit},{module}"),
        );
    }
    // A left-out nested repository that is not a submodule is not entered.
    assert_eq!(
        world.scan(&[]),
        [
            "plain/web.yaml",
            "vendor/module/new.yaml",
            "vendor/module/web.yaml"
        ]
    );
}

#[test]
fn names_are_compared_by_their_characters_where_git_does_so() {
    for (on_disk, in_index) in [
        ("e\u{301}/cafe\u{301}.yaml", "\u{e9}/caf\u{e9}.yaml"),
        ("\u{e9}/caf\u{e9}.yaml", "e\u{301}/cafe\u{301}.yaml"),
    ] {
        let world = World::new(&[in_index]);
        world.write(".gitignore", "*\n");
        git(&world, "init -q");
        git(&world, "add -f .");
        std::fs::remove_dir_all(world.at(in_index).parent().unwrap()).unwrap();
        world.write(on_disk, "");
        assert_eq!(world.scan(&[]), [""; 0]);
        git(&world, "config core.precomposeUnicode true");
        assert_eq!(world.scan(&[]), [on_disk]);
    }
}

#[test]
fn names_are_compared_without_case_where_git_does_so() {
    let world = World::new(&["Gen/Web.yaml"]);
    world.write(".gitignore", "Gen\n");
    git(&world, "init -q");
    git(&world, "add -f Gen/Web.yaml");
    std::fs::rename(world.at("Gen/Web.yaml"), world.at("Gen/web.yaml")).unwrap();
    assert_eq!(world.scan(&[]), [""; 0]);
    git(&world, "config core.ignoreCase true");
    assert_eq!(world.scan(&[]), ["Gen/web.yaml"]);
}

#[test]
fn a_file_of_rules_that_is_no_plain_file_is_a_problem_and_leaves_nothing_out() {
    type Make = fn(&Path);
    let make: [(&str, Make); 5] = [
        ("not-a-file", |path| symlink("/dev/zero", path).unwrap()),
        ("not-a-file", |path| symlink("other.rules", path).unwrap()),
        ("not-a-file", |path| {
            rustix::fs::mknodat(CWD, path, rustix::fs::FileType::Fifo, Mode::RWXU, 0).unwrap()
        }),
        ("not-a-file", |path| std::fs::create_dir(path).unwrap()),
        ("too-large", |path| {
            std::fs::write(path, "a*b?[c]/**/d\n".repeat(400_000)).unwrap()
        }),
    ];
    for (code, make) in make {
        for (file, below) in [
            (".gitignore", "."),
            ("deploy/.gitignore", "deploy"),
            (".git/info/exclude", "."),
            (".gitignore", "deploy"),
        ] {
            let world = World::new(&["deploy/web.yaml", ".git/info/x"]);
            world.write("other.rules", "web.yaml\n");
            make(&world.at(file));
            let found = world.scan(&[below]);
            let told = found
                .iter()
                .filter(|line| line.ends_with(&format!(": {code}")))
                .count();
            assert_eq!((found.len(), told), (2, 1), "{file} {below}: {found:?}");
            assert!(found.contains(&"deploy/web.yaml".to_owned()), "{found:?}");
        }
    }
}

#[test]
fn many_files_of_rules_above_each_other_have_a_limit_together() {
    let world = World::new(&["a/b/c/d/e/f/web.yaml"]);
    for folder in ["", "a/", "a/b/", "a/b/c/", "a/b/c/d/", "a/b/c/d/e/"] {
        world.write(&format!("{folder}.gitignore"), &"x\n".repeat(30_000));
    }
    let found = world.scan(&[]);
    assert_eq!(
        found
            .iter()
            .filter(|line| line.ends_with(": too-large"))
            .count(),
        2,
        "{found:?}"
    );
}

/// Each pattern becomes a part of a regular expression: 5 MB of them took half a minute.
#[test]
fn the_patterns_of_all_files_have_a_limit_together_and_plain_rules_have_none() {
    let world = World::new(&[]);
    let mut line = String::from("*.log\n/target/\n!kept\nnode_modules\n# *a*b*\n");
    for (plain, most) in [(true, 0), (false, 3)] {
        for folder in 0..72 {
            world.write(&format!("{folder}/web.yaml"), "");
            world.write(
                &format!("{folder}/.gitignore"),
                &line.repeat(1 + 30_000 / line.len()),
            );
        }
        let found = world.scan(&[]);
        let told = found
            .iter()
            .filter(|line| line.ends_with(": too-large"))
            .count();
        assert_eq!((told, found.len() - told), (most, 72), "{plain}: {found:?}");
        // One long pattern takes as much of the limit as many short ones.
        line = format!("[ab]{}*\n", "x".repeat(30_000));
    }
    // A file above many folders that are named counts once.
    let world = World::new(&[]);
    world.write(".gitignore", &line);
    let folders: Vec<String> = (0..80).map(|folder| folder.to_string()).collect();
    for folder in &folders {
        world.write(&format!("{folder}/web.yaml"), "");
    }
    let named: Vec<&str> = folders.iter().map(String::as_str).collect();
    assert_eq!(world.scan(&named).len(), 80);
}

#[test]
fn the_settings_are_no_manifest() {
    let world = World::new(&["web.yaml", ".imago.yaml"]);
    assert_eq!(world.scan(&[]), ["web.yaml"]);
}

/// The files below a folder that Git would add.
fn not_ignored_by_git(world: &World, below: &str) -> Vec<String> {
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        command
            .current_dir(world.at(""))
            .args(arguments)
            .env_clear()
            .env("HOME", world.at(""));
        command
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("GIT_CONFIG_NOSYSTEM", "1");
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    if !world.at(".git").exists() {
        git(&["init", "-q"]);
    }
    let mut paths: Vec<_> = git(&[
        "ls-files",
        "-z",
        "--others",
        "--exclude-standard",
        "--",
        below,
    ])
    .split_terminator('\0')
    .map(PathBuf::from)
    .collect();
    paths.sort();
    paths
        .into_iter()
        .filter(|path| path.extension().is_some())
        .map(|path| path.to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_rule_means_what_it_means_to_git() {
    let names = [
        "a.yaml",
        "b.yaml",
        "ab.yaml",
        "ac.yaml",
        "{a,b}.yaml",
        "a{b,c}.yaml",
        "[a.yaml",
        "a].yaml",
        "].yaml",
        "-.yaml",
        "!.yaml",
        "^.yaml",
        " .yaml",
        "a1.yaml",
        "ab.yaml\t",
        "d/x.yaml",
        "dd/x.yaml",
        "d/e/x.yaml",
        "d/e/f/x.yaml",
        "e/d/x.yaml",
        "\u{e9}.yaml",
        "#.yaml",
    ];
    let mut others = Vec::new();
    for rule in [
        "{a,b}.yaml",
        "a{b,c}.yaml",
        "a}",
        "[a.yaml",
        "[[:space:]].yaml",
        "[[:alpha:]].yaml",
        "a[[:alpha:]].yaml",
        "a[[:digit:]].yaml",
        "a[![:digit:]].yaml",
        "[[:alpha:][:digit:]]*.yaml",
        "[[:nothing:]].yaml",
        "[\\]a].yaml",
        "[]a].yaml",
        "[!]a].yaml",
        "[^a].yaml",
        "[a-b].yaml",
        "[b-a].yaml",
        "[a-].yaml",
        "[-a].yaml",
        "[!-].yaml",
        "[\\^].yaml",
        "[\\!a].yaml",
        "[a!].yaml",
        "[\\a-\\b].yaml",
        "ab.yaml\t",
        "ab.yaml ",
        "d[/]x.yaml",
        "d**/x.yaml",
        "**d/x.yaml",
        "d/**/x.yaml",
        "d/***/x.yaml",
        "**/x.yaml",
        "d/**",
        "d/*/x.yaml",
        "***",
        "a**",
        "!**",
        "/**/x.yaml",
        "[[:punct:]].yaml",
        "[[:graph:]].yaml",
        "[",
        "a[",
        "a[]",
        "\\{a,b\\}.yaml",
        "\\#.yaml",
        "#[a]",
        "[[:alpha:].yaml",
        "[a[:alpha:]-z].yaml",
        "?{a,b}*",
        "[\\!-.].yaml",
        "[\\!-].yaml",
        "d/e**",
        "d/e**/x.yaml",
        "/d**/x.yaml",
        "!d**/x.yaml",
        "e**/",
        "[[:punct:]a].yaml",
        "[^[:punct:]].yaml",
    ] {
        let world = World::new(&[]);
        for name in names {
            world.write(name, "");
        }
        world.write(".gitignore", rule);
        let expected = not_ignored_by_git(&world, ".");
        let mut found = world.scan(&[]);
        found.sort();
        let expected: Vec<_> = (expected.into_iter())
            .filter(|name| name.ends_with(".yaml"))
            .collect();
        if found != expected {
            others.push(format!("{rule:?}: {found:?}, and Git {expected:?}"));
        }
    }
    assert!(others.is_empty(), "{}", others.join("\n"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn rules_mean_what_they_mean_to_git(
        rules in prop::collection::vec(
            (prop::sample::select(vec!["", "a/", "a/b/"]), prop::collection::vec("!?/?(\\*\\*/)?([ab*]|[ab]/[ab*]|[ab]\\.yaml|\\*\\.yaml)/?", 1..4)),
            0..4,
        ),
    ) {
        let world = World::new(&["a.yaml", "b.yaml", "a/a.yaml", "a/b.yaml", "a/b/a.yaml", "a/b/b.yaml", "a/b/a/b.yaml", "b/a/b/a.yaml"]);
        for (folder, lines) in &rules {
            world.write(&format!("{folder}.gitignore"), &lines.join("\n"));
        }
        for below in [".", "a", "a/b"] {
            // A named folder is read even where Git ignores it.
            let expected = not_ignored_by_git(&world, below);
            let found = world.scan(&[below]);
            prop_assert!(expected.iter().all(|path| found.contains(path)), "{below}: {found:?}, Git has {expected:?}");
            if below == "." {
                prop_assert_eq!(found, expected);
            }
        }
    }
}
