// Bad adapters made from a good one, each with the words its error must hold.
// The golden adapters are in adapter_golden_test.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "formats/hf/small_adapter.h"
#include "graft/base/error.h"
#include "graft/formats/hf/adapter.h"
#include "graft/io/safetensors.h"
#include "graft/io/safetensors_writer.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using test::small_inventory;
using test::TemporaryDirectory;
using testing::HasSubstr;
using Tensors = std::map<std::string, HostTensor>;

// A good adapter on q_proj whose parts a test may change before it is read.
class Draft {
 public:
  Draft() {
    const Inventory inventory = small_inventory();
    const AdapterFile adapter =
        test::make_adapter(inventory, {test::rule_on({"q_proj"})});
    write_hf_adapter(directory_.path(), adapter, {.inventory = &inventory});
    config = test::read_json(directory_.path() / "adapter_config.json");
    const auto file = SafetensorsFile::open(weights());
    for (const TensorEntry& entry : file.entries()) {
      tensors[entry.name] = file.tensor(entry);
    }
  }

  AdapterFile read(const Inventory& inventory = small_inventory()) const {
    directory_.write("adapter_config.json", config.dump());
    save_safetensors(weights(), {tensors.begin(), tensors.end()});
    return read_hf_adapter(directory_.path(), inventory);
  }

  std::string error() const {
    try {
      read();
    } catch (const FileError& error) {
      return error.what();
    }
    return "";
  }

  void rename_all(const std::function<std::string(std::string)>& rename) {
    Tensors renamed;
    for (auto& [name, tensor] : tensors) renamed[rename(name)] = tensor;
    tensors = std::move(renamed);
  }

  std::filesystem::path weights() const {
    return directory_.path() / "adapter_model.safetensors";
  }
  const TemporaryDirectory& directory() const { return directory_; }

  nlohmann::json config;
  Tensors tensors;

 private:
  TemporaryDirectory directory_;
};

constexpr char kLayer0[] = "base_model.model.model.layers.0.self_attn.q_proj.";

TEST(AdapterReader, the_draft_is_good) {
  const AdapterFile adapter = Draft().read();
  EXPECT_EQ(adapter.plan.sites.size(), 2u);
  EXPECT_EQ(adapter.plan.sites[0].component, "linear_q");
  EXPECT_TRUE(adapter.warnings.empty());
}

TEST(AdapterReader, bad_tensors) {
  const std::string a = std::string(kLayer0) + "lora_A.weight";
  const std::string b = std::string(kLayer0) + "lora_B.weight";
  struct Row {
    std::function<void(Tensors&)> change;
    std::string text;
  };
  const std::vector<Row> rows = {
      {[&](Tensors& t) { t.erase(b); }, "asks for it (1): " + b},
      {[&](Tensors& t) { t["x.y"] = t[a]; }, "no targeted module (1): x.y"},
      {[&](Tensors& t) { t[a] = test::numbered(16, 2, 1); },
       a + ": got shape [16, 2], expected [2, 16]"},
      {[&](Tensors& t) { t[b].shape = {48}; },
       b + ": got shape [48], expected [24, 2]"},
      {[&](Tensors& t) { t[a].dtype = DType::kI32; }, a + ": got I32"},
      {[&](Tensors& t) { t[a] = test::numbered(2, 16, 1.0f / 0.0f); },
       a + ": it holds NaN or infinity"},
      {[&](Tensors& t) { t[std::string(kLayer0) + "lora_B.bias"] = t[a]; },
       "lora_bias"},
      {[&](Tensors& t) { t["base_model.model.e.lora_embedding_A"] = t[a]; },
       "embedding"},
      {[&](Tensors& t) { t["q.lora_magnitude_vector"] = t[a]; }, "DoRA"},
  };
  for (const Row& row : rows) {
    Draft draft;
    row.change(draft.tensors);
    EXPECT_THAT(draft.error(), HasSubstr(row.text));
    EXPECT_THAT(draft.error(), HasSubstr(draft.weights().string()));
  }
}

