//! Which processor this is.

/// The processor's model name, such as "AMD EPYC 9354 32-Core Processor", or "unknown processor".
#[must_use]
pub fn processor() -> String {
    let words = |name: String| name.split_whitespace().collect::<Vec<_>>().join(" ");
    let name = brand().map(words).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| "unknown processor".to_owned())
}

/// The brand string, 48 bytes in three leaves of `cpuid`, where the processor has it.
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn brand() -> Option<String> {
    use std::arch::x86_64::__cpuid;
    if __cpuid(0x8000_0000).eax < 0x8000_0004 {
        return None;
    }
    let registers = (0x8000_0002..=0x8000_0004).map(__cpuid).flat_map(|leaf| [leaf.eax, leaf.ebx, leaf.ecx, leaf.edx]);
    let bytes = registers.flat_map(u32::to_le_bytes).take_while(|&byte| byte != 0);
    Some(bytes.filter(|byte| byte.is_ascii() && !byte.is_ascii_control()).map(char::from).collect())
}

/// What the system says of the first processor.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn brand() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_processor_has_a_name_on_one_line() {
        let name = super::processor();
        assert!(!name.is_empty() && name.trim() == name && !name.contains(char::is_control), "{name:?}");
        #[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
        if let Some(line) = std::fs::read_to_string("/proc/cpuinfo").unwrap().lines().find(|line| line.starts_with("model name"))
        {
            let words = line.split_once(':').unwrap().1.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(name, words);
        }
    }
}
