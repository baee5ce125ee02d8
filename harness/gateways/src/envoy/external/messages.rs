//! The messages of `envoy.service.ext_proc.v3` that are needed, by hand: the generated API is hundreds of files. Fields
//! that are left out are skipped when they are read. Sources: Envoy's `api/envoy/service/ext_proc/v3/
//! external_processor.proto` and `api/envoy/config/core/v3/base.proto`.

/// What Envoy sends.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ProcessingRequest {
    #[prost(message, optional, tag = "2")]
    pub(super) request_headers: Option<HttpHeaders>,
    #[prost(message, optional, tag = "3")]
    pub(super) response_headers: Option<HttpHeaders>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HttpHeaders {
    #[prost(message, optional, tag = "1")]
    pub(super) headers: Option<HeaderMap>,
    #[prost(bool, tag = "3")]
    pub(super) end_of_stream: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HeaderMap {
    #[prost(message, repeated, tag = "1")]
    pub(super) headers: Vec<HeaderValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HeaderValue {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    /// Envoy sends `raw_value`; one of both is empty.
    #[prost(string, tag = "2")]
    pub(super) value: String,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) raw_value: Vec<u8>,
}

/// What it is answered.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ProcessingResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) request_headers: Option<HeadersResponse>,
    #[prost(message, optional, tag = "2")]
    pub(super) response_headers: Option<HeadersResponse>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HeadersResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) response: Option<CommonResponse>,
}

/// Without a status it goes on.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CommonResponse {
    #[prost(message, optional, tag = "2")]
    pub(super) header_mutation: Option<HeaderMutation>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HeaderMutation {
    #[prost(message, repeated, tag = "1")]
    pub(super) set_headers: Vec<HeaderValueOption>,
    #[prost(string, repeated, tag = "2")]
    pub(super) remove_headers: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HeaderValueOption {
    #[prost(message, optional, tag = "1")]
    pub(super) header: Option<HeaderValue>,
    #[prost(int32, tag = "3")]
    pub(super) append_action: i32,
}

/// `HeaderValueOption.HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD`.
pub(super) const OVERWRITE: i32 = 2;
