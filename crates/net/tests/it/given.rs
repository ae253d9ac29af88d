//! Weights that users bring: converted where that is safe, refused with the reason where it is not.

use std::collections::BTreeMap;

use half::{bf16, f16};
use net::{Given, Network, WeightsError};
use neuro::injury::Injury;
use neuro::seed::Seed;
use safetensors::tensor::{Dtype, TensorView};

use crate::newborn;

type Tensor = (Dtype, Vec<usize>, Vec<u8>);

/// A file that is being made: names, and what lies under them.
#[derive(Clone)]
struct File(BTreeMap<String, Tensor>);

impl File {
    /// A healthy network as PyTorch saves it: no masks.
    fn healthy() -> Self {
        let mut file = Self::of(&newborn(true, 1).state());
        file.0.retain(|name, _| !name.ends_with("_mask"));
        file.put("features.1.num_batches_tracked", Dtype::I64, &[], vec![3; 8]);
        file
    }

    fn of(state: &[u8]) -> Self {
        let tensors = safetensors::SafeTensors::deserialize(state).unwrap();
        let owned = |view: &TensorView<'_>| (view.dtype(), view.shape().to_vec(), view.data().to_vec());
        Self(tensors.iter().map(|(name, view)| (name.to_owned(), owned(&view))).collect())
    }

    fn put(&mut self, name: &str, dtype: Dtype, shape: &[usize], bytes: Vec<u8>) {
        self.0.insert(name.to_owned(), (dtype, shape.to_vec(), bytes));
    }

    fn rename(&mut self, old: &str, new: &str) {
        let tensor = self.0.remove(old).unwrap();
        self.0.insert(new.to_owned(), tensor);
    }

    /// All tensors of F32 as another type.
    fn cast(mut self, to: Dtype, number: impl Fn(f32) -> Vec<u8>) -> Self {
        for (dtype, _, bytes) in self.0.values_mut().filter(|tensor| tensor.0 == Dtype::F32) {
            *dtype = to;
            *bytes = bytes.as_chunks().0.iter().flat_map(|&b| number(f32::from_le_bytes(b))).collect();
        }
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let view = |(dtype, shape, bytes): &'_ Tensor| (*dtype, shape.clone(), bytes.clone());
        let tensors: Vec<(String, Tensor)> = self.0.iter().map(|(name, tensor)| (name.clone(), view(tensor))).collect();
        let views =
            tensors.iter().map(|(name, (dtype, shape, bytes))| (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap()));
        safetensors::serialize(views, None).unwrap()
    }

    fn values(&self, name: &str) -> Vec<f32> {
        self.0[name].2.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    }
}

fn taken(file: &File) -> (Given, File) {
    let mut network = newborn(true, 9);
    let given = network.take_weights(&file.bytes()).unwrap();
    (given, File::of(&network.state()))
}

/// The error, after which nothing has changed.
#[track_caller]
fn refused(bytes: &[u8]) -> WeightsError {
    let mut network = newborn(true, 9);
    let before = network.state();
    let error = network.take_weights(bytes).unwrap_err();
    assert!(network.state() == before);
    assert!(error.to_string().chars().count() < 400 && !error.to_string().contains(char::is_control), "{error}");
    error
}

const WEIGHT: &str = "features.0.weight";
const SHAPE: [usize; 4] = [4, 3, 3, 3];
const SYNAPSES: u64 = 4 * 27 + 8 * 36 + 16 * 72 + 12 * 64 + 10 * 12;

#[test]
fn all_types_of_floating_point_are_converted() {
    let healthy = File::healthy();
    let original = healthy.values(WEIGHT);
    let cases: [(File, f32); 4] = [
        (healthy.clone(), 0.0),
        (healthy.clone().cast(Dtype::F64, |x| f64::from(x).to_le_bytes().to_vec()), 0.0),
        (healthy.clone().cast(Dtype::F16, |x| f16::from_f32(x).to_le_bytes().to_vec()), 1e-3),
        (healthy.cast(Dtype::BF16, |x| bf16::from_f32(x).to_le_bytes().to_vec()), 8e-3),
    ];
    for (file, tolerance) in cases {
        let (given, state) = taken(&file);
        assert_eq!(given, Given { unused: vec![], zero_synapses: 0, synapses: SYNAPSES });
        for (ours, theirs) in state.values(WEIGHT).iter().zip(&original) {
            assert!((ours - theirs).abs() <= tolerance * theirs.abs().max(1e-4), "{ours}, in the file {theirs}");
        }
    }
}

