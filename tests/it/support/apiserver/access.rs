//! Access control: tokens, users, and the rules of roles.

use serde_json::Value;

use super::kinds::Kind;

/// A user with a token. Without rules it may do nothing.
#[derive(Clone, Debug)]
pub struct Account {
    pub user: String,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    verbs: Vec<String>,
    groups: Vec<String>,
    resources: Vec<String>,
    /// `None` means all namespaces.
    namespace: Option<String>,
}

impl Account {
    pub fn new(user: &str) -> Self {
        Self {
            user: user.to_owned(),
            rules: Vec::new(),
        }
    }

    /// A user that may do everything.
    pub fn admin() -> Self {
        let all = vec!["*".to_owned()];
        let rule = Rule {
            verbs: all.clone(),
            groups: all.clone(),
            resources: all,
            namespace: None,
        };
        Self {
            user: "admin".to_owned(),
            rules: vec![rule],
        }
    }

    /// One verb on one resource, in a namespace or in all.
    pub fn may(mut self, verb: &str, plural: &str, namespace: Option<&str>) -> Self {
        self.rules.push(Rule {
            verbs: vec![verb.to_owned()],
            groups: vec![Kind::named(plural).group.to_owned()],
            resources: vec![plural.to_owned()],
            namespace: namespace.map(str::to_owned),
        });
        self
    }

    /// The rules of a Role (in its namespace) or of a ClusterRole.
    pub fn role(mut self, role: &Value, namespace: Option<&str>) -> Self {
        let texts = |list: &Value| {
            list.as_array()
                .unwrap()
                .iter()
                .map(|text| text.as_str().unwrap().to_owned())
                .collect()
        };
        for rule in role["rules"].as_array().unwrap() {
            assert!(
                rule.get("resourceNames").is_none(),
                "rules for single objects are not known here: {rule}"
            );
            self.rules.push(Rule {
                verbs: texts(&rule["verbs"]),
                groups: texts(&rule["apiGroups"]),
                resources: texts(&rule["resources"]),
                namespace: namespace.map(str::to_owned),
            });
        }
        self
    }

    pub fn can(&self, verb: &str, kind: &Kind, namespace: Option<&str>) -> bool {
        let has = |list: &[String], what: &str| list.iter().any(|one| one == "*" || one == what);
        self.rules.iter().any(|rule| {
            has(&rule.verbs, verb)
                && has(&rule.groups, kind.group)
                && has(&rule.resources, kind.plural)
                && (rule.namespace.is_none() || rule.namespace.as_deref() == namespace)
        })
    }
}
