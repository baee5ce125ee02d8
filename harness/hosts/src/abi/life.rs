use std::mem::swap;

use super::upstream::{Answer, Part};
use super::{Callback, Phase, State};
use crate::{Action, Exchange, HostError, Instance, Said};

/// What the life of a plugin asks of an instance in a Wasm runtime.
pub(crate) trait Vm {
    /// Calls a function of the guest if it has it. `None` when it has not; a function without an answer answers 0.
    /// An error is what became of it, in words.
    fn call(&mut self, callback: Callback, arguments: &[u32]) -> Result<Option<u32>, String>;

    /// The state of the host functions.
    fn state(&mut self) -> &mut State;

    /// Allows the guest as much fuel as one stage of its life may take, where the runtime meters.
    fn refuel(&mut self) {}

    /// Bytes of the guest's linear memory.
    fn memory_bytes(&self) -> u64;

    /// Fuel used since [`Vm::refuel`].
    fn fuel_used(&mut self) -> Option<u64> {
        None
    }
}

/// Request or response, and what is called for each of its parts.
struct Half {
    phase: Phase,
    on_headers: Callback,
    on_body: Callback,
    on_trailers: Callback,
}

const REQUEST: Half = Half {
    phase: Phase::Request,
    on_headers: Callback::RequestHeaders,
    on_body: Callback::RequestBody,
    on_trailers: Callback::RequestTrailers,
};
const RESPONSE: Half = Half {
    phase: Phase::Response,
    on_headers: Callback::ResponseHeaders,
    on_body: Callback::ResponseBody,
    on_trailers: Callback::ResponseTrailers,
};

/// The context of the plugin itself; those of streams follow.
const ROOT_CONTEXT: u32 = 1;
const CONTINUE: u32 = 0;
/// Answers that are told in a row before a plugin is taken to go on for ever.
const LIMIT_ANSWERS: usize = 1024;

/// A plugin that lives: the order of calls of the ABI, the same on every runtime.
pub(crate) struct Life<V> {
    vm: V,
    plugin: String,
    last_context: u32,
    dead: Option<HostError>,
}

impl<V: Vm> Life<V> {
    /// Starts the plugin of a fresh VM, whose start section has run.
    pub(crate) fn start(vm: V, plugin: &str) -> Result<Self, HostError> {
        let mut life = Self { vm, plugin: plugin.to_owned(), last_context: ROOT_CONTEXT, dead: None };
        life.vm.refuel();
        life.vm.state().may_allocate = true;
        match life.start_plugin() {
            Ok(()) => Ok(life),
            Err(reason) => {
                Err(HostError::Instantiate { plugin: life.plugin, reason, said: Said(life.vm.state().log.lines()) })
            }
        }
    }

    fn start_plugin(&mut self) -> Result<(), String> {
        if self.start_call(Callback::Initialize, &[])?.is_some() {
            if self.start_call(Callback::Main, &[0, 0])?.is_none() {
                self.start_call(Callback::MainVoid, &[])?;
            }
        } else {
            self.start_call(Callback::Start, &[])?;
        }
        self.start_call(Callback::ContextCreate, &[ROOT_CONTEXT, 0])?;
        if self.start_call(Callback::VmStart, &[ROOT_CONTEXT, 0])? == Some(0) {
            return Err("`proxy_on_vm_start` answered 0; see why it refuses an empty VM configuration".to_owned());
        }
        let config = &self.vm.state().plugin_config;
        let (size, shown) =
            (config.len() as u32, String::from_utf8_lossy(&config[..config.len().min(80)]).into_owned());
        if self.start_call(Callback::Configure, &[ROOT_CONTEXT, size])? == Some(0) {
            return Err(format!(
                "`proxy_on_configure` refused the configuration {shown:?}; give one that it takes with `--config`"
            ));
        }
        Ok(())
    }

    fn start_call(&mut self, callback: Callback, arguments: &[u32]) -> Result<Option<u32>, String> {
        self.vm.call(callback, arguments).map_err(|trap| format!("`{}` failed: {trap}", callback.name()))
    }

    /// Ids of streams are unique, as long as it takes to count to four billion.
    fn next_context(&mut self) -> u32 {
        self.last_context = self.last_context.checked_add(1).unwrap_or(ROOT_CONTEXT + 1);
        self.last_context
    }

    fn stream(&mut self) -> Result<Action, (Callback, String)> {
        let context = self.next_context();
        let state = self.vm.state();
        (state.phase, state.context, state.closed, state.continued) = (Phase::Request, context, false, [false; 2]);
        self.call(Callback::ContextCreate, &[context, ROOT_CONTEXT])?;
        let mut action = self.half(context, &REQUEST)?;
        if action == Action::Continue {
            action = self.half(context, &RESPONSE)?;
        }
        self.vm.state().phase = Phase::End;
        if self.call(Callback::Done, &[context])? == Some(0) {
            // Envoy does not wait for a stream either, so `proxy_done` has until then.
            self.vm.state().pending_done = true;
            self.deliver()?;
        }
        for callback in [Callback::Log, Callback::Delete] {
            self.call(callback, &[context])?;
        }
        let state = self.vm.state();
        (state.phase, state.pending_done) = (Phase::Start, false);
        if !state.properties.is_empty() {
            state.properties.clear();
        }
        self.deliver()?;
        Ok(action)
    }

