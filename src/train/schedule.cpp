// Warm-up and decay of the learning rate. Entry points: learning_rate,
// warmup_steps.
#include "graft/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace graft {

std::optional<ScheduleKind> schedule_kind_from_name(std::string_view name) {
  if (name == "constant") return ScheduleKind::kConstant;
  if (name == "linear") return ScheduleKind::kLinear;
  if (name == "cosine") return ScheduleKind::kCosine;
  return std::nullopt;
}

double learning_rate(const Schedule& schedule, std::int64_t step) {
  const double base = schedule.base_rate;
  if (step < schedule.warmup_steps) {
    return base * static_cast<double>(step) /
           static_cast<double>(schedule.warmup_steps);
  }
  if (schedule.kind == ScheduleKind::kConstant) return base;
  const std::int64_t decay =
      std::max<std::int64_t>(schedule.total_steps - schedule.warmup_steps, 1);
  const double progress =
      std::min(static_cast<double>(step - schedule.warmup_steps) /
                   static_cast<double>(decay),
               1.0);
  if (schedule.kind == ScheduleKind::kLinear) return base * (1.0 - progress);
  return base * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
}

std::int64_t warmup_steps(double warmup, std::int64_t total_steps) {
  if (warmup >= 1.0) return std::llround(warmup);
  const auto steps = static_cast<std::int64_t>(
      std::ceil(warmup * static_cast<double>(total_steps)));
  // A run of one step must not spend it at rate zero.
  return std::min(steps, total_steps / 2);
}

}  // namespace graft
