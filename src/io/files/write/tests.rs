//! Files are replaced whole or not at all, and nobody's work is lost.

use std::fs::FileTimes;

use super::*;
use crate::io::files::put;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_is_replaced_whole_with_its_mode() {
    let folder = folder();
    let file = folder.path().join("web.yaml");
    for mode in [0o600, 0o644, 0o664, 0o755, 0o200] {
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        if File::open(&file).is_err() {
            continue;
        }
        replace(&file, b"old", b"new and longer").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"new and longer");
        assert_eq!(file.metadata().unwrap().mode() & 0o7777, mode);
        std::fs::remove_file(&file).unwrap();
    }
}

#[test]
fn a_file_that_changed_meanwhile_is_left_as_it_is() {
    let folder = folder();
    let file = folder.path().join("web.yaml");
    std::fs::write(&file, "somebody else's").unwrap();
    let error = replace(&file, b"old", b"new").unwrap_err();
    assert_eq!(error.code().as_str(), "changed-meanwhile");
    assert_eq!(std::fs::read(&file).unwrap(), b"somebody else's");
    assert_eq!(names(folder.path()), ["web.yaml"]);
}

#[test]
fn a_file_that_is_gone_is_not_made_again() {
    let folder = folder();
    assert_eq!(
        replace(&folder.path().join("web.yaml"), b"old", b"new")
            .unwrap_err()
            .code()
            .as_str(),
        "vanished"
    );
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn a_file_is_written_only_by_who_may_write_it_and_keeps_its_mode() {
    let folder = folder();
    let file = folder.path().join("web.yaml");
    std::fs::write(&file, "old").unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o444)).unwrap();
    // Root may write every file, even a read-only one.
    if file.metadata().unwrap().uid() == 0 {
        replace(&file, b"old", b"new").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
    } else {
        let error = replace(&file, b"old", b"new").unwrap_err();
        assert_eq!(
            (error.code().as_str(), error.to_string().as_str()),
            ("read-only", "it is read-only (mode 444)")
        );
        assert_eq!(std::fs::read(&file).unwrap(), b"old");
    }
    assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o444);
}

#[test]
fn a_new_file_does_not_overwrite_one_that_came_meanwhile() {
    let folder = folder();
    let file = folder.path().join("imago.lock");
    create(&file, b"first").unwrap();
    assert_eq!(
        create(&file, b"second").unwrap_err().code().as_str(),
        "changed-meanwhile"
    );
    assert_eq!(std::fs::read(&file).unwrap(), b"first");
    assert_eq!(names(folder.path()), ["imago.lock"]);
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "").unwrap();
    assert_eq!(
        file.metadata().unwrap().mode(),
        plain.metadata().unwrap().mode()
    );
}

#[test]
fn many_files_are_replaced_and_a_failure_is_its_files_own() {
    let folder = folder();
    let at = |index: usize| folder.path().join(format!("{index}.yaml"));
    (0..3 * FEW).for_each(|index| std::fs::write(at(index), format!("old {index}")).unwrap());
    let prepared: Vec<_> = (0..3 * FEW)
        .map(|index| prepare(&at(index), b"new").unwrap())
        .collect();
    std::fs::write(at(1), "somebody else's").unwrap();
    std::fs::remove_file(at(2)).unwrap();
    assert!(flush(&prepared).into_iter().all(|flushed| flushed.is_ok()));
    let put = prepared.into_iter().enumerate();
    let codes: Vec<_> = put
        .map(|(index, one)| {
            one.put(format!("old {index}").as_bytes())
                .map_err(|error| error.code().as_str())
        })
        .collect();
    let expected = |index| match index {
        1 => Err("changed-meanwhile"),
        2 => Err("vanished"),
        _ => Ok(()),
    };
    assert_eq!(codes, (0..3 * FEW).map(expected).collect::<Vec<_>>());
    assert_eq!(std::fs::read(at(1)).unwrap(), b"somebody else's");
    assert_eq!(names(folder.path()).len(), 3 * FEW - 1);
    assert!((3..3 * FEW).all(|index| std::fs::read(at(index)).unwrap() == b"new"));
}

#[test]
fn what_is_prepared_and_not_put_leaves_nothing() {
    let folder = folder();
    let file = folder.path().join("web.yaml");
    std::fs::write(&file, "old").unwrap();
    let prepared = prepare(&file, b"new").unwrap();
    assert_eq!(names(folder.path()).len(), 2);
    drop(prepared);
    assert_eq!(names(folder.path()), ["web.yaml"]);
}

/// Makes a file of this age.
fn make_old(folder: &Path, name: &str, age: Duration) {
    let made = File::create(folder.join(name)).unwrap();
    let now = made.metadata().unwrap().modified().unwrap();
    made.set_times(FileTimes::new().set_modified(now - age))
        .unwrap();
}

#[test]
fn a_report_and_a_new_file_remove_what_a_killed_run_left_beside_them() {
    let folder = folder();
    for (name, write) in [
        ("report.json", put as fn(&Path, &[u8]) -> _),
        ("imago.lock", create),
    ] {
        make_old(folder.path(), ".imago-abcdefghij12.part", LEFT_BEHIND * 2);
        write(&folder.path().join(name), b"new").unwrap();
        let is_left = |name: &&String| name.ends_with(".part");
        assert_eq!(names(folder.path()).iter().find(is_left), None, "{name}");
    }
}

#[test]
fn only_what_a_run_left_long_ago_is_removed() {
    let folder = folder();
    let file = folder.path().join("web.yaml");
    std::fs::write(&file, "old").unwrap();
    let make = |name: &str, age: Duration| make_old(folder.path(), name, age);
    let (old, new) = (LEFT_BEHIND * 2, LEFT_BEHIND / 2);
    make(".imago-abcdefghij12.part", old);
    make(".imago-abcdefghij13.part", new);
    for name in [
        ".imago-backup",
        ".imago-abcdefghij1.part",
        ".imago-abcdefghij_2.part",
        "imago-abcdefghij12.part",
    ] {
        make(name, old);
    }
    std::fs::create_dir(folder.path().join(".imago-abcdefghij14.part")).unwrap();
    let prepared = prepare(&file, b"new").unwrap();
    prepared.remove_leftovers();
    prepared.put(b"old").unwrap();
    let expected = [
        ".imago-abcdefghij1.part",
        ".imago-abcdefghij13.part",
        ".imago-abcdefghij14.part",
        ".imago-abcdefghij_2.part",
        ".imago-backup",
        "imago-abcdefghij12.part",
        "web.yaml",
    ];
    assert_eq!(names(folder.path()), expected);
}
