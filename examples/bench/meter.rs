//! What one measurement takes: wall time, CPU time, resident memory.

use rustix::time::{ClockId, clock_gettime};
use std::io::Write;
use std::time::{Duration, Instant};

/// A running measurement of `n` things that `name` does.
pub(crate) struct Meter {
    name: String,
    n: u64,
    resident_kib: u64,
    cpu: Duration,
    start: Instant,
}

impl Meter {
    pub(crate) fn start(name: &str, n: u64) -> Meter {
        // Sets the kernel's mark of the most resident memory back to what there is now.
        // Without it the mark of the start-up stands, which is nearly the same.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        Meter {
            name: name.to_string(),
            n,
            resident_kib: status_kib("VmRSS"),
            cpu: cpu_time(),
            start: Instant::now(),
        }
    }

    /// Ends the measurement and prints it; `extra` is the inside of a JSON object.
    pub(crate) fn stop(self, extra: &str) {
        let seconds = self.start.elapsed().as_secs_f64();
        let cpu = (cpu_time() - self.cpu).as_secs_f64();
        let peak = status_kib("VmHWM").max(status_kib("VmRSS"));
        let Meter {
            name,
            n,
            resident_kib: before,
            ..
        } = self;
        println!(
            "{{\"name\":\"{name}\",\"n\":{n},\"seconds\":{seconds:.6},\"cpu_s\":{cpu:.6},\
             \"rss_kb_before\":{before},\"rss_kb_peak\":{peak},\"rss_kb_delta\":{},\
             \"ns_per\":{:.1},\"extra\":{{{extra}}}}}",
            peak.saturating_sub(before),
            seconds * 1e9 / n.max(1) as f64
        );
    }

    /// Ends the measurement with the error that the thing of index `at` met.
    pub(crate) fn fail(self, at: u64, error: &std::io::Error) {
        let Meter { name, n, .. } = self;
        let error = error.to_string().replace(['"', '\\'], "'");
        println!("{{\"name\":\"{name}\",\"n\":{n},\"failed_at\":{at},\"error\":\"{error}\"}}");
    }
}

/// Ends the process at once: nothing waits for parked threads, nothing frees them.
pub(crate) fn exit_now() -> ! {
    // The lines were printed to a line-buffered stream; a full pipe's reader is gone.
    let _ = std::io::stdout().flush();
    // SAFETY: `_exit` has no preconditions and runs no code of this process.
    unsafe { libc::_exit(0) }
}

/// The mappings of this process, which the kernel limits.
pub(crate) fn mappings() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    maps.lines().count()
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn status_kib(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut values = status
        .lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let number = values
        .next()
        .and_then(|value| value.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}
