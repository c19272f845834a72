//! What is done with one manifest, stage by stage: parse, find and plan, splice, and the proof that is part of it.
//!
//! `cargo bench --bench edit` gives the time of each stage for one Deployment of about 3.4 kB.

use divan::Bencher;
use divan::counter::BytesCount;
use imago::engine::answer::{Answer, Answers};
use imago::engine::image::Digest;
use imago::engine::object::Object;
use imago::engine::plan::{self, Rules, TagChoice};
use imago::engine::policy::{TagForm, Track};
use imago::engine::selector::ImageFilter;
use imago::engine::shape;
use imago::engine::splice::{self, DocumentChanges};
use imago::engine::yaml::{CommentedFile, File};

fn main() {
    divan::main();
}

fn deployment() -> String {
    let setting = |number| {
        format!(
            "            - name: SETTING_{number}\n              value: \"value {number} of this workload\"\n"
        )
    };
    format!(
        "# a workload\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  labels:\n    app: web\nspec:\n  template:\n    \
         spec:\n      containers:\n        - name: app\n          image: registry.example.test/shop/web:1.4 # followed\n          env:\n{}",
        (0..40).map(setting).collect::<String>()
    )
}

fn rules() -> Rules {
    Rules {
        tags: TagChoice::ByPolicy,
        track: Track::Annotation,
        form: TagForm::Keep,
        images: ImageFilter::default(),
    }
}

fn workloads(text: &str) -> Vec<Object> {
    let file = File::parse(text).expect("the manifest is well-formed");
    shape::find(file.document(0)).objects
}

fn answers(workloads: &[Object]) -> Answers {
    let digest =
        Digest::parse(&format!("sha256:{}", "1".repeat(64))).expect("64 digits make a digest");
    plan::wanted(workloads, &rules())
        .into_keys()
        .map(|lookup| (lookup, Ok(Answer::new(digest.clone()))))
        .collect()
}

fn changes(text: &str) -> Vec<DocumentChanges> {
    let workloads = workloads(text);
    let plan =
        plan::update(&workloads[0], &rules(), &answers(&workloads)).expect("the record is absent");
    vec![DocumentChanges {
        document: 0,
        changes: plan.changes,
    }]
}

#[divan::bench]
fn parse(bencher: Bencher<'_, '_>) {
    let text = deployment();
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| File::parse(&text).map(|file| file.len()));
}

#[divan::bench]
fn find(bencher: Bencher<'_, '_>) {
    let text = deployment();
    let file = File::parse(&text).expect("the manifest is well-formed");
    bencher.bench(|| shape::find(file.document(0)));
}

#[divan::bench]
fn plan_one(bencher: Bencher<'_, '_>) {
    let workloads = workloads(&deployment());
    let (rules, answers) = (rules(), answers(&workloads));
    bencher.bench(|| plan::update(&workloads[0], &rules, &answers));
}

/// The edits, the new text, and the proof by two parsers, which is nearly all of it.
#[divan::bench]
fn splice_and_prove(bencher: Bencher<'_, '_>) {
    let text = deployment();
    let changes = changes(&text);
    bencher
        .counter(BytesCount::of_str(&text))
        .with_inputs(|| {
            let file = CommentedFile::parse(&text).expect("the manifest is well-formed");
            (file, changes.clone())
        })
        .bench_values(|(file, changes)| splice::splice(file, changes));
}
