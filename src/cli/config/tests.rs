use std::borrow::Cow;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;

use schemars::{JsonSchema, Schema, SchemaGenerator, schema_for};

use super::*;
use crate::cli::args::{self, Command, Files};
use crate::cli::refused::UsageError;
use crate::cli::render::{Styles, problem};

fn mistake(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(NAME), text).unwrap();
    let mistake = read(None, folder.path()).unwrap_err();
    problem::mistake(&mistake, &Styles::plain())
}

fn filled(text: &str, line: &str) -> Result<Files, UsageError> {
    let config = Config {
        name: NAME.to_owned(),
        folder: "/shop".into(),
        is_of_commit: false,
        current: "/shop".into(),
        values: values::read(text).unwrap(),
    };
    let typed = args::parse(
        format!("imago files {line}")
            .split_whitespace()
            .map(OsString::from),
    )
    .unwrap();
    let Command::Files(mut flags) = typed.command else {
        panic!("{line}")
    };
    config.fill_files(&mut flags).map(|()| *flags)
}

const ALL: &str = "\
# what this repository always needs
include: [deploy]
exclude:
- 'charts/**'
include-image: ['*']
exclude-image: [registry.example.test/dev/*]
drop-tag: yes
max-changes: 20
registry-map: [docker.io=mirror.example.test/hub]
insecure-registry: ['registry.example.test:5000']
concurrency: 8
message: 'images: {summary}'
author: Ada <ada@example.test>
signoff: true
";

#[test]
fn what_the_flags_leave_open_is_filled_in() {
    let flags = filled(ALL, "--update --commit").unwrap();
    let globs = flags.of_repository.unwrap();
    assert_eq!(
        (&*globs.include, &*globs.exclude),
        (&["deploy".to_owned()][..], &["charts/**".to_owned()][..])
    );
    assert!(flags.include.is_empty() && flags.images.drop_tag && flags.git.signoff);
    assert_eq!(
        (flags.max_changes, flags.registries.concurrency),
        (Some(20), Some(8))
    );
    assert_eq!(flags.images.exclude_image, ["registry.example.test/dev/*"]);
    assert_eq!(flags.git.message.as_deref(), Some("images: {summary}"));
    assert_eq!(
        flags.registries.registry_map,
        ["docker.io=mirror.example.test/hub"]
    );
    assert!(
        flags.registries.insecure_registry.is_empty(),
        "only the user's own wish may send credentials in clear"
    );
    assert_eq!(
        flags.registries.insecure_of_repository,
        ["registry.example.test:5000"]
    );
}

#[test]
fn flags_win() {
    let line = "--include a --exclude b --exclude-image c --track tag --max-changes 1 --concurrency 2 --insecure-registry d --registry-map e.test=f.test";
    let flags = filled(ALL, line).unwrap();
    let globs = flags.of_repository.unwrap();
    assert!(globs.include.is_empty() && globs.exclude.is_empty());
    assert_eq!(
        (flags.include, flags.exclude, flags.images.exclude_image),
        (vec!["a".into()], vec!["b".into()], vec!["c".into()])
    );
    assert!(!flags.images.drop_tag, "`--track tag` keeps the tag");
    assert_eq!(
        (flags.max_changes, flags.registries.concurrency),
        (Some(1), Some(2))
    );
    assert_eq!(flags.registries.registry_map, ["e.test=f.test"]);
    assert!(flags.registries.insecure_of_repository.is_empty());
}

#[test]
fn what_is_said_of_commits_makes_none() {
    let flags = filled(ALL, "--update").unwrap();
    assert_eq!(
        (flags.git.message, flags.git.author, flags.git.signoff),
        (None, None, false)
    );
    assert!(!flags.git.commit && flags.git.branch.is_none() && !flags.git.push);
}

#[test]
fn flags_that_do_not_go_with_the_settings_say_so() {
    for line in ["--restore", "--drop-tag"] {
        let error = filled("track: tag\n", line).unwrap_err();
        assert!(
            error.what.starts_with(&format!(
                "`{line}` does not go with `track: tag` of `.imago.yaml`: "
            )),
            "{error}"
        );
        filled("track: tag\n", &format!("{line} --track annotation")).unwrap();
    }
}

#[test]
fn a_mistake_is_shown_where_it_stands() {
    assert_eq!(
        mistake("drop-tag: true\nexclud: [a]\n"),
        "\
error: `exclud` is not a setting
 --> .imago.yaml:2:1
  |
2 | exclud: [a]
  | ^^^^^^
  |
  = hint: did you mean `exclude`?
"
    );
    assert_eq!(
        mistake("exclude: [charts, 'a[']\n"),
        "\
error: `a[` is not a pattern for files: unclosed character class; missing ']'
 --> .imago.yaml:1:19
  |
1 | exclude: [charts, 'a[']
  |                   ^^^^
  |
  = hint: write it as in .gitignore, in quotes: 'charts/**', '*.gen.yaml'
"
    );
    for (text, place, what, hint) in [
        ("lock: [", ":1:7", "one value is expected here", "quotes"),
        (
            "lock: [a]\n",
            ":1:7",
            "one value is expected here",
            "quotes",
        ),
        ("max-changes: [1]\n", ":1:14", "one value is", "quotes"),
        ("drop-tag: {a: b}\n", ":1:11", "one value is", "quotes"),
        ("track: [tag]\n", ":1:8", "one value is", "quotes"),
        ("drop-tag: 5\n", ":1:11", "`true` or `false` is", "`true`"),
        ("drop-tag:\n", ":1:9", "`true` or `false` is", "`true`"),
        (
            "exclude: !!binary aGk=\n",
            ":1:1",
            "a list is expected here",
            "`- `",
        ),
        ("exclude: a\n", ":1:10", "a list is expected here", "`- `"),
        (
            "lock: !!binary '*'\n",
            ":1:16",
            "text is expected here",
            "quotes",
        ),
        (
            "lock: !!int 5\n",
            ":1:13",
            "text is expected here",
            "quotes",
        ),
        ("lock: 1.5\n", ":1:7", "text is expected here", "quotes"),
        ("include: [~]\n", ":1:11", "text is expected here", "quotes"),
        ("kinds: [a]\n", ":1:9", "settings are", "`KEY: VALUE`"),
        ("policies: {a: b}\n", ":1:11", "a list is expected", "`- `"),
        (
            "concurrency: 1000000000\n",
            ":1:14",
            "`concurrency` takes a whole number from 1 to 1024",
            "concurrency: 8",
        ),
        ("concurrency: 0\n", ":1:14", "from 1 to 1024", "8"),
        ("concurrency: -1\n", ":1:14", "from 1 to 1024", "8"),
        ("concurrency: many\n", ":1:14", "from 1 to 1024", "8"),
        (
            "max-changes: -1\n",
            ":1:14",
            "a whole number is expected here",
            "without a sign",
        ),
        (
            "max-changes: 99999999999999999999\n",
            ":1:14",
            "a whole number is expected here",
            "at most 19 digits",
        ),
        (
            "helm: {charts: [{chart: a, chart: b}]}\n",
            ":1:28",
            "`chart` is set twice",
            "leave one",
        ),
        ("include: [", ":1:10", "unclosed bracket", "correct it"),
        ("lock: *a", ":1:7", "is an alias", "quotes"),
        ("exclude: [**/*.yaml]", ":1:11", "begins with `*`", "quotes"),
        (
            "max-changes:\n",
            ":1:12",
            "a whole number is expected here",
            "20",
        ),
        ("lock: ~\n", ":1:7", "text is expected here", "quotes"),
        ("include:\n", ":1:8", "a list is expected here", "[\"…\"]"),
        (
            "message: !env SECRET\n",
            ":1:15",
            "the tag `!env` has no meaning here",
            "leave it out",
        ),
        ("1: a\n", ":1:1", "text is expected here", "quotes"),
        (
            "[a]\n",
            ":1:1",
            "settings are expected here",
            "`KEY: VALUE`",
        ),
        (
            "drop-tag: true\n---\ndrop-tag: true\n",
            ":3:1",
            "there is a second document",
            "one",
        ),
        ("include: a\n", ":1:10", "a list is expected here", "`["),
        ("include: [1]\n", ":1:11", "text is expected here", "quotes"),
        (
            "message: {summary}\n",
            ":1:10",
            "one value is expected here",
            "quotes",
        ),
        (
            "message: '{nope}'\n",
            ":1:10",
            "`message` cannot be used: there is no field `{nope}`",
            "{summary}",
        ),
        (
            "author: Ada\n",
            ":1:9",
            "`author Ada` is not NAME <MAIL>",
            "Ada Lovelace",
        ),
        (
            "track: tags\n",
            ":1:8",
            "`tags` is not a value of this setting",
            "annotation, tag",
        ),
        (
            "drop-tag: 1\n",
            ":1:11",
            "`true` or `false` is expected here",
            "true",
        ),
        (
            "drop-tag: true\ntrack: tag\n",
            ":2:8",
            "exclude each other",
            "leave one",
        ),
        (
            "max-changes: -1\n",
            ":1:14",
            "a whole number is expected here",
            "20",
        ),
        (
            "concurrency: 0\n",
            ":1:14",
            "`concurrency` takes a whole number from 1 to 1024",
            "8",
        ),
        (
            "helm:\n  charts:\n  - {chart: a, path: b, takes: digest}\n  - {chart: a, path: b, takes: tag}\n",
            ":4:22",
            "`helm.charts` says two things of `b` in the chart `a`",
            "leave one",
        ),
        (
            "insecure-registry: ['http://a']\n",
            ":1:21",
            "`insecure-registry http://a` names no host",
            "scheme",
        ),
        (
            "registry-map: [a]\n",
            ":1:16",
            "`registry-map a` cannot be used: `a` is not FROM=TO",
            "docker.io=",
        ),
        (
            "exclude-image: ['a:1']\n",
            ":1:17",
            "the pattern `a:1` has a tag",
            "name",
        ),
        (
            "lock: ../imago.lock\n",
            ":1:7",
            "is not a path below the folder",
            "flag",
        ),
        (
            "lock: Makefile\n",
            ":1:7",
            "the lock `Makefile` does not end in `.lock` or `.json`",
            "lock: imago.lock",
        ),
        (
            "lock: .github/workflows/z.json\n",
            ":1:7",
            "is not a path below the folder",
            "flag",
        ),
        (
            "lock: /etc/imago.lock\n",
            ":1:7",
            "is not a path below the folder",
            "flag",
        ),
        (
            "max_changes: 1\n",
            ":1:1",
            "`max_changes` is not a setting",
            "did you mean `max-changes`?",
        ),
        (
            "colour: never\n",
            ":1:1",
            "`colour` is not a setting",
            "the settings are include, exclude",
        ),
        (
            "exclude: [a]\nexclude: [b]\n",
            ":2:1",
            "`exclude` is set twice",
            "leave one",
        ),
        (
            "<<: {drop-tag: true}\n",
            ":1:1",
            "`<<` is not a setting",
            "the settings are",
        ),
    ] {
        let told = mistake(text);
        assert!(
            told.contains(&format!("\n --> .imago.yaml{place}\n")),
            "{text:?}: {told}"
        );
        assert!(
            told.contains(what) && told.lines().last().unwrap().contains(hint),
            "{text:?}: {told}"
        );
    }
}

