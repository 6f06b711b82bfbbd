//! The stream guarantees where producers, readers or both run in containers, on each lane.

use crate::support::containers::Lane;
use crate::support::scenes::{self, Setting};

/// 1 GiB of zeros.
const MANY_ZEROS: &str = "49bc20df15e412a64472421e13fe86ff1c5165e18b2afccf160d4dc19fe68a14";
/// 256 MiB of zeros.
const ZEROS: &str = "a6d72ac7690f53be6ae46ba88506bd97302a093f7108472bd9efc3cefda06484";

/// Every scene in one setting.
macro_rules! play {
    ($($module:ident: $setting:expr;)*) => {$(
        mod $module {
            use super::*;

            #[test]
            #[ignore = "needs Docker"]
            fn a_producer_that_dies_taints_its_readers() {
                scenes::a_producer_that_dies_taints_its_readers($setting);
            }

            #[test]
            #[ignore = "needs Docker"]
            fn an_interrupted_run_breaks_its_streams() {
                scenes::an_interrupted_run_breaks_its_streams($setting);
            }

            #[test]
            #[ignore = "needs Docker"]
            fn an_interrupted_run_does_not_wait_for_full_streams() {
                scenes::an_interrupted_run_does_not_wait_for_full_streams($setting);
            }

            #[test]
            #[ignore = "needs Docker"]
            fn a_reader_that_leaves_early_harms_no_other_reader() {
                leaves_early($setting);
            }

            #[test]
            #[ignore = "needs Docker"]
            fn a_lone_reader_of_an_endless_producer_ends_the_run() {
                scenes::a_lone_reader_of_an_endless_producer_ends_the_run($setting);
            }

            #[test]
            #[ignore = "needs Docker"]
            fn a_producer_with_retries_never_mixes_attempts() {
                scenes::a_producer_with_retries_never_mixes_attempts($setting);
            }

            #[test]
            #[ignore = "needs Docker"]
            fn a_producer_that_fails_before_its_first_byte_keeps_its_readers() {
                scenes::a_producer_that_fails_before_its_first_byte_keeps_its_readers($setting);
            }
        }
    )*};
}

play! {
    a_producer_behind_named_pipes: Setting::producer_in_container(Lane::Fifo);
    readers_behind_named_pipes: Setting::readers_in_containers(Lane::Fifo);
    all_behind_named_pipes: Setting::all_in_containers(Lane::Fifo);
    a_producer_behind_the_engine: Setting::producer_in_container(Lane::Attach);
    readers_behind_the_engine: Setting::readers_in_containers(Lane::Attach);
    all_behind_the_engine: Setting::all_in_containers(Lane::Attach);
}

/// The engine passes bytes on slowly, so fewer of them say as much there.
fn leaves_early(setting: Setting) {
    match setting.lane() {
        Some(Lane::Attach) => {
            scenes::a_reader_that_leaves_early_harms_no_other_reader(setting, 256 << 20, ZEROS);
        }
        _ => scenes::a_reader_that_leaves_early_harms_no_other_reader(setting, 1 << 30, MANY_ZEROS),
    }
}
