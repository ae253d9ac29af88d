use neuro::{architecture::Blueprint, images::*, lesson::*, seed::*, responses::Showing};
fn main() {
    for (spec, batch) in [
        (r#"{"tiny":{"batch_norm":true,"head":[64],"width":1.0}}"#, 50),
        (r#"{"tiny":{"batch_norm":true,"head":[64],"width":2.0}}"#, 50),
        (r#"{"vgg":{"depth":11,"batch_norm":true,"head":[],"width":0.25}}"#, 100),
        (r#"{"vgg":{"depth":11,"batch_norm":true,"head":[],"width":0.5}}"#, 100),
    ] {
        let b: Blueprint = serde_json::from_str(spec).unwrap();
        let shape = Shape { channels: 3, height: 32, width: 32 };
        let n = 400;
        let images = Images::new(shape, (0..n * 3072).map(|i| (i * 7919 % 251) as u8).collect(), (0..n).map(|i| (i % 10) as u16).collect());
        let arch = b.architecture(shape, 10).unwrap();
        let macs = arch.multiplications();
        let mut net = net::Network::newborn(arch, &images, Seed(1), net::Device::Cpu);
        let s: Schooling = serde_json::from_str(&format!(r#"{{"epochs":10,"batch":{batch},"rate":0.01,"momentum":0.9,"decay":0.0005}}"#)).unwrap();
        let showing = Showing::new(images.labels(), None, &(0..10).map(|i| i.to_string()).collect::<Vec<_>>());
        for e in 0..2 {
            let t = std::time::Instant::now();
            let o = net.learn_epoch(&s.lesson(), &images, Seed(1), Address { stage: 0, epoch: e, item: 0 }, &mut |_| {}).unwrap();
            let a = t.elapsed().as_secs_f64();
            let t = std::time::Instant::now();
            net.perceive(&images, &showing, &["penultimate".into()], &mut |_| {});
            let p = t.elapsed().as_secs_f64();
            println!("{spec} {:.1} MMAC train {:.0}/s ({:.1} GFLOP/s) read {:.0}/s {o:?}", macs as f64 / 1e6, n as f64 / a, 6.0 * macs as f64 * n as f64 / a / 1e9, n as f64 / p);
        }
    }
}
