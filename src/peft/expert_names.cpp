// Megatron's naming rules about experts. Entry points: expert_names.h.
#include "graft/peft/expert_names.h"

namespace graft {

bool is_expert_linear(std::string_view full_name) {
  if (full_name.find(".shared_experts.") != full_name.npos) return false;
  std::string_view rest = full_name;
  if (rest.ends_with('\n')) rest.remove_suffix(1);
  if (!rest.ends_with(".linear_fc1") && !rest.ends_with(".linear_fc2")) {
    return false;
  }
  rest.remove_suffix(std::string_view(".linear_fc1").size());
  if (rest.find('\n') != rest.npos) return false;
  const std::size_t mlp = rest.find("mlp.");
  if (mlp == rest.npos) return false;
  return rest.find("experts", mlp + 4) != rest.npos;
}

bool is_grouped_expert_linear(std::string_view full_name) {
  return is_expert_linear(full_name) &&
         full_name.find(".local_experts.") == full_name.npos;
}

bool keeps_fc1_whole(std::string_view full_name) {
  return full_name.starts_with("vision_model.") ||
         full_name.ends_with(".mlp.experts.linear_fc1");
}

}  // namespace graft
