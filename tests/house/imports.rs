//! Which files import which: `use` trees, re-exports and paths in the code, each followed to the file that defines the name.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::source::{self, Source};

/// A module by the parts of its path, without `crate`.
pub(crate) type Module = Vec<String>;

/// One name that a `use` brings into a module.
struct Import {
    /// As written, its last part `*` for everything.
    path: Vec<String>,
    /// The name in this module.
    name: String,
    is_public: bool,
}

/// What the rules need of one file.
struct File {
    /// Its code, without literals, comments and tests.
    code: String,
    imports: Vec<Import>,
    /// Its code without `use`.
    body: String,
}

/// All modules of a set of sources.
pub(crate) struct Modules {
    files: BTreeMap<Module, File>,
}

impl Modules {
    /// Reads sources; what only tests have is left out.
    pub(crate) fn of(sources: Vec<Source>) -> Self {
        let files = source::without_test_files(sources)
            .into_iter()
            .map(|source| {
                let code = source::code(&source.text);
                let code = source::without(&code, &source::tests_in(&code));
                // Who may see a name is no import.
                let code = source::without(&code, &visibilities(&code));
                let (imports, body) = uses(&code);
                let file = File {
                    code,
                    imports,
                    body,
                };
                (source.module(), file)
            });
        Self {
            files: files.collect(),
        }
    }

    /// For each module the modules that it needs. A re-export names what its module does not need itself.
    pub(crate) fn needs(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        let of = |module: &Module, file: &File| {
            let used = |import: &&Import| !import.is_public || has_word(&file.body, &import.name);
            let named = file
                .imports
                .iter()
                .filter(used)
                .map(|import| import.path.clone());
            let named: Vec<_> = named.chain(paths(&file.body)).collect();
            let mut needed: BTreeSet<Module> = named
                .iter()
                .filter_map(|path| self.locate(module, path, 0))
                .collect();
            needed.remove(module);
            needed
        };
        let each = self.files.iter();
        each.map(|(module, file)| (module.clone(), of(module, file)))
            .collect()
    }

    /// The names that a module gives out with `pub use`, with the full path of each.
    pub(crate) fn given_out(&self) -> Vec<(Module, String, Vec<String>)> {
        let mut found = Vec::new();
        for (module, file) in &self.files {
            for import in file.imports.iter().filter(|import| import.is_public) {
                if let Some(path) = self.absolute(module, &import.path, 0) {
                    found.push((module.clone(), import.name.clone(), path));
                }
            }
        }
        found
    }

