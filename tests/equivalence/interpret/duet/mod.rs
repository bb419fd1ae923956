//! What two threads do together.

mod locks;
mod sockets;
mod turns;
mod unix;

use super::stage::End;
use super::{shapes, stage, world};
use crate::program::Duet;

/// What one of the two sees. Both know at the end that the other is there as well.
pub fn play(end: &End, what: Duet, size: usize) -> Vec<String> {
    let saw = match what {
        Duet::Readers => locks::readers(end),
        Duet::Writer => locks::writer(end),
        Duet::Downgrade => locks::downgrade(end),
        Duet::OneTime => turns::one_time(end),
        Duet::OneValue => turns::one_value(end),
        Duet::LateValue => turns::late_value(end),
        Duet::Rounds => turns::rounds(end, size + 1),
        Duet::SlowNotice => turns::slow_notice(end),
        Duet::Backpressure => turns::backpressure(end, size),
        Duet::Datagrams => sockets::datagrams(end, size + 1),
        Duet::PartialReads => sockets::partial_reads(end),
        Duet::BrokenPipe => sockets::broken_pipe(end),
        Duet::NonBlocking => sockets::non_blocking(end),
        Duet::PollingAccept => sockets::polling_accept(end),
        Duet::UnixExchange => unix::exchange(end, size * 1_000),
        Duet::UnixDatagrams => unix::datagrams(end, size + 1),
    };
    end.meet();
    saw
}
