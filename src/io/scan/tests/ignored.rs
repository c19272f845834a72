//! What `.gitignore` leaves out, held against Git itself.

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
    assert_eq!(world.scan(&[]), expected);
    std::fs::remove_file(world.at("deploy/.git")).unwrap();
    assert_eq!(world.scan(&[]), expected);
    assert_eq!(world.scan(&["deploy"]), expected[..2]);
}

#[test]
fn rules_hold_in_folders_below_that_are_named_alone() {
    let world = World::new(&["apps/shop/gen/web.yaml", "apps/shop/web.yaml", "apps/shop/x.gen.yaml", "apps/private.yaml"]);
    world.write(".gitignore", "*.gen.yaml\napps/*/gen\n");
    world.write(".git/info/exclude", "apps/private.yaml\n");
    assert_eq!(world.scan(&["apps/shop"]), ["apps/shop/web.yaml"]);
    assert_eq!(world.scan(&["apps"]), ["apps/shop/web.yaml"]);
    assert_eq!(world.scan(&[world.at("apps").to_str().unwrap()]), [world.at("apps/shop/web.yaml").to_str().unwrap()]);
}

#[test]
fn rules_from_above_the_repository_do_not_hold_in_it() {
    let world = World::new(&["repository/web.yaml", "repository/.git/HEAD", "repository/deploy/web.yaml"]);
    world.write(".gitignore", "web.yaml\n");
    assert_eq!(world.scan(&["repository"]), ["repository/deploy/web.yaml", "repository/web.yaml"]);
    assert_eq!(world.scan(&["repository/deploy"]), ["repository/deploy/web.yaml"]);
}

#[test]
fn rules_hold_where_there_is_no_repository_and_other_tools_rules_do_not() {
    let world = World::new(&["web.yaml", "gen/web.yaml", "other.yaml"]);
    world.write(".gitignore", "gen\n");
    world.write(".ignore", "other.yaml\n");
    assert_eq!(world.scan(&[]), ["other.yaml", "web.yaml"]);
}

/// What Git itself would let be added, below a folder.
fn not_ignored_by_git(world: &World, below: &str) -> Vec<String> {
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.current_dir(world.at("")).args(arguments).env_clear().env("HOME", world.at(""));
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("GIT_CONFIG_NOSYSTEM", "1");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    if !world.at(".git").exists() {
        git(&["init", "-q"]);
    }
    let mut paths: Vec<_> = git(&["ls-files", "-z", "--others", "--exclude-standard", "--", below])
        .split_terminator('\0')
        .map(PathBuf::from)
        .collect();
    paths.sort();
    paths.into_iter().filter(|path| path.extension().is_some()).map(|path| path.to_str().unwrap().to_owned()).collect()
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
            // Naming a folder reads it, also where Git passes it over.
            let expected = not_ignored_by_git(&world, below);
            let found = world.scan(&[below]);
            prop_assert!(expected.iter().all(|path| found.contains(path)), "{below}: {found:?}, Git has {expected:?}");
            if below == "." {
                prop_assert_eq!(found, expected);
            }
        }
    }
}
