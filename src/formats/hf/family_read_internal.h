// Which optional settings a family reads, for the tables of fields and keys
// that must be neutral when it does not. Private to formats.
#pragma once

#include "formats/hf/family_internal.h"

namespace graft {

// Whether the family gives a setting a meaning.
using IsRead = bool (*)(const Family&);

inline bool never(const Family&) { return false; }
inline bool has_window(const Family& family) {
  return family.switches.window != WindowRule::kNone;
}
inline bool caps_attention(const Family& family) {
  return family.switches.attention_soft_cap >= 0 ||
         family.switches.ignores_attention_cap;
}
inline bool caps_logits(const Family& family) {
  return family.switches.logit_soft_cap >= 0;
}
inline bool has_experts(const Family& family) { return family.experts.has; }

}  // namespace graft
