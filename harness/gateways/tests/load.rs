//! The load generator against every gateway, and against servers that do what gateways must not.

mod common;

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use common::*;
use rustix::process::{Pid, Signal, kill_process};
use tollgate_gateways::load::{Ended, Expected, Fault, LoadPlan, Target, capacity, run};
use tollgate_gateways::{BODY, Probe, Running};
use tollgate_record::{Arrivals, Faults, Traffic};

static GO_ON: AtomicBool = AtomicBool::new(false);

fn load(targets: &[Target], plan: &LoadPlan) -> Vec<Traffic> {
    run(targets, plan, &GO_ON, &mut |_| {}).unwrap()
}

fn targets(arms: &[tollgate_gateways::Arm], running: &dyn Running) -> Vec<Target> {
    arms.iter().enumerate().map(|(index, arm)| Target::of_arm(arm, running.address(index))).collect()
}

#[test]
fn every_request_of_the_schedule_reaches_its_arm_once() {
    let _one = one_at_a_time();
    for gateway in gateways() {
        let runs = |name: &&str| gateway.runs(tollgate_fixtures::plugin(name).unwrap().kind);
        let arms = arms_of(gateway, &["lua", "boundary"].into_iter().filter(runs).collect::<Vec<_>>());
        let mut running = start(gateway, &arms);
        let mut sent = vec![0; arms.len()];
        for arrivals in [Arrivals::Fixed, Arrivals::Poisson] {
            let plan = LoadPlan {
                rate: 400.0,
                arrivals,
                duration: Duration::from_secs(1),
                window: Some(Duration::from_millis(100)),
                ..LoadPlan::default()
            };
            let mut ended = vec![0; arms.len()];
            let traffic = run(&targets(&arms, running.as_ref()), &plan, &GO_ON, &mut |end| {
                assert!(end.fault.is_none() && end.intended <= end.sent.unwrap() && end.sent.unwrap() < end.ended);
                assert_eq!(end.response.unwrap().body, BODY.as_bytes());
                ended[end.target] += 1;
            })
            .unwrap();
            for (index, arm) in traffic.iter().enumerate() {
                assert_eq!(arm.faults, Faults::default(), "{}", gateway.name());
                assert!((arm.planned, arm.sent, arm.answered) == (ended[index], ended[index], ended[index]), "{arm:?}");
                assert!((0.8..1.2).contains(&(arm.planned as f64 * arms.len() as f64 / 400.0)), "{}", arm.planned);
                assert_eq!((arm.connections_closed, arm.connections_reopened), (0, 0));
                let histograms = [&arm.latency_from_intended_ns, &arm.latency_from_sent_ns, &arm.lateness_ns];
                assert!(histograms.iter().all(|histogram| histogram.len() == arm.planned));
                assert!(arm.latency_from_intended_ns.max_ns() >= arm.latency_from_sent_ns.max_ns());
                assert_eq!(arm.windows.iter().map(|window| window.answered).sum::<u64>(), arm.planned);
                let slowest = arm.windows.iter().filter_map(|window| window.max_latency_ns).max();
                assert_eq!(slowest, arm.latency_from_intended_ns.max_ns());
            }
            let planned: Vec<u64> = traffic.iter().map(|arm| arm.planned).collect();
            assert!(planned.iter().max().unwrap() - planned.iter().min().unwrap() <= 1, "arms take turns: {planned:?}");
            sent.iter_mut().zip(&planned).for_each(|(sent, planned)| *sent += planned);
        }
        let plan = LoadPlan { duration: Duration::from_millis(300), connections: 8, ..LoadPlan::default() };
        let traffic = capacity(&targets(&arms, running.as_ref()), &plan, &GO_ON).unwrap();
        for (arm, sent) in traffic.iter().zip(&mut sent) {
            *sent += arm.sent;
            assert_eq!((arm.planned, arm.answered, arm.faults.total()), (arm.sent, arm.sent, 0), "{}", gateway.name());
            assert!(arm.most_in_flight == 8 && arm.answered > 8 && arm.lateness_ns.is_empty());
        }
        for proof in running.prove(&sent) {
            proof.unwrap_or_else(|failure| panic!("{}: {}", gateway.name(), failure.message));
        }
    }
}

/// Not a test by itself: a gateway in a process of its own, which can be stopped as a whole.
#[test]
fn helper_that_serves() {
    let Some(name) = std::env::var_os("TOLLGATE_TEST_SERVE") else { return };
    let gateway = tollgate_gateways::gateway(name.to_str().unwrap()).unwrap();
    let running = start(gateway, &controls(gateway));
    println!("\nserves {}", running.address(0));
    // Until the test is over, or dead.
    let _ = std::io::stdin().read(&mut [0]);
}

