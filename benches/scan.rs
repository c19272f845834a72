//! How long the walk takes: folders read, files read, and the look at their bytes, apart from all that is done with them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use divan::Bencher;
use divan::counter::BytesCount;
use imago::engine::shape;
use imago::io::scan::{Scope, What, scan};

fn main() {
    divan::main();
}

/// A third of the files are Deployments, the rest ConfigMaps, twelve to an application with a base and two overlays.
fn tree(files: usize) -> (tempfile::TempDir, usize) {
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    let mut bytes = 0;
    for index in 0..files {
        let part = ["base", "overlays/dev", "overlays/prod"][index % 12 / 4];
        let path = folder.path().join(format!("apps/{}/{part}", index / 12));
        std::fs::create_dir_all(&path).expect("a new folder can be made");
        let text = if index % 3 == 0 {
            deployment(index)
        } else {
            config(index)
        };
        bytes += text.len();
        std::fs::write(path.join(format!("{index}.yaml")), text)
            .expect("a new file can be written");
    }
    (folder, bytes)
}

fn deployment(index: usize) -> String {
    let image = format!("registry.example.test/shop/web-{}:1.4", index % 200);
    let mut text = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web-{index}\nspec:\n  template:\n    spec:\n      \
         containers:\n        - name: app\n          image: {image}\n          env:\n"
    );
    for setting in 0..30 {
        write!(
            text,
            "            - name: SETTING_{setting}\n              value: \"{setting} of {index}\"\n"
        )
        .expect("a String takes every text");
    }
    text
}

fn config(index: usize) -> String {
    let mut text =
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings-{index}\ndata:\n");
    for setting in 0..44 {
        writeln!(
            text,
            "  setting_{setting}: a value for the setting {setting} of {index}"
        )
        .expect("a String takes every text");
    }
    text
}

fn scanned(folder: &Path) -> usize {
    let paths = [PathBuf::from(folder)];
    let request = Scope {
        paths: &paths,
        include: &[],
        exclude: &[],
        other: None,
        current: folder,
        opens_relative: false,
        root: folder,
    };
    let found = scan(request, |found| match found.what {
        What::File(bytes) => Some(shape::may_hold(bytes, &shape::Kinds::default())),
        _ => None,
    });
    found
        .expect("the folder is there")
        .0
        .into_iter()
        .filter(|&named| named)
        .count()
}

#[divan::bench(args = [600, 6000])]
fn a_tree_is_walked_read_and_looked_at(bencher: Bencher<'_, '_>, files: usize) {
    let (folder, bytes) = tree(files);
    assert_eq!(scanned(folder.path()), files / 3);
    bencher
        .counter(BytesCount::new(bytes))
        .bench(|| scanned(folder.path()));
}

#[divan::bench]
fn bytes_without_a_kind_are_looked_at(bencher: Bencher<'_, '_>) {
    let text = config(1).repeat(100);
    bencher
        .counter(BytesCount::new(text.len()))
        .bench(|| shape::may_hold(divan::black_box(text.as_bytes()), &shape::Kinds::default()));
}