#[test]
fn what_would_run_trust_or_send_is_for_the_command_line_alone() {
    for key in [
        "docker-config",
        "registry-ca",
        "remote",
        "branch",
        "push",
        "push-option",
        "commit",
        "update",
        "restore",
        "check",
        "offline",
        "report",
        "output",
        "config",
        "allow-platform-loss",
        "namespace",
    ] {
        let told = mistake(&format!("{key}: x\n"));
        assert!(
            told.contains(&format!(
                "`{key}` is not a setting: it is for whoever runs imago to say"
            )),
            "{told}"
        );
        assert!(
            told.ends_with(&format!("hint: give `--{key}` on the command line\n")),
            "{told}"
        );
    }
}

#[test]
fn a_line_cannot_steer_the_terminal_and_a_long_one_is_cut() {
    let told = mistake(&format!(
        "exclude: ['{}', \"\u{202e}\", 7]\n",
        "a".repeat(500)
    ));
    assert!(
        !told
            .chars()
            .any(|c| c != '\n' && crate::cli::render::steers(c)),
        "{told:?}"
    );
    assert!(
        told.lines().all(|line| line.chars().count() < 120),
        "{told}"
    );
    let marks = told.lines().find(|line| line.contains('^')).unwrap();
    let shown = told.lines().find(|line| line.contains('7')).unwrap();
    assert_eq!(
        shown.chars().position(|c| c == '7'),
        marks.chars().position(|c| c == '^'),
        "{told}"
    );
}

