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
    ResponseHeaders,
    ResponseBody,
    Done,
    Log,
    Delete,
}

impl Callback {
    pub(crate) const ALL: [Self; 14] = [
        Self::Initialize,
        Self::Main,
        Self::MainVoid,
        Self::Start,
        Self::ContextCreate,
        Self::VmStart,
        Self::Configure,
        Self::RequestHeaders,
        Self::RequestBody,
        Self::ResponseHeaders,
        Self::ResponseBody,
        Self::Done,
        Self::Log,
        Self::Delete,
    ];

    /// Those of which a plugin must have one: without any of them it would do nothing, and look fast.
    pub(crate) const OF_REQUESTS: [Self; 5] =
        [Self::RequestHeaders, Self::RequestBody, Self::ResponseHeaders, Self::ResponseBody, Self::Log];

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
            Self::ResponseHeaders => "proxy_on_response_headers",
            Self::ResponseBody => "proxy_on_response_body",
            Self::Done => "proxy_on_done",
            Self::Log => "proxy_on_log",
            Self::Delete => "proxy_on_delete",
        }
    }

    /// Number of parameters, each an `i32`.
    pub(crate) fn parameters(self, version: Version) -> usize {
        match self {
            Self::Initialize | Self::MainVoid | Self::Start => 0,
            Self::Done | Self::Log | Self::Delete => 1,
            Self::Main | Self::ContextCreate | Self::VmStart | Self::Configure => 2,
            // 0.1.0 did not tell headers whether the stream ends with them.
            Self::RequestHeaders | Self::ResponseHeaders if version == Version::V0_1_0 => 2,
            Self::RequestHeaders | Self::ResponseHeaders | Self::RequestBody | Self::ResponseBody => 3,
        }
    }

    /// Whether it answers with an `i32`.
    pub(crate) fn answers(self) -> bool {
        !matches!(self, Self::Initialize | Self::Start | Self::ContextCreate | Self::Log | Self::Delete)
    }
}
