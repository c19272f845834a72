//! The port, asked against the forge in this process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use imago::io::forge::{Created, Draft, Forge as Client, ForgeKind, Settings, State, locate};
use imago::io::registry;

use crate::support::block_on;
use crate::support::forge::{Flavour, Forge, Pull, PullState};
use crate::support::registry::http::{Body, Response};

pub(super) const TOKEN: &str = "planted-forge-token";

pub(super) fn settings(environment: &[(&str, &str)]) -> Settings {
    let environment: BTreeMap<OsString, OsString> = environment
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect();
    let mut settings = Settings::like(&registry::Settings {
        environment,
        ..registry::Settings::default()
    });
    settings.limits.first_pause = Duration::from_millis(1);
    settings.limits.answer = Duration::from_millis(500);
    settings
}

pub(super) fn kind_of(flavour: Flavour) -> ForgeKind {
    match flavour {
        Flavour::GitHub => ForgeKind::GitHub,
        Flavour::GitLab => ForgeKind::GitLab,
        Flavour::Gitea => ForgeKind::Gitea,
        Flavour::BitbucketCloud => ForgeKind::BitbucketCloud,
        Flavour::BitbucketServer => ForgeKind::BitbucketServer,
        Flavour::Azure => ForgeKind::Azure,
    }
}

/// A forge, and a client that is signed in to it.
pub(super) fn pair(flavour: Flavour) -> (Forge, Client) {
    let forge = Forge::start(flavour);
    forge.state().token = Some(TOKEN.to_owned());
    let location = locate(
        "/srv/deploy.git",
        Some(kind_of(flavour)),
        Some(&forge.url()),
        Some("shop/deploy"),
    )
    .unwrap();
    let client = Client::open(location, &settings(&[("IMAGO_FORGE_TOKEN", TOKEN)])).unwrap();
    (forge, client)
}

pub(super) fn draft(head: &str) -> Draft<'_> {
    Draft {
        head,
        base: "main",
        title: "Update 2 image digests",
        body: "| image | digest |",
        labels: &[],
        reviewers: &[],
        assignees: &[],
        is_draft: false,
    }
}

pub(super) const FLAVOURS: [Flavour; 6] = [
    Flavour::GitHub,
    Flavour::GitLab,
    Flavour::Gitea,
    Flavour::BitbucketCloud,
    Flavour::BitbucketServer,
    Flavour::Azure,
];

/// Those that have labels, assignees and auto-merge.
const WHOLE: [Flavour; 3] = [Flavour::GitHub, Flavour::GitLab, Flavour::Gitea];

#[test]
fn a_request_is_made_found_changed_and_closed() {
    for flavour in FLAVOURS {
        let (forge, client) = pair(flavour);
        block_on(async {
            assert!(
                client
                    .open_requests("imago", "main")
                    .await
                    .unwrap()
                    .is_none()
            );
            let made = client.create(&draft("imago")).await.unwrap();
            let Created::Made { request, warnings } = made else {
                panic!("{flavour:?}: {made:?}")
            };
            assert_eq!(warnings, [""; 0]);
            assert!(request.url.starts_with(&forge.url()), "{}", request.url);
            assert_eq!(
                client.open_requests("imago", "main").await.unwrap(),
                Some(request.clone())
            );
            assert!(
                client
                    .open_requests("imago", "release")
                    .await
                    .unwrap()
                    .is_none()
            );
            client.update(&request, "Update 3", "other").await.unwrap();
            let found = client
                .open_requests("imago", "main")
                .await
                .unwrap()
                .unwrap();
            assert_eq!((&*found.title, &*found.body), ("Update 3", "other"));
            client.close(&found).await.unwrap();
            assert!(
                client
                    .open_requests("imago", "main")
                    .await
                    .unwrap()
                    .is_none()
            );
            let closed = client.closed_requests("imago", "main").await.unwrap();
            assert_eq!(closed.len(), 1);
            assert_eq!(closed[0].state, State::Closed);
        });
    }
}

