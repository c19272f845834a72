//! The memory for a large file: a multiple of its size, and at most twice as much for twice the size.

use std::sync::LazyLock;

use super::{LOCK, deployment};
use crate::support::binary::{Workplace, most_seen};
use crate::support::registry::http::{Response, Server};

/// The memory of a run that reads nothing, in KiB: the program itself, which is larger without optimisation, and some room.
static FLOOR: LazyLock<u64> = LazyLock::new(|| {
    let place = Workplace::new();
    place.write("imago.lock", LOCK);
    let run = || place.imago(["files", "--offline", "--quiet", "."]);
    most_seen(|_| false, || run().finish_with(0).peak) + 4 * 1024
});

/// The size of the file and the peak memory of a run, both in KiB.
fn cost(text: &str) -> (u64, u64) {
    let place = Workplace::new();
    place.write("imago.lock", LOCK);
    place.write("large.yaml", text);
    let finished = place
        .imago(["files", "--offline", "--update", "--quiet", "large.yaml"])
        .finish_with(0);
    (text.len() as u64 / 1024, finished.peak)
}

/// A run that proves an edit may hold `times` the file: both texts, our reading of both, the plan, and what the second parser has of one
/// document.
fn costs_a_multiple(name: &str, times: u64, shape: impl Fn(usize) -> String) {
    let (size, twice) = cost(&shape(6000));
    let is_within = |once: u64| 2 * twice <= 5 * once.max(*FLOOR);
    let half = shape(3000);
    let once = most_seen(is_within, || cost(&half).1);
    assert!(
        twice <= *FLOOR + times * size,
        "{name}: {twice} KiB for a file of {size} KiB"
    );
    assert!(
        is_within(once),
        "{name}: {once} KiB become {twice} KiB when the file doubles"
    );
}

#[test]
fn memory_grows_with_the_file() {
    let web = || deployment("registry.example.test/web:1.4");
    costs_a_multiple("manifests with many settings", 20, |count| {
        let setting = |number| {
            format!(
                "            - name: SETTING_{number}\n              value: \"the value {number}\"\n"
            )
        };
        let settings: String = (0..40).map(setting).collect();
        let web = web() + "          args: [--port, '80']\n          env:\n" + &settings;
        (web + "---\n").repeat(count / 5)
    });
    costs_a_multiple("small workloads of one list", 45, |count| {
        let item = format!("- {}\n", web().trim_end().replace('\n', "\n  "));
        format!("apiVersion: v1\nkind: List\nitems:\n{}", item.repeat(count))
    });
    costs_a_multiple("small workloads, a document each", 45, |count| {
        (web() + "---\n").repeat(count)
    });
    costs_a_multiple("tiny documents", 30, |count| {
        web() + "---\n" + &"a: 1\n---\n".repeat(40 * count) + "a: 1\n"
    });
    costs_a_multiple("tiny items of a list", 30, |count| {
        web() + "many:\n" + &"- a: 1\n".repeat(50 * count)
    });
    costs_a_multiple("the tiniest items of a list", 45, |count| {
        web() + "many: [" + &"a,".repeat(100 * count) + "a]\n"
    });
    costs_a_multiple("tiny entries of a mapping", 30, |count| {
        let letter = |number: usize| char::from(b'A' + (number % 26) as u8);
        let entry = |number: usize| {
            let key = [number / 17_576, number / 676, number / 26, number].map(letter);
            format!("{}: 1\n", String::from_iter(key))
        };
        web() + &(0..50 * count).map(entry).collect::<String>()
    });
    costs_a_multiple("small mappings beside an alias", 30, |count| {
        format!(
            "{}x: &x y\nz: *x\nmany:\n{}",
            web(),
            "- key: value\n".repeat(10 * count)
        )
    });
}

#[test]
fn a_file_of_more_images_than_any_has_is_not_taken() {
    let place = Workplace::new();
    place.write("imago.lock", LOCK);
    let pod = |containers: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec: {{containers: [{containers}]}}\n"
        )
    };
    for (containers, code) in [
        ("{name: a, image: a},".repeat(100_001), "#too-large"),
        (
            "{name: a, \"im\\u0061ge\": a},".repeat(100_001),
            "#too-large",
        ),
        (
            "&x {name: a, image: a},".to_owned() + &"*x,".repeat(300_000),
            "#alias-bomb",
        ),
        (
            "&x {name: a, image: a},".to_owned() + &"{<<: *x},".repeat(300_000),
            "#alias-bomb",
        ),
    ] {
        let text = pod(&containers);
        place.write("web.yaml", &text);
        let finished = place
            .imago(["files", "--offline", "--check", "web.yaml"])
            .finish_with(3);
        assert!(finished.stderr.contains(code), "{}", finished.stderr);
        let most = *FLOOR + 45 * (text.len() as u64 / 1024);
        assert!(finished.peak <= most, "{code}: {} KiB", finished.peak);
    }
}