#[test]
fn a_text_is_not_repeated_without_limit() {
    let long = "a".repeat(30_000);
    let file =
        |aliases: usize| format!("insecure-registry: [&a {long}{}]\n", ", *a".repeat(aliases));
    assert_eq!(values::read(&file(60)).unwrap().insecure_registry.len(), 61);
    let told = mistake(&file(8_000));
    assert!(
        told.starts_with("error: the settings nest too deep, or have more than 64 aliases\n"),
        "{told}"
    );
}

macro_rules! same_schema_as_what_it_holds {
    ($wrapper:ident) => {
        impl<T: JsonSchema> JsonSchema for values::$wrapper<T> {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                T::schema_name()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                T::json_schema(generator)
            }
        }
    };
}

same_schema_as_what_it_holds!(Written);
same_schema_as_what_it_holds!(Setting);

#[test]
fn the_schemas_are_made_of_the_settings_and_of_a_fleet() {
    for (name, schema) in [
        ("imago.schema.json", schema_for!(Values)),
        ("fleet.schema.json", schema_for!(fleet::List)),
    ] {
        let schema = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("schema")
            .join(name);
        if std::env::var_os("IMAGO_WRITE_PAGES").is_some() {
            fs::write(&path, &schema).unwrap();
        }
        assert!(
            fs::read_to_string(path).unwrap_or_default() == schema,
            "schema/{name} has to be:\n{schema}"
        );
    }
}