#[test]
fn requests_of_forks_of_other_branches_and_merged_ones_are_held_apart() {
    for flavour in FLAVOURS {
        let (forge, client) = pair(flavour);
        {
            let mut state = forge.state();
            state.add(Pull {
                is_of_fork: true,
                ..Pull::default()
            });
            state.add(Pull {
                base: "release".to_owned(),
                ..Pull::default()
            });
            state.add(Pull {
                head: "imago-web-0a1b2c".to_owned(),
                ..Pull::default()
            });
            state.add(Pull {
                head: "other".to_owned(),
                ..Pull::default()
            });
            state.add(Pull {
                state: PullState::Merged,
                ..Pull::default()
            });
            for _ in 0..25 {
                state.add(Pull {
                    state: PullState::Closed,
                    ..Pull::default()
                });
            }
            state.add(Pull {
                is_of_fork: true,
                state: PullState::Closed,
                ..Pull::default()
            });
        }
        block_on(async {
            assert!(
                client
                    .open_requests("imago", "main")
                    .await
                    .unwrap()
                    .is_none()
            );
            let below = client.open_below("imago-", "main").await.unwrap();
            let heads: Vec<&str> = below.iter().map(|it| &*it.head).collect();
            assert_eq!(heads, ["imago-web-0a1b2c"]);
            let closed = client.closed_requests("imago", "main").await.unwrap();
            assert_eq!(closed.len(), 20);
            assert_eq!((closed[0].number, closed[19].number), (30, 11));
            assert!(closed.iter().all(|it| it.state == State::Closed));
        });
    }
}

#[test]
fn all_pages_of_open_requests_are_read() {
    for flavour in FLAVOURS {
        let (forge, client) = pair(flavour);
        forge.state().page = 7;
        for number in 0..60 {
            let head = format!("imago-{number}");
            forge.state().add(Pull {
                head,
                ..Pull::default()
            });
        }
        let below = block_on(client.open_below("imago-", "main")).unwrap();
        assert_eq!(below.len(), 60);
    }
}

#[test]
fn two_runs_at_once_make_one_request_and_nothing_makes_none() {
    for flavour in FLAVOURS {
        let (forge, client) = pair(flavour);
        forge.before("POST", "", |state| {
            state.add(Pull {
                title: "theirs".to_owned(),
                ..Pull::default()
            });
        });
        let created = block_on(client.create(&draft("imago"))).unwrap();
        match created {
            Created::Exists(it) | Created::Made { request: it, .. } => {
                assert_eq!(it.title, "theirs", "{flavour:?}");
            }
            Created::NothingBetween => panic!("{flavour:?}"),
        }
        assert_eq!(forge.state().open().len(), 1);
        if matches!(flavour, Flavour::GitLab | Flavour::Gitea | Flavour::Azure) {
            // They make an empty request.
            continue;
        }
        forge.state().empty.push("same".to_owned());
        let created = block_on(client.create(&draft("same"))).unwrap();
        assert!(matches!(created, Created::NothingBetween), "{created:?}");
    }
}

#[test]
fn a_request_whose_answer_is_lost_is_looked_for_before_it_is_made_again() {
    for flavour in FLAVOURS {
        for (lost, works) in [
            (Response::new(502), true),
            (Response::new(201).body("{}").sent(|_| Body::Nothing), true),
            (
                Response::new(201).body("{\"number\": 1}").sent(Body::Cut),
                true,
            ),
            (Response::new(502), false),
        ] {
            let (forge, client) = pair(flavour);
            match works {
                true => forge.fail_after("POST", "", 1, lost),
                false => forge.fail("POST", "", 1, lost),
            }
            let created = block_on(client.create(&draft("imago"))).unwrap();
            assert!(matches!(created, Created::Made { .. }), "{created:?}");
            assert_eq!(forge.state().pulls.len(), 1, "{flavour:?}");
        }
    }
}

#[test]
fn a_comment_is_made_once() {
    for flavour in FLAVOURS {
        let (forge, client) = pair(flavour);
        let number = forge.state().add(Pull::default());
        forge.state().page = 2;
        forge.state().pull(number).comments = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let request = block_on(client.open_requests("imago", "main"))
            .unwrap()
            .unwrap();
        let marker = "<!-- imago:paused -->";
        let once = || block_on(client.comment_once(&request, marker, "A person has committed."));
        assert!(once().unwrap());
        assert!(!once().unwrap());
        let comments = forge.state().pull(number).comments.clone();
        assert_eq!(comments.len(), 4);
        assert_eq!(comments[3], format!("A person has committed.\n\n{marker}"));
    }
}

