//! Attributes of Git that are refused before libgit2 reads them.

use super::{Tree, deployment, image};

#[test]
fn attributes_in_a_pipe_are_a_problem_and_nobody_waits_for_it() {
    for (through_link, file) in [
        (false, "deploy/.gitattributes"),
        (true, "deploy/.gitattributes"),
        (false, ".gitattributes"),
        (false, ".git/info/attributes"),
        (true, ".git/info/attributes"),
    ] {
        let Some(tree) = Tree::new() else { return };
        let attributes = tree.place.path().join(file);
        let pipe = if through_link {
            tree.place.beside("pipe")
        } else {
            attributes.clone()
        };
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        if through_link {
            std::os::unix::fs::symlink(&pipe, &attributes).unwrap();
        }
        let json = tree.imago("--update --commit --output json", 3).json();
        std::fs::remove_file(&attributes).unwrap();
        assert_eq!(json["problems"][0]["code"], "git-attributes");
        assert_eq!(tree.read("deploy/web.yaml"), deployment("web"));
        assert_eq!(tree.log(), ["first"]);
    }
}

#[test]
fn attributes_of_the_user_in_a_pipe_are_a_problem_and_nobody_waits_for_it() {
    for is_named in [true, false] {
        let Some(tree) = Tree::new() else { return };
        let folder = tree.place.beside("config");
        std::fs::create_dir_all(folder.join("git")).unwrap();
        let pipe = folder.join("git/attributes");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let mut run = tree.run("--update --commit --output json");
        if is_named {
            tree.git(&format!("config core.attributesFile {}", pipe.display()));
        } else {
            run = run.env("XDG_CONFIG_HOME", &folder);
        }
        let problem = &run.finish_with(3).json()["problems"][0];
        assert_eq!(problem["code"], "git-attributes");
        assert_eq!(tree.read("deploy/web.yaml"), deployment("web"));
    }
}

#[test]
fn attributes_of_the_user_may_be_a_link() {
    let Some(tree) = Tree::new() else { return };
    let (link, file) = (tree.place.beside("link"), tree.place.beside("attributes"));
    std::fs::write(&file, "api.yaml filter=lfs\n").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    tree.git(&format!("config core.attributesFile {}", link.display()));
    let json = tree.imago("--update --commit --output json", 3).json();
    assert_eq!(json["problems"][0]["code"], "git-filter");
    assert_eq!(json["problems"][1], serde_json::Value::Null);
    assert!(tree.read("deploy/web.yaml").contains(&image("1")));
}

/// `wildmatch` of libgit2 takes ten times as long for each star.
#[test]
fn attributes_with_many_stars_are_a_problem_and_cost_no_time() {
    let stars = format!("{}b a=b\n", "*a".repeat(16));
    for file in [
        ".gitattributes",
        "deploy/.gitattributes",
        ".git/info/attributes",
    ] {
        for (line, tip) in [
            ("--commit", "HEAD"),
            ("--branch imago/update", "imago/update"),
        ] {
            let Some(tree) = Tree::new() else { return };
            let name = format!("deploy/{}.yaml", "a".repeat(200));
            tree.write(&name, deployment("shop"));
            tree.write(file, &stars);
            tree.git("add .");
            tree.git("commit --quiet --message attributes");
            let json = tree.imago(&format!("--update {line} --output json"), 3);
            let problem = &json.json()["problems"][0];
            assert_eq!(problem["code"], "git-attributes", "{line}: {problem}");
            assert_eq!(problem["file"], *name);
            let cause = problem["cause"].as_str().unwrap();
            assert!(cause.contains("patterns may take too long"), "{cause}");
            // A short name takes few steps.
            let committed = tree.git(&format!("show --format= --name-only {tip}"));
            assert!(committed.contains("deploy/web.yaml"), "{committed}");
        }
    }
}

/// Each file had the rules of all folders above it.
#[test]
fn attributes_of_nested_folders_cost_bounded_time() {
    let Some(tree) = Tree::new() else { return };
    let rules = "q*z a=b\n".repeat(500);
    let mut folder = String::new();
    for _ in 0..120 {
        folder.push_str("d/");
        tree.write(&format!("{folder}.gitattributes"), &rules);
        tree.write(&format!("{folder}a.yaml"), deployment("shop"));
    }
    tree.git("add .");
    tree.git("commit --quiet --message nested");
    let json = tree.imago("--update --commit --output json d", 3).json();
    let problems = json["problems"].as_array().unwrap();
    assert!(
        problems
            .iter()
            .all(|problem| problem["code"] == "git-attributes")
    );
    let committed = tree.git("show --format= --name-only HEAD").lines().count();
    assert!(
        committed >= 20 && committed + problems.len() == 120,
        "{committed}"
    );
}

#[test]
fn attributes_with_long_lines_are_a_problem() {
    let long = format!("* {}\n", "shop ".repeat(500));
    let macros = "[attr]shop web\n".repeat(200);
    let large = "# shop\n".repeat(10_000);
    for text in [&long, &macros, &large] {
        for (line, is_deleted) in [
            ("--commit", false),
            ("--commit", true),
            ("--branch imago/update", false),
        ] {
            let Some(tree) = Tree::new() else { return };
            tree.write("deploy/.gitattributes", text);
            tree.git("add .");
            tree.git("commit --quiet --message attributes");
            if is_deleted {
                std::fs::remove_file(tree.place.path().join("deploy/.gitattributes")).unwrap();
            }
            let json = tree.imago(&format!("--update {line} --output json"), 3);
            let problem = &json.json()["problems"][0];
            assert_eq!(problem["code"], "git-attributes", "{line}: {problem}");
            let cause = problem["cause"].as_str().unwrap();
            assert!(cause.contains("`deploy/.gitattributes`"), "{cause}");
            assert_eq!(tree.read("deploy/web.yaml"), deployment("web"));
        }
    }
}

#[test]
fn a_link_in_the_place_of_attributes_is_not_followed() {
    let Some(tree) = Tree::new() else { return };
    let attributes = tree.place.path().join(".gitattributes");
    // The text of the link is what the commit has. Git does not take it for attributes.
    std::os::unix::fs::symlink("deploy/web.yaml filter=lfs", attributes).unwrap();
    tree.git("add .");
    tree.git("commit --quiet --message link");
    let json = tree.imago("--update --commit --output json", 3).json();
    assert_eq!(json["problems"][0]["code"], "git-attributes");
    tree.imago("--update --branch imago/update", 0);
    assert_eq!(
        tree.git("diff --name-only main imago/update"),
        "deploy/api.yaml\ndeploy/web.yaml\n"
    );
}
