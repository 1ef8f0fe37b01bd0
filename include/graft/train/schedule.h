// The learning rate of each step. Entry points: Schedule, learning_rate.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace graft {

enum class ScheduleKind { kConstant, kLinear, kCosine };
std::optional<ScheduleKind> schedule_kind_from_name(std::string_view name);

// Rises from 0 in step 0 to base_rate in step warmup_steps, then stays, or
// falls to 0 at total_steps.
struct Schedule {
  ScheduleKind kind = ScheduleKind::kConstant;
  double base_rate = 2e-4;
  std::int64_t warmup_steps = 0;
  std::int64_t total_steps = 1;
};

double learning_rate(const Schedule& schedule, std::int64_t step);

// `warmup` as people write it: a fraction of the steps, or steps when >= 1.
std::int64_t warmup_steps(double warmup, std::int64_t total_steps);

}  // namespace graft