#[test]
fn an_update_makes_no_file_that_is_too_large_to_be_restored() {
    let place = Workplace::new();
    place.write("imago.lock", LOCK);
    let web = deployment("registry.example.test/web:1.4");
    let text = format!("{web}# {}\n", "x".repeat(16 * 1024 * 1024 - web.len() - 20));
    place.write("web.yaml", &text);
    let update = place.imago(["files", "--offline", "--update", "web.yaml"]);
    let finished = update.finish_with(3);
    assert!(
        finished.stderr.contains("#too-large"),
        "{}",
        finished.stderr
    );
    assert!(std::fs::read_to_string(place.path().join("web.yaml")).unwrap() == text);
}

#[test]
fn a_policy_of_each_image_takes_little_memory() {
    let place = Workplace::new();
    place.write("imago.lock", LOCK);
    let image = |number: usize| {
        let allow = format!("x{number}[a-z0-9]{{1,300}}y(?<version>.*)");
        format!(
            "- name: web-{number}\n  image: registry.example.test/web-{number}:1.4 # imago: minor; allow=/{allow}/\n"
        )
    };
    let images: String = (0..400).map(image).collect();
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n{}",
        images
            .replace("- name", "  - name")
            .replace("\n  image", "\n    image")
    );
    place.write("web.yaml", &pod);
    let run = place.imago(["files", "--offline", "--quiet", "web.yaml"]);
    let peak = run.finish_with(3).peak;
    assert!(peak <= 2 * *FLOOR, "{peak} KiB");
}

#[test]
fn a_long_name_is_not_told_anew_for_each_of_its_images() {
    let place = Workplace::new();
    place.write("imago.lock", LOCK);
    let name = "n".repeat(300_000);
    let container = |number| format!("  - name: c{number}\n    image: web-{number}:1\n");
    let containers: String = (0..2000).map(container).collect();
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  namespace: {name}\nspec:\n  containers:\n{containers}"
    );
    place.write("web.yaml", &pod);
    let most = *FLOOR + 45 * (pod.len() as u64 / 1024);
    for output in ["text", "json", "sarif", "markdown"] {
        let run = place.imago(["files", "--offline", "--output", output, "web.yaml"]);
        let finished = run.finish_with(3);
        assert!(finished.peak <= most, "{output}: {} KiB", finished.peak);
        assert!(finished.stdout.len() < 10 * pod.len(), "{output}");
    }
    let listed = place.imago(["images", "--output", "json", "web.yaml"]);
    let listed = listed.finish_with(0);
    assert!(listed.peak <= most, "{} KiB", listed.peak);
    assert!(listed.stdout.len() < 10 * pod.len());
}

#[test]
fn a_long_name_of_a_container_is_told_in_short() {
    let place = Workplace::new();
    place.write("imago.lock", LOCK);
    let pod = |names: &mut dyn Iterator<Item = String>| {
        let container =
            |name| format!("  - name: {name}\n    image: registry.example.test/web:1.4\n");
        let containers: String = names.map(container).collect();
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n{containers}"
        )
    };
    let long = "n".repeat(1_000_000);
    let prefix = "n".repeat(1000);
    let one = pod(&mut [long].into_iter());
    let many = pod(&mut (0..2000).map(|number| format!("{prefix}-{number}")));
    for text in [one, many] {
        let most = *FLOOR + 45 * (text.len() as u64 / 1024);
        for output in ["text", "json", "sarif", "markdown"] {
            place.write("web.yaml", &text);
            let update = [
                "files",
                "--offline",
                "--update",
                "--output",
                output,
                "web.yaml",
            ];
            let finished = place.imago(update).finish_with(0);
            assert!(finished.peak <= most, "{output}: {} KiB", finished.peak);
            let told = [&*finished.stdout, &finished.stderr].concat();
            assert!(told.len() < 3 * text.len(), "{output}: {}", told.len());
            assert!(!told.contains(&"n".repeat(300)), "{output}");
            let written = &place.files()["web.yaml"];
            assert!(written.len() < 2 * text.len());
            // The record knows the containers again.
            place
                .imago(["files", "--offline", "--check", "web.yaml"])
                .finish_with(0);
            place
                .imago(["files", "--restore", "web.yaml"])
                .finish_with(0);
            assert!(place.files()["web.yaml"] == text.as_bytes());
        }
    }
}

#[test]
fn long_keys_above_images_have_a_limit() {
    let place = Workplace::new();
    place.write("imago.lock", LOCK);
    let count = 2000;
    let image = |number| format!("        image-{number}: {{image: 'web:{number}'}}\n");
    let images: String = (0..count).map(image).collect();
    let head = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web}\nspec:\n  values:\n";
    let run = |bytes: usize| {
        let key = "k".repeat(bytes);
        place.write("web.yaml", format!("{head}    ? {key}\n    :\n{images}"));
        let run = place.imago(["files", "--offline", "--output", "json", "web.yaml"]);
        run.finish_with(3)
    };
    let huge = run(1_000_000);
    assert_eq!(huge.json()["problems"][0]["code"], "too-deep");
    assert!(huge.peak <= *FLOOR + 45 * 1000, "{} KiB", huge.peak);
    let long = run(2000);
    assert_eq!(long.json()["summary"]["images"], count);
    let is_within = |short| long.peak <= short + 12 * 2000 * count / 1024;
    let short = most_seen(is_within, || run(10).peak);
    assert!(is_within(short), "{} KiB after {short} KiB", long.peak);
}