#[test]
fn values_that_are_not_finite_in_single_precision_are_refused_by_name() {
    let file = |dtype, last: &[u8]| {
        let mut file = File::healthy();
        let mut bytes = vec![0; 108 * last.len()];
        bytes[107 * last.len()..].copy_from_slice(last);
        file.put(WEIGHT, dtype, &SHAPE, bytes);
        file.bytes()
    };
    let not_finite = WeightsError::NotFinite(WEIGHT.to_owned());
    assert_eq!(refused(&file(Dtype::F64, &1e39f64.to_le_bytes())), not_finite);
    assert_eq!(refused(&file(Dtype::F64, &f64::NAN.to_le_bytes())), not_finite);
    assert_eq!(refused(&file(Dtype::F16, &f16::INFINITY.to_le_bytes())), not_finite);
    assert_eq!(refused(&file(Dtype::BF16, &bf16::NAN.to_le_bytes())), not_finite);
    assert_eq!(refused(&file(Dtype::F32, &f32::NEG_INFINITY.to_le_bytes())), not_finite);
}

#[test]
fn a_type_that_holds_no_weights_is_called_so() {
    for dtype in [Dtype::I64, Dtype::U8, Dtype::BOOL, Dtype::F8_E4M3] {
        let mut file = File::healthy();
        file.put(WEIGHT, dtype, &SHAPE, vec![1; 108 * dtype.bitsize() / 8]);
        let message = refused(&file.bytes()).to_string();
        assert!(
            message.starts_with("its tensor 'features.0.weight' is of the type") && !message.contains("belongs"),
            "{message}"
        );
    }
}

/// One mask in every type, with this many zeros.
fn masks(zeros: usize) -> impl Iterator<Item = (Dtype, Vec<u8>)> {
    let of = move |one: &[u8]| (0..108).flat_map(|i| if i < zeros { vec![0; one.len()] } else { one.to_vec() }).collect();
    let ones: [(Dtype, Vec<u8>); 12] = [
        (Dtype::BOOL, vec![1]),
        (Dtype::U8, vec![1]),
        (Dtype::I8, vec![1]),
        (Dtype::I16, vec![1, 0]),
        (Dtype::U16, vec![1, 0]),
        (Dtype::I32, vec![1, 0, 0, 0]),
        (Dtype::I64, vec![1, 0, 0, 0, 0, 0, 0, 0]),
        (Dtype::U64, vec![1, 0, 0, 0, 0, 0, 0, 0]),
        (Dtype::F16, f16::ONE.to_le_bytes().to_vec()),
        (Dtype::BF16, bf16::ONE.to_le_bytes().to_vec()),
        (Dtype::F32, 1f32.to_le_bytes().to_vec()),
        (Dtype::F64, 1f64.to_le_bytes().to_vec()),
    ];
    ones.into_iter().map(move |(dtype, one)| (dtype, of(&one)))
}

