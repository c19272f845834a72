//! The pictures of terminals on the pages are made of what the program prints.
//!
//! With `IMAGO_WRITE_PAGES=1` they are written instead of compared.

use std::fs;
use std::path::Path;

use anstyle_svg::{Term, VGA, WIN10_CONSOLE};

use crate::support::binary::Workplace;
use crate::support::registry::TestRegistry;

/// A shop whose images are on a registry that stands in for `registry.example.com`.
struct Shop {
    place: Workplace,
    registry: TestRegistry,
}

fn deployment(name: &str, image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n  template:\n    spec:\n      containers:\n      - name: app\n        image: registry.example.com/shop/{image}\n"
    )
}

impl Shop {
    fn open() -> Self {
        let (place, registry) = (Workplace::new(), TestRegistry::start());
        let platforms = ["linux/amd64", "linux/arm64"];
        registry.push_index("shop/web", "1.4", &platforms, "web");
        registry.push_index("shop/api", "2.0", &platforms, "api");
        place.write("deploy/web.yaml", deployment("web", "web:1.4"));
        place.write("deploy/api.yaml", deployment("api", "api:2.0"));
        Self { place, registry }
    }

    /// A command as it is typed, and what a terminal shows of it.
    fn run(&self, line: &str) -> String {
        let map = format!(
            "--registry-map=registry.example.com={}",
            self.registry.host()
        );
        let words = line.split(' ').skip(1);
        let run = ["-c", "exec \"$0\" \"$@\" 2>&1", env!("CARGO_BIN_EXE_imago")];
        let rest = ["--color=always", &map];
        let finished = self
            .place
            .program("sh", run.into_iter().chain(words).chain(rest))
            .finish();
        let named = (finished.stdout).replace(&self.registry.host(), "registry.example.com");
        format!("$ \u{1b}[1m{line}\u{1b}[0m\n{named}\n")
    }
}

/// Compares the picture of a session with the one that is kept, for a light and a dark page.
fn assert_pictured(name: &str, session: &str) {
    let session = &wrapped(session.trim_end());
    let rgb = |red, green, blue| anstyle::RgbColor(red, green, blue).into();
    let light = Term::new()
        .palette(VGA)
        .fg_color(rgb(0x1f, 0x23, 0x28))
        .bg_color(rgb(0xf6, 0xf8, 0xfa));
    let dark = Term::new()
        .palette(WIN10_CONSOLE)
        .fg_color(rgb(0xe6, 0xed, 0xf3))
        .bg_color(rgb(0x16, 0x1b, 0x22));
    for (page, term) in [("light", light), ("dark", dark)] {
        let picture = term.render_svg(session);
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/pictures/{name}-{page}.svg"));
        if std::env::var_os("IMAGO_WRITE_PAGES").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, picture).unwrap();
        } else {
            let kept = fs::read_to_string(path).unwrap_or_default();
            let hint = "IMAGO_WRITE_PAGES=1 cargo test --test it pictures";
            assert!(kept == picture, "{name}: write it with: {hint}\n{session}");
        }
    }
}

/// How wide the terminal is.
const COLUMNS: usize = 112;

/// Breaks lines where a terminal does. What colours them takes no column.
fn wrapped(session: &str) -> String {
    let (mut text, mut column, mut is_escape) = (String::new(), 0, false);
    for character in session.chars() {
        is_escape |= character == '\u{1b}';
        match character {
            _ if is_escape => is_escape = character != 'm',
            '\n' => column = 0,
            _ if column == COLUMNS => {
                text.push('\n');
                column = 1;
            }
            _ => column += 1,
        }
        text.push(character);
    }
    text
}

#[test]
fn the_picture_of_a_first_run_is_what_it_prints() {
    let shop = Shop::open();
    let commands = ["imago files", "imago files --update", "imago files --check"];
    assert_pictured("first-run", &commands.map(|line| shop.run(line)).concat());
}

#[test]
fn the_picture_of_a_held_update_is_what_it_prints() {
    let shop = Shop::open();
    shop.run("imago files --update");
    let platforms = ["linux/amd64", "linux/arm64"];
    shop.registry
        .push_index("shop/api", "2.0", &platforms, "api, again");
    shop.registry
        .push_index("shop/web", "1.4", &platforms[..1], "web, half published");
    let commands = ["imago files --update", "imago files --check --strict"];
    assert_pictured("held", &commands.map(|line| shop.run(line)).concat());
}

#[test]
fn the_picture_of_an_error_is_what_it_prints() {
    let shop = Shop::open();
    shop.place
        .write("deploy/web.yaml", deployment("web", "web:1.5"));
    assert_pictured("error", &shop.run("imago files --update"));
}
