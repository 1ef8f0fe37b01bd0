// How tables name a site and its settings. Entry points: settings_text,
// settings_change, hf_label, site_fold, number_text.
#pragma once

#include <string>
#include <vector>

#include "graft/match/plan.h"

namespace graft {

// Six significant digits: "0.5", "32".
std::string number_text(double value);

// "lora, rank 8, alpha 16, scale 2", and what is not the default.
std::string settings_text(const Site& site);
// "rank 8 -> 64, scale 2 -> 0.25"; empty when nothing differs.
std::string settings_change(const Site& from, const Site& to);

// Last components of the Hugging Face modules: "{q,k,v}_proj", "o_proj".
std::string hf_label(const std::vector<std::string>& hf_paths);

// Site::path without its layer and expert numbers.
std::string site_fold(const Site& site);

}  // namespace graft