#[test]
fn an_empty_file_says_nothing() {
    for text in ["", "# nothing\n", "---\n", "{}\n", "~\n"] {
        assert_eq!(values::read(text), Ok(Values::default()), "{text:?}");
    }
}

#[test]
fn the_file_is_that_of_the_repository_and_no_link_out_of_it() {
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at(".git")).unwrap();
    fs::create_dir_all(at("deploy")).unwrap();
    assert_eq!(read(None, &at("deploy")).unwrap(), None);
    fs::write(at(NAME), "drop-tag: true\n").unwrap();
    assert!(read(None, &at("deploy")).unwrap().unwrap().values.drop_tag);
    assert_eq!(read(None, folder.path()).unwrap().unwrap().name, NAME);
    fs::remove_file(at(NAME)).unwrap();
    fs::write(outside.path().join("secret"), "password: hunter2\n").unwrap();
    symlink(outside.path().join("secret"), at(NAME)).unwrap();
    let mistake = read(None, folder.path()).unwrap_err();
    assert!(
        mistake.what.contains("outside the repository") && mistake.spot.is_none(),
        "{mistake:?}"
    );
    fs::remove_file(at(NAME)).unwrap();
    symlink("none.yaml", at(NAME)).unwrap();
    let dangling =
        "cannot read the settings: it is a link to something that is not there, not a regular file";
    for named in [None, Some(Path::new(NAME))] {
        let mistake = read(named, folder.path()).unwrap_err();
        assert_eq!(mistake.what, dangling);
    }
    symlink("none", outside.path().join("mounted.yaml")).unwrap();
    let mounted = read(Some(&outside.path().join("mounted.yaml")), folder.path());
    assert_eq!(mounted.unwrap_err().what, dangling);
    let missing = read(Some(Path::new("none.yaml")), folder.path()).unwrap_err();
    assert!(
        missing.what.starts_with("cannot read the settings: "),
        "{missing:?}"
    );
}

