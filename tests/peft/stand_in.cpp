// Stand-ins for the classes that the vectors name. Entry points: make_tree,
// configure.
#include "peft/stand_in.h"

#include <gtest/gtest.h>
#include <torch/nn/modules/container/moduledict.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>

#include <map>
#include <set>

#include "graft/nn/rms_norm.h"
#include "graft/nn/te_linear.h"
#include "support/shared_data.h"

namespace graft::test {
namespace {

using Json = nlohmann::ordered_json;
using ModulePtr = std::shared_ptr<torch::nn::Module>;

class LinearSubclass : public nn::Linear {
 public:
  using nn::Linear::Linear;
};
class ColumnSubclass : public nn::ColumnParallelLinear {
 public:
  using nn::ColumnParallelLinear::ColumnParallelLinear;
};
class TeRowSubclass : public nn::TeRowParallelLinear {
 public:
  using nn::TeRowParallelLinear::TeRowParallelLinear;
};

template <typename Slot>
ModulePtr slot() {
  return std::make_shared<Slot>(1, 1, false);
}

template <typename Class>
ModulePtr plain() {
  return std::make_shared<Class>();
}

using Makers = std::map<std::string, ModulePtr (*)()>;

ModulePtr norm_and_linear() {
  return std::make_shared<nn::TeLayerNormColumnParallelLinear>(1, 1, false);
}
ModulePtr grouped() { return std::make_shared<nn::TeGroupedLinear>(1, 1, 1); }
ModulePtr norm() { return std::make_shared<nn::RmsNorm>(1, 1e-6); }
template <typename Convolution>
ModulePtr convolution() {
  return std::make_shared<Convolution>(1, 1, 1);
}
ModulePtr embedding() {
  return std::make_shared<torch::nn::EmbeddingImpl>(1, 1);
}

const Makers& makers() {
  static const Makers table{
      {"linear", slot<nn::Linear>},
      {"linear_subclass", slot<LinearSubclass>},
      {"column_parallel", slot<nn::ColumnParallelLinear>},
      {"column_parallel_subclass", slot<ColumnSubclass>},
      {"row_parallel", slot<nn::RowParallelLinear>},
      {"te_column", slot<nn::TeColumnParallelLinear>},
      {"te_layernorm_column", norm_and_linear},
      {"te_row", slot<nn::TeRowParallelLinear>},
      {"te_row_subclass", slot<TeRowSubclass>},
      {"te_grouped", grouped},
      {"te_duplicated", slot<nn::TeDuplicatedLinear>},
      {"router", slot<nn::Router>},
      {"conv1d", convolution<torch::nn::Conv1dImpl>},
      {"conv2d", convolution<torch::nn::Conv2dImpl>},
      {"norm", norm},
      {"embedding", embedding},
      {"container", plain<torch::nn::Module>},
      {"module_list", plain<torch::nn::ModuleListImpl>},
      {"module_dict", plain<torch::nn::ModuleDictImpl>},
      {"sequential", plain<torch::nn::SequentialImpl>},
  };
  return table;
}

class TreeBuilder {
 public:
  explicit TreeBuilder(const KindSink& kinds) : kinds_(kinds) {}

  ModulePtr build(const Json& tree) {
    if (tree.contains("ref")) return by_id_.at(tree.at("ref"));
    const std::string kind = tree.at("kind");
    ModulePtr module = make_stand_in(kind);
    if (kinds_) kinds_(module.get(), kind);
    if (tree.contains("id")) by_id_[tree.at("id")] = module;
    for (const Json& child : tree.value("children", Json::array())) {
      module->register_module(child.at(0), build(child.at(1)));
    }
    std::size_t index = 0;
    for (const Json& entry : tree.value("repeat", Json::array())) {
      for (int i = 0; i < entry.at(0).get<int>(); ++i) {
        module->register_module(std::to_string(index++), build(entry.at(1)));
      }
    }
    return module;
  }

 private:
  const KindSink& kinds_;
  std::map<std::string, ModulePtr> by_id_;
};

}  // namespace

ModulePtr make_stand_in(const std::string& kind) {
  const auto found = makers().find(kind);
  if (found == makers().end()) {
    ADD_FAILURE() << "unknown kind " << kind;
    return plain<torch::nn::Module>();
  }
  return found->second();
}

bool reference_has_parameters(const std::string& kind) {
  static const std::set<std::string> kOwning{
      "linear", "linear_subclass", "conv1d", "conv2d", "norm", "embedding"};
  return kOwning.count(kind) > 0;
}

ModulePtr make_tree(const Json& tree, const KindSink& kinds) {
  return TreeBuilder(kinds).build(tree);
}

std::optional<std::vector<std::string>> string_list(const Json& value) {
  if (value.is_null()) return std::nullopt;
  return value.get<std::vector<std::string>>();
}

std::optional<std::string> string_or_null(const Json& value) {
  if (value.is_null()) return std::nullopt;
  return value.get<std::string>();
}

void configure(ModuleMatcher& matcher, const Json& config) {
  matcher.syntax = PatternSyntax::kMegatron;
  matcher.target_modules = string_list(config.at("target_modules"));
  matcher.exclude_modules =
      config.value("exclude_modules", std::vector<std::string>{});
  matcher.te_available = config.value("te_available", true);
  for (const Json& entry : config.value("canonical_mapping", Json::array())) {
    const auto components = entry.at(1).get<std::set<std::string>>();
    matcher.canonical_mapping[entry.at(0)] = components;
  }
}

Json hit_json(const std::optional<Match>& match) {
  if (!match) return nullptr;
  Json pair = Json::array({nullptr, nullptr});
  if (match->pattern) pair[0] = *match->pattern;
  if (match->full_name) pair[1] = *match->full_name;
  return pair;
}

Json take_warning(LogCapture& log) {
  EXPECT_LE(log.messages.size(), 1U);
  for (const std::string& name : log.loggers) {
    EXPECT_EQ(name, "graft.peft.module_matcher");
  }
  Json text = nullptr;
  if (!log.messages.empty()) text = log.messages.back();
  log.messages.clear();
  log.loggers.clear();
  return text;
}

std::vector<Json> vector_files(const std::string& schema) {
  std::vector<Json> found;
  const auto directory = vectors_dir();
  if (!directory) {
    std::printf("no vectors here: %s not run\n", schema.c_str());
    return found;
  }
  for (const auto& path : files_below(*directory, ".json")) {
    Json file = read_ordered_json(path);
    if (file.value("schema", "") == schema) found.push_back(std::move(file));
  }
  if (found.empty()) std::printf("no file of schema %s\n", schema.c_str());
  return found;
}

}  // namespace graft::test
