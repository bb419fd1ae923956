//! One end of a connection, and what may be observed at it.
//!
//! Every byte follows from the number of the conversation, the side that sends it and its position, so that
//! one that is lost, comes twice or belongs elsewhere is seen where it arrives. What each side has sent in all
//! is known to the other, which compares when it reads the end of the stream.

use super::kinds::Kind;
use super::stream::Stream;
use super::world::User;
use standin::engine::is_cancelled;
use standin::net::Shutdown;
use standin::thread;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

/// What the server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// Sends as many bytes as it receives.
    Echo,
    /// Sends so many bytes and ends its direction; meanwhile it receives all that comes.
    Source(u64),
    /// Receives about so many bytes and closes, whatever is still on its way.
    Closer(usize),
    /// Receives nothing until its client has released it.
    Lazy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What both sides know.
pub(crate) struct Conversation {
    pub(crate) id: u64,
    pub(crate) service: Service,
    pub(crate) released: AtomicBool,
    /// A server has received its number.
    pub(crate) found: AtomicBool,
    sent: [AtomicU64; 2],
    /// The side closed, or is about to, without having received all that was sent to it: its peer may lose
    /// what it has not received yet, and may be told so by an error.
    abrupt: [AtomicBool; 2],
}

impl Conversation {
    pub(crate) fn new(id: u64, service: Service) -> Self {
        Self {
            id,
            service,
            released: AtomicBool::new(false),
            found: AtomicBool::new(false),
            sent: Default::default(),
            // Until its server has begun.
            abrupt: [AtomicBool::new(false), AtomicBool::new(true)],
        }
    }
}

/// The bytes that `side` sends from `position` on.
fn fill(bytes: &mut [u8], id: u64, side: Side, mut position: u64) {
    for byte in bytes {
        let word = (id << 1 | side as u64) ^ (position >> 3) << 20;
        let mixed = word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        *byte = (mixed ^ mixed >> 32).to_le_bytes()[(position & 7) as usize];
        position += 1;
    }
}

/// How the socket was told to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Blocking,
    Timeouts(Duration),
    Nonblocking,
}

/// One side's end.
pub(crate) struct End<S: Stream> {
    /// `None` only while it is a std stream.
    stream: Option<S>,
    pub(crate) conversation: Arc<Conversation>,
    side: Side,
    mode: Mode,
    received: u64,
    /// The end of what the peer sent was seen.
    pub(crate) ended: bool,
    /// Nothing more can be sent.
    pub(crate) closed: bool,
}

/// How an attempt to send or to receive ended that did neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Later, perhaps.
    WouldBlock,
    /// The calling thread was cancelled.
    Cancelled,
    /// The peer closed without having received everything.
    Reset,
}

impl<S: Stream> End<S> {
    pub(crate) fn new(stream: S, conversation: Arc<Conversation>, side: Side) -> Self {
        conversation.abrupt[side as usize].store(false, SeqCst);
        Self {
            stream: Some(stream),
            conversation,
            side,
            mode: Mode::Blocking,
            received: 0,
            ended: false,
            closed: false,
        }
    }

    pub(crate) fn stream(&self) -> &S {
        self.stream.as_ref().expect("it is at home")
    }

    pub(crate) fn sent(&self) -> u64 {
        self.conversation.sent[self.side as usize].load(SeqCst)
    }

    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    fn is_abrupt(&self, side: Side) -> bool {
        self.conversation.abrupt[side as usize].load(SeqCst)
    }

    /// Sends up to `length` bytes by one call.
    pub(crate) fn send(&mut self, user: &User, length: usize) -> Result<usize, Stop> {
        let stop = send(
            self.stream(),
            &self.conversation,
            self.side,
            self.mode,
            user,
            length,
        );
        self.closed |= stop == Err(Stop::Reset);
        stop
    }

    /// Receives up to `length` bytes by one call; 0 are the end.
    pub(crate) fn receive(&mut self, user: &User, length: usize) -> Result<usize, Stop> {
        user.count(Kind::Read);
        let mut buffer = vec![0; length];
        let result = self.stream().receive(&mut buffer);
        let count = self.check(user, &buffer, result)?;
        self.received += count as u64;
        self.ended |= count == 0;
        Ok(count)
    }

    /// Looks at up to `length` bytes.
    pub(crate) fn peek(&mut self, user: &User, length: usize) -> Result<usize, Stop> {
        user.count(Kind::Peek);
        let mut buffer = vec![0; length];
        match self.stream().peek(&mut buffer) {
            Some(result) => self.check(user, &buffer, result),
            None => Ok(1),
        }
    }