#[test]
fn labels_and_people_are_set_and_what_fails_is_a_warning() {
    for flavour in WHOLE {
        let (forge, client) = pair(flavour);
        forge.state().members = vec!["ada".to_owned(), "bob".to_owned()];
        forge.state().labels = vec!["other".to_owned(), "images".to_owned()];
        forge.state().shared_labels = vec!["other".to_owned(), "bot".to_owned()];
        let names = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let (labels, people) = (names(&["images", "bot"]), names(&["ada", "nobody", "bob"]));
        let created = block_on(client.create(&Draft {
            labels: &labels,
            reviewers: &people,
            assignees: &people,
            is_draft: true,
            ..draft("imago")
        }));
        let Created::Made { request, warnings } = created.unwrap() else {
            panic!("{flavour:?}")
        };
        let pull = forge.state().pull(request.number).clone();
        assert_eq!(pull.labels, labels);
        assert_eq!(pull.reviewers, ["ada", "bob"]);
        assert_eq!(pull.assignees, ["ada", "bob"]);
        assert!(pull.is_draft && request.is_draft);
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(
            warnings.iter().all(|it| it.contains("nobody")),
            "{warnings:?}"
        );
    }
}

#[test]
fn a_title_that_a_person_changes_in_between_stays() {
    for flavour in FLAVOURS {
        let (forge, client) = pair(flavour);
        let number = forge.state().add(Pull {
            title: "x".repeat(255),
            ..Pull::default()
        });
        let request = block_on(client.open_requests("imago", "main"))
            .unwrap()
            .unwrap();
        forge.state().pull(number).title = "Renamed".to_owned();
        block_on(client.update(&request, &request.title, "other")).unwrap();
        let pull = forge.state().pull(number).clone();
        assert_eq!(
            (&*pull.title, &*pull.body),
            ("Renamed", "other"),
            "{flavour:?}"
        );
    }
}

#[test]
fn a_title_mentions_nobody_and_fits_with_the_mark_of_a_draft() {
    for flavour in [Flavour::GitLab, Flavour::Gitea] {
        let (forge, client) = pair(flavour);
        let title = format!("Update `@team/#1!2&3` {}", "@".repeat(300));
        let draft = Draft {
            title: &title,
            is_draft: true,
            ..draft("imago")
        };
        block_on(client.create(&draft)).unwrap();
        let made = forge.state().pulls[0].title.clone();
        for mark in ["@t", "#1", "!2", "&3", "@@"] {
            assert!(!made.contains(mark), "{flavour:?}: {made}");
        }
        assert!(made.starts_with("Update `@\u{200b}team") && made.chars().count() <= 240);
        // It is no other title afterwards.
        let request = block_on(client.open_requests("imago", "main"))
            .unwrap()
            .unwrap();
        block_on(client.update(&request, &request.title, "other")).unwrap();
        assert!(!forge.log().last().unwrap().body.contains("title"));
    }
}

#[test]
fn an_open_request_into_another_branch_is_seen() {
    for flavour in FLAVOURS {
        let (forge, client) = pair(flavour);
        forge.state().add(Pull {
            base: "release".to_owned(),
            ..Pull::default()
        });
        forge.state().add(Pull {
            is_of_fork: true,
            ..Pull::default()
        });
        forge.state().add(Pull {
            head: "other".to_owned(),
            ..Pull::default()
        });
        let open = block_on(client.open_from("imago")).unwrap();
        let bases: Vec<&str> = open.iter().map(|it| &*it.base).collect();
        assert_eq!(bases, ["release"], "{flavour:?}");
        assert!(
            block_on(client.open_requests("imago", "main"))
                .unwrap()
                .is_none()
        );
    }
}

#[test]
fn closed_requests_of_many_branches_cost_gitea_one_list() {
    let (forge, client) = pair(Flavour::Gitea);
    forge.state().page = 10;
    for number in 0..40 {
        let (head, state) = (format!("imago-{number}"), PullState::Closed);
        forge.state().add(Pull {
            head,
            state,
            ..Pull::default()
        });
    }
    block_on(async {
        for number in 0..40 {
            let head = format!("imago-{number}");
            let closed = client.closed_requests(&head, "main").await.unwrap();
            assert_eq!(closed.len(), 1, "{head}");
        }
    });
    assert_eq!(forge.log().len(), 4);
}

