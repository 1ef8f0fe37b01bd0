// One adapter on each selected linear. Entry point: Lora.
#include "graft/peft/lora.h"

namespace graft {

std::vector<Site> Lora::sites_of(const ModuleInfo& info, const Match& match) {
  return {make_site(info, match, AdapterKind::kLora)};
}

}  // namespace graft
