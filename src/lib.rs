//! `imago` keeps every container image in Kubernetes manifests on the digest that its tag points to today.
//!
//! Four rings; a ring imports itself and the rings to its left, never to its right:
//!
//! ```text
//! engine  <-  io  <-  app  <-  cli
//! ```
//!
//! - [`engine`] is pure: no files, network, environment, clock, async, logging or printing. It asks ([`engine::plan::questions`])
//!   and decides ([`engine::plan::update`], [`engine::plan::restore`]).
//! - [`io`] is one outside world in each module, thin, without opinions.
//! - [`app`] is the order of steps, concurrency, and what is fatal.
//! - [`cli`] is flags in, text out.
//!
//! `tests/it/boundaries.rs` fails on an import against the rings, and on a crate named outside its file.
//!
//! # The way of the data
//!
//! ```text
//! FILES    io::scan -> text -> engine::yaml -> nodes ---------\
//!                                                              > engine::shape -> objects with sites, the same for both
//! CLUSTER  io::cluster -> JSON -> engine::live ---------------/        |
//!                                                         plan::questions -> lookups
//!                                                                      |
//!                             digests <- app::resolve <- io::registry, or io::lock
//!                                |
//! BOTH     plan::update, plan::restore, plan::restart -> changes, outcomes
//! FILES    changes -> engine::splice -> new text, proven -> engine::diff, io::files, io::git
//! CLUSTER  changes -> engine::patch -> one JSON Patch, sent; on a conflict read and planned again
//! BOTH     outcomes -> app::report -> cli::render -> exit code
//! ```
//!
//! - [`engine::shape`] has the table of kinds, an [`engine::site::Site`] is one place of one image: it reads and writes the scalars there.
//! - A [`engine::path::Path`] is the address of a string in an object, and a [`engine::change::Change`] says what shall stand there; so
//!   finding, policy and planning know nothing of files and clusters.
//! - A tag is asked for when the first file that names it has been read, while others are still read, in the order of the files and not
//!   of the threads that read them. Files are planned and edited, a few at a time, when their own tags are answered, while others still wait.
//! - [`engine::running`] says what running pods say: no more than whether a container is on a digest, is not, or says nothing.
//! - All edits of a file are byte ranges of the original text, applied once. The new text is read again, and by a second parser too,
//!   and a text in which anything differs but the changes is not written. A report and `--check` tell the plan without that proof.
//! - `engine::yaml` reads most manifests line by line and all others with the parser, node for node alike.
//! - [`app::commit`] plans again on the content of another commit where the remote has moved: a plan is never carried over.
//! - [`app::workspace`] is where a run works. In a bare repository its files are those of a commit: `app/commit/content.rs` reads them.
//! - [`app::remote`] clones a repository by its address (`io/git/address.rs`, `io/git/clone.rs`): a run works in the clone as in any bare
//!   repository, and fetches contents that it lacks.
//! - [`app::fleet`] runs file mode in many repositories, several at once, beside shared registries. `cli/fleet.rs` reads their list and
//!   writes one report; [`engine::shard`] says which repositories a part of the fleet has.
//! - [`io::interrupt`] holds signals back while a change is half made.
//! - `io/child.rs` starts every other program: with a time limit for all that it starts, and without our secrets.
//! - [`engine::memory`] says which entry of a record belongs to which container, and [`engine::hold`] what keeps an image as it is.
//! - Nothing in a file says that it holds the values of a Helm chart. `app/clues.rs` collects what other files say of charts, and
//!   `app/values.rs` decides which files are values. `engine/shape/values.rs` finds the images in values, `engine/shape/releases.rs` the values
//!   in HelmReleases, Applications and the like, and [`engine::helm`] knows where each chart takes a digest.
//! - [`engine::version`] ranks the tags of a repository by a policy: `1.4.2` with `minor` goes to `1.5.0`.
//! - `app/choose.rs` asks a registry for the list and for the best of it; `app/tags.rs` shows how each tag fared.
//! - [`engine::import`] reads policies of other tools, which `app/import.rs` finds in files.
//! - `app/init.rs` plans what `imago init` writes; `cli/init.rs` shows it and asks.
//! - `imago files -` reads one stream (`io/stdin.rs`), plans as for a file, and edits nothing.
//! - Kustomizations are evidence: `app/overlays.rs` reads them from the whole work tree, and [`engine::kustomize`] says what they make of
//!   an image. `app/tree_links.rs` follows links to their folders. [`engine::shape::Kinds`] says which kinds a run takes.
//! - `app/lock_check.rs` holds the lock against the registries.
//! - [`engine::code`] has every code of a problem, a hold and a skip, one row each; `docs/codes.md` is held equal to it.
//! - A problem is data ([`app::report::Problem`]): it reaches the report and the exit code. An `Err` means that the run cannot go on.
//!
//! - A run is a future in a [`app::workspace::Workspace`], watched by an [`app::observer::Observer`]: `cli/runtime.rs` starts the runtime
//!   that awaits it, and `app/threads.rs` takes what computes or blocks off that runtime.
//!
//! # Where something is added
//!
//! | What | Where |
//! |---|---|
//! | a shape (a kind of object that has images) | a row in the table of its family: `engine/shape/families.rs` by structure, `engine/shape/fields.rs` by name, `engine/shape/entries.rs` of kustomizations, `engine/shape/values.rs` of Helm |
//! | a notation (how an image is written there) | `engine/site.rs`, and `engine/image.rs` for its syntax |
//! | a gate (what holds an answer back) | `app/gate.rs`, as for the loss of a platform; `engine/hold.rs` for the hold |
//! | a forge (where a request is opened) | a file in `io/forge/` that has its API, its kind in `io/forge/location.rs`, its rights in `io/forge/error.rs` |
//! | what a run does with a request | a row of `engine/propose/act.rs`; the order of steps is in `app/propose.rs`, the branches in `app/commit/requests.rs` |
//! | an auth scheme | `io/registry/challenge.rs` for the offer, `io/registry/ask.rs` for the header, `io/registry/token.rs`; `io/credentials/` for where credentials come from |
//! | an output format | `cli/render/`, one file a format; its name in `cli/args/output.rs`, its call in `cli/reports.rs` |
//! | a code | `engine/code.rs`; a test writes its row in `docs/codes.md` |
//! | a key of a fleet's list | a field in `cli/config/fleet.rs` |
//! | a setting | a field in `cli/config/values.rs`, its use in `cli/config/merge.rs`, its row in `docs/settings.md` |
//! | a chart that takes digests | a row in `engine/helm/facts.rs` |
//!
//! # Laws, held by tests on every case of `fixtures/rewrite` and on generated manifests
//!
//! 1. No change wanted: the same bytes.
//! 2. Bytes outside the edits are the same.
//! 3. A second run changes nothing.
//! 4. The result parses, and differs from the input at the wanted paths alone.
//! 5. The same object as YAML, as JSON and from the API server gives the same plan.
//! 6. An update and then a restore give the first bytes back, or where the style of an image cannot come back, the same object.
//! 8. Renaming, moving, reordering and copying containers changes no decision: [`engine::memory`] claims what the record has for each.
//! 9. What kustomize builds before and after an update differs in the intended digests and in the record alone.
//! 10. What `helm` renders before and after an update differs in the intended digests of images alone.

#[cfg(windows)]
compile_error!(
    "imago does not run on Windows: it needs the file modes, links and signals of Unix. Build it in WSL."
);

pub mod app;
pub mod cli;
pub mod engine;
pub mod io;