    /// Whether this is a result that the peer can have caused.
    fn check(&self, user: &User, buffer: &[u8], result: io::Result<usize>) -> Result<usize, Stop> {
        let conversation = &self.conversation;
        let peer = self.side.other();
        match result {
            Ok(0) => {
                let sent = conversation.sent[peer as usize].load(SeqCst);
                if !self.is_abrupt(peer) && !self.is_abrupt(self.side) {
                    assert_eq!(
                        self.received, sent,
                        "the {:?}'s stream of conversation {} ended too early or too late",
                        peer, conversation.id
                    );
                    user.count(Kind::WholeConversation);
                }
                Ok(0)
            }
            Ok(count) => {
                let mut expected = vec![0; count];
                fill(&mut expected, conversation.id, peer, self.received);
                if buffer[..count] != expected {
                    let wrong = (0..count).find(|&n| buffer[n] != expected[n]);
                    panic!(
                        "the byte {wrong:?} of {count} from {} on, of the {peer:?} of conversation {}, is \
                         not what was sent there",
                        self.received, conversation.id
                    );
                }
                Ok(count)
            }
            Err(error) => Err(judge(
                &error,
                conversation,
                peer,
                self.mode,
                user,
                Kind::ReadTimedOut,
            )),
        }
    }

    /// No more is sent.
    pub(crate) fn half_close(&mut self, user: &User) {
        self.closed = true;
        half_close(self.stream(), &self.conversation, self.side, user);
    }

    /// Whoever waits at this end does so for ever.
    pub(crate) fn block(&mut self) {
        if self.mode == Mode::Nonblocking {
            self.stream().set_nonblocking(false).expect("it is open");
        }
        if self.mode != Mode::Blocking {
            self.stream().set_timeouts(None, None).expect("it is open");
        }
        self.mode = Mode::Blocking;
    }

    /// Whoever waits at this end waits so long.
    pub(crate) fn limit(&mut self, timeout: Duration) {
        self.block();
        let timeouts = (Some(timeout), Some(timeout));
        self.stream()
            .set_timeouts(timeouts.0, timeouts.1)
            .expect("it is not zero");
        assert_eq!(
            self.stream()
                .timeouts()
                .expect("it is open")
                .map(|timeout| timeout.is_some()),
            [true; 2]
        );
        self.mode = Mode::Timeouts(timeout);
    }

    /// Nobody waits at this end.
    pub(crate) fn unblock(&mut self, user: &User) {
        user.count(Kind::NonblockingMode);
        self.block();
        self.stream().set_nonblocking(true).expect("it is open");
        self.mode = Mode::Nonblocking;
    }

    pub(crate) fn is_blocking(&self) -> bool {
        self.mode == Mode::Blocking
    }

    /// To std, a read there, and back. It has timeouts afterwards.
    pub(crate) fn through_std(&mut self, user: &User, length: usize) -> Result<usize, Stop> {
        user.count(Kind::ThroughStd);
        let was_nonblocking = self.mode == Mode::Nonblocking;
        let std = self.stream.take().expect("it is at home").into_std();
        let millisecond = Duration::from_millis(1);
        S::set_timeouts_of_std(&std, millisecond).expect("it is open");
        let mut buffer = vec![0; length];
        let (result, is_nonblocking) = S::receive_by_std(&std, &mut buffer);
        assert_eq!(
            is_nonblocking, was_nonblocking,
            "the mode that its user sees"
        );
        self.stream = Some(S::from_std(std));
        if !was_nonblocking {
            self.mode = Mode::Timeouts(millisecond);
        }
        let count = self.check(user, &buffer, result);
        if was_nonblocking {
            self.unblock(user);
        }
        let count = count?;
        self.received += count as u64;
        self.ended |= count == 0;
        Ok(count)
    }

    /// Sends from another thread by a clone, while this one receives.
    pub(crate) fn in_two_threads(&mut self, user: &mut User, sending: Sending) -> Result<(), Stop> {
        user.count(Kind::TwoThreads);
        self.block();
        let clone = self.stream().try_clone().expect("descriptors are free");
        let mut other = user.derive();
        let (conversation, side) = (self.conversation.clone(), self.side);
        thread::scope(|scope| {
            let sender = scope.spawn(move || {
                sending.run(&mut other, |user, length| {
                    send(&clone, &conversation, side, Mode::Blocking, user, length)
                })?;
                if let Sending::AllOf(_) = sending {
                    half_close(&clone, &conversation, side, &other);
                }
                Ok(())
            });
            let mut result = Ok(());
            while result.is_ok() && !self.ended {
                let may_wait = match sending {
                    Sending::AllOf(_) => true,
                    Sending::Pieces(_) if sender.is_finished() => break,
                    // What an echo owes; of a source anything.
                    Sending::Pieces(_) => {
                        self.conversation.service != Service::Echo || self.sent() > self.received
                    }
                };
                if may_wait {
                    let length = user.random.length(20_000);
                    result = self.receive(user, length).map(drop);
                } else {
                    thread::yield_now();
                }
            }
            if result.is_err() {
                // The peer may wait for this side to receive, and the sender for the peer.
                self.conversation.abrupt[side as usize].store(true, SeqCst);
                let _ = self.stream().shutdown(Shutdown::Both);
            }
            let sent: Result<(), Stop> = sender.join().expect("it only sends");
            self.closed |= matches!(sending, Sending::AllOf(_)) || sent == Err(Stop::Reset);
            result.and(sent)
        })
    }
}

