use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tollgate_record::Failure;

use super::Hosts;
use super::arm::Served;
use super::modules::Modules;
use super::tally::Tally;
use crate::{Arm, GatewayError};

/// Pause after a connection could not be accepted, so that a lasting cause does not keep the thread busy.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// All that the gateway's thread is given.
pub(super) struct Server {
    pub(super) arms: Vec<Arm>,
    pub(super) listeners: Vec<TcpListener>,
    pub(super) tallies: Vec<Arc<Tally>>,
    pub(super) hosts: Hosts,
    pub(super) core: Option<u32>,
}

/// Arms that were not loaded, or why there is no gateway.
pub(super) type Started = Result<Vec<(usize, Failure)>, GatewayError>;

impl Server {
    /// The life of the gateway's thread: load the plugins, say so, serve until told to stop.
    pub(super) fn run(self, ready: &SyncSender<Started>, stop: oneshot::Receiver<()>) {
        let (mut served, mut refused) = (Vec::new(), Vec::new());
        let mut modules = Modules::new(self.hosts);
        let arms = self.arms.iter().zip(self.listeners).zip(self.tallies);
        for (index, ((arm, listener), tally)) in arms.enumerate() {
            match Served::new(arm, tally, &mut modules) {
                Ok(arm) => served.push((Rc::new(arm), listener)),
                Err(failure) => refused.push((index, failure)),
            }
        }
        // Only now: compilers start threads of their own, which would be kept on the one core as well.
        let pinned = self.core.map_or(Ok(()), crate::placement::pin_current_thread);
        let runtime = pinned.and_then(|()| tokio::runtime::Builder::new_current_thread().enable_all().build());
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(source) => {
                let what = "start the embedded gateway's thread on its core";
                // When nobody waits any more there is nobody to tell.
                let _ = ready.send(Err(GatewayError::System { what, source }));
                return;
            }
        };
        LocalSet::new().block_on(&runtime, async move {
            let listening: io::Result<Vec<_>> = served
                .into_iter()
                .map(|(arm, listener)| Ok((arm, tokio::net::TcpListener::from_std(listener)?)))
                .collect();
            let started = match listening {
                Ok(listening) => {
                    for (arm, listener) in listening {
                        tokio::task::spawn_local(accept(arm, listener));
                    }
                    Ok(refused)
                }
                Err(source) => Err(GatewayError::System { what: "listen", source }),
            };
            if ready.send(started).is_ok() {
                // Both a message and a dropped sender mean the end.
                let _ = stop.await;
            }
        });
    }
}

/// Waits for the body, if there is one, and answers. A body that breaks off ends the connection.
async fn answer(arm: &Served, mut request: Request<Incoming>) -> hyper::Result<Response<Full<Bytes>>> {
    let body = match request.body().is_end_stream() {
        true => Bytes::new(),
        false => request.body_mut().collect().await?.to_bytes(),
    };
    Ok(arm.answer(&request, &body))
}

async fn accept(arm: Rc<Served>, listener: tokio::net::TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // A connection that broke before it was accepted, or no file descriptor left: the others must go on.
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let arm = arm.clone();
        tokio::task::spawn_local(async move {
            let arm = &*arm;
            let service = service_fn(|request| answer(arm, request));
            // A client that goes away or sends nonsense ends its own connection only.
            let _ = http1::Builder::new().keep_alive(true).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
