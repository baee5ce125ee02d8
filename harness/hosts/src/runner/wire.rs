use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Exchange, Headers, LocalResponse, Observation, Trailers};

/// Bytes as text, each byte the character of that number: any bytes pass, and what is text stays readable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text(pub(super) Vec<u8>);

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.iter().map(|&byte| char::from(byte)).collect::<String>())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
        bytes.map(Self).map_err(|_| serde::de::Error::custom("a character that stands for no byte"))
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

type Fields = Vec<(Text, Text)>;

/// All that an exchange holds, but not what it was made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WireExchange {
    request: Fields,
    response: Fields,
    request_body: Text,
    response_body: Text,
    trailers: Option<(Fields, Fields)>,
    local_response: Option<WireResponse>,
    observation: Option<Box<Observation>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct WireResponse {
    status: u16,
    headers: Fields,
    body: Text,
}

fn fields(headers: &Headers) -> Fields {
    headers.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn headers(fields: &Fields) -> Headers {
    fields.iter().map(|(name, value)| (&name.0, &value.0)).collect()
}

impl From<&Exchange> for WireExchange {
    fn from(exchange: &Exchange) -> Self {
        let answer = |response: &LocalResponse| WireResponse {
            status: response.status,
            headers: fields(&response.headers),
            body: response.body.as_slice().into(),
        };
        Self {
            request: fields(&exchange.request),
            response: fields(&exchange.response),
            request_body: exchange.request_body.as_slice().into(),
            response_body: exchange.response_body.as_slice().into(),
            trailers: exchange.trailers.as_deref().map(|both| (fields(&both.request), fields(&both.response))),
            local_response: exchange.local_response.as_deref().map(answer),
            observation: exchange.observation.clone(),
        }
    }
}

impl WireExchange {
    /// Makes an exchange hold the same. It stays what it was made of, and what its maps have counted.
    pub(super) fn put_into(self, exchange: &mut Exchange) {
        let answer = |response: WireResponse| {
            let WireResponse { status, headers: fields, body } = response;
            Box::new(LocalResponse { status, headers: headers(&fields), body: body.0 })
        };
        exchange.request.copy_from(&headers(&self.request));
        exchange.response.copy_from(&headers(&self.response));
        exchange.request_body = self.request_body.0;
        exchange.response_body = self.response_body.0;
        exchange.trailers = self
            .trailers
            .map(|(request, response)| Box::new(Trailers { request: headers(&request), response: headers(&response) }));
        exchange.local_response = self.local_response.map(answer);
        exchange.observation = self.observation;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_comes_back_as_it_was_sent() {
        let mut exchange = Exchange::default();
        let every_byte: Vec<u8> = (0..=u8::MAX).collect();
        exchange.request.add("a", &every_byte);
        exchange.request.add("a", "");
        exchange.response.add("x\n\"\u{1f600}", "y");
        exchange.request_body = every_byte.clone();
        exchange.response_body = every_byte.into_iter().rev().collect();
        exchange.trailers = Some(Box::new(Trailers { request: exchange.request.clone(), ..Trailers::default() }));
        exchange.local_response =
            Some(Box::new(LocalResponse { status: 418, headers: exchange.request.clone(), body: b"tea".to_vec() }));
        exchange.observe();

        let line = serde_json::to_string(&WireExchange::from(&exchange)).unwrap();
        assert!(!line.contains('\n'), "it is one line");
        let mut other = Exchange::default();
        other.request.remove("nothing");
        serde_json::from_str::<WireExchange>(&line).unwrap().put_into(&mut other);
        assert_eq!(WireExchange::from(&other), WireExchange::from(&exchange));
        assert_eq!(other.request.operations(), 1, "putting it in is no operation of a plugin");
    }
}
