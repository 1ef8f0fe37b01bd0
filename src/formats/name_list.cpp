// Reads names as a person's other program prints them.
#include "graft/formats/name_list.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "graft/base/error.h"
#include "match/folded_path_internal.h"
#include "match/kind_term_internal.h"

namespace graft {
namespace {

constexpr char kOperation[] = "inventory";
constexpr std::ptrdiff_t kMostDots = 63;  // of a path of 64 parts
constexpr std::size_t kShown = 60;        // bytes of a name in an error

ModuleInfo make_linear(const std::string& name) {
  if (std::count(name.begin(), name.end(), '.') > kMostDots) {
    throw FileError({.operation = kOperation,
                     .what = name.substr(0, kShown) + "...",
                     .got = "a module name of more than 64 parts"});
  }
  const PathNumbers numbers = path_numbers(name);
  ModuleInfo out;
  out.path = name;
  out.kind = LayerKind::kLinear;
  out.layer = numbers.layer;
  out.expert = numbers.expert;
  out.output_head = is_head_name(out.name());
  return out;
}

// "a.gate" or "a.router" beside "a.experts...": as a file tells a router.
void find_routers(std::vector<ModuleInfo>& modules) {
  std::unordered_set<std::string_view> holders;  // of experts
  constexpr std::string_view kExperts = ".experts";
  for (const ModuleInfo& info : modules) {
    const std::string_view path = info.path;
    const std::size_t at = path.find(kExperts);
    const std::size_t end = at + kExperts.size();
    if (at == path.npos || (end < path.size() && path[end] != '.')) continue;
    holders.insert(path.substr(0, at));
  }
  for (ModuleInfo& info : modules) {
    const std::string_view name = info.name();
    if (name != "gate" && name != "router") continue;
    const std::string_view path = info.path;
    if (path.size() == name.size()) continue;
    const auto parent = path.substr(0, path.size() - name.size() - 1);
    if (holders.contains(parent)) info.kind = LayerKind::kRouter;
  }
}

}  // namespace

Inventory read_name_list(std::istream& in, const std::string& source) {
  Inventory out;
  out.source = source;
  out.table_problem = "a list says no more.";
  std::unordered_set<std::string> seen;
  std::size_t repeated = 0;
  std::string line;
  while (std::getline(in, line)) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    if (!seen.insert(line).second) {
      ++repeated;
      continue;
    }
    out.modules.push_back(make_linear(line));
  }
  if (out.modules.empty()) {
    throw FileError({.operation = kOperation,
                     .what = source,
                     .got = "no name",
                     .expected = "module names, one a line"});
  }
  find_routers(out.modules);
  if (repeated > 0) {
    out.warnings.push_back(source + ": " + std::to_string(repeated) +
                           (repeated == 1 ? " name is" : " names are") +
                           " given again and count once");
  }
  return out;
}

}  // namespace graft