#[test]
fn auto_merge_waits_until_the_forge_has_seen_the_push() {
    let (forge, client) = pair(Flavour::GitLab);
    let number = forge.state().add(Pull::default());
    forge.state().late_tries = 2;
    let request = block_on(client.open_requests("imago", "main"))
        .unwrap()
        .unwrap();
    block_on(client.merge_when_ready(&request, &"c".repeat(40))).unwrap();
    assert!(forge.state().pull(number).auto_merge.is_some());
}

#[test]
fn what_a_token_may_not_set_is_a_warning_that_names_the_right() {
    for flavour in WHOLE {
        let (forge, client) = pair(flavour);
        forge.state().labels = vec!["images".to_owned()];
        forge.state().members = vec!["ada".to_owned()];
        let (labels, people) = (["images".to_owned()], ["ada".to_owned()]);
        let refused = || Response::new(403).body("{\"message\": \"no\"}");
        for (method, path) in [
            ("POST", "labels"),
            ("POST", "requested_reviewers"),
            ("PUT", ""),
        ] {
            forge.fail(method, path, 1, refused());
        }
        let created = block_on(client.create(&Draft {
            labels: &labels,
            reviewers: &people,
            ..draft("imago")
        }));
        let Created::Made { warnings, .. } = created.unwrap() else {
            panic!("{flavour:?}")
        };
        assert_eq!(
            warnings.len(),
            if flavour == Flavour::GitLab { 1 } else { 2 },
            "{warnings:?}"
        );
        assert!(
            warnings.iter().all(|it| it.contains("give the token")),
            "{warnings:?}"
        );
    }
}

#[test]
fn a_draft_stays_one_and_what_a_person_made_of_it_stays_too() {
    for flavour in WHOLE {
        let (forge, client) = pair(flavour);
        let created = block_on(client.create(&Draft {
            is_draft: true,
            ..draft("imago")
        }));
        let Created::Made { request, .. } = created.unwrap() else {
            panic!("{flavour:?}")
        };
        assert_eq!(
            (&*request.title, request.is_draft),
            ("Update 2 image digests", true)
        );
        let update = || {
            let found = block_on(client.open_requests("imago", "main"))
                .unwrap()
                .unwrap();
            block_on(client.update(&found, "Update 3", "")).unwrap();
            forge.state().pull(request.number).clone()
        };
        let pull = update();
        assert_eq!(
            (&*pull.title, pull.is_draft),
            ("Update 3", true),
            "{flavour:?}"
        );
        forge.state().pull(request.number).is_draft = false;
        assert!(!update().is_draft, "{flavour:?}");
    }
}

#[test]
fn auto_merge_waits_until_the_forge_knows_whether_it_can_merge() {
    for flavour in WHOLE {
        let (forge, client) = pair(flavour);
        let number = forge.state().add(Pull::default());
        forge.state().unready_tries = 3;
        let request = block_on(client.open_requests("imago", "main"))
            .unwrap()
            .unwrap();
        let commit = request.head_commit.clone().unwrap();
        // Twice is as good as once.
        for _ in 0..2 {
            block_on(client.merge_when_ready(&request, &commit)).unwrap();
        }
        let pull = forge.state().pull(number).clone();
        assert_eq!(
            (pull.auto_merge, pull.state),
            (Some(commit), PullState::Open),
            "{flavour:?}"
        );
    }
}

