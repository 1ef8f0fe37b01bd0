// Characters that the reference's normalizer does not know. Entry point:
// is_newer_than_reference.
#pragma once

namespace graft::text {

// Characters of Unicode 10 to 14 that have a decomposition or a combining
// class: the reference's tables are those of Unicode 9, where they have
// neither.
bool is_newer_than_reference(char32_t value);

}  // namespace graft::text