/// A gateway in a process of its own.
struct Served {
    helper: Child,
    address: SocketAddr,
    /// Open, so that what it has to say at its end is no error.
    _said: Lines<BufReader<ChildStdout>>,
}

impl Served {
    fn start(gateway: &str) -> Self {
        let mut helper = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "helper_that_serves", "--nocapture"])
            .env("TOLLGATE_TEST_SERVE", gateway)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(helper.stdout.take().unwrap()).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| line.strip_prefix("serves ")?.parse().ok());
        Self { helper, address: address.expect("the helper starts"), _said: lines }
    }

    /// Lets it stand still, and how long it did so at least and at most, in seconds: signals take their time on a busy
    /// machine. At most until somebody else gets an answer again.
    fn stand_still(&self, time: Duration, request: &[u8]) -> [f64; 2] {
        let mut other = Probe::connect(self.address, Duration::from_secs(10)).unwrap();
        let family = self.family();
        let before = Instant::now();
        send(&family, Signal::STOP);
        // Each thread stops for itself.
        let stands = |pid: &u32| {
            let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
            let states = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("stat")));
            states.into_iter().all(|stat| stat.is_ok_and(|stat| stat.contains(") T ")))
        };
        assert!(soon(|| family.iter().all(stands)));
        let begin = Instant::now();
        thread::sleep(time);
        let stood = begin.elapsed();
        send(&family, Signal::CONT);
        other.exchange(request).unwrap();
        [stood.as_secs_f64(), before.elapsed().as_secs_f64()]
    }

    /// It and all that it has started.
    fn family(&self) -> Vec<u32> {
        let mut family = vec![self.helper.id()];
        let mut at = 0;
        while let Some(&parent) = family.get(at) {
            family.extend(children_of(parent));
            at += 1;
        }
        family
    }
}

fn send(family: &[u32], signal: Signal) {
    for &pid in family {
        let _ = kill_process(Pid::from_raw(pid as i32).unwrap(), signal);
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        send(&self.family(), Signal::CONT);
        drop(self.helper.stdin.take());
        let _ = self.helper.wait();
    }
}

fn children_of(parent: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).unwrap();
    let children = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    children.flat_map(|line| line.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<u32>>()).collect()
}

/// Requests a second to a gateway that stands still for a while.
const RATE: f64 = 500.0;
const DURATION: Duration = Duration::from_secs(4);
const STOP: Duration = Duration::from_millis(200);

/// What became of them, and for how long it stood still, at least and at most.
fn load_with_a_stop(served: &Served, target: &Target, connections: usize) -> (Traffic, [f64; 2]) {
    let plan = LoadPlan { rate: RATE, duration: DURATION, connections, ..LoadPlan::default() };
    thread::scope(|scope| {
        let (sender, first) = mpsc::channel();
        let load = scope.spawn(move || {
            let mut on_ended = |_: &Ended<'_>| {
                // Who has stopped listening knows already.
                let _ = sender.send(());
            };
            run(std::slice::from_ref(target), &plan, &GO_ON, &mut on_ended).unwrap()
        });
        first.recv().expect("a first request");
        thread::sleep(DURATION / 4);
        let stopped = served.stand_still(STOP, &target.request);
        (load.join().unwrap().remove(0), stopped)
    })
}

