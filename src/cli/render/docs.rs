//! Where the documentation of this version is: the address in Cargo.toml, at the tag of the version.

use crate::engine::code::Code;

/// The folder of the pages.
const PAGES: &str = concat!(
    env!("CARGO_PKG_REPOSITORY"),
    "/blob/v",
    env!("CARGO_PKG_VERSION"),
    "/docs/"
);

/// The address of what a code means and what frees it.
pub fn code(code: Code) -> String {
    format!("{PAGES}codes.md#{code}")
}

/// The address of a page: `settings.md`.
pub fn page(name: &str) -> String {
    format!("{PAGES}{name}")
}

/// The line below problems with these codes: the address of the only one, or of the page with all of them. A usage error has none,
/// because its hint says what to type.
pub fn line(codes: impl IntoIterator<Item = Code>) -> String {
    let mut met: Vec<Code> = Vec::new();
    for code in codes {
        if code != Code::Usage && !met.contains(&code) {
            met.push(code);
        }
    }
    match &met[..] {
        [] => String::new(),
        [only] => format!("docs: {}\n", code(*only)),
        several => {
            let words: Vec<&str> = several.iter().map(|code| code.as_str()).collect();
            format!("docs: {} on {}\n", page("codes.md"), words.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_codes_are_one_line() {
        let code_line = line([Code::Usage, Code::NotFound, Code::NotFound]);
        assert!(
            code_line.ends_with("/docs/codes.md#not-found\n"),
            "{code_line}"
        );
        let several = line([Code::NotFound, Code::YamlSyntax]);
        assert!(
            several.ends_with("/docs/codes.md on not-found, yaml-syntax\n"),
            "{several}"
        );
        assert_eq!(line([Code::Usage]), "");
    }
}
