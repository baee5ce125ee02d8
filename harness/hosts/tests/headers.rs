//! The header map does what a plain list of pairs would do.

use proptest::prelude::*;
use tollgate_hosts::Headers;

/// The meaning, written as plainly as possible.
#[derive(Debug, Default, Clone, PartialEq)]
struct Model(Vec<(String, String)>);

impl Model {
    fn is(field: &(String, String), name: &str) -> bool {
        field.0.eq_ignore_ascii_case(name)
    }

    fn add(&mut self, name: &str, value: &str) {
        self.0.push((name.to_ascii_lowercase(), value.to_owned()));
    }

    fn replace(&mut self, name: &str, value: &str) {
        match self.0.iter().position(|field| Self::is(field, name)) {
            None => self.add(name, value),
            Some(first) => {
                self.0[first].1 = value.to_owned();
                let mut index = 0;
                self.0.retain(|field| {
                    index += 1;
                    index - 1 <= first || !Self::is(field, name)
                });
            }
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|field| Self::is(field, name)).map(|(_, value)| value.as_str())
    }

    fn remove(&mut self, name: &str) -> usize {
        let before = self.0.len();
        self.0.retain(|field| !Self::is(field, name));
        before - self.0.len()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Add(String, String),
    Replace(String, String),
    Get(String),
    Remove(String),
    Clear,
    Copy,
}

/// Few names, so that they meet again: short, as long as a word, longer than the map compares at once, in both cases.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[aAbB]{0,3}",
        "fake_key_[0-9]{1,2}",
        "[xX]-[fF]orwarded-for-[ab]",
        "x-a-name-longer-than-sixteen-[aB]-bytes",
        "[a-c\u{e9}]{1,20}",
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let value = || "[a-z]{0,30}";
    prop_oneof![
        4 => (name(), value()).prop_map(|(name, value)| Step::Add(name, value)),
        4 => (name(), value()).prop_map(|(name, value)| Step::Replace(name, value)),
        2 => name().prop_map(Step::Get),
        4 => name().prop_map(Step::Remove),
        1 => Just(Step::Clear),
        1 => Just(Step::Copy),
    ]
}

fn same(headers: &Headers, model: &Model) -> Result<(), TestCaseError> {
    let fields: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| (String::from_utf8(name.to_vec()).unwrap(), String::from_utf8(value.to_vec()).unwrap()))
        .collect();
    prop_assert_eq!(&fields, &model.0);
    prop_assert_eq!(headers.len(), model.0.len());
    let size: usize = model.0.iter().map(|(name, value)| name.len() + value.len()).sum();
    prop_assert_eq!(headers.size_bytes(), size);
    Ok(())
}

proptest! {
    #[test]
    fn any_steps_do_what_a_list_would_do(steps in prop::collection::vec(step(), 0..300)) {
        let mut headers = Headers::new();
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Add(name, value) => {
                    headers.add(&name, &value);
                    model.add(&name, &value);
                }
                Step::Replace(name, value) => {
                    headers.replace(&name, &value);
                    model.replace(&name, &value);
                }
                Step::Get(name) => {
                    prop_assert_eq!(headers.get(&name), model.get(&name).map(str::as_bytes));
                    let all: Vec<&[u8]> = headers.get_all(name.as_bytes()).collect();
                    let expected = model.0.iter().filter(|field| Model::is(field, &name));
                    prop_assert_eq!(all, expected.map(|field| field.1.as_bytes()).collect::<Vec<_>>());
                }
                Step::Remove(name) => prop_assert_eq!(headers.remove(&name), model.remove(&name)),
                Step::Clear => {
                    headers.clear();
                    model.0.clear();
                }
                Step::Copy => {
                    let mut copy: Headers = [("other", "fields")].into_iter().collect();
                    copy.copy_from(&headers);
                    prop_assert_eq!(&copy, &headers);
                    headers = copy;
                }
            }
            same(&headers, &model)?;
        }
    }
}

#[test]
fn a_map_that_is_written_over_and_over_does_not_grow() {
    let mut headers: Headers = [(":path", "/"), ("host", "a")].into_iter().collect();
    for round in 0..200_000u32 {
        headers.replace("x-grows", "v".repeat(round as usize % 100));
        headers.add(format!("x-{}", round % 70), "value");
        headers.remove(format!("x-{}", (round + 35) % 70));
    }
    assert!(headers.len() < 100);
    // What is kept is private; a copy shows it: a map that keeps its waste would take far longer to copy than this.
    let begin = std::time::Instant::now();
    let mut copy = Headers::new();
    for _ in 0..100 {
        copy.copy_from(&headers);
    }
    assert!(begin.elapsed().as_millis() < 500, "100 copies took {:?}", begin.elapsed());
    assert_eq!(copy, headers);
}