    /// The path from the root of the crate; `None` for what is of another crate.
    fn absolute(&self, module: &Module, path: &[String], depth: usize) -> Option<Vec<String>> {
        let (mut base, mut rest): (Module, &[String]) = match path.first()?.as_str() {
            "crate" | "sterna" => (Vec::new(), &path[1..]),
            "self" => (module.clone(), &path[1..]),
            "super" => (module.clone(), path),
            first => {
                let mut child = module.clone();
                child.push(first.to_owned());
                if self.files.contains_key(&child) {
                    return Some([module.as_slice(), path].concat());
                }
                let imports = &self.files.get(module)?.imports;
                let bound = imports.iter().find(|import| import.name == first)?;
                // A name that leads to itself is one of another crate.
                if bound.path.first()? == first || depth > 8 {
                    return None;
                }
                let whole = [bound.path.as_slice(), &path[1..]].concat();
                return self.absolute(module, &whole, depth + 1);
            }
        };
        while rest.first().is_some_and(|part| part == "super") {
            base.pop()?;
            rest = &rest[1..];
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    /// The module that defines what a path names, through re-exports.
    fn locate(&self, module: &Module, path: &[String], depth: usize) -> Option<Module> {
        let whole = self.absolute(module, path, 0)?;
        let length = (0..=whole.len())
            .rev()
            .find(|length| self.files.contains_key(&whole[..*length]))?;
        let (found, rest) = whole.split_at(length);
        let (found, file) = (found.to_vec(), &self.files[found]);
        let Some(name) = rest.first().filter(|_| depth < 8) else {
            return Some(found);
        };
        let leads = |import: &&Import| import.name == *name;
        if let Some(import) = file.imports.iter().find(leads) {
            let further = [import.path.as_slice(), &rest[1..]].concat();
            return self.locate(&found, &further, depth + 1).or(Some(found));
        }
        let all = file.imports.iter().filter(|import| import.name == "*");
        for import in all {
            let target = self.locate(&found, &import.path[..import.path.len() - 1], depth + 1);
            let defines = |target: &Module| defines(&self.files[target].code, name);
            if let Some(target) = target.filter(defines) {
                return Some(target);
            }
        }
        Some(found)
    }
}

/// The paths of `pub(in …)`.
fn visibilities(code: &str) -> Vec<Range<usize>> {
    let starts = code.match_indices("pub(in ");
    let path = |(at, start): (usize, &str)| {
        let from = at + start.len();
        from..code[from..].find(')').map_or(from, |end| from + end)
    };
    starts.map(path).collect()
}

/// Whether code defines a name.
fn defines(code: &str, name: &str) -> bool {
    let kinds = [
        "struct", "enum", "fn", "const", "static", "type", "trait", "mod",
    ];
    kinds.iter().any(|kind| {
        let start = format!("{kind} {name}");
        let mut places = code.match_indices(&start);
        places.any(|(at, _)| !code[at + start.len()..].starts_with(is_of_word))
    })
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn has_word(code: &str, word: &str) -> bool {
    code.split(|letter| !is_of_word(letter))
        .any(|one| one == word)
}

/// The imports of code, and the code without them.
fn uses(code: &str) -> (Vec<Import>, String) {
    let mut imports = Vec::new();
    let mut ranges = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let before = code[..at]
            .rsplit([';', '{', '}', ']'])
            .next()
            .unwrap_or_default();
        let visible = before.trim();
        if !(visible.is_empty() || visible.starts_with("pub")) {
            continue;
        }
        let end = code[at..].find(';').map_or(code.len(), |end| at + end);
        for (path, name) in tree(&code[at + 4..end]) {
            imports.push(Import {
                path,
                name,
                is_public: !visible.is_empty(),
            });
        }
        ranges.push(at..end);
    }
    (imports, source::without(code, &ranges))
}

/// The paths of a `use` tree, each with the name that it brings.
fn tree(text: &str) -> Vec<(Vec<String>, String)> {
    let text = text.trim();
    let Some((before, group)) = text.split_once('{') else {
        let (path, name) = match text.split_once(" as ") {
            Some((path, name)) => (path, Some(name.trim().to_owned())),
            None => (text, None),
        };
        let mut path: Vec<String> = path
            .split("::")
            .map(|part| part.trim().to_owned())
            .collect();
        path.retain(|part| !part.is_empty());
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = name.or_else(|| path.last().cloned()).unwrap_or_default();
        return if path.is_empty() {
            Vec::new()
        } else {
            vec![(path, name)]
        };
    };
    let group = group.rsplit_once('}').map_or(group, |(group, _)| group);
    let mut depth = 0_i32;
    let branches = group.split(|letter| {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        letter == ',' && depth == 0
    });
    branches
        .filter(|branch| !branch.trim().is_empty())
        .flat_map(|branch| tree(&format!("{before}{}", branch.trim())))
        .collect()
}

/// The paths in code, as far as they may lead to a module of this crate.
fn paths(body: &str) -> impl Iterator<Item = Vec<String>> {
    let words = body.split(|letter| !is_of_word(letter) && letter != ':');
    let paths = words.filter(|word| word.contains("::") && !word.starts_with(':'));
    paths.map(|path| {
        let parts = path.split("::").filter(|part| !part.is_empty());
        parts
            .map(|part| part.trim_matches(':').to_owned())
            .collect()
    })
}

/// The circles among modules: each with all that lie on it, sorted.
pub(crate) fn circles(needs: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<Vec<Module>> {
    let reached: BTreeMap<&Module, BTreeSet<&Module>> = needs
        .keys()
        .map(|from| {
            let mut seen = BTreeSet::new();
            let mut open = vec![from];
            while let Some(module) = open.pop() {
                let next = needs.get(module).into_iter().flatten();
                open.extend(next.filter(|next| seen.insert(*next)));
            }
            (from, seen)
        })
        .collect();
    let mut found: BTreeSet<Vec<Module>> = BTreeSet::new();
    for (from, to) in reached.iter().filter(|(from, to)| to.contains(**from)) {
        let back = |other: &&&Module| reached.get(**other).is_some_and(|to| to.contains(*from));
        found.insert(to.iter().filter(back).map(|one| (*one).clone()).collect());
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
        let sources = files.iter().map(|(path, text)| Source::of(path, text));
        let needs = Modules::of(sources.collect()).needs();
        let show = |circle: Vec<Module>| {
            let paths = circle.iter().map(|module| module.join("::"));
            paths.collect::<Vec<_>>().join(" ")
        };
        circles(&needs).into_iter().map(show).collect()
    }

    #[test]
    fn a_circle_is_found_in_every_form_that_an_import_has() {
        for (there, back) in [
            ("use super::b::B;", "use super::a::A;"),
            ("use crate::r::b::B;", "fn f(_: crate::r::a::A) {}"),
            (
                "use crate::{r::{b::{self, B}}, x};",
                "use super::{\n    a::A,\n};",
            ),
            ("use super::{B};", "use super::{A as C};"),
            (
                "use super::b as other;\nfn f() { other::B::new(); }",
                "use super::*;\nuse super::A;",
            ),
            ("fn f() { super::b::B::new(); }", "use sterna::r::a;"),
        ] {
            let found = circles_of(&[
                (
                    "r/mod.rs",
                    "mod a;\nmod b;\npub use a::A;\npub(crate) use b::B;",
                ),
                ("r/a.rs", &format!("{there}\npub struct A;")),
                ("r/b.rs", &format!("{back}\npub struct B;")),
            ]);
            assert_eq!(found, ["r::a r::b"], "{there} / {back}");
        }
    }

    #[test]
    fn a_parent_that_defines_what_its_child_uses_is_a_circle_when_it_uses_the_child() {
        let child = ("r/a.rs", "use super::Error;\npub struct A(Error);");
        let uses = "mod a;\npub use a::A;\npub struct Error;\nfn f(_: A) {}";
        assert_eq!(circles_of(&[("r/mod.rs", uses), child]), ["r r::a"]);
        let gives = "mod a;\npub use a::A;\npub struct Error;";
        assert!(circles_of(&[("r/mod.rs", gives), child]).is_empty());
    }

    #[test]
    fn what_is_no_import_makes_no_circle() {
        let files = [
            (
                "r/mod.rs",
                "mod a;\nmod b;\nmod c;\npub use a::A;\npub use b::*;\n#[cfg(test)]\nmod t;",
            ),
            (
                "r/a.rs",
                "// use super::b::B;\nconst X: &str = \"super::b::B\";\n#[cfg(test)]\nmod tests { use crate::r::b::B; }\npub struct A;",
            ),
            (
                "r/b.rs",
                "use super::A;\nuse super::c::C;\npub struct B(A);",
            ),
            (
                "r/c.rs",
                "use std::fmt;\nuse cid::Cid;\npub struct C(fmt::Error, Cid);",
            ),
            ("r/t.rs", "use super::a::A;"),
        ];
        assert!(circles_of(&files).is_empty());
        let glob = [
            files[0],
            ("r/a.rs", "use super::B;\npub struct A;"),
            files[2],
            files[3],
        ];
        assert_eq!(circles_of(&glob), ["r::a r::b"]);
    }
}
