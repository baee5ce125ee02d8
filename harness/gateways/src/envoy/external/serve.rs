use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::net::TcpListener;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tollgate_fixtures::native;
use tonic::body::Body;
use tonic::codegen::tokio_stream::Stream;
use tonic::codegen::{Service, http};
use tonic::server::{Grpc, StreamingService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use super::messages::{ProcessingRequest, ProcessingResponse};
use super::{CONFIG_HEADER, LISTENER_VARIABLE, work};
use crate::GatewayError;

/// The one method of the service that there is.
const METHOD: &str = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";

/// The life of the external plugin's process: serves on the socket that it was given until it is killed.
///
/// # Errors
/// It was not started by `External`, or the socket fails.
pub fn serve_external() -> Result<Infallible, GatewayError> {
    let listener = inherited().map_err(GatewayError::system("take the external plugin's socket"))?;
    let system = || GatewayError::system("serve the external plugin");
    // One thread, as Envoy has one worker: two would add their own hand-over to what is measured.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(system())?;
    let ended = runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        Server::builder().serve_with_incoming(Processor::default(), incoming).await.map_err(std::io::Error::other)
    });
    Err(system()(ended.err().unwrap_or_else(|| std::io::Error::other("it stopped by itself"))))
}

fn inherited() -> std::io::Result<TcpListener> {
    let number: Option<i32> = std::env::var(LISTENER_VARIABLE).ok().and_then(|number| number.parse().ok());
    let number = number.filter(|number| *number > 2).ok_or_else(|| {
        std::io::Error::other("this is started by a gateway of ours, and has nothing to do when called by hand")
    })?;
    // SAFETY: the parent left this file open for us and for nobody else in this process.
    let listener = TcpListener::from(unsafe { OwnedFd::from_raw_fd(number) });
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The gRPC service, with the workload of each configuration that it has seen.
#[derive(Debug, Clone, Default)]
struct Processor(Arc<Mutex<HashMap<Vec<u8>, native::Headers>>>);

impl Service<http::Request<Body>> for Processor {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let process = Process(self.0.clone());
        Box::pin(async move {
            if request.uri().path() != METHOD {
                return Ok(Status::unimplemented("this is Tollgate's external plugin; it has one method").into_http());
            }
            Ok(Grpc::new(ProstCodec::default()).streaming(process, request).await)
        })
    }
}

/// One stream of messages, which is one request to Envoy.
struct Process(Arc<Mutex<HashMap<Vec<u8>, native::Headers>>>);

impl Process {
    /// Read once, as the other plugins read theirs.
    fn workload(&self, config: &[u8]) -> Result<native::Headers, native::BadConfig> {
        let mut workloads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(workload) = workloads.get(config) {
            return Ok(*workload);
        }
        let workload = native::Headers::configure(config)?;
        workloads.insert(config.to_vec(), workload);
        Ok(workload)
    }
}

impl StreamingService<ProcessingRequest> for Process {
    type Response = ProcessingResponse;
    type ResponseStream = Answers;
    type Future = Ready<Result<Response<Answers>, Status>>;

    fn call(&mut self, request: Request<Streaming<ProcessingRequest>>) -> Self::Future {
        let config = request.metadata().get(CONFIG_HEADER).map_or(b"".as_slice(), |config| config.as_bytes());
        let workload = self.workload(config).map_err(|error| Status::invalid_argument(error.to_string()));
        ready(workload.map(|workload| Response::new(Answers { requests: request.into_inner(), workload })))
    }
}

/// An answer to each message.
struct Answers {
    requests: Streaming<ProcessingRequest>,
    workload: native::Headers,
}

impl Stream for Answers {
    type Item = Result<ProcessingResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(request) = ready!(Pin::new(&mut self.requests).poll_next(context)) else {
            return Poll::Ready(None);
        };
        Poll::Ready(Some(request.and_then(|request| {
            if request.request_headers.is_none() && request.response_headers.is_none() {
                return Err(Status::invalid_argument("only headers are asked for"));
            }
            work::process(self.workload, request).map_err(|error| Status::internal(error.to_string()))
        })))
    }
}
