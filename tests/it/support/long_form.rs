//! Tests that are random, and as long as they are asked to be.

use std::fmt::Debug;
use std::hash::{BuildHasher as _, RandomState};
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number from the environment, for runs that are longer than the usual one.
pub fn long_form<T: FromStr<Err: Debug>>(variable: &str, usual: T) -> T {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap())
}

/// Returns a random number from 0 to 1.
pub fn share() -> f64 {
    f64::from(u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap()) / f64::from(u32::MAX)
}

/// Tries the cases of these seeds, so many at the same time. Returns those that are missed.
pub fn missed(seeds: &[u64], at_once: usize, one: impl Fn(u64) -> Result<(), String> + Sync) -> Vec<u64> {
    let (next, misses) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if let Err(miss) = one(seed) {
                        // At once: the others may take an hour.
                        eprintln!("{miss}");
                        misses.lock().unwrap().push(seed);
                    }
                }
            });
        }
    });
    misses.into_inner().unwrap()
}
