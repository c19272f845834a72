//! Command lines that were written for the Go program, and those that mean files.

use super::Scene;

#[test]
fn command_lines_of_the_go_program_work() {
    for line in [
        "--update",
        "-update",
        "-update=true",
        "-update -A",
        "--update --all-namespaces",
        "-update -n shop",
        "-update -x pay",
        "-update -l app=web",
        "-update -field-selector metadata.name=web",
        "cluster --update",
    ] {
        let scene = Scene::new();
        let (image, digest) = scene.image("shop/web", "1.4");
        scene.add("Deployment", "shop", "web", &image);
        scene.run(line, 0);
        assert_eq!(scene.deployed("deployments", "shop", "web"), format!("{image}@{digest}"), "{line}");
    }
    let scene = Scene::new();
    let (image, _) = scene.image("shop/web", "1.4");
    scene.add("Deployment", "shop", "web", &image);
    for line in ["", "-update=false", "-A", "-check-pods"] {
        scene.run(line, 0);
        assert_eq!(scene.deployed("deployments", "shop", "web"), image, "{line}");
    }
}

#[test]
fn a_path_or_a_flag_for_files_is_refused_before_anything_is_contacted() {
    let scene = Scene::new();
    for line in ["deploy/", "--update deploy/", "--update --commit", "--offline", "--update --lock imago.lock", "--diff"] {
        let stderr = scene.run(line, 2).stderr;
        assert!(stderr.contains("hint: run `imago files "), "{line}: {stderr}");
    }
    assert_eq!(scene.server.connections(), 0);
}

#[test]
fn a_docker_config_signs_in() {
    let scene = Scene::new();
    let (image, _) = scene.image("shop/web", "1.4");
    scene.add("Deployment", "shop", "web", &image);
    let stderr = scene.run("-docker-config nowhere.json", 2).stderr;
    assert!(stderr.contains("nowhere.json"), "{stderr}");
    scene.place.write("config.json", r#"{"auths":{}}"#);
    scene.run("-docker-config config.json", 0);
}
