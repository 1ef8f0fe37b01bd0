// Finds the golden models by content.
#include "checkpoint/golden_model.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <utility>

#include "support/shared_data.h"
#include "support/unfinished_family.h"

namespace graft::test {

namespace fs = std::filesystem;

GoldenTensors::GoldenTensors(const fs::path& file)
    : file_(SafetensorsFile::open(file)) {}

bool GoldenTensors::contains(const std::string& name) const {
  return file_.find_or_null(name) != nullptr;
}

at::Tensor GoldenTensors::find(const std::string& name) const {
  return contains(name) ? at(name) : at::Tensor();
}

at::Tensor GoldenTensors::at(const std::string& name) const {
  const TensorEntry* entry = file_.find_or_null(name);
  if (entry == nullptr) throw std::runtime_error("no golden tensor " + name);
  return from_host_tensor(file_.tensor(*entry));
}

std::vector<fs::path> golden_models() {
  std::vector<fs::path> out =
      sub_directories(source_path("tests/golden/families"));
  if (const auto goldens = goldens_dir()) {
    for (fs::path& directory : sub_directories(*goldens / "models")) {
      out.push_back(std::move(directory));
    }
  }
  return out;
}

void for_each_golden_model(const std::string& name,
                           const std::function<void(const fs::path&)>& check) {
  CaseCounter counter(name);
  for (const fs::path& directory : golden_models()) {
    SCOPED_TRACE(directory.string());
    const auto config = read_json(directory / "config.json");
    if (const auto reason = unfinished_family(config.at("model_type"))) {
      counter.skipped(*reason);
      continue;
    }
    counter.ran();
    EXPECT_NO_THROW(check(directory));
  }
  EXPECT_GT(counter.ran_count(), 0U);
}

BaseModel load_golden_model(const fs::path& directory,
                            const std::string& dtype) {
  ComputeOptions options;
  options.device = "cpu";
  options.dtype = dtype;
  return load_base_model(directory, options);
}

double masked_difference(const at::Tensor& got, const at::Tensor& want,
                         const at::Tensor& mask) {
  const at::Tensor difference =
      (got - want).abs().masked_fill(mask.eq(0).unsqueeze(2), 0.0);
  return difference.max().item<double>();
}

}  // namespace graft::test
