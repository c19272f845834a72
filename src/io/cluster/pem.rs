//! The certificates in a PEM file, and nothing else of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Each certificate as DER, in order; `None` where one is cut off or not base64.
pub(super) fn certificates(pem: &[u8]) -> Option<Vec<Vec<u8>>> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let text = String::from_utf8_lossy(pem);
    let pieces = text.split(BEGIN).skip(1);
    pieces
        .map(|piece| {
            let body: String = piece.split_once(END)?.0.split_ascii_whitespace().collect();
            STANDARD.decode(body).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_certificate_is_found_and_a_broken_one_is_not_passed_over() {
        let one = "-----BEGIN CERTIFICATE-----\r\nYWJj\r\n-----END CERTIFICATE-----\r\n";
        assert_eq!(
            certificates(format!("text\n{one}{one}").as_bytes()),
            Some(vec![b"abc".to_vec(), b"abc".to_vec()])
        );
        assert_eq!(certificates(b"no certificate"), Some(Vec::new()));
        assert_eq!(certificates(b"-----BEGIN CERTIFICATE-----\nYWJj\n"), None);
        assert_eq!(
            certificates(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"),
            None
        );
    }
}
