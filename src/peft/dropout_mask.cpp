// Counter-based dropout masks. Entry point: dropout_mask.
#include "peft/dropout_mask_internal.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include "peft/counter_random_internal.h"

namespace graft {
namespace {

constexpr std::int64_t kGrain = 1 << 15;

// An element is dropped when the high half of its draw is below this.
std::uint64_t threshold_of(double probability) {
  return static_cast<std::uint64_t>(probability * 4294967296.0);
}

template <typename Value>
void fill_mask(at::Tensor& mask, std::uint64_t key, double probability) {
  Value* values = mask.mutable_data_ptr<Value>();
  const std::uint64_t threshold = threshold_of(probability);
  const Value kept =
      static_cast<Value>(static_cast<float>(1.0 / (1.0 - probability)));
  const Value dropped = static_cast<Value>(0.0F);
  at::parallel_for(0, mask.numel(), kGrain,
                   [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t i = begin; i < end; ++i) {
                       const std::uint64_t bits =
                           random_bits(key, static_cast<std::uint64_t>(i));
                       values[i] = (bits >> 32) < threshold ? dropped : kept;
                     }
                   });
}

// int64 arithmetic wraps as uint64's does; shifts must not extend the sign.
at::Tensor shift_right(const at::Tensor& bits, std::int64_t count) {
  const std::int64_t mask =
      static_cast<std::int64_t>(~std::uint64_t{0} >> count);
  return at::bitwise_right_shift(bits, count).bitwise_and_(mask);
}

std::int64_t as_signed(std::uint64_t bits) {
  return static_cast<std::int64_t>(bits);
}

}  // namespace

std::uint64_t dropout_key(const DropoutCounter& counter,
                          std::string_view site) {
  const std::uint64_t key = join_keys(text_key(site), counter.seed);
  return join_keys(join_keys(key, counter.step), counter.micro_batch);
}

at::Tensor dropout_mask_by_operations(const at::Tensor& x, std::uint64_t key,
                                      double probability) {
  at::Tensor bits = at::arange(1, x.numel() + 1, x.options().dtype(at::kLong));
  bits.mul_(as_signed(kGoldenStep)).add_(as_signed(key));
  bits = at::bitwise_xor(bits, shift_right(bits, 30));
  bits.mul_(as_signed(0xbf58476d1ce4e5b9ULL));
  bits = at::bitwise_xor(bits, shift_right(bits, 27));
  bits.mul_(as_signed(0x94d049bb133111ebULL));
  bits = at::bitwise_xor(bits, shift_right(bits, 31));
  const at::Tensor kept =
      shift_right(bits, 32).ge(as_signed(threshold_of(probability)));
  return kept.to(x.scalar_type())
      .mul_(static_cast<float>(1.0 / (1.0 - probability)))
      .view(x.sizes());
}

at::Tensor dropout_mask(const at::Tensor& x, std::uint64_t key,
                        double probability) {
  if (!x.is_cpu()) return dropout_mask_by_operations(x, key, probability);
  at::Tensor mask = at::empty(x.sizes(), x.options());
  AT_DISPATCH_FLOATING_TYPES_AND2(
      at::kBFloat16, at::kHalf, x.scalar_type(), "dropout_mask",
      [&] { fill_mask<scalar_t>(mask, key, probability); });
  return mask;
}

}  // namespace graft
