// A wave shorter than original / high is kept, one longer than original / low
// is divided by the factor; between them 1 / divisor is a straight line in
// 1 / wavelength. So two lengths and the factor are all that can be told.
#include "formats/gguf/llama3_rope_internal.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "formats/gguf/gguf_rope_internal.h"

namespace graft {
namespace {

constexpr double kTolerance = 1e-4;  // the converter computes in float32

// 1 / wavelength of each frequency, falling.
std::vector<double> inverse_lengths(double theta, std::size_t pairs) {
  std::vector<double> out;
  for (std::size_t i = 0; i < pairs; ++i) {
    const double power = static_cast<double>(i) / static_cast<double>(pairs);
    out.push_back(1 / (2 * std::numbers::pi * std::pow(theta, power)));
  }
  return out;
}

// The formula of transformers (modeling_rope_utils.py), as a divisor.
double divisor(const RopeConfig& rope, double inverse_length) {
  const double waves =
      static_cast<double>(rope.original_max_positions) * inverse_length;
  if (waves > rope.high_freq_factor) return 1;
  if (waves < rope.low_freq_factor) return rope.factor;
  const double smooth = (waves - rope.low_freq_factor) /
                        (rope.high_freq_factor - rope.low_freq_factor);
  return 1 / ((1 - smooth) / rope.factor + smooth);
}

// What the search looks at.
struct Observed {
  std::vector<double> x;  // inverse lengths
  std::vector<double> d;  // divisors
  RopeConfig rope;        // kind, theta and factor set

  bool agrees(double low, double high, std::int64_t original) const {
    RopeConfig tried = rope;
    tried.low_freq_factor = low;
    tried.high_freq_factor = high;
    tried.original_max_positions = original;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double expected = divisor(tried, x[i]);
      if (std::abs(d[i] - expected) > kTolerance * expected) return false;
    }
    return true;
  }
  // Where divisor i lies on the line: 0 at the factor, 1 at 1.
  double smooth(std::size_t i) const {
    return (1 / d[i] - 1 / rope.factor) / (1 - 1 / rope.factor);
  }
};

std::optional<RopeConfig> made(const Observed& seen, double low, double high,
                               double original) {
  RopeConfig out = seen.rope;
  out.low_freq_factor = low;
  out.high_freq_factor = high;
  out.original_max_positions = static_cast<std::int64_t>(original);
  if (!seen.agrees(low, high, out.original_max_positions)) return std::nullopt;
  return out;
}

// Factors that people write, over lengths that are powers of two; the published
// ones first.
std::optional<RopeConfig> try_usual(const Observed& seen) {
  constexpr double kPairs[][2] = {{1, 4},  {1, 2}, {1, 8}, {1, 16},
                                  {1, 32}, {2, 4}, {2, 8}, {0.5, 4}};
  for (const auto& [low, high] : kPairs) {
    if (auto out = made(seen, low, high, 8192)) return out;
    for (double original = 8; original <= 1 << 24; original *= 2) {
      if (auto out = made(seen, low, high, original)) return out;
    }
  }
  return std::nullopt;
}

// The ends of the line: u where the divisor becomes 1, v where it becomes the
// factor.
struct Ends {
  double u = 0;
  double v = 0;
};

Ends solve(const Observed& seen) {
  constexpr double kInside = 1e-6;
  std::vector<std::size_t> inside;
  std::size_t kept = 0;  // divisors of 1
  for (std::size_t i = 0; i < seen.x.size(); ++i) {
    const double s = seen.smooth(i);
    if (s >= 1 - kInside) ++kept;
    if (s > kInside && s < 1 - kInside) inside.push_back(i);
  }
  const double above = kept > 0 ? seen.x[kept - 1] : 2 * seen.x.front();
  if (inside.empty()) return {above, seen.x[std::min(kept, seen.x.size() - 1)]};
  const std::size_t first = inside.front();
  const double s = seen.smooth(first);
  if (inside.size() > 1) {
    const std::size_t last = inside.back();
    const double slope =
        (s - seen.smooth(last)) / (seen.x[first] - seen.x[last]);
    const double v = seen.x[first] - s / slope;
    return {v + 1 / slope, v};
  }
  // One point: any line through it whose ends keep its neighbours as they are.
  const double below = first + 1 < seen.x.size() ? seen.x[first + 1] : 0;
  const double u = std::min(above, (seen.x[first] - (1 - s) * below) / s);
  return {u, (seen.x[first] - s * u) / (1 - s)};
}

}  // namespace

std::optional<RopeConfig> recognise_llama3(const std::vector<float>& divisors,
                                           const RopeConfig& rope) {
  const auto [least, most] = std::ranges::minmax(divisors);
  RopeConfig out = rope;
  if (most == 1.0F && least == 1.0F) return out;
  out.factor = shortest_decimal(most);
  out.kind = RopeKind::kLinear;
  if (least == most) return out;
  out.kind = RopeKind::kLlama3;
  if (most <= 1) return std::nullopt;
  const Observed seen{inverse_lengths(rope.theta, divisors.size()),
                      {divisors.begin(), divisors.end()},
                      out};
  if (auto usual = try_usual(seen)) return usual;
  const Ends ends = solve(seen);
  constexpr double kHigh = 4;
  const double original = std::max(1.0, std::round(kHigh / ends.u));
  const bool sensible = ends.v > 0 && ends.u > ends.v && original < 1e12;
  if (!sensible) return std::nullopt;
  return made(seen, original * ends.v, original * ends.u, original);
}

}  // namespace graft
