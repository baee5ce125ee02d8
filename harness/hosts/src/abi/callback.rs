use super::Version;

/// The functions that a host calls in a guest. All are optional for it; what a plugin must have is checked apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Callback {
    Initialize,
    Main,
    MainVoid,
    Start,
    ContextCreate,
    VmStart,
    Configure,
    RequestHeaders,
    RequestBody,
    RequestTrailers,
    ResponseHeaders,
    ResponseBody,
    ResponseTrailers,
    Done,
    Log,
    Delete,
    Tick,
    QueueReady,
    HttpCallResponse,
    GrpcReceiveInitialMetadata,
    GrpcReceive,
    GrpcReceiveTrailingMetadata,
    GrpcClose,
    /// Higress's.
    RedisCallResponse,
}

impl Callback {
    pub(crate) const ALL: [Self; 24] = [
        Self::Initialize,
        Self::Main,
        Self::MainVoid,
        Self::Start,
        Self::ContextCreate,
        Self::VmStart,
        Self::Configure,
        Self::RequestHeaders,
        Self::RequestBody,
        Self::RequestTrailers,
        Self::ResponseHeaders,
        Self::ResponseBody,
        Self::ResponseTrailers,
        Self::Done,
        Self::Log,
        Self::Delete,
        Self::Tick,
        Self::QueueReady,
        Self::HttpCallResponse,
        Self::GrpcReceiveInitialMetadata,
        Self::GrpcReceive,
        Self::GrpcReceiveTrailingMetadata,
        Self::GrpcClose,
        Self::RedisCallResponse,
    ];

    /// Those of which a plugin must have one: without any of them it would do nothing, and look fast.
    pub(crate) const OF_REQUESTS: [Self; 5] =
        [Self::RequestHeaders, Self::RequestBody, Self::ResponseHeaders, Self::ResponseBody, Self::Log];

    /// Callbacks of TCP streams, which are no part of a request's life: nothing here calls them.
    pub(crate) const OF_CONNECTIONS: [&str; 5] = [
        "proxy_on_new_connection",
        "proxy_on_downstream_data",
        "proxy_on_downstream_connection_close",
        "proxy_on_upstream_data",
        "proxy_on_upstream_connection_close",
    ];

    /// The name that it is exported by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Initialize => "_initialize",
            Self::Main => "main",
            Self::MainVoid => "__main_void",
            Self::Start => "_start",
            Self::ContextCreate => "proxy_on_context_create",
            Self::VmStart => "proxy_on_vm_start",
            Self::Configure => "proxy_on_configure",
            Self::RequestHeaders => "proxy_on_request_headers",
            Self::RequestBody => "proxy_on_request_body",
            Self::RequestTrailers => "proxy_on_request_trailers",
            Self::ResponseHeaders => "proxy_on_response_headers",
            Self::ResponseBody => "proxy_on_response_body",
            Self::ResponseTrailers => "proxy_on_response_trailers",
            Self::Done => "proxy_on_done",
            Self::Log => "proxy_on_log",
            Self::Delete => "proxy_on_delete",
            Self::Tick => "proxy_on_tick",
            Self::QueueReady => "proxy_on_queue_ready",
            Self::HttpCallResponse => "proxy_on_http_call_response",
            Self::GrpcReceiveInitialMetadata => "proxy_on_grpc_receive_initial_metadata",
            Self::GrpcReceive => "proxy_on_grpc_receive",
            Self::GrpcReceiveTrailingMetadata => "proxy_on_grpc_receive_trailing_metadata",
            Self::GrpcClose => "proxy_on_grpc_close",
            Self::RedisCallResponse => "proxy_on_redis_call_response",
        }
    }

    /// Number of parameters, each an `i32`.
    pub(crate) fn parameters(self, version: Version) -> usize {
        match self {
            Self::Initialize | Self::MainVoid | Self::Start => 0,
            Self::Done | Self::Log | Self::Delete | Self::Tick => 1,
            Self::Main | Self::ContextCreate | Self::VmStart | Self::Configure | Self::QueueReady => 2,
            Self::RequestTrailers | Self::ResponseTrailers => 2,
            // 0.1.0 did not tell headers whether the stream ends with them.
            Self::RequestHeaders | Self::ResponseHeaders if version == Version::V0_1_0 => 2,
            Self::RequestHeaders | Self::ResponseHeaders | Self::RequestBody | Self::ResponseBody => 3,
            Self::GrpcReceiveInitialMetadata
            | Self::GrpcReceive
            | Self::GrpcReceiveTrailingMetadata
            | Self::GrpcClose => 3,
            Self::RedisCallResponse => 4,
            Self::HttpCallResponse => 5,
        }
    }

    /// Whether it answers with an `i32`.
    pub(crate) fn answers(self) -> bool {
        !matches!(self, Self::Initialize | Self::Start | Self::ContextCreate | Self::Log | Self::Delete | Self::Tick)
            && !self.is_event()
    }

    /// Whether it tells the guest the answer to a call, or what came into a queue.
    fn is_event(self) -> bool {
        matches!(
            self,
            Self::HttpCallResponse
                | Self::GrpcReceiveInitialMetadata
                | Self::GrpcReceive
                | Self::GrpcReceiveTrailingMetadata
                | Self::GrpcClose
                | Self::RedisCallResponse
                | Self::QueueReady
        )
    }
}
