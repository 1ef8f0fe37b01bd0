// Saved states: bit for bit out and in, listed when complete, refused when
// damaged.
#include "graft/checkpoint/resume_state.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <filesystem>

#include "graft/base/error.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

nn::NamedState make_state() {
  nn::NamedState state;
  state.tensors["a/b"] = at::tensor({0.1f, -0.0f, 3e-42f}).view({1, 3});
  state.integers["step"] = 12;
  state.reals = {{"third", 1.0 / 3.0}, {"infinite", INFINITY}};
  state.texts["run/model"] = "m: \"x\"";
  return state;
}

TEST(ResumeState, goes_out_and_in_bit_for_bit) {
  const test::TemporaryDirectory folder;
  const fs::path path = resume_directory(folder.path(), 12);
  save_resume_state(make_state(), path);
  save_resume_state(make_state(), path);  // replaces
  const nn::NamedState back = load_resume_state(path);
  const nn::NamedState state = make_state();
  EXPECT_TRUE(back.tensors.at("a/b").view(at::kInt).equal(
      state.tensors.at("a/b").view(at::kInt)));
  EXPECT_EQ(back.integers, state.integers);
  EXPECT_EQ(back.reals, state.reals);
  EXPECT_EQ(back.texts, state.texts);
}

TEST(ResumeState, only_whole_states_are_listed) {
  const test::TemporaryDirectory folder;
  EXPECT_THAT(saved_steps(folder.path()), IsEmpty());
  for (const std::int64_t step : {100, 20, 3}) {
    save_resume_state(make_state(), resume_directory(folder.path(), step));
  }
  fs::create_directory(folder.path() / "checkpoints" / "step-7.tmp");
  fs::create_directory(folder.path() / "checkpoints" / "step-");
  EXPECT_THAT(saved_steps(folder.path()), ElementsAre(3, 20, 100));
}

TEST(ResumeState, damaged_files_are_refused) {
  const test::TemporaryDirectory folder;
  const fs::path path = resume_directory(folder.path(), 1);
  EXPECT_THROW(load_resume_state(path), FileError);
  for (const char* text :
       {"", "{", "[]", "{\"format\":\"other\"}",
        "{\"format\":\"graft.resume/1\"}",
        "{\"format\":\"graft.resume/1\",\"integers\":{\"a\":\"x\"},"
        "\"texts\":{},\"reals\":{}}",
        "{\"format\":\"graft.resume/1\",\"integers\":{},\"texts\":{},"
        "\"reals\":{\"a\":\"12\"}}"}) {
    save_resume_state(make_state(), path);
    folder.write("checkpoints/step-1/state.json", text);
    EXPECT_THROW(load_resume_state(path), FileError) << text;
  }
  save_resume_state(make_state(), path);
  fs::remove(path / "state.json");
  EXPECT_THROW(load_resume_state(path), FileError);
}

}  // namespace
}  // namespace graft
