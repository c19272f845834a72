//! JSON pointers (RFC 6901) in patches, as kustomize reads them.

/// A pointer in which an item of a list is any one: operations before may have moved it. kustomize counts from the end, too, and nothing
/// of what stands before the first `/`.
pub(super) fn any_item(pointer: &str) -> String {
    let is_item = |key: &str| {
        let number = key.strip_prefix(['+', '-']).unwrap_or(key);
        key == "-" || !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    let mut place = String::new();
    for key in keys(pointer) {
        place.push('/');
        match is_item(&key) {
            true => place.push('#'),
            false => place.push_str(&key.replace('~', "~0").replace('/', "~1")),
        }
    }
    place
}

/// The keys of a JSON pointer (RFC 6901).
pub(super) fn keys(pointer: &str) -> Vec<String> {
    let keys = pointer.split('/').skip(1);
    keys.map(|key| key.replace("~1", "/").replace("~0", "~"))
        .collect()
}
