// Counter-based shuffle: number i is a hash of (seed, stream, i). Entry point:
// shuffle.
#include <utility>

#include "train/shuffle_internal.h"

namespace graft::training {
namespace {

// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
std::uint64_t mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

}  // namespace

void shuffle(std::vector<std::int64_t>& values, std::uint64_t seed,
             std::uint64_t stream) {
  const std::uint64_t key = mix(mix(seed) ^ stream);
  for (std::uint64_t i = values.size(); i > 1; --i) {
    // 64 bits modulo i: the bias is below i / 2^64.
    const std::uint64_t other = mix(key ^ mix(i)) % i;
    std::swap(values[i - 1], values[other]);
  }
}

}  // namespace graft::training
