use proptest::prelude::*;

use super::*;
use crate::engine::image::ImageRef;

fn digest(digit: char) -> Digest {
    Digest::parse(&format!("sha256:{}", digit.to_string().repeat(64))).unwrap()
}

fn lookup(image: &str) -> Lookup {
    ImageRef::parse(image).unwrap().lookup()
}

fn digests(images: &[(&str, char)]) -> Lock {
    let images = images.iter();
    Lock {
        images: images
            .map(|&(image, digit)| (lookup(image), digest(digit)))
            .collect(),
        ..Lock::default()
    }
}

fn text(images: &[(&str, char)]) -> String {
    let lines: Vec<_> = images
        .iter()
        .map(|(image, digit)| format!("  \"{image}\":\"{}\"", digest(*digit)))
        .collect();
    format!(
        "{{\"version\":1,\"images\":{{\n{}\n}}}}\n",
        lines.join(",\n")
    )
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn parse(text: &str) -> Result<Lock, LockError> {
    Lock::parse(text.as_bytes())
}

#[test]
fn a_first_merge_makes_the_file_sorted_with_one_image_a_line() {
    let folder = folder();
    let path = folder.path().join("imago.lock");
    assert!(Lock::read(&path).unwrap().is_none());
    let run = digests(&[("registry.example.test/shop/web:1.4", 'b'), ("nginx", 'a')]);
    assert_eq!(
        merge(&path, &run, Prune::Keep).unwrap(),
        Merged { changed: true }
    );
    let expected = text(&[
        ("docker.io/library/nginx:latest", 'a'),
        ("registry.example.test/shop/web:1.4", 'b'),
    ]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    let lock = Lock::read(&path).unwrap().unwrap();
    assert_eq!(
        lock.get(&lookup("docker.io/nginx:latest")),
        Some(&digest('a'))
    );
    assert_eq!(lock.get(&lookup("nginx:1.25")), None);
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}

#[test]
fn a_run_without_images_makes_no_file() {
    let folder = folder();
    let path = folder.path().join("imago.lock");
    assert_eq!(
        merge(&path, &Lock::default(), Prune::Keep).unwrap(),
        Merged { changed: false }
    );
    assert!(!path.exists());
}

#[test]
fn any_spelling_of_an_image_is_understood() {
    for key in [
        "nginx",
        "nginx:latest",
        "docker.io/nginx",
        "docker.io/library/nginx:latest",
        "index.docker.io/library/nginx",
    ] {
        let lock = parse(&text(&[(key, 'a')])).unwrap();
        assert_eq!(lock.get(&lookup("nginx")), Some(&digest('a')), "{key}");
    }
    assert_eq!(
        parse(&text(&[("nginx", 'a'), ("docker.io/nginx", 'a')]))
            .unwrap()
            .images
            .len(),
        1
    );
}

#[test]
fn what_changes_nothing_does_not_write_the_file() {
    let folder = folder();
    let path = folder.path().join("imago.lock");
    let handmade = format!(
        "{{ \"images\": {{\"nginx\": \"{}\"}},\r\n\"version\": 1}}",
        digest('a')
    );
    std::fs::write(&path, &handmade).unwrap();
    let run = digests(&[("nginx:latest", 'a')]);
    let used = run.images.keys().cloned().collect();
    for prune in [Prune::Keep, Prune::Unused(&used)] {
        assert_eq!(
            merge(&path, &run, prune).unwrap(),
            Merged { changed: false }
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), handmade);
    }
}

#[test]
fn a_merge_keeps_what_the_run_did_not_meet_and_a_prune_drops_it() {
    let folder = folder();
    let path = folder.path().join("imago.lock");
    std::fs::write(
        &path,
        text(&[
            ("docker.io/library/nginx:1", 'a'),
            ("docker.io/library/redis:7", 'b'),
        ]),
    )
    .unwrap();
    let run = digests(&[("nginx:1", 'c')]);
    merge(&path, &run, Prune::Keep).unwrap();
    let lock = Lock::read(&path).unwrap().unwrap();
    assert_eq!(
        (lock.get(&lookup("nginx:1")), lock.get(&lookup("redis:7"))),
        (Some(&digest('c')), Some(&digest('b')))
    );
    assert_eq!(
        merge(
            &path,
            &run,
            Prune::Unused(&BTreeSet::from([lookup("nginx:1")]))
        )
        .unwrap(),
        Merged { changed: true }
    );
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        text(&[("docker.io/library/nginx:1", 'c')])
    );
    merge(&path, &Lock::default(), Prune::Unused(&BTreeSet::new())).unwrap();
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "{\"version\":1,\"images\":{}}\n"
    );
    assert!(Lock::read(&path).unwrap().unwrap().images.is_empty());
}

