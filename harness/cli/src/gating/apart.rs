//! A replicate of two builds of the harness: each arm in a process of its own, all of them on one core, batch by batch in
//! turn. What drifts evenly hits all alike; where the processes themselves lie in memory does not, so that the process is
//! part of what differs.

use std::path::PathBuf;
use std::time::Instant;

use tollgate_hosts::median_pair;
use tollgate_record::Failure;

use super::replicate::{LONGEST_MS, Measured, Replicate};
use crate::verification::culprit;
use crate::worker::{Job, Message, MirroredArm, Step, SteppedJob, Stepping, WorkerEnd};

/// How many times as long as one process, that makes all arms, several may take until they make theirs anew no more.
const LONGER: u32 = 4;

/// How an arm ended that was not done.
enum Ended {
    Failed(Failure),
    Interrupted,
}

type Stepped<T> = anyhow::Result<Result<T, Ended>>;

/// Measures arms, each with the program that runs it; what failed is a value, none when interrupted.
pub(super) fn measure(
    replicate: &Replicate,
    arms: &[(PathBuf, MirroredArm)],
    pairs: &[(usize, usize)],
) -> anyhow::Result<Option<Result<Measured, Failure>>> {
    let begin = Instant::now();
    match rounds(replicate, arms, pairs, begin)? {
        Ok((requests_per_batch, pairs)) => {
            let took_ms = begin.elapsed().as_millis() as u32;
            Ok(Some(Ok(Measured { requests_per_batch, took_ms, pairs })))
        }
        Err(Ended::Failed(failure)) => Ok(Some(Err(failure))),
        Err(Ended::Interrupted) => Ok(None),
    }
}

/// Requests in a batch, and the kept round of each pair and block.
type Kept = (u64, Vec<Vec<[u64; 2]>>);

fn rounds(
    replicate: &Replicate,
    arms: &[(PathBuf, MirroredArm)],
    pairs: &[(usize, usize)],
    begin: Instant,
) -> Stepped<Kept> {
    let mut random = fastrand::Rng::with_seed(replicate.seed);
    let mut order: Vec<usize> = (0..arms.len()).collect();
    random.shuffle(&mut order);
    let mut processes: Vec<Option<Stepping>> = arms.iter().map(|_| None).collect();
    for &arm in &order {
        let (program, mirrored) = &arms[arm];
        let job = SteppedJob { arm: mirrored.clone(), seed: random.u64(..), core: replicate.core };
        processes[arm] = Some(Stepping::start(program, &Job::Stepped(Box::new(job)), replicate.silence)?);
    }
    let mut processes: Vec<Stepping> = processes.into_iter().flatten().collect();
    let (mut kept, mut requests) = (vec![Vec::new(); pairs.len()], None);
    for layout in 0..replicate.layouts {
        if layout == 0 || begin.elapsed().as_millis() < u128::from(LONGEST_MS) * u128::from(LONGER) {
            random.shuffle(&mut order);
            if layout == 0 {
                // The first one says how many requests a batch of all has.
                order.sort_by_key(|&arm| arm != 0);
            }
            for &arm in &order {
                match renew(&mut processes[arm], requests, replicate.batch_ns)? {
                    Ok(found) => requests = requests.or(Some(found)),
                    Err(ended) => return Ok(Err(ended)),
                }
            }
        }
        for _ in 0..replicate.blocks_per_layout {
            let mut block = vec![Vec::new(); pairs.len()];
            for _ in 0..replicate.rounds_per_block | 1 {
                random.shuffle(&mut order);
                let mut sums = vec![0; arms.len()];
                for &arm in order.iter().chain(order.iter().rev()) {
                    match batch(&mut processes[arm], requests.unwrap_or(1))? {
                        Ok(ns) => sums[arm] += ns,
                        Err(ended) => return Ok(Err(ended)),
                    }
                }
                for (block, &(first, second)) in block.iter_mut().zip(pairs) {
                    block.push([sums[first], sums[second]]);
                }
            }
            for (kept, block) in kept.iter_mut().zip(&mut block) {
                kept.push(median_pair(block));
            }
        }
    }
    Ok(Ok((requests.unwrap_or(1), kept)))
}

fn renew(process: &mut Stepping, requests: Option<u64>, batch_ns: u64) -> Stepped<u64> {
    ask(process, &Step::Renew { requests, batch_ns }, |message| match message {
        Message::Renewed { requests_per_batch } => Some(requests_per_batch),
        _ => None,
    })
}

fn batch(process: &mut Stepping, requests: u64) -> Stepped<u64> {
    ask(process, &Step::Batch { requests }, |message| match message {
        Message::Timed { ns } => Some(ns.max(1)),
        _ => None,
    })
}

fn ask(process: &mut Stepping, step: &Step, answer: impl Fn(Message) -> Option<u64>) -> Stepped<u64> {
    Ok(match process.ask(step)? {
        Ok(Message::Failed { failure, .. }) => Err(Ended::Failed(failure)),
        Ok(message) => match answer(message) {
            Some(answer) => Ok(answer),
            None => anyhow::bail!("a worker answered something else than it was asked; build both sides again"),
        },
        Err(WorkerEnd::Interrupted) => Err(Ended::Interrupted),
        Err(end) => match culprit("measure", &end) {
            Some((_, failure)) => Err(Ended::Failed(failure)),
            None => Err(Ended::Interrupted),
        },
    })
}
