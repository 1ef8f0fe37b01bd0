// Short words for sites.
#include "match/site_text_internal.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "match/component_path_internal.h"
#include "match/folded_path_internal.h"

namespace graft {
namespace {

// The longest ending, from an underscore on, that all names share.
std::string shared_ending(const std::vector<std::string>& names) {
  std::string ending = names.front();
  for (const std::string& name : names) {
    while (!name.ends_with(ending)) ending.erase(0, 1);
  }
  const std::size_t underscore = ending.find('_');
  return underscore == std::string::npos ? "" : ending.substr(underscore);
}

class Change {
 public:
  void add(const char* word, const std::string& from, const std::string& to) {
    if (from == to) return;
    if (!text_.empty()) text_ += ", ";
    text_ += std::string(word) + " " + from + " -> " + to;
  }
  std::string str() const { return text_; }

 private:
  std::string text_;
};

std::string switch_text(bool on) { return on ? "on" : "off"; }

}  // namespace

std::string number_text(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6g", value);
  return text.data();
}

std::string settings_text(const Site& site) {
  const AdapterSettings& settings = site.adapter;
  std::string out(adapter_kind_name(settings.kind));
  out += ", rank " + std::to_string(settings.rank) + ", alpha " +
         number_text(settings.alpha) + ", scale " + number_text(site.scale);
  if (settings.rslora) out += ", rslora";
  if (settings.dropout > 0) out += ", dropout " + number_text(settings.dropout);
  if (settings.init != AdapterInit::kKaiming) {
    out += ", init " + std::string(adapter_init_name(settings.init));
  }
  return out;
}

std::string settings_change(const Site& from, const Site& to) {
  const AdapterSettings& a = from.adapter;
  const AdapterSettings& b = to.adapter;
  Change out;
  out.add("kind", std::string(adapter_kind_name(a.kind)),
          std::string(adapter_kind_name(b.kind)));
  out.add("rank", std::to_string(a.rank), std::to_string(b.rank));
  out.add("alpha", number_text(a.alpha), number_text(b.alpha));
  out.add("rslora", switch_text(a.rslora), switch_text(b.rslora));
  out.add("scale", number_text(from.scale), number_text(to.scale));
  out.add("dropout", number_text(a.dropout), number_text(b.dropout));
  out.add("init", std::string(adapter_init_name(a.init)),
          std::string(adapter_init_name(b.init)));
  return out.str();
}

std::string hf_label(const std::vector<std::string>& hf_paths) {
  std::vector<std::string> names;
  for (const std::string& path : hf_paths) {
    std::string name(last_component(path));
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      names.push_back(std::move(name));
    }
  }
  if (names.empty()) return "";
  if (names.size() == 1) return names.front();
  const std::string ending = shared_ending(names);
  std::string out;
  for (const std::string& name : names) {
    out +=
        (out.empty() ? "{" : ",") + name.substr(0, name.size() - ending.size());
  }
  return out + "}" + ending;
}

std::string site_fold(const Site& site) {
  return fold_path(site.path(), site.layer, site.expert);
}

}  // namespace graft