    /// Request or response: its headers, then its body and its trailers if there are any.
    fn half(&mut self, context: u32, half: &Half) -> Result<Action, (Callback, String)> {
        let state = self.vm.state();
        state.phase = half.phase;
        let exchange = &state.exchange;
        let trailers = exchange.trailers.as_deref();
        let (headers, body, trailers) = match half.phase {
            Phase::Request => (&exchange.request, &exchange.request_body, trailers.map(|both| both.request.len())),
            _ => (&exchange.response, &exchange.response_body, trailers.map(|both| both.response.len())),
        };
        let (fields, body_size, trailers) = (headers.len() as u32, body.len() as u32, trailers.unwrap_or(0) as u32);
        // 0.1.0 has no third parameter.
        let parameters = half.on_headers.parameters(state.version);
        let ends = u32::from(body_size == 0 && trailers == 0);
        let mut action = self.told(half, half.on_headers, &[context, fields, ends][..parameters])?;
        if action == Action::Continue && body_size > 0 {
            self.vm.state().at_end = trailers == 0;
            action = self.told(half, half.on_body, &[context, body_size, u32::from(trailers == 0)])?;
            self.vm.state().at_end = false;
        }
        if action == Action::Continue && trailers > 0 {
            action = self.told(half, half.on_trailers, &[context, trailers])?;
        }
        Ok(action)
    }

    /// Calls back with a part of a request or response. A pause before it is over, so it counts no more.
    #[inline]
    fn told(&mut self, half: &Half, callback: Callback, arguments: &[u32]) -> Result<Action, (Callback, String)> {
        self.vm.state().continued[usize::from(half.phase == Phase::Response)] = false;
        let answer = self.call(callback, arguments)?;
        self.deliver()?;
        Ok(self.action(half.phase, answer))
    }

    /// Tells the plugin the answers to its calls, and what is new in its queues, and so of what it does meanwhile, as
    /// the gateway's loop would.
    #[inline]
    fn deliver(&mut self) -> Result<(), (Callback, String)> {
        if self.vm.state().is_idle() { Ok(()) } else { self.deliver_waiting() }
    }

    #[cold]
    fn deliver_waiting(&mut self) -> Result<(), (Callback, String)> {
        for _ in 0..LIMIT_ANSWERS {
            if let Some(queue) = self.vm.state().queues.next_ready() {
                self.call(Callback::QueueReady, &[ROOT_CONTEXT, queue])?;
                continue;
            }
            let Some(Answer { token, part, fields, size }) = self.vm.state().upstream.answer_next() else {
                return Ok(());
            };
            // Calls belong to the plugin's context; SDKs find the stream by the token.
            match part {
                Part::Http => self.call(Callback::HttpCallResponse, &[ROOT_CONTEXT, token, fields, size, 0])?,
                Part::GrpcInitial => self.call(Callback::GrpcReceiveInitialMetadata, &[ROOT_CONTEXT, token, fields])?,
                Part::GrpcMessage => self.call(Callback::GrpcReceive, &[ROOT_CONTEXT, token, size])?,
                Part::GrpcTrailing => {
                    self.call(Callback::GrpcReceiveTrailingMetadata, &[ROOT_CONTEXT, token, fields])?
                }
                Part::GrpcEnd => self.call(Callback::GrpcClose, &[ROOT_CONTEXT, token, 0])?,
                Part::Redis => self.call(Callback::RedisCallResponse, &[ROOT_CONTEXT, token, 0, size])?,
            };
            self.vm.state().upstream.told();
        }
        // A plugin that answers each answer with a call would never come to an end.
        let state = self.vm.state();
        state.upstream.clear();
        state.queues.clear_ready();
        Ok(())
    }

    /// The timer's tick, if the plugin set one, and answers that are still to be told.
    fn tick(&mut self) -> Result<(), (Callback, String)> {
        if self.vm.state().tick_period_ms > 0 {
            self.call(Callback::Tick, &[ROOT_CONTEXT])?;
        }
        self.deliver()
    }

    fn action(&mut self, phase: Phase, answer: Option<u32>) -> Action {
        let state = self.vm.state();
        let half = usize::from(phase == Phase::Response);
        match answer {
            _ if state.exchange.local_response.is_some() => Action::LocalResponse,
            _ if state.closed => Action::Pause,
            None | Some(CONTINUE) => Action::Continue,
            Some(_) if state.continued[half] => Action::Continue,
            Some(_) => Action::Pause,
        }
    }

    fn call(&mut self, callback: Callback, arguments: &[u32]) -> Result<Option<u32>, (Callback, String)> {
        self.vm.call(callback, arguments).map_err(|trap| (callback, trap))
    }
}

impl<V: Vm> Instance for Life<V> {
    fn request(&mut self, exchange: &mut Exchange) -> Result<Action, HostError> {
        if let Some(dead) = &self.dead {
            return Err(dead.clone());
        }
        // A gateway's timer ticks between requests. Here, too, but not while timing: its price is not that of a request.
        let mut ticked = Ok(());
        if exchange.observation.is_some() {
            self.vm.refuel();
            ticked = self.tick();
        }
        self.vm.refuel();
        swap(exchange, &mut self.vm.state().exchange);
        let outcome = ticked.and_then(|()| self.stream());
        let fuel = self.vm.fuel_used();
        swap(exchange, &mut self.vm.state().exchange);
        if let Some(observation) = &mut exchange.observation {
            observation.counters.fuel = fuel;
        }
        outcome.map_err(|(callback, reason)| {
            let said = Said(self.vm.state().log.lines());
            let error = HostError::Request { plugin: self.plugin.clone(), callback: callback.name(), reason, said };
            self.dead = Some(error.dead());
            error
        })
    }

    fn memory_bytes(&self) -> Option<u64> {
        Some(self.vm.memory_bytes())
    }
}
