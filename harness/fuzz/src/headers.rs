//! The header map against a plain list of pairs.

use tollgate_hosts::Headers;

use crate::bytes::Bytes;

/// The meaning, written as plainly as possible.
#[derive(Default)]
struct Model(Vec<(Vec<u8>, Vec<u8>)>);

impl Model {
    fn add(&mut self, name: &[u8], value: &[u8]) {
        self.0.push((name.to_ascii_lowercase(), value.to_owned()));
    }

    fn replace(&mut self, name: &[u8], value: &[u8]) {
        match self.0.iter().position(|field| field.0.eq_ignore_ascii_case(name)) {
            None => self.add(name, value),
            Some(first) => {
                self.0[first].1 = value.to_owned();
                let mut index = 0;
                self.0.retain(|field| {
                    index += 1;
                    index - 1 <= first || !field.0.eq_ignore_ascii_case(name)
                });
            }
        }
    }

    fn get_all(&self, name: &[u8]) -> Vec<&[u8]> {
        let fields = self.0.iter().filter(|field| field.0.eq_ignore_ascii_case(name));
        fields.map(|(_, value)| value.as_slice()).collect()
    }

    fn remove(&mut self, name: &[u8]) -> usize {
        let before = self.0.len();
        self.0.retain(|field| !field.0.eq_ignore_ascii_case(name));
        before - self.0.len()
    }
}

/// Names that meet again, also such as differ late or in case only; or any bytes.
fn name(input: &mut Bytes<'_>) -> Vec<u8> {
    const NAMES: [&str; 8] =
        ["a", "A", "", "fake_key_1", "x-forwarded-for-a", "X-Forwarded-For-A", "x-forwarded-for-b", ":path"];
    match input.choose(NAMES.len() + 1).checked_sub(1) {
        Some(known) => NAMES[known].into(),
        None => input.slice(),
    }
}

/// The input is a list of steps.
pub fn run(data: &[u8]) {
    let (mut headers, mut model) = (Headers::new(), Model::default());
    let mut input = Bytes(data);
    while !input.is_empty() {
        match input.choose(8) {
            step @ 0..4 => {
                let (name, mut value) = (name(&mut input), input.slice());
                if step == 3 {
                    // Long ones, so that the map has something to compact.
                    value = value.repeat(40);
                }
                if step == 0 {
                    headers.add(&name, &value);
                    model.add(&name, &value);
                } else {
                    headers.replace(&name, &value);
                    model.replace(&name, &value);
                }
            }
            4 | 5 => {
                let name = name(&mut input);
                assert_eq!(headers.remove(&name), model.remove(&name));
            }
            6 => {
                let name = name(&mut input);
                assert_eq!(headers.get(&name), model.get_all(&name).first().copied());
                assert_eq!(headers.get_all(&name).collect::<Vec<_>>(), model.get_all(&name));
            }
            _ => match input.choose(8) {
                0 => {
                    headers.clear();
                    model.0.clear();
                }
                _ => {
                    let mut copy: Headers = [("other", "fields")].into_iter().collect();
                    copy.copy_from(&headers);
                    assert_eq!(copy, headers);
                    headers = copy;
                }
            },
        }
        assert_eq!(headers.len(), model.0.len());
        assert_eq!(headers.size_bytes(), model.0.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>());
    }
    let fields: Vec<_> = headers.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    assert_eq!(fields, model.0);
}

pub fn seeds() -> Vec<Vec<u8>> {
    vec![
        vec![0, 1, 2, b'x', b'y', 6, 2, 1, 1, 1, b'z', 4, 1],
        [3, 5, 8].into_iter().chain(*b"12345678").chain([7, 1, 0, 6, 1, b'v', 5, 6]).collect(),
    ]
}
