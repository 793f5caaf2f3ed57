#![no_main]

#[path = "../driver.rs"]
#[allow(dead_code)]
mod driver;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    driver::hello(data);
});