#[test]
fn auto_merge_that_a_forge_does_not_do_says_what_helps() {
    for (flavour, is_ready, hint) in [
        (
            Flavour::BitbucketCloud,
            false,
            "leave out `--pr-auto-merge`",
        ),
        (
            Flavour::BitbucketServer,
            false,
            "leave out `--pr-auto-merge`",
        ),
        (Flavour::Azure, false, "leave out `--pr-auto-merge`"),
        (Flavour::GitHub, false, "turn on `Allow auto-merge`"),
        (Flavour::GitHub, true, "require a check or a review"),
        (Flavour::GitLab, false, "after a pipeline"),
        (Flavour::Gitea, false, "let the token's account merge"),
    ] {
        let (forge, client) = pair(flavour);
        forge.state().add(Pull::default());
        forge.state().allows_auto_merge = is_ready;
        forge.state().is_ready = is_ready;
        let request = block_on(client.open_requests("imago", "main"))
            .unwrap()
            .unwrap();
        let error = block_on(client.merge_when_ready(&request, &"c".repeat(40))).unwrap_err();
        assert_eq!(error.code().as_str(), "forge-auto-merge", "{error}");
        assert!(error.hint().contains(hint), "{error}: {}", error.hint());
        // Another commit than the one that was planned is merged by nobody.
        let (_forge, client) = pair(flavour);
        let error = block_on(client.merge_when_ready(&request, &"d".repeat(40)));
        assert!(error.is_err(), "{flavour:?}");
    }
}

#[test]
fn experimental_forges_keep_reviewers_and_take_a_change_that_came_in_between() {
    for flavour in [
        Flavour::BitbucketCloud,
        Flavour::BitbucketServer,
        Flavour::Azure,
    ] {
        let (forge, client) = pair(flavour);
        forge.state().members = vec!["ada".to_owned(), "bob".to_owned()];
        let people = ["ada".to_owned(), "nobody".to_owned(), "bob".to_owned()];
        let labels = ["images".to_owned()];
        let created = block_on(client.create(&Draft {
            reviewers: &people,
            labels: &labels,
            assignees: &people[..1],
            ..draft("imago")
        }));
        let Created::Made { request, warnings } = created.unwrap() else {
            panic!("{flavour:?}")
        };
        let has_labels = flavour == Flavour::Azure;
        assert_eq!(
            warnings.len(),
            if has_labels { 2 } else { 3 },
            "{warnings:?}"
        );
        assert_eq!(warnings[0].starts_with("cannot set labels"), !has_labels);
        assert!(
            warnings.iter().any(|it| it.contains("`nobody`")),
            "{warnings:?}"
        );
        let number = request.number;
        let body_when_made = forge.state().pull(number).body.clone();
        forge.before("PUT", "", move |state| {
            state.pull(number).version += 1;
        });
        block_on(client.update(&request, "Update 3", "other")).unwrap();
        forge.before("POST", "decline", move |state| {
            state.pull(number).version += 1;
        });
        let pull = forge.state().pull(number).clone();
        assert_eq!(pull.reviewers, ["ada", "bob"], "{flavour:?}");
        assert_eq!((&*pull.title, &*pull.body), ("Update 3", "other"));
        assert_eq!(body_when_made, "| image | digest |", "{flavour:?}");
        block_on(client.close(&request)).unwrap();
        assert_eq!(forge.state().pull(number).state, PullState::Closed);
    }
}

#[test]
fn a_text_that_a_list_cuts_short_is_read_whole() {
    for flavour in FLAVOURS {
        let (forge, client) = pair(flavour);
        let body = format!("{}<!-- imago -->", "x".repeat(900));
        forge.state().add(Pull {
            body: body.clone(),
            ..Pull::default()
        });
        forge.state().add(Pull {
            body: body.clone(),
            state: PullState::Closed,
            ..Pull::default()
        });
        assert_eq!(
            block_on(client.open_requests("imago", "main"))
                .unwrap()
                .unwrap()
                .body,
            body
        );
        assert_eq!(
            block_on(client.open_below("im", "main")).unwrap()[0].body,
            body
        );
        assert_eq!(
            block_on(client.closed_requests("imago", "main")).unwrap()[0].body,
            body
        );
    }
}

#[test]
fn a_text_as_long_as_may_be_is_taken() {
    for flavour in FLAVOURS {
        let (_forge, client) = pair(flavour);
        let body = "\u{1f600}".repeat(client.text_limit());
        let title = "t".repeat(1_000);
        let created = block_on(client.create(&Draft {
            body: &body,
            title: &title,
            ..draft("imago")
        }));
        let Created::Made { request, .. } = created.unwrap() else {
            panic!("{flavour:?}")
        };
        assert_eq!(request.title.chars().count(), 240);
        assert_eq!(request.body.chars().count(), client.text_limit());
    }
}
