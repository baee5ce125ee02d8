/// What a host function of module `env` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Ok = 0,
    NotFound = 1,
    BadArgument = 2,
    SerializationFailure = 3,
    ParseFailure = 4,
    InvalidMemoryAccess = 6,
    Empty = 7,
    CasMismatch = 8,
    InternalFailure = 10,
    Unimplemented = 12,
}

impl From<Status> for u32 {
    fn from(status: Status) -> Self {
        status as Self
    }
}

/// Why a host function stopped: with a status for the guest, or because the guest itself trapped meanwhile.
#[derive(Debug)]
pub(crate) enum Stop<E> {
    /// The guest gets this status.
    Status(Status),
    /// The guest's allocator trapped, so the call cannot return at all.
    Trap(E),
}

impl<E> From<Status> for Stop<E> {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

/// The outcome of a host function: `Ok` becomes [`Status::Ok`].
pub(crate) type Outcome<E> = Result<(), Stop<E>>;

/// What the binding hands to the runtime.
pub(crate) fn answer<E>(outcome: Outcome<E>) -> Result<u32, E> {
    match outcome {
        Ok(()) => Ok(Status::Ok.into()),
        Err(Stop::Status(status)) => Ok(status.into()),
        Err(Stop::Trap(trap)) => Err(trap),
    }
}
