// Modules and trees by the kind words of the selection vectors. Entry points:
// make_stand_in, make_tree, configure.
#pragma once

#include <torch/nn/module.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/logger.h"
#include "graft/peft/module_matcher.h"

namespace graft::test {

// A module of the class that graft has for this kind; layers are 1 x 1.
std::shared_ptr<torch::nn::Module> make_stand_in(const std::string& kind);

// Whether the kind's class owned parameters where the vectors were made.
bool reference_has_parameters(const std::string& kind);

// A whole tree; `kinds`, when given, receives (module, kind word).
using KindSink =
    std::function<void(const torch::nn::Module*, const std::string&)>;
std::shared_ptr<torch::nn::Module> make_tree(const nlohmann::ordered_json& tree,
                                             const KindSink& kinds = {});

// Sets target_modules, exclude_modules, canonical_mapping, te_available and
// the megatron syntax.
void configure(ModuleMatcher& matcher, const nlohmann::ordered_json& config);

std::optional<std::vector<std::string>> string_list(
    const nlohmann::ordered_json& value);
std::optional<std::string> string_or_null(const nlohmann::ordered_json& value);

// [pattern, full_name] as the vectors write a hit, or null.
nlohmann::ordered_json hit_json(const std::optional<Match>& match);

// Collects what is logged while it lives.
class LogCapture {
 public:
  LogCapture()
      : sink_([this](LogLevel, std::string_view logger,
                     std::string_view message) {
          loggers.emplace_back(logger);
          messages.emplace_back(message);
        }) {}

  std::vector<std::string> loggers;
  std::vector<std::string> messages;

 private:
  ScopedLogSink sink_;
};

// The one message logged since the last call, or null.
nlohmann::ordered_json take_warning(LogCapture& log);

// Vector files of one schema.
std::vector<nlohmann::ordered_json> vector_files(const std::string& schema);

}  // namespace graft::test