/// What a thread of its own sends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sending {
    /// Some pieces.
    Pieces(usize),
    /// So many bytes in all, and then the end.
    AllOf(u64),
}

impl Sending {
    fn run(
        self,
        user: &mut User,
        mut send: impl FnMut(&User, usize) -> Result<usize, Stop>,
    ) -> Result<(), Stop> {
        let (mut pieces, mut bytes) = (0, 0);
        loop {
            let rest = match self {
                Self::Pieces(all) if pieces == all => return Ok(()),
                Self::AllOf(all) if bytes == all => return Ok(()),
                Self::Pieces(_) => u64::MAX,
                Self::AllOf(all) => all - bytes,
            };
            // A large one takes several system calls. Who receives what an echo owes does not know of it in time.
            let is_large = matches!(self, Self::AllOf(_)) && user.random.one_in(4);
            let most = if is_large { 600_000 } else { 20_000 };
            let length = rest.min(user.random.length(most) as u64);
            bytes += send(user, length as usize)? as u64;
            pieces += 1;
            if user.random.one_in(6) {
                user.pause(100);
            }
        }
    }
}

impl<S: Stream> Drop for End<S> {
    fn drop(&mut self) {
        if !self.ended {
            self.conversation.abrupt[self.side as usize].store(true, SeqCst);
        }
        self.conversation.released.store(true, SeqCst);
    }
}

fn half_close<S: Stream>(stream: &S, conversation: &Conversation, side: Side, user: &User) {
    user.count(Kind::HalfClose);
    if let Err(error) = stream.shutdown(Shutdown::Write) {
        let is_abrupt = conversation.abrupt.iter().any(|abrupt| abrupt.load(SeqCst));
        assert!(
            error.kind() == ErrorKind::NotConnected && is_abrupt,
            "the {side:?} cannot end its direction: {error}"
        );
    }
}

fn send<S: Stream>(
    stream: &S,
    conversation: &Conversation,
    side: Side,
    mode: Mode,
    user: &User,
    length: usize,
) -> Result<usize, Stop> {
    user.count(Kind::Write);
    let sent = &conversation.sent[side as usize];
    let mut bytes = vec![0; length];
    fill(&mut bytes, conversation.id, side, sent.load(SeqCst));
    match stream.send(&bytes) {
        Ok(count) => {
            sent.fetch_add(count as u64, SeqCst);
            let one_left = conversation.abrupt.iter().any(|abrupt| abrupt.load(SeqCst));
            assert!(
                count == length || mode != Mode::Blocking || user.is_cancelled() || one_left,
                "a blocking write took {count} of {length} bytes"
            );
            Ok(count)
        }
        Err(error) => Err(judge(
            &error,
            conversation,
            side.other(),
            mode,
            user,
            Kind::WriteTimedOut,
        )),
    }
}

/// What an error means; one that nobody caused is a panic.
#[track_caller]
fn judge(
    error: &io::Error,
    conversation: &Conversation,
    peer: Side,
    mode: Mode,
    user: &User,
    timed_out: Kind,
) -> Stop {
    if is_cancelled(error) {
        assert!(user.is_cancelled(), "nobody has cancelled it");
        user.count(Kind::SawItsCancellation);
        return Stop::Cancelled;
    }
    match (error.kind(), mode) {
        (ErrorKind::WouldBlock, Mode::Timeouts(_)) => {
            user.count(timed_out);
            Stop::WouldBlock
        }
        (ErrorKind::WouldBlock, Mode::Nonblocking) => {
            user.count(Kind::NonblockingWouldBlock);
            Stop::WouldBlock
        }
        (ErrorKind::ConnectionReset | ErrorKind::BrokenPipe, _) => {
            assert!(
                conversation.abrupt.iter().any(|abrupt| abrupt.load(SeqCst)),
                "the {peer:?} has closed nothing: {error}"
            );
            user.count(Kind::SawReset);
            Stop::Reset
        }
        _ => panic!("{error} ({:?}), mode {mode:?}", error.kind()),
    }
}
