//! Reads the `Status` of an API server's refusal, and sorts it by cause.
//!
//! The server's answers are not always telling. A failed `test` of a JSON Patch is a 422 without causes and with a
//! message that does not help. An object that would be invalid is a 422 with causes. RBAC's 403 names the user who was refused. An admission policy
//! may answer with any status.

use serde::Deserialize;

use super::error::{Permission, Why};
use crate::io::credentials::Known;

/// The most causes that a message repeats.
const MOST_CAUSES: usize = 5;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    kind: String,
    message: Option<String>,
    details: Option<Details>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    causes: Option<Vec<Cause>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cause {
    message: Option<String>,
    field: Option<String>,
}

/// The error for a status that is not a success. The caller handles 401 (it signs in) and 410 (it starts a list over).
pub(super) fn why(status: u16, body: &[u8], permission: Permission, known: &Known) -> Why {
    let Some(read) = serde_json::from_slice::<Status>(body)
        .ok()
        .filter(|read| read.kind == "Status")
    else {
        return match status {
            404 => Why::NotAnApiServer {
                reason: "404 without a reason".to_owned(),
            },
            429 => Why::RateLimited,
            500..=599 => Why::Server {
                status,
                text: String::new(),
            },
            _ => Why::NotAnApiServer {
                reason: format!("the status {status} without a reason"),
            },
        };
    };
    // The original text decides the cause. What is repeated has its secrets hidden.
    let said = read.message.unwrap_or_default();
    let message = known.hide(&said);
    let causes = read
        .details
        .and_then(|details| details.causes)
        .unwrap_or_default();
    // A webhook chooses its own status and reason. The API server puts `admission webhook` in front.
    if said.contains("admission webhook") && status < 500 {
        return Why::Denied { text: message };
    }
    match status {
        // RBAC and admission plugins both answer 403 `Forbidden`. Only RBAC says who cannot do what.
        403 if !said.contains(" cannot ") => Why::Denied { text: message },
        403 => Why::Forbidden {
            user: user(&said).map(|user| known.hide(user)),
            permission,
        },
        404 => Why::NotFound { text: message },
        409 => Why::Conflict,
        422 if causes.is_empty() => Why::Conflict,
        422 => Why::Invalid {
            text: listed(&causes, known),
        },
        429 => Why::RateLimited,
        500..=599 => Why::Server {
            status,
            text: message,
        },
        _ => Why::Invalid {
            text: format!("{status}: {message}"),
        },
    }
}

/// The user that RBAC's message names.
fn user(message: &str) -> Option<&str> {
    let rest = message.split_once("User \"")?.1;
    Some(rest.split_once('"')?.0)
}

/// `field: message` of each cause.
fn listed(causes: &[Cause], known: &Known) -> String {
    let mut texts: Vec<String> = causes
        .iter()
        .take(MOST_CAUSES)
        .map(|cause| {
            let message = known.hide(cause.message.as_deref().unwrap_or("refused"));
            match cause
                .field
                .as_deref()
                .filter(|field| !field.is_empty() && *field != "<nil>")
            {
                Some(field) => format!("`{}`: {message}", known.hide(field)),
                None => message,
            }
        })
        .collect();
    if causes.len() > MOST_CAUSES {
        texts.push(format!("and {} more", causes.len() - MOST_CAUSES));
    }
    texts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::super::error::ClusterError;
    use super::*;
    use serde_json::{Value, json};

    fn error(status: u16, body: &Value) -> ClusterError {
        let permission = Permission {
            verb: "patch",
            group: "apps".into(),
            resource: "deployments".into(),
            namespace: Some("shop".to_owned()),
        };
        ClusterError::new(
            "patch it",
            why(
                status,
                body.to_string().as_bytes(),
                permission,
                &Known::default(),
            ),
        )
    }

    fn status(message: &str, causes: &Value) -> Value {
        json!({"kind": "Status", "message": message, "details": {"causes": causes}})
    }

    #[test]
    fn a_refusal_with_causes_is_no_conflict_and_one_without_is() {
        let text = "the server rejected our request due to an error in our request";
        assert!(error(422, &status(text, &json!(null))).is_conflict());
        assert!(error(409, &status("the object has been modified", &json!([]))).is_conflict());
        let invalid = error(
            422,
            &status(
                "invalid",
                &json!([{"field": "spec.x", "message": "Required value"}]),
            ),
        );
        assert_eq!(
            (invalid.is_conflict(), invalid.code().as_str()),
            (false, "invalid")
        );
        assert_eq!(
            invalid.cause(),
            "the API server refuses it: `spec.x`: Required value"
        );
    }

    #[test]
    fn an_admission_webhook_is_named_whatever_its_status() {
        for code in [400, 403, 409, 422] {
            let denied = error(
                code,
                &status(
                    "admission webhook \"a.example.test\" denied the request: no",
                    &json!(null),
                ),
            );
            assert_eq!(
                (denied.code().as_str(), denied.is_conflict()),
                ("denied", false),
                "{code}"
            );
        }
        let policy = "deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'p' denied request: no";
        assert_eq!(
            error(403, &status(policy, &json!(null))).code().as_str(),
            "denied"
        );
        assert_eq!(
            error(500, &status("failed calling webhook", &json!(null)))
                .code()
                .as_str(),
            "server-error"
        );
    }

    #[test]
    fn a_missing_role_is_named_with_the_file_that_grants_it() {
        let text = "deployments.apps \"web\" is forbidden: User \"system:serviceaccount:shop:imago\" cannot patch resource \
                    \"deployments\" in API group \"apps\" in the namespace \"shop\"";
        let forbidden = error(403, &status(text, &json!(null)));
        assert_eq!(
            forbidden.cause(),
            "the API server answered 403 Forbidden: `system:serviceaccount:shop:imago` may not patch `deployments.apps` in the \
             namespace `shop`"
        );
        assert_eq!(
            forbidden.hint().unwrap(),
            "grant the verb `patch` on `deployments` of the API group `apps` in the namespace `shop`, as `deploy/one-namespace/role.yaml` does"
        );
    }

    #[test]
    fn an_answer_of_something_else_is_said_to_be_one() {
        assert_eq!(
            error(404, &json!("<html>")).code().as_str(),
            "not-an-api-server"
        );
        assert_eq!(error(302, &json!({})).code().as_str(), "not-an-api-server");
        assert_eq!(
            error(503, &json!("no upstream")).code().as_str(),
            "server-error"
        );
        assert_eq!(
            error(
                404,
                &status("deployments.apps \"web\" not found", &json!(null))
            )
            .code()
            .as_str(),
            "not-found"
        );
    }
}