#[test]
fn masks_of_pytorchs_pruning_are_understood_in_every_type() {
    for original in [WEIGHT, "features.0.weight_orig"] {
        for (dtype, ones) in masks(0) {
            let mut file = File::healthy();
            let values = file.values(WEIGHT);
            file.rename(WEIGHT, original);
            file.put("features.0.weight_mask", dtype, &SHAPE, ones);
            let (given, state) = taken(&file);
            assert_eq!((given.unused, given.zero_synapses), (vec![], 0), "{dtype:?}");
            assert_eq!(state.values(WEIGHT), values);
        }
        for (dtype, some) in masks(27) {
            let mut file = File::healthy();
            file.rename(WEIGHT, original);
            file.put("features.0.weight_mask", dtype, &SHAPE, some);
            let wounded = WeightsError::Wounded { mask: "features.0.weight_mask".to_owned(), lost: 27, values: 108 };
            assert_eq!(refused(&file.bytes()), wounded, "{dtype:?}");
            assert!(wounded.to_string().contains("27 of 108 as lost, 25.0 %"), "{wounded}");
        }
    }
    // a mask that says how much is multiplied; and biases are pruned in the same way
    let mut file = File::healthy();
    let values: Vec<f32> = file.values(WEIGHT).iter().map(|weight| weight * 0.5).collect();
    file.rename(WEIGHT, "features.0.weight_orig");
    file.put("features.0.weight_mask", Dtype::F32, &SHAPE, [0.5f32.to_le_bytes(); 108].as_flattened().to_vec());
    assert_eq!(taken(&file).1.values(WEIGHT), values);
    file.rename("features.0.bias", "features.0.bias_orig");
    file.put("features.0.bias_mask", Dtype::U8, &[4], vec![1, 0, 1, 1]);
    assert!(matches!(refused(&file.bytes()), WeightsError::Wounded { lost: 1, values: 4, .. }));
}

#[test]
fn our_own_state_is_taken_if_it_is_healthy() {
    let mut network = newborn(true, 1);
    let healthy = network.state();
    let given = newborn(true, 9).take_weights(&healthy).unwrap();
    assert_eq!(given.unused, Vec::<String>::new());
    network.suffer(&Injury::examples()[1].0, Seed(5));
    assert!(matches!(refused(&network.state()), WeightsError::Wounded { .. }));
}

#[test]
fn what_is_not_used_is_named_and_a_lesion_does_not_get_lost() {
    let mut file = File::healthy();
    for name in ["features.40.weight", "a\u{1b}[2J\u{202e}b", &"long".repeat(1000), "features.0.weight.mask"] {
        file.put(name, Dtype::U8, &[2], vec![1, 1]);
    }
    let (given, _) = taken(&file);
    assert_eq!(given.unused.len(), 4);
    assert!(
        given.unused.contains(&"features.40.weight".to_owned()) && given.unused.contains(&"features.0.weight.mask".to_owned())
    );
    assert!(given.unused.contains(&"a\\u{1b}[2J\\u{202e}b".to_owned()), "{:?}", given.unused);
    assert!(given.unused.iter().all(|name| name.chars().count() <= 61));

    for name in ["features.0.weight.mask", "mask", "masks.features.0", "features.99.weight_mask", "Pruning_Mask"] {
        for (dtype, some) in masks(1) {
            let mut file = File::healthy();
            file.put(name, dtype, &SHAPE, some);
            assert_eq!(refused(&file.bytes()), WeightsError::StrayMask(name.to_owned()), "{dtype:?}");
        }
    }
}

#[test]
fn weights_of_zero_are_counted() {
    let mut file = File::healthy();
    let mut values = file.values(WEIGHT);
    values[..30].fill(0.0);
    values[30] = -0.0;
    file.put(WEIGHT, Dtype::F32, &SHAPE, values.iter().flat_map(|x| x.to_le_bytes()).collect());
    let mut network = newborn(true, 9);
    let given = network.take_weights(&file.bytes()).unwrap();
    assert_eq!((given.zero_synapses, given.synapses), (31, SYNAPSES));
    assert_eq!(network.lesion().lost(), 0, "they count as alive");
}

#[test]
fn prefixes_that_all_names_share_are_left_out() {
    let with = |prefix: &str| {
        let file = File::healthy();
        File(file.0.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)).collect())
    };
    for prefix in ["module.", "model.", "_orig_mod.", "_orig_mod.module.", "module.model."] {
        assert_eq!(taken(&with(prefix)).0.unused, Vec::<String>::new(), "{prefix}");
    }
    let error = refused(&with("backbone.").bytes()).to_string();
    assert!(
        error.starts_with("it has no tensor 'features.0.weight' (the nearest it has is 'backbone.features.0.weight')"),
        "{error}"
    );
    let mut some = with("module.");
    some.rename("module.features.0.bias", "features.0.bias");
    assert!(matches!(refused(&some.bytes()), WeightsError::Missing { .. }));
    assert!(
        refused(&File(BTreeMap::new()).bytes()).to_string().starts_with("it has no tensor 'features.0.weight' (nor any other)")
    );
}