#[test]
fn a_gateway_that_stands_still_is_in_the_latency_of_all_that_it_kept_waiting() {
    let _one = one_at_a_time();
    for gateway in distinct_gateways() {
        let served = Served::start(gateway.name());
        let target = Target::of_arm(&controls(gateway)[0], served.address);
        // With more connections than requests to be sent meanwhile, all of them are on their way; with one, they wait.
        for connections in [256, 1] {
            // A busy machine may keep the gateway from its work once more right after it stood still.
            let exact = (0..5).any(|_| {
                let (traffic, stopped) = load_with_a_stop(&served, &target, connections);
                assert_eq!((traffic.answered, traffic.faults.total()), (2_000, 0));
                // A request that was due t into the stop waited for the rest of it: RATE * (stopped - x) of all waited for
                // longer than x. One of a hundred did so for x = stopped - DURATION / 100.
                let [least, expected] = stopped.map(|stopped| stopped - DURATION.as_secs_f64() / 100.0);
                let p99 = traffic.latency_from_intended_ns.value_at_quantile_ns(0.99).unwrap() as f64 / 1e9;
                let most = traffic.most_in_flight.max(traffic.most_waiting + 1) as f64;
                let [least_at_once, expected_at_once] = stopped.map(|stopped| RATE * stopped);
                let label = format!(
                    "{} over {connections}: p99 {p99:.4} s, {least:.4} to {expected:.4} expected; {most} at once, \
                     {least_at_once:.1} to {expected_at_once:.1} expected",
                    gateway.name()
                );
                eprintln!("{label}");
                assert!(p99 > 0.95 * least && most > 0.95 * least_at_once - 1.0, "something is omitted: {label}");
                // From when it was sent, one connection shows one long request and nothing else: that is what is omitted.
                let omitted = traffic.latency_from_sent_ns.value_at_quantile_ns(0.99).unwrap() as f64 / 1e9;
                assert!(connections > 1 || omitted < 0.5 * p99, "{omitted}; {label}");
                p99 < 1.05 * expected && most < 1.05 * expected_at_once + 1.0
            });
            assert!(exact, "{} over {connections}: not once to 5 %", gateway.name());
        }
    }
}

/// A server on a free port: `answer` gets each connection with the number of requests on it so far, and returns whether to
/// keep it.
fn server(answer: impl Fn(&mut TcpStream, u64) -> bool + Send + Sync + 'static) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let answer = answer.clone();
            thread::spawn(move || {
                let mut requests = 0;
                while let Ok(1..) = stream.read(&mut [0; 1_024]) {
                    requests += 1;
                    if !answer(&mut stream, requests) {
                        break;
                    }
                }
            });
        }
    });
    Target {
        address,
        request: b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
        expected: Expected::Arm("a/b".to_owned()),
    }
}

