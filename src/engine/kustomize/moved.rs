//! Names and namespaces that kustomizations give to objects. A patch finds an object by those that it has had ([`super::Target`]).

use std::sync::Arc;

use crate::engine::object::Object;
use crate::engine::tree::Tree;

/// The longest name that an object may have in a cluster.
const LONGEST: usize = 253;

/// What a kustomization says of the names and the namespace of its objects.
#[derive(Clone, Debug, Default)]
pub(super) struct Moves {
    prefix: String,
    suffix: String,
    namespace: Option<String>,
}

/// A name and a namespace that an object has got.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moved {
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    before: Option<Arc<Moved>>,
    /// How many came before.
    count: usize,
}

impl Moves {
    pub(super) fn read<'a, T: Tree<'a>>(document: T) -> Self {
        let text = |key| document.get(key).and_then(|value| value.scalar().text());
        let text = |key| text(key).filter(|text| !text.is_empty()).map(str::to_owned);
        Self {
            prefix: text("namePrefix").unwrap_or_default(),
            suffix: text("nameSuffix").unwrap_or_default(),
            namespace: text("namespace"),
        }
    }

    /// Whether it says anything.
    pub(super) fn any(&self) -> bool {
        !self.prefix.is_empty() || !self.suffix.is_empty() || self.namespace.is_some()
    }

    /// Where an object is after this kustomization. A name that no cluster takes is not followed.
    pub(super) fn carry(&self, object: &Object, moved: Option<Arc<Moved>>) -> Option<Arc<Moved>> {
        let (name, namespace) = match &moved {
            Some(moved) => (&moved.name, &moved.namespace),
            None => (&object.name, &object.namespace),
        };
        if self.prefix.len() + name.len() + self.suffix.len() > LONGEST {
            return moved;
        }
        let name = [&*self.prefix, name, &self.suffix].concat();
        let namespace = self.namespace.clone().or_else(|| namespace.clone());
        let is_same = |at: &Moved| at.name == name && at.namespace == namespace;
        if moved.as_deref().is_some_and(is_same) {
            return moved;
        }
        // A name that it has had is the last one again, and stands there once.
        let was_had = Moved::all(moved.as_deref()).any(is_same);
        let before = match was_had {
            true => Moved::without(moved.as_deref(), &is_same),
            false => moved,
        };
        Some(Moved::after(before, name, namespace))
    }
}

impl Moved {
    /// This and all before it.
    pub(super) fn all(moved: Option<&Self>) -> impl Iterator<Item = &Self> {
        std::iter::successors(moved, |moved| moved.before.as_deref())
    }

    fn after(before: Option<Arc<Self>>, name: String, namespace: Option<String>) -> Arc<Self> {
        Arc::new(Self {
            name,
            namespace,
            count: Self::count(before.as_deref()),
            before,
        })
    }

    /// All but one, in the same order.
    fn without(moved: Option<&Self>, is_left_out: &impl Fn(&Self) -> bool) -> Option<Arc<Self>> {
        let mut kept: Vec<&Self> = Self::all(moved).filter(|at| !is_left_out(at)).collect();
        kept.reverse();
        kept.into_iter().fold(None, |before, at| {
            Some(Self::after(before, at.name.clone(), at.namespace.clone()))
        })
    }

    /// How many there are.
    pub(super) fn count(moved: Option<&Self>) -> usize {
        moved.map_or(0, |moved| moved.count + 1)
    }
}
