// Learning rates step by step.
#include "graft/train/schedule.h"

#include <gtest/gtest.h>

namespace graft {
namespace {

struct Row {
  ScheduleKind kind;
  std::int64_t warmup;
  std::int64_t step;
  double rate;  // of a base rate of 1 and 30 steps
};

TEST(Schedule, follows_the_table) {
  const Row rows[] = {
      {ScheduleKind::kConstant, 0, 0, 1.0},
      {ScheduleKind::kConstant, 5, 0, 0.0},
      {ScheduleKind::kConstant, 5, 3, 0.6},
      {ScheduleKind::kConstant, 5, 29, 1.0},
      {ScheduleKind::kLinear, 5, 4, 0.8},
      {ScheduleKind::kLinear, 5, 5, 1.0},
      {ScheduleKind::kLinear, 5, 6, 0.96},
      {ScheduleKind::kLinear, 5, 30, 0.0},
      {ScheduleKind::kCosine, 5, 5, 1.0},
      {ScheduleKind::kCosine, 5, 6, 0.996057350657239},
      {ScheduleKind::kCosine, 0, 15, 0.5},
      {ScheduleKind::kCosine, 5, 40, 0.0},
      {ScheduleKind::kLinear, 30, 30, 1.0},
  };
  for (const Row& row : rows) {
    const Schedule schedule{row.kind, 1.0, row.warmup, 30};
    EXPECT_NEAR(learning_rate(schedule, row.step), row.rate, 1e-15)
        << "step " << row.step << " warmup " << row.warmup;
  }
}

TEST(Schedule, warmup_is_a_fraction_or_steps) {
  EXPECT_EQ(warmup_steps(0.0, 100), 0);
  EXPECT_EQ(warmup_steps(0.03, 200), 6);
  EXPECT_EQ(warmup_steps(0.03, 10), 1);
  EXPECT_EQ(warmup_steps(0.03, 1), 0);
  EXPECT_EQ(warmup_steps(20.0, 10), 20);
}

}  // namespace
}  // namespace graft
