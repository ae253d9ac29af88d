//! Train a network, take its synapses away step by step, let it relearn, and measure what is left.
