//! A token goes to the forge's API alone, over a connection that nobody reads, and into no message.

use std::time::Duration;

use imago::io::forge::{Forge as Client, Settings, locate};

use super::client::{FLAVOURS, TOKEN, draft, kind_of, pair, settings};
use crate::support::block_on;
use crate::support::forge::{Flavour, Forge, Pull};
use crate::support::registry::http::Response;
use crate::support::tls::{Authority, Valid};

#[test]
fn no_redirect_and_no_next_page_takes_a_token_to_another_host() {
    for flavour in FLAVOURS {
        let elsewhere = Forge::start(flavour);
        let (forge, client) = pair(flavour);
        let url = format!("{}/api/v3/repos/shop/deploy/pulls", elsewhere.url());
        for status in [301, 302, 307, 308] {
            if flavour == Flavour::Azure && status == 302 {
                // That is its page to sign in.
                continue;
            }
            let response = Response::new(status).header("location", &*url);
            forge.fail("POST", "", 1, response.clone());
            forge.fail("GET", "", 1, response);
            for error in [
                block_on(client.create(&draft("imago"))).unwrap_err(),
                block_on(client.open_requests("imago", "main")).unwrap_err(),
            ] {
                assert_eq!(error.code().as_str(), "forge-answer", "{error}");
                assert!(error.hint().contains("new address"), "{}", error.hint());
            }
        }
        // A next page is asked for here, wherever it is said to be.
        forge.state().page = 2;
        forge.state().links_to = Some(elsewhere.url());
        for number in 0..5 {
            let head = format!("imago-{number}");
            forge.state().add(Pull {
                head,
                ..Pull::default()
            });
        }
        let below = block_on(client.open_below("imago-", "main")).unwrap();
        assert_eq!(below.len(), 5, "{flavour:?}");
        assert_eq!(elsewhere.asked(), [""; 0], "{flavour:?}");
    }
}

#[test]
fn a_forge_that_repeats_a_token_does_not_get_it_printed() {
    for flavour in FLAVOURS {
        let (forge, client) = pair(flavour);
        let echo = format!("{{\"message\": \"bad token {TOKEN}\"}}");
        forge.fail("POST", "", 1, Response::new(403).body(echo));
        let error = block_on(client.create(&draft("imago"))).unwrap_err();
        let texts = [
            error.to_string(),
            format!("{error:?}"),
            format!("{client:?}"),
            format!("{:?}", settings(&[("IMAGO_FORGE_TOKEN", TOKEN)])),
        ];
        for text in texts {
            assert!(!text.contains(TOKEN), "{text}");
        }
        assert!(error.to_string().contains("hidden"), "{error}");
    }
}

#[test]
fn an_address_for_people_is_one_of_this_forge_or_none() {
    for flavour in FLAVOURS {
        for (address, is_shown) in [
            ("", true),
            ("https://evil.example.com", false),
            ("http://user:pass@127.0.0.1", false),
            ("javascript:alert", false),
            ("https://127.0.0.1.evil.example.com", false),
        ] {
            if flavour == Flavour::Azure && !is_shown {
                // It says none: the page follows from the address of the API.
                continue;
            }
            let (forge, client) = pair(flavour);
            forge.state().add(Pull::default());
            if !address.is_empty() {
                forge.state().shown_address = Some(address.to_owned());
            }
            let request = block_on(client.open_requests("imago", "main"))
                .unwrap()
                .unwrap();
            assert_eq!(!request.url.is_empty(), is_shown, "{flavour:?}: {address}");
        }
    }
}

#[test]
fn a_token_goes_over_plain_http_to_this_machine_alone_or_where_the_user_says() {
    for flavour in FLAVOURS {
        let kind = Some(kind_of(flavour));
        let open = |api: &str, insecure: &[&str]| {
            let location = locate("/srv/x.git", kind, Some(api), Some("shop/deploy")).unwrap();
            let mut settings = settings(&[("IMAGO_FORGE_TOKEN", TOKEN)]);
            settings.insecure = insecure.iter().map(|it| (*it).to_owned()).collect();
            Client::open(location, &settings).map_err(|error| error.code().to_string())
        };
        for api in [
            "http://git.example.com",
            "http://127.0.0.1.example.com",
            "http://10.0.0.1:3000",
        ] {
            assert_eq!(open(api, &[]).unwrap_err(), "plain-http", "{api}");
        }
        assert!(open("http://git.example.com:3000", &["git.example.com:3000"]).is_ok());
        assert!(open("http://git.example.com", &["git.example.com:3000"]).is_err());
        for api in [
            "http://localhost:3000",
            "http://[::1]:3000",
            "https://git.example.com",
        ] {
            assert!(open(api, &[]).is_ok(), "{api}");
        }
    }
    let location = locate("https://github.com/shop/deploy", None, None, None).unwrap();
    let error = Client::open(location, &settings(&[])).unwrap_err();
    assert_eq!(error.code().as_str(), "forge-token");
}

#[test]
fn an_authority_that_registries_are_trusted_with_is_trusted_here_too() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let identity = authority.identity(&["127.0.0.1"], Valid::Now);
    for flavour in FLAVOURS {
        let forge = Forge::with_tls(flavour, identity.config.clone());
        let kind = Some(kind_of(flavour));
        let location = locate("/srv/x.git", kind, Some(&forge.url()), Some("shop/deploy")).unwrap();
        let mut settings = settings(&[("IMAGO_FORGE_TOKEN", TOKEN)]);
        settings.limits.answer = Duration::from_secs(20);
        let open = |settings: &Settings| Client::open(location.clone(), settings).unwrap();
        let error = block_on(open(&settings).create(&draft("imago"))).unwrap_err();
        assert_eq!(error.code().as_str(), "certificate", "{error}");
        assert!(error.hint().contains("--registry-ca"), "{}", error.hint());
        assert_eq!(forge.log().len(), 0);
        settings.certificate_authorities = vec![authority.file.clone()];
        block_on(open(&settings).create(&draft("imago"))).unwrap();
    }
}