#[test]
fn a_malformed_lock_is_refused_with_line_and_reason_and_never_written() {
    let good = digest('a');
    for (content, message) in [
        (String::new(), "line 1: it is empty"),
        (" \n\n".to_owned(), "line 1: it is empty"),
        (
            "{\"version\":1,\n\"images\":{".to_owned(),
            "line 2: it ends before it is complete",
        ),
        (
            "null\n".to_owned(),
            "line 1: invalid type: null, expected a lock",
        ),
        ("<<<<<<< HEAD\n".to_owned(), "line 1: expected value"),
        (
            "{\"version\":1,\n\"images\":[]}".to_owned(),
            "line 2: invalid type: sequence, expected a map of images to digests",
        ),
        (
            "{\"version\":1}".to_owned(),
            "line 1: missing field `images`",
        ),
        (
            "{\"version\":\"1\",\"images\":{}}".to_owned(),
            "line 1: invalid type: string \"1\", expected u64",
        ),
        (
            "{\"version\":2,\"images\":[],\"more\":1}".to_owned(),
            "it has version 2, and this program knows version 1",
        ),
        (
            format!("{{\"version\":1,\"images\":{{\n\"a\":\"{good}\",\n\"Nginx\":\"{good}\"}}}}"),
            "line 3: `Nginx` is not an image: the name is not a repository name (lower-case letters, digits and single separators)",
        ),
        (
            "{\"version\":1,\"images\":{\n\"a\":\"sha256:1\"}}".to_owned(),
            "line 2: `sha256:1` is not a digest: the digest is not `sha256:` with 64 or `sha512:` with 128 lower-case hex digits",
        ),
        (
            format!("{{\"version\":1,\"images\":{{\n\"a@{good}\":\"{good}\"}}}}"),
            &format!("line 2: `a@{good}` has a digest, but a lock records what a tag points to"),
        ),
        (
            text(&[("nginx", 'a'), ("docker.io/nginx", 'b')]),
            "line 3: `docker.io/nginx` occurs twice, with different digests",
        ),
    ] {
        let folder = folder();
        let path = folder.path().join("imago.lock");
        std::fs::write(&path, &content).unwrap();
        let read = Lock::read(&path).unwrap_err();
        assert_eq!(read.to_string(), message, "{content}");
        assert!(read.hint().is_some());
        assert_eq!(
            merge(&path, &digests(&[("nginx", 'c')]), Prune::Keep)
                .unwrap_err()
                .to_string(),
            message
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn what_is_no_file_or_has_no_folder_is_refused_at_once() {
    let folder = folder();
    let run = digests(&[("nginx", 'a')]);
    assert_eq!(
        Lock::read(folder.path()).unwrap_err().code().as_str(),
        "not-a-file"
    );
    assert_eq!(
        merge(folder.path(), &run, Prune::Keep)
            .unwrap_err()
            .code()
            .as_str(),
        "not-a-file"
    );
    assert_eq!(
        merge(&folder.path().join("missing/imago.lock"), &run, Prune::Keep)
            .unwrap_err()
            .code()
            .as_str(),
        "folder-missing"
    );
    std::fs::write(folder.path().join("file"), "").unwrap();
    let below = folder.path().join("file/imago.lock");
    assert_eq!(Lock::read(&below).unwrap(), None);
    let error = Lock::writable(&below).unwrap_err();
    assert_eq!(error.to_string(), "its folder is not there");
}

#[test]
fn a_link_is_no_lock_wherever_it_leads() {
    let folder = folder();
    let path = folder.path().join("imago.lock");
    merge(&path, &digests(&[("nginx", 'a')]), Prune::Keep).unwrap();
    for target in ["imago.lock", "nowhere.lock"] {
        let link = folder.path().join(format!("{target}.link"));
        std::os::unix::fs::symlink(target, &link).unwrap();
        let errors = [
            Lock::read(&link).unwrap_err(),
            merge(&link, &digests(&[("redis", 'b')]), Prune::Keep).unwrap_err(),
            Draft::new(&link, &digests(&[("redis", 'b')]), Prune::Keep).unwrap_err(),
            Lock::writable(&link).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.code().as_str(), "link", "{error}");
            assert!(!error.hint().unwrap().contains("something else"), "{error}");
        }
    }
    assert!(!folder.path().join("nowhere.lock").exists());
    assert_eq!(Lock::read(&path).unwrap().unwrap().images.len(), 1);
}

#[test]
fn runs_beside_each_other_lose_nothing() {
    let folder = folder();
    let path = folder.path().join("imago.lock");
    std::thread::scope(|scope| {
        for run in 0..8 {
            let path = &path;
            scope.spawn(move || {
                for image in 0..8 {
                    let run = digests(&[(&format!("shop/web-{run}:{image}"), 'a')]);
                    assert!(merge(path, &run, Prune::Keep).unwrap().changed);
                }
            });
        }
    });
    assert_eq!(Lock::read(&path).unwrap().unwrap().images.len(), 64);
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}

proptest! {
    #[test]
    fn what_is_printed_reads_as_the_same_lock(
        images in prop::collection::btree_map("([a-z]{1,3}\\.test(:[0-9]{2})?/)?[a-z]{1,5}(/[a-z0-9]{1,3})?(:[A-Za-z0-9._]{1,4})?", "[0-9a-f]{64}", 0..6),
    ) {
        let images = images.into_iter().filter_map(|(image, hex)| {
            Some((ImageRef::parse(&image).ok()?.lookup(), Digest::parse(&format!("sha256:{hex}")).unwrap()))
        });
        let lock = Lock { images: images.collect(), ..Lock::default() };
        prop_assert_eq!(parse(&lock.to_string()).unwrap(), lock);
    }
}

#[test]
fn a_draft_clears_away_what_a_killed_run_left_beside_the_lock() {
    let folder = folder();
    let left = folder.path().join(".imago-abcdefghij12.part");
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(24 * 60 * 60);
    File::create(&left)
        .unwrap()
        .set_times(std::fs::FileTimes::new().set_modified(long_ago))
        .unwrap();
    let path = folder.path().join("imago.lock");
    let draft = Draft::new(&path, &digests(&[("nginx", 'a')]), Prune::Keep)
        .unwrap()
        .unwrap();
    let ready = draft.prepare().unwrap();
    assert!(!left.exists());
    ready.put().unwrap();
    assert_eq!(
        Lock::read(&path).unwrap().unwrap().get(&lookup("nginx")),
        Some(&digest('a'))
    );
}

#[test]
fn choices_of_policies_stand_behind_the_images_one_a_line() {
    let minor = std::sync::Arc::new(Policy::parse(r"minor; allow=/v?(?<version>\d+)/").unwrap());
    let asked = lookup("nginx:1.25").by(std::sync::Arc::clone(&minor));
    let key = choice_key(asked.name(), &minor, asked.tag());
    let mut run = digests(&[("nginx:1.27", 'a')]);
    run.tags.insert(key, "1.27".to_owned());
    let text = run.to_string();
    let expected = format!(
        "{{\"version\":1,\"images\":{{\n  \"docker.io/library/nginx:1.27\":\"{}\"\n}},\"tags\":{{\n  \"docker.io/library/nginx | minor; allow=/v?(?<version>\\\\d+)/ | 1.25\":\"1.27\"\n}}}}\n",
        digest('a')
    );
    assert_eq!(text, expected);
    let lock = parse(&text).unwrap();
    assert_eq!(lock, run);
    assert_eq!(lock.best(&asked), Some("1.27"));
    assert_eq!(lock.best(&lookup("nginx:1.25")), None);
    // A prune keeps what the run asked.
    let merge = |used: &[Lookup]| {
        let used = used.iter().cloned().collect();
        merged(
            Some(text.as_bytes()),
            &Lock::default(),
            Prune::Unused(&used),
        )
        .unwrap()
    };
    assert_eq!(merge(&[asked.clone(), lookup("nginx:1.27")]), None);
    assert!(!merge(&[lookup("nginx:1.27")]).unwrap().contains("tags"));
}

#[test]
fn what_is_not_known_is_kept() {
    let text = format!(
        "{{\"version\":1,\"images\":{{\n  \"docker.io/library/nginx:1\":\"{}\"\n}},\"later\":{{\"a\":[1]}}}}\n",
        digest('a')
    );
    assert_eq!(parse(&text).unwrap().to_string(), text);
    let merged = merged(
        Some(text.as_bytes()),
        &digests(&[("redis:7", 'b')]),
        Prune::Keep,
    )
    .unwrap();
    assert!(merged.unwrap().ends_with("\n},\"later\":{\"a\":[1]}}\n"));
    for (text, reason) in [
        (
            "{\"version\":1,\"images\":{},\"tags\":{\"a\":\"b c\"}}",
            "line 1: `b c` is not a tag",
        ),
        (
            "{\"version\":1,\"images\":{},\"images\":{}}",
            "line 1: `images` occurs twice",
        ),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), reason);
    }
}
