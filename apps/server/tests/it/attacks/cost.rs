//! What an attack costs the server: time of the processor and memory, from `/proc`. Linux only, as the tests are.

use crate::isolation::world::World;
use crate::platform::status_kib;

/// How often each attack is measured: the clock of `/proc` ticks in hundredths of a second.
const TIMES: u32 = 5;
/// The ticks of `/proc` per second, on every Linux there is.
const TICKS_PER_SECOND: u64 = 100;
/// The bar for one attack, in milliseconds of the processor, for a binary that is not optimised too.
const MOST_CPU_MS: u64 = 50;
/// How much more memory may be held after all attacks of a test, in KiB: what an allocator keeps for the next ones.
const MOST_MORE_KIB: u64 = 16 << 10;

/// Watches the process of a server.
pub(super) struct Meter {
    pid: u32,
    memory_kib: Option<u64>,
    dearest: (u64, String),
}

impl Meter {
    pub(super) fn of(world: &World) -> Self {
        Self {
            pid: world.server.pid(),
            memory_kib: None,
            dearest: (0, String::new()),
        }
    }

    /// Attacks several times; the mean of one must be below the bar.
    ///
    /// # Panics
    /// When it is not.
    pub(super) async fn measure(&mut self, what: &str, attack: impl AsyncFn()) {
        // What is made once, is made once.
        attack().await;
        self.memory_kib
            .get_or_insert_with(|| status_kib(self.pid, "VmRSS"));
        let before = ticks(self.pid);
        for _ in 0..TIMES {
            attack().await;
        }
        let cpu_ms = (ticks(self.pid) - before) * 1_000 / TICKS_PER_SECOND / u64::from(TIMES);
        assert!(cpu_ms < MOST_CPU_MS, "{what}: {cpu_ms} ms each");
        if cpu_ms >= self.dearest.0 {
            self.dearest = (cpu_ms, what.chars().take(60).collect());
        }
    }

    /// Compares the memory with that after the first attack. Prints the dearest attack (`--nocapture`).
    ///
    /// # Panics
    /// When much more is held.
    #[expect(clippy::print_stdout, reason = "the numbers, for who asks for them")]
    pub(super) fn finish(self) {
        let (before, after) = (self.memory_kib.unwrap_or_default(), status_kib(self.pid, "VmRSS"));
        let (cpu_ms, what) = &self.dearest;
        println!("dearest: {cpu_ms} ms, {what}; memory {before} KiB, then {after} KiB");
        assert!(after < before + MOST_MORE_KIB, "{before} KiB, then {after} KiB");
    }
}

/// User and system time so far, in ticks.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name in parentheses may hold anything; after it the state is the third field, utime the 14th.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let field = |number: usize| fields[number - 3].parse::<u64>().unwrap();
    field(14) + field(15)
}
