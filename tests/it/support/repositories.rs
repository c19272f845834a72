//! Bare repositories, made without the `git` program: a fleet of them takes no time.

#![allow(
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    reason = "tests and a bench use it"
)]

use std::path::{Path, PathBuf};

use git2::{Oid, Repository, RepositoryInitOptions, Signature};

/// A bare repository with one branch.
pub struct Bare {
    pub folder: PathBuf,
    repository: Repository,
}

impl Bare {
    /// Makes one that sends what is asked for, with a commit of these files on `main`.
    pub fn new(folder: &Path, files: &[(&str, &str)]) -> Self {
        let mut options = RepositoryInitOptions::new();
        options.bare(true).external_template(false).mkdir(true);
        options.initial_head("main");
        let repository = Repository::init_opts(folder, &options).unwrap();
        let mut config = repository.config().unwrap();
        config.set_bool("uploadpack.allowFilter", true).unwrap();
        config
            .set_bool("uploadpack.allowAnySHA1InWant", true)
            .unwrap();
        let bare = Self {
            folder: folder.to_owned(),
            repository,
        };
        bare.commit("first", files);
        bare
    }

    /// Its address.
    pub fn address(&self) -> String {
        format!("file://{}", self.folder.display())
    }

    /// Commits files to `main`.
    pub fn commit(&self, message: &str, files: &[(&str, &str)]) {
        let parent = self.tip("main");
        let parent = parent.map(|parent| self.repository.find_commit(parent).unwrap());
        let empty = self.repository.treebuilder(None).unwrap().write().unwrap();
        let base = parent.as_ref().map_or(empty, git2::Commit::tree_id);
        let base = self.repository.find_tree(base).unwrap();
        let mut update = git2::build::TreeUpdateBuilder::new();
        for (path, text) in files {
            let blob = self.repository.blob(text.as_bytes()).unwrap();
            update.upsert(*path, blob, git2::FileMode::Blob);
        }
        let tree = update.create_updated(&self.repository, &base).unwrap();
        let tree = self.repository.find_tree(tree).unwrap();
        let ada = Signature::now("Ada", "ada@example.test").unwrap();
        let parents: Vec<_> = parent.iter().collect();
        self.repository
            .commit(
                Some("refs/heads/main"),
                &ada,
                &ada,
                message,
                &tree,
                &parents,
            )
            .unwrap();
    }

    /// Commits a few small trees that have more files than fit into any memory.
    pub fn bomb(&self) {
        let blob = self.repository.blob(b"kind: Pod\n").unwrap();
        let (mut id, mut mode) = (blob, 0o100_644);
        for _ in 0..10 {
            let mut tree = self.repository.treebuilder(None).unwrap();
            for name in 0..10 {
                let end = if mode == 0o040_000 { "" } else { ".yaml" };
                tree.insert(format!("{name}{end}"), id, mode).unwrap();
            }
            (id, mode) = (tree.write().unwrap(), 0o040_000);
        }
        let tree = self.repository.find_tree(id).unwrap();
        let ada = Signature::now("Ada", "ada@example.test").unwrap();
        let parent = self
            .repository
            .find_commit(self.tip("main").unwrap())
            .unwrap();
        let main = Some("refs/heads/main");
        self.repository
            .commit(main, &ada, &ada, "bomb", &tree, &[&parent])
            .unwrap();
    }

    /// Puts an entry with a name into the root of the branch `main` that no Git would take there: a folder with this file.
    pub fn put_in_folder(&self, name: &str, file: &str, content: &str) {
        let blob = self.repository.blob(content.as_bytes()).unwrap();
        let mut inner = self.repository.treebuilder(None).unwrap();
        inner.insert(file, blob, 0o100_644).unwrap();
        let inner = inner.write().unwrap();
        let mut tree = format!("40000 {name}\0").into_bytes();
        tree.extend(inner.as_bytes());
        let odb = self.repository.odb().unwrap();
        let id = odb.write(git2::ObjectType::Tree, &tree).unwrap();
        let tree = self.repository.find_tree(id).unwrap();
        let ada = Signature::now("Ada", "ada@example.test").unwrap();
        let tip = self.tip("main").unwrap();
        let parent = self.repository.find_commit(tip).unwrap();
        let main = Some("refs/heads/main");
        self.repository
            .commit(main, &ada, &ada, name, &tree, &[&parent])
            .unwrap();
    }

    /// The commit of a branch.
    pub fn tip(&self, branch: &str) -> Option<Oid> {
        let name = format!("refs/heads/{branch}");
        self.repository.refname_to_id(&name).ok()
    }

    /// A file of a branch.
    pub fn file(&self, branch: &str, path: &str) -> Option<String> {
        // What another process has written is seen by a new handle.
        let repository = Repository::open(&self.folder).unwrap();
        let tip = repository
            .refname_to_id(&format!("refs/heads/{branch}"))
            .ok()?;
        let tree = repository.find_commit(tip).unwrap().tree().unwrap();
        let entry = tree.get_path(Path::new(path)).ok()?;
        let blob = repository.find_blob(entry.id()).unwrap();
        Some(String::from_utf8(blob.content().to_vec()).unwrap())
    }

    /// How many commits a branch has.
    pub fn commits(&self, branch: &str) -> usize {
        let repository = Repository::open(&self.folder).unwrap();
        let mut walk = repository.revwalk().unwrap();
        match walk.push_ref(&format!("refs/heads/{branch}")) {
            Ok(()) => walk.count(),
            Err(_) => 0,
        }
    }
}