#[test]
fn a_shape_of_another_network_and_a_negative_variance_are_refused() {
    let mut file = File::healthy();
    file.put(WEIGHT, Dtype::F16, &[8, 3, 3, 3], vec![0; 432]);
    assert_eq!(
        refused(&file.bytes()).to_string(),
        "its tensor 'features.0.weight' has the shape [8, 3, 3, 3], but Tiny with batch normalisation, width 0.5, two dense \
         layers needs [4, 3, 3, 3], so it belongs to another network"
    );
    file.put(WEIGHT, Dtype::U8, &[1; 2000], vec![1]);
    assert!(matches!(refused(&file.bytes()), WeightsError::Unlike { .. }));
    let mut file = File::healthy();
    file.put("features.1.running_var", Dtype::F32, &[4], [-1f32; 4].iter().flat_map(|x| x.to_le_bytes()).collect());
    assert_eq!(refused(&file.bytes()), WeightsError::NegativeVariance("features.1.running_var".to_owned()));
}

/// A file with this header and so many bytes behind it.
fn with_header(header: &str, data: usize) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length, header.as_bytes(), &vec![0; data]].concat()
}

#[test]
fn files_that_are_no_safetensors_are_refused_fast_and_in_few_words() {
    let begun = std::time::Instant::now();
    for magic in
        [&b"PK\x03\x04\0\0\x08\x08\0\0archive/data.pkl"[..], b"\x80\x02\x8a\x0al\xfc\x9cF", b"\x80\x04\x95\0\0\0\0\0\0\0"]
    {
        assert_eq!(refused(magic), WeightsError::PyTorch);
        assert!(refused(magic).to_string().contains("safetensors.torch.save_file(model.state_dict()"));
    }
    let claims = [&1_000_000u64.to_le_bytes()[..], b"{\"a\":1}"].concat();
    assert!(refused(&claims).to_string().contains("claims 1000000 bytes, but only 7 follow"));
    let endless = [&u64::MAX.to_le_bytes()[..], b"{"].concat();
    let tensor = |name: &str, from: usize, to: usize| {
        format!("\"{name}\":{{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[{from},{to}]}}")
    };
    let unreadable = [
        vec![],
        vec![1, 2, 3],
        b"no weights at all".to_vec(),
        endless,
        with_header(&format!("{{{}", " ".repeat(100_000_000)), 0),
        with_header(&"{\"a\":".repeat(800_000), 0),
        with_header(&format!("{{\"a\":{}", "[".repeat(1_000_000)), 0),
        with_header(&format!("{{\"a\":{{\"dtype\":\"{}\"}}}}", "x\\u001b".repeat(100_000)), 0),
        with_header(&format!("{{{},{}}}", tensor("a", 0, 4), tensor("b", 0, 4)), 4),
        with_header(&format!("{{{},{}}}", tensor("a", 0, 4), tensor("\\u001b".repeat(100_000).as_str(), 2, 6)), 6),
        with_header(&format!("{{{}}}", tensor("a", 0, 4)), 3),
        File::healthy().bytes().split_last_chunk::<5>().unwrap().0.to_vec(),
    ];
    for file in unreadable {
        assert!(matches!(refused(&file), WeightsError::Unreadable(_)));
    }
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

/// The first byte of a file whose header has 640 bytes is that of a pickle.
#[test]
fn a_header_of_640_bytes_is_no_pickle() {
    let header = format!("{{{}}}", " ".repeat(638));
    assert!(matches!(refused(&with_header(&header, 0)), WeightsError::Missing { .. }));
}

#[test]
fn after_given_weights_a_network_is_healthy_and_at_rest() {
    let mut network = newborn(true, 1);
    network.suffer(&Injury::examples()[1].0, Seed(5));
    network.take_weights(&File::healthy().bytes()).unwrap();
    let mut fresh: Network = newborn(true, 9);
    fresh.take_weights(&File::healthy().bytes()).unwrap();
    assert!(network.state() == fresh.state() && network.lesion().lost() == 0);
}
