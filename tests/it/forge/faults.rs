//! What goes wrong between imago and a forge: what is said of it, and how often it is asked.

use imago::io::forge::{Created, Forge as Client, locate};

use super::client::{FLAVOURS, draft, kind_of, pair, settings};
use crate::support::block_on;
use crate::support::forge::{Flavour, Forge, Pull};
use crate::support::registry::http::{Body, Response};

fn json(status: u16, body: &str) -> Response {
    Response::new(status)
        .header("content-type", "application/json")
        .body(body)
}

fn said(status: u16, message: &str) -> Response {
    json(status, &format!("{{\"message\": \"{message}\"}}"))
}

/// What a new request comes to, as code and hint, and how many requests were sent for it.
fn refused(flavour: Flavour, response: Response) -> (String, String, String, usize) {
    let (forge, client) = pair(flavour);
    forge.fail("POST", "", 9, response);
    let error = block_on(client.create(&draft("imago"))).unwrap_err();
    let sent = forge.log().iter().filter(|it| it.method == "POST").count();
    (
        error.code().to_string(),
        error.hint().to_owned(),
        error.to_string(),
        sent,
    )
}

#[test]
fn a_refusal_names_the_right_or_the_setting_that_is_missing() {
    use Flavour::*;
    let accepted = said(403, "Resource not accessible by personal access token")
        .header("x-accepted-github-permissions", "pull_requests=write");
    let single = said(403, "Resource protected by organization SAML enforcement.");
    let actions = said(
        403,
        "GitHub Actions is not permitted to create or approve pull requests.",
    );
    let scope = json(403, r#"{"error": "insufficient_scope", "scope": "api"}"#);
    let gitea = said(
        403,
        "token does not have at least one of required scope(s): [write:repository]",
    );
    let base = json(
        422,
        r#"{"message": "Validation Failed", "errors": [{"resource": "PullRequest", "field": "base", "code": "invalid"}]}"#,
    );
    let drafts = said(
        422,
        "Draft pull requests are not supported in this repository.",
    );
    let cloud = json(
        403,
        r#"{"type": "error", "error": {"message": "Your credentials lack scopes.", "detail": {"required": ["pullrequest:write"]}}}"#,
    );
    let cases = [
        (
            GitHub,
            said(401, "Bad credentials"),
            "forge-sign-in",
            "IMAGO_FORGE_TOKEN has expired",
        ),
        (
            GitHub,
            accepted,
            "forge-right",
            "the permission `pull_requests=write`",
        ),
        (
            GitHub,
            said(403, "no"),
            "forge-right",
            "`pull_requests: write`",
        ),
        (GitHub, single, "forge-right", "single sign-on"),
        (
            GitHub,
            actions,
            "forge-right",
            "`Allow GitHub Actions to create and approve pull requests`",
        ),
        (
            GitHub,
            said(404, "Not Found"),
            "forge-absent",
            "where a right is missing",
        ),
        (GitHub, base, "forge-refused", "change what the forge names"),
        (GitHub, drafts, "forge-refused", "leave out `--pr-draft`"),
        (GitHub, said(410, "Gone"), "forge-absent", "address"),
        (
            GitLab,
            said(401, "401 Unauthorized"),
            "forge-sign-in",
            "IMAGO_FORGE_TOKEN has expired",
        ),
        (
            GitLab,
            scope,
            "forge-right",
            "the scope `api` and the role Developer",
        ),
        (
            GitLab,
            said(404, "404 Project Not Found"),
            "forge-absent",
            "where a right is missing",
        ),
        (
            GitLab,
            said(400, "title is too long"),
            "forge-refused",
            "change what the forge names",
        ),
        (
            Gitea,
            said(401, "invalid username, password or token"),
            "forge-sign-in",
            "IMAGO_FORGE_TOKEN",
        ),
        (
            Gitea,
            gitea,
            "forge-right",
            "`write:repository` and `write:issue`",
        ),
        (
            Gitea,
            said(404, "not found"),
            "forge-absent",
            "where a right is missing",
        ),
        (
            Gitea,
            said(423, "repository is archived"),
            "forge-refused",
            "out of the archive",
        ),
        (
            BitbucketCloud,
            said(401, "Token is invalid"),
            "forge-sign-in",
            "e-mail address in IMAGO_GIT_USERNAME",
        ),
        (BitbucketCloud, cloud, "forge-right", "`pullrequest:write`"),
        (
            BitbucketServer,
            said(403, "no"),
            "forge-right",
            "to write in the repository",
        ),
        (
            Azure,
            Response::new(203).body("<html>"),
            "forge-sign-in",
            "IMAGO_FORGE_TOKEN",
        ),
        (
            Azure,
            Response::new(302).header("location", "https://login.example.com"),
            "forge-sign-in",
            "IMAGO_FORGE_TOKEN",
        ),
        (
            Azure,
            said(403, "TF401027"),
            "forge-right",
            "`Contribute to pull requests`",
        ),
    ];
    for (flavour, response, code, hint) in cases {
        let status = response.status.to_string();
        let (found, said, text, sent) = refused(flavour, response);
        assert_eq!((&*found, sent), (code, 1), "{flavour:?}: {text}");
        assert!(said.contains(hint), "{flavour:?}: {text}: {said}");
        assert!(
            text.contains(&status) && text.contains("`127.0.0.1:"),
            "{text}"
        );
    }
}

#[test]
fn a_forge_that_asks_to_wait_is_waited_for_within_reason() {
    let secondary = "You have exceeded a secondary rate limit. Please wait a few minutes.";
    let reset = |seconds: u32| {
        said(403, "API rate limit exceeded")
            .header("x-ratelimit-remaining", "0")
            .header("date", "Thu, 01 Jan 1970 00:00:00 GMT")
            .header("x-ratelimit-reset", seconds.to_string())
    };
    for flavour in FLAVOURS {
        let limits = [
            (
                said(429, "Too Many Requests").header("retry-after", "0"),
                true,
            ),
            (said(429, "Too Many Requests"), true),
            (
                said(429, "Too Many Requests").header("retry-after", "3600"),
                false,
            ),
        ];
        let of_github = [
            (said(403, secondary).header("retry-after", "3600"), false),
            (reset(0), true),
            (reset(3600), false),
        ];
        let of_github = of_github.into_iter().filter(|_| flavour == Flavour::GitHub);
        for (response, is_soon) in limits.into_iter().chain(of_github) {
            let (forge, client) = pair(flavour);
            forge.fail("POST", "", 2, response);
            let outcome = block_on(client.create(&draft("imago")));
            match is_soon {
                true => assert!(matches!(outcome, Ok(Created::Made { .. })), "{outcome:?}"),
                false => {
                    let error = outcome.unwrap_err();
                    assert_eq!(error.code().as_str(), "rate-limited", "{error}");
                    assert_eq!(error.hint(), "try again in 3600 s");
                    assert_eq!(forge.log().len(), 1, "{flavour:?}");
                }
            }
        }
        let (code, .., sent) = refused(flavour, said(429, "Too Many Requests"));
        assert_eq!((&*code, sent), ("rate-limited", 4));
    }
    // It says no time, and bans who comes back within a minute.
    for longest in [59, 60] {
        let (forge, mut settings) = (
            Forge::start(Flavour::GitHub),
            settings(&[("IMAGO_FORGE_TOKEN", "planted")]),
        );
        settings.limits.longest_pause = settings.limits.first_pause * longest;
        let kind = Some(kind_of(Flavour::GitHub));
        let location = locate("/srv/x.git", kind, Some(&forge.url()), Some("shop/deploy")).unwrap();
        let client = Client::open(location, &settings).unwrap();
        forge.fail("POST", "", 1, said(403, secondary));
        let outcome = block_on(client.create(&draft("imago")));
        assert_eq!(outcome.is_ok(), longest == 60, "{outcome:?}");
    }
}

#[test]
fn a_change_that_a_forge_hides_behind_404_names_the_right_too() {
    for flavour in FLAVOURS {
        let (code, hint, ..) = refused(flavour, said(404, "Not Found"));
        assert_eq!(code, "forge-absent");
        assert!(
            hint.contains("give the token") && hint.contains("address"),
            "{hint}"
        );
    }
}

#[test]
fn a_question_is_asked_again_where_the_answer_broke_and_four_times_at_most() {
    for flavour in FLAVOURS {
        for (response, code) in [
            (Response::new(500), "server-error"),
            (Response::new(502), "server-error"),
            (
                Response::new(200).sent(|_| Body::Nothing),
                "connection-lost",
            ),
            (
                json(200, "[{\"number\": 1}]").sent(Body::Cut),
                "connection-lost",
            ),
        ] {
            let (forge, client) = pair(flavour);
            forge.state().add(Pull::default());
            forge.fail("GET", "", 3, response.clone());
            assert!(
                block_on(client.open_requests("imago", "main"))
                    .unwrap()
                    .is_some()
            );
            assert_eq!(forge.log().len(), 4, "{flavour:?}");
            forge.fail("GET", "", 9, response);
            let error = block_on(client.open_requests("imago", "main")).unwrap_err();
            assert_eq!(
                (error.code().as_str(), forge.log().len()),
                (code, 8),
                "{error}"
            );
        }
    }
}

#[test]
fn a_forge_that_says_nothing_is_left_after_its_time() {
    for flavour in FLAVOURS {
        let (forge, client) = pair(flavour);
        forge.fail("GET", "", 9, Response::new(200).sent(|_| Body::Silence));
        let error = block_on(client.open_requests("imago", "main")).unwrap_err();
        assert_eq!(error.code().as_str(), "timeout", "{error}");
        assert!(error.hint().contains("try again later"), "{}", error.hint());
    }
}

#[test]
fn an_answer_that_no_forge_gives_is_no_request() {
    for flavour in FLAVOURS {
        for response in [
            Response::new(200).body("<html>Sign in</html>"),
            json(200, "{\"number\": 1}"),
            json(200, "[{\"number\": \"one\"}]"),
            Response::new(204),
        ] {
            let (forge, client) = pair(flavour);
            forge.fail("GET", "", 9, response);
            let error = block_on(client.open_requests("imago", "main")).unwrap_err();
            assert_eq!(error.code().as_str(), "forge-answer", "{error}");
            assert!(error.hint().contains("--forge-url"), "{}", error.hint());
        }
    }
}

#[test]
fn an_answer_for_another_branch_is_not_taken_for_ours() {
    for flavour in FLAVOURS {
        let (forge, client) = pair(flavour);
        forge.state().answers_for = Some("other".to_owned());
        let error = block_on(client.create(&draft("imago"))).unwrap_err();
        assert_eq!(error.code().as_str(), "forge-answer", "{error}");
        assert!(error.to_string().contains("another branch"), "{error}");
        assert!(
            block_on(client.open_requests("imago", "main"))
                .unwrap()
                .is_none()
        );
        assert!(
            block_on(client.open_below("imago", "main"))
                .unwrap()
                .is_empty()
        );
    }
}

#[test]
fn a_forge_that_is_not_there_says_so() {
    let gone = Forge::start(Flavour::GitHub).url();
    for flavour in FLAVOURS {
        let kind = Some(kind_of(flavour));
        let location = locate("/srv/x.git", kind, Some(&gone), Some("shop/deploy")).unwrap();
        let settings = settings(&[("IMAGO_FORGE_TOKEN", "planted")]);
        let client = Client::open(location, &settings).unwrap();
        let error = block_on(client.create(&draft("imago"))).unwrap_err();
        assert_eq!(error.code().as_str(), "connection-refused", "{error}");
        assert!(error.hint().contains("--forge-url"), "{}", error.hint());
    }
}
