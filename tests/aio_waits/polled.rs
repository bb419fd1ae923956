//! Futures polled by hand.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

/// A future, polled by hand, that counts its wakes.
pub(crate) struct Polled<F> {
    future: Pin<Box<F>>,
    wakes: Arc<Count>,
}

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl<F: Future> Polled<F> {
    pub(crate) fn new(future: F) -> Self {
        Self {
            future: Box::pin(future),
            wakes: Arc::new(Count(AtomicUsize::new(0))),
        }
    }

    pub(crate) fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(self.wakes.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    pub(crate) fn ready(&mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("it has to wait"),
        }
    }

    pub(crate) fn wakes(&self) -> usize {
        self.wakes.0.load(SeqCst)
    }
}

impl<F: Future> Future for Polled<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.future.as_mut().poll(cx)
    }
}

/// The output of a future that need not wait.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    Polled::new(future).ready()
}
