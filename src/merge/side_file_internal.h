// The files of a checkpoint beside its weights. Entry points: copy_side_files,
// foreign_entry, untie_config, update_index.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "graft/io/sharded_safetensors.h"
#include "merge/merge_plan_internal.h"

namespace graft {

struct SideFiles {
  std::vector<std::string> copied;
  std::vector<std::string> skipped;  // weights that are not part of the set
};

// The first entry of `output`, by name, that no merge of this base and no
// other model directory would hold; in a folder without weights any entry.
// `base`: null when it is one file.
std::optional<std::string> foreign_entry(const ShardedSafetensors* base,
                                         const std::filesystem::path& output);

// Copies every regular file of the directory with its mode, except weights of
// any format and hidden files. Not recursive.
SideFiles copy_side_files(const ShardedSafetensors& base,
                          const std::filesystem::path& output);

// Sets tie_word_embeddings to false; the rest keeps its values and order.
void untie_config(const std::filesystem::path& config_json);

// False unless config.json says that the head has its own tensor.
bool is_untied_config(const std::filesystem::path& config_json);

// Places the tensors of `plan` in the copied index, if there is one.
void update_index(const MergePlan& plan, const std::filesystem::path& index);

}  // namespace graft