/// The least peak memory of some reports on a tree of `count` small workloads and twice as many other files, in KiB.
fn cost_of_tree(count: usize) -> u64 {
    let place = Workplace::new();
    place.write("imago.lock", LOCK);
    let web = deployment("registry.example.test/web:1.4");
    for number in 0..count {
        let folder = format!("apps/{}/{number}", number % 20);
        place.write(&format!("{folder}/web.yaml"), &web);
        let other = format!("apiVersion: v1\nkind: Service\nmetadata:\n  name: web-{number}\n");
        place.write(&format!("{folder}/service.yaml"), &other);
        place.write(&format!("{folder}/other.yaml"), &other);
    }
    let run = || {
        place
            .imago(["files", "--offline", "--quiet", "."])
            .finish_with(0)
            .peak
    };
    // How many files are read at the same moment differs from run to run.
    (0..5).map(|_| run()).min().unwrap()
}

#[test]
fn a_tree_takes_little_memory_for_each_of_its_files() {
    let of_each = || {
        let (once, more) = (cost_of_tree(1500), cost_of_tree(6000));
        more.saturating_sub(once) * 1024 / 4500
    };
    // On a busy machine the peak of the short run may not be seen.
    let is_little = (0..3).any(|_| of_each() <= 2200);
    assert!(
        is_little,
        "{} bytes for a workload and two other files",
        of_each()
    );
}

#[test]
fn charts_that_bring_each_other_take_what_their_files_do() {
    let place = Workplace::new();
    place.write("imago.lock", LOCK);
    let alias = "x".repeat(900);
    for number in 0..300_usize {
        let brings = |other: usize| {
            format!(
                "dependencies:\n- name: c{other}\n  alias: {alias}\n  version: 1.0.0\n  repository: file://../c{other}\n"
            )
        };
        let brings = number.checked_sub(1).map_or_else(String::new, brings);
        let chart = format!("apiVersion: v2\nname: c{number}\nversion: 1.0.0\n{brings}");
        place.write(&format!("c{number}/Chart.yaml"), chart);
        let values =
            "image:\n  repository: registry.example.test/web\n  tag: \"1.4\"\n  digest: \"\"\n";
        place.write(&format!("c{number}/values.yaml"), values);
    }
    let run = place.imago(["files", "--offline", "--quiet", "."]);
    let peak = run.finish_with(0).peak;
    assert!(peak <= 3 * *FLOOR, "{peak} KiB");
}

#[test]
fn many_globs_take_little_memory_whatever_they_are_matched_with() {
    let globs = || (0..1600).map(|at| format!("**/*w{at}*/**/x*"));
    let list = globs().take(1024).map(|glob| format!("- '{glob}'\n"));
    let list: String = list.collect();
    for (file, text) in [
        (".imago.yaml", format!("exclude:\n{list}")),
        (".imago.yaml", format!("exclude-image:\n{list}")),
        (".gitignore", Vec::from_iter(globs()).join("\n")),
    ] {
        let place = Workplace::new();
        place.write("imago.lock", LOCK);
        place.write(file, &text);
        place.write(".git/HEAD", "ref: refs/heads/main\n");
        for folder in ["objects", "refs"] {
            std::fs::create_dir(place.path().join(".git").join(folder)).unwrap();
        }
        for at in 0..60 {
            let names = format!("w{at}w{}b/w{}/w{}", at * 7, at * 13, at + 300);
            place.write(&format!("{names}/web.yaml"), deployment(&names));
        }
        let run = place.imago(["files", "--quiet", "--offline", "."]);
        let finished = run.finish_with(3);
        let most = 3 * *FLOOR;
        assert!(finished.peak <= most, "{file}: {} KiB", finished.peak);
    }
}

#[test]
fn a_question_takes_some_kilobytes_while_it_waits() {
    let server = Server::start(None, |_| Response::new(404));
    let peak = |count: usize| {
        let place = Workplace::new();
        let step = |number| format!("  - image: {}/web:{number}\n", server.address);
        let steps: String = (0..count).map(step).collect();
        let task = format!("apiVersion: tekton.dev/v1\nkind: Task\nspec:\n  steps:\n{steps}");
        place.write("task.yaml", task);
        let run = place.imago(["files", "--check", "--quiet", "."]);
        run.finish_with(3).peak
    };
    // What a host answers is read for few at a time, whatever the others do.
    let many = peak(6000);
    let is_within = |few| many <= few + 4000 * 10;
    let few = most_seen(is_within, || peak(2000));
    assert!(is_within(few), "{few} KiB, then {many} KiB");
}