TEST(AdapterReader, prefixes_are_explained) {
  Draft inner;
  inner.rename_all([](std::string name) {
    return name.insert(std::string("base_model.model.model.").size(),
                       "language_model.");
  });
  EXPECT_THAT(inner.error(), HasSubstr("Every key has 'language_model.'"));
  Draft none;
  none.rename_all([](std::string name) {
    return name.substr(std::string("base_model.model.").size());
  });
  EXPECT_THAT(none.error(), HasSubstr("Every key lacks 'base_model.model.'"));
  Draft named;
  named.rename_all([](std::string name) {
    return name.insert(name.rfind(".weight"), ".default");
  });
  EXPECT_THAT(named.error(), HasSubstr("'default'"));
}

TEST(AdapterReader, bad_selections) {
  const std::vector<std::pair<nlohmann::json, std::string>> rows = {
      {{{"target_modules", {"q_proj", "q_porj"}}}, "nearest: q_proj"},
      {{{"target_modules", {"embed_tokens"}}}, "embed_tokens"},
      {{{"target_modules", {"input_layernorm"}}}, "input_layernorm"},
      {{{"target_modules", "q_proj"}}, "selects no module"},
      {{{"target_modules", "(q_proj"}}, "adapter_config.json"},
      {{{"layers_to_transform", {7}}}, "selects no module"},
      {{{"exclude_modules", {"q_proj"}}}, "selects no module"},
      {{{"r", 3}}, "expected [3, 16]"},
  };
  for (const auto& [patch, text] : rows) {
    Draft draft;
    draft.config.merge_patch(patch);
    EXPECT_THAT(draft.error(), HasSubstr(text)) << patch;
  }
}

TEST(AdapterReader, an_excluded_target_is_no_typo) {
  Draft draft;
  draft.config["target_modules"] = {"q_proj", "lm_head"};
  draft.config["exclude_modules"] = {"lm_head"};
  EXPECT_EQ(draft.error(), "");
}

TEST(AdapterReader, head_with_a_copy_of_its_base_weight) {
  for (const bool tied : {false, true}) {
    Draft draft;
    draft.config["target_modules"] = {"lm_head"};
    draft.tensors.clear();
    const std::string head = "base_model.model.lm_head.";
    draft.tensors[head + "lora_A.weight"] = test::numbered(2, 16, 1);
    draft.tensors[head + "lora_B.weight"] = test::numbered(50, 2, 1);
    draft.tensors[head + "base_layer.weight"] = test::numbered(50, 16, 1);
    const AdapterFile adapter = draft.read(small_inventory(tied));
    EXPECT_EQ(adapter.plan.sites[0].module, "output_layer");
    EXPECT_THAT(adapter.warnings, testing::ElementsAre(HasSubstr("lm_head")));
    draft.config["ensure_weight_tying"] = true;
    if (tied) {
      EXPECT_THROW(draft.read(small_inventory(tied)), FileError);
    } else {
      EXPECT_NO_THROW(draft.read(small_inventory(tied)));
    }
  }
}

TEST(AdapterReader, zero_adapters_warn) {
  Draft draft;
  for (auto& [name, tensor] : draft.tensors) {
    const std::vector<float> zero(24 * 2, -0.0f);
    if (name.ends_with("lora_B.weight")) {
      tensor = HostTensor::from_floats({24, 2}, zero);
    }
  }
  EXPECT_THAT(draft.read().warnings,
              testing::ElementsAre(HasSubstr("every lora_B is zero")));
}

TEST(AdapterReader, missing_files) {
  const TemporaryDirectory directory;
  const auto error_at = [&](const std::filesystem::path& path) {
    try {
      read_hf_adapter(path, small_inventory());
    } catch (const FileError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(error_at(directory.path() / "absent"), HasSubstr("no directory"));
  directory.write("adapter_config.json", R"({"peft_type": "LORA"})");
  EXPECT_THAT(error_at(directory.path()),
              HasSubstr("adapter_model.safetensors is missing"));
  directory.write("adapter_model.bin", "x");
  EXPECT_THAT(error_at(directory.path()), HasSubstr("pickle"));
}

}  // namespace
}  // namespace graft