fn response(status: &str, label: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nx-tollgate-arm: {label}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn write(stream: &mut TcpStream, text: &str) -> bool {
    stream.write_all(text.as_bytes()).is_ok()
}

fn short() -> LoadPlan {
    LoadPlan {
        rate: 200.0,
        duration: Duration::from_millis(500),
        connections: 4,
        timeout: Duration::from_millis(300),
        ..LoadPlan::default()
    }
}

/// All hundred requests, with nothing on the side.
fn all(traffic: &Traffic) -> Faults {
    assert_eq!(traffic.planned, 100);
    assert_eq!(traffic.answered + traffic.faults.total(), 100, "none is lost without a word: {traffic:?}");
    assert_eq!(traffic.latency_from_intended_ns.len(), traffic.answered);
    traffic.faults
}

#[test]
fn answers_that_are_not_those_of_the_arm_are_counted_by_what_they_are() {
    let cases = [
        (response("500 Oh", "a/b", BODY), Faults { status: 100, ..Faults::default() }),
        (response("200 OK", "a/b", "other"), Faults { wrong: 100, ..Faults::default() }),
        (response("200 OK", "c/d", BODY), Faults { wrong: 100, ..Faults::default() }),
        ("SSH-2.0-OpenSSH_9\r\n".to_owned(), Faults { wrong: 100, ..Faults::default() }),
        (response("200 OK", "a/b", BODY), Faults::default()),
    ];
    for (text, faults) in cases {
        let answer = text.clone();
        let target = server(move |stream, _| write(stream, &answer));
        let traffic = &load(&[target], &short())[0];
        assert_eq!(all(traffic), faults, "{text}");
        assert_eq!(traffic.connections_reopened == 0, !text.starts_with("SSH"), "only what is out of order: {text}");
    }
}

#[test]
fn connections_that_are_closed_are_counted_and_opened_again() {
    // Without an answer: that request is lost. Each second one is.
    let target = server(|stream, requests| requests == 1 && write(stream, &response("200 OK", "a/b", BODY)));
    let traffic = &load(&[target], &short())[0];
    // Four connections take turns; which of them the last requests meet depends on who answers first.
    let closed = all(traffic).closed;
    assert!((46..=50).contains(&closed) && traffic.connections_closed == closed, "{traffic:?}");
    assert!((closed - 4..=closed).contains(&traffic.connections_reopened), "{traffic:?}");
    // In the middle of an answer.
    let target = server(|stream, _| {
        write(stream, "HTTP/1.1 200 OK\r\ncontent-le");
        false
    });
    assert_eq!(all(&load(&[target], &short())[0]).closed, 100);
    // After the answer: no request is lost.
    let target = server(|stream, _| {
        write(stream, &response("200 OK", "a/b", BODY));
        false
    });
    let traffic = &load(&[target], &short())[0];
    assert_eq!(all(traffic), Faults::default());
    assert!(traffic.connections_closed >= 96 && traffic.connections_reopened == 96, "{traffic:?}");
    // With what nobody asked for behind it.
    let twice = response("200 OK", "a/b", BODY).repeat(2);
    let target = server(move |stream, _| write(stream, &twice));
    assert_eq!(all(&load(&[target], &short())[0]).wrong, 100);
}

#[test]
fn a_server_that_does_not_answer_ends_no_later_than_the_time_out() {
    let target = server(|_, _| true);
    let begin = Instant::now();
    let traffic = &load(&[target], &short())[0];
    assert!(begin.elapsed() < Duration::from_millis(500 + 300 + 500), "{:?}", begin.elapsed());
    let faults = all(traffic);
    // Four connections, each for 300 ms at a time, in 800 ms; who never got one was not sent.
    assert!((8..=12).contains(&faults.timed_out), "{faults:?}");
    assert_eq!((faults.timed_out, faults.timed_out + faults.dropped), (traffic.sent, 100));
    assert_eq!(traffic.most_in_flight, 4);

    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let target =
        Target { address, request: b"GET / HTTP/1.1\r\n\r\n".to_vec(), expected: Expected::Arm(String::new()) };
    let traffic = &load(std::slice::from_ref(&target), &short())[0];
    assert_eq!((all(traffic).refused, traffic.sent), (100, 0));
    let closed = &capacity(&[target], &short(), &GO_ON).unwrap()[0];
    assert_eq!((closed.faults.refused, closed.answered), (4, 0), "asked once per connection, not without a pause");
}

#[test]
fn an_answer_in_pieces_is_one_answer_and_a_large_request_is_one_request() {
    let bytes = Arc::new(AtomicU64::new(0));
    let received = bytes.clone();
    let mut target = server(|stream, _| {
        stream.set_nodelay(true).unwrap();
        let text = response("200 OK", "a/b", BODY);
        text.as_bytes().chunks(20).all(|piece| {
            thread::sleep(Duration::from_millis(1));
            stream.write_all(piece).is_ok()
        })
    });
    assert_eq!(all(&load(&[target.clone()], &short())[0]), Faults::default());

    // Far more than a socket's buffer takes at once, read slowly.
    const LENGTH: usize = 8 << 20;
    target.request = vec![b'x'; LENGTH];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    target.address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut buffer = vec![0; 1 << 20];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            let total = received.fetch_add(count as u64, Ordering::SeqCst) + count as u64;
            if total.is_multiple_of(LENGTH as u64) && !write(&mut stream, &response("200 OK", "a/b", BODY)) {
                break;
            }
        }
    });
    let plan = LoadPlan { rate: 20.0, connections: 1, timeout: Duration::from_secs(20), ..short() };
    let traffic = &load(&[target], &plan)[0];
    assert_eq!((traffic.planned, traffic.answered), (10, 10), "{traffic:?}");
    assert_eq!(bytes.load(Ordering::SeqCst), 10 * LENGTH as u64);
}

#[test]
fn a_stop_ends_a_run_early_and_keeps_what_it_has() {
    for (answers, least) in [(true, 20), (false, 0)] {
        let target = server(move |stream, _| !answers || write(stream, &response("200 OK", "a/b", BODY)));
        let stop = AtomicBool::new(false);
        let plan = LoadPlan { duration: Duration::from_secs(60), timeout: Duration::from_secs(30), ..short() };
        let (sender, ends) = mpsc::channel();
        let begin = Instant::now();
        let traffic = thread::scope(|scope| {
            let load =
                scope.spawn(|| run(&[target], &plan, &stop, &mut |end| sender.send(end.fault).unwrap()).unwrap());
            thread::sleep(Duration::from_millis(300));
            stop.store(true, Ordering::Relaxed);
            load.join().unwrap().remove(0)
        });
        assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
        assert!(traffic.answered >= least && traffic.planned < 200, "{traffic:?}");
        let unfinished = traffic.planned - traffic.answered - traffic.faults.total();
        assert_eq!(unfinished, if answers { 0 } else { 4 }, "those that were on their way");
        drop(sender);
        let dropped = ends.iter().filter(|fault| *fault == Some(Fault::Dropped)).count() as u64;
        assert_eq!(dropped, traffic.faults.dropped);
    }
}