#[test]
fn a_lock_stays_in_the_repository() {
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::create_dir(folder.path().join("locks")).unwrap();
    symlink(outside.path(), folder.path().join("out")).unwrap();
    symlink(
        outside.path().join("imago.lock"),
        folder.path().join("link.lock"),
    )
    .unwrap();
    let fill = |lock: &str| {
        let values = values::read(&format!("lock: {lock}\n")).unwrap();
        let config = Config {
            name: NAME.to_owned(),
            folder: folder.path().canonicalize().unwrap(),
            is_of_commit: false,
            current: PathBuf::new(),
            values,
        };
        let mut flags = filled("", "").unwrap();
        config
            .fill_files(&mut flags)
            .map(|()| flags.locking.lock.unwrap())
    };
    assert!(
        fill("locks/imago.lock")
            .unwrap()
            .ends_with("locks/imago.lock")
    );
    symlink("none", folder.path().join("dangling")).unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    fs::create_dir_all(folder.path().join("shop/locks")).unwrap();
    fs::write(folder.path().join("shop/.git"), "gitdir: elsewhere\n").unwrap();
    for (lock, why) in [
        ("out/imago.lock", "`out` is a link"),
        ("link.lock", "`link.lock` is a link"),
        ("dangling/imago.lock", "`dangling` is a link"),
        ("none/imago.lock", "its folder is not there"),
        ("file/imago.lock", "its folder is not there"),
        (
            "shop/locks/imago.lock",
            "its folder is in another repository",
        ),
    ] {
        let what = fill(lock).unwrap_err().what;
        let said = format!("cannot use the lock `{lock}` of `.imago.yaml`: {why}");
        assert!(what.starts_with(&said), "{what}");
    }
}

#[test]
fn settings_have_a_limit_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let globs = |count: usize| format!("exclude:\n{}", "- a/**/b\n".repeat(count));
    fs::write(folder.path().join(NAME), globs(100)).unwrap();
    assert!(read(None, folder.path()).unwrap().is_some());
    fs::write(folder.path().join(NAME), globs(10_000)).unwrap();
    let mistake = read(None, folder.path()).unwrap_err();
    assert_eq!(
        mistake.what,
        "the settings have 90009 bytes, and at most 65536 are read"
    );
}

#[test]
fn a_list_may_have_many_entries_and_not_without_end() {
    for (list, entry) in [
        ("policies", "{image: 'r.example.com/*', policy: minor}"),
        ("include", "a/**"),
        ("exclude", "a/**"),
        ("include-image", "r.example.com/*"),
        ("exclude-image", "r.example.com/*"),
        ("add-kind", "Rollout"),
        ("kinds", "{kind: Widget, paths: [spec/image]}"),
        ("helm.values", "a/**"),
        ("helm.digest-in-tag", "'*.image'"),
        ("helm.charts", "{chart: web, path: '*.image', takes: tag}"),
    ] {
        let settings = |count: usize| {
            let entries = format!("\n  - {entry}").repeat(count);
            let text = match list.strip_prefix("helm.") {
                None => format!("{list}:{entries}\n"),
                Some(inner) => format!("helm:\n  {inner}:{entries}\n"),
            };
            values::read(&text)
                .map(drop)
                .map_err(|(usage, place)| (usage.what, place.map(|place| place.line())))
        };
        assert_eq!(settings(1024), Ok(()), "{list}");
        let what = format!("`{list}` has more than 1024 entries");
        let line = 1026 + u64::from(list.starts_with("helm."));
        assert_eq!(settings(1025), Err((what, Some(line))), "{list}");
    }
    let paths = |count: usize| {
        let paths = "spec/image, ".repeat(count);
        let read = values::read(&format!("kinds: [{{kind: Widget, paths: [{paths}]}}]\n"));
        read.map(drop).map_err(|(usage, _)| usage.what)
    };
    assert_eq!(paths(1024), Ok(()));
    let what = "`kinds.paths` has more than 1024 entries".to_owned();
    assert_eq!(paths(1025), Err(what));
}
