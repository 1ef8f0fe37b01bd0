// Puts adapters that share one A back together: the inverse of what the writer
// does to a fused site. Entry point: fuse_equal_inputs.
#include <algorithm>
#include <utility>

#include "graft/formats/hf/adapter.h"

namespace graft {
namespace {

bool is_same_tensor(const HostTensor& a, const HostTensor& b) {
  return a.dtype == b.dtype && a.shape == b.shape &&
         std::ranges::equal(a.bytes, b.bytes);
}

// Sites [begin, end) of one module.
struct Group {
  std::size_t begin;
  std::size_t end;
};

std::vector<Group> group_by_module(const std::vector<Site>& sites) {
  std::vector<Group> out;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    if (out.empty() || sites[out.back().begin].module != sites[i].module) {
      out.push_back({i, i + 1});
    } else {
      out.back().end = i + 1;
    }
  }
  return out;
}

bool is_fusible(const AdapterFile& file, Group group) {
  if (group.end - group.begin < 2) return false;
  const Site& first = file.plan.sites[group.begin];
  const AdapterRecord& shared = file.records[group.begin];
  std::int64_t row = 0;
  for (std::size_t i = group.begin; i < group.end; ++i) {
    const Site& site = file.plan.sites[i];
    const AdapterRecord& record = file.records[i];
    if (site.rows.begin != row || site.adapter != first.adapter ||
        record.magnitude || record.b.dtype != shared.b.dtype ||
        !is_same_tensor(record.a, shared.a)) {
      return false;
    }
    row = site.rows.end;
  }
  return row == first.module_out;
}

Site fuse_sites(const AdapterFile& file, Group group) {
  Site out = file.plan.sites[group.begin];
  out.component.clear();
  for (std::size_t i = group.begin + 1; i < group.end; ++i) {
    const Site& site = file.plan.sites[i];
    out.hf_paths.insert(out.hf_paths.end(), site.hf_paths.begin(),
                        site.hf_paths.end());
    out.hf_rows.insert(out.hf_rows.end(), site.hf_rows.begin(),
                       site.hf_rows.end());
  }
  out.rows = {0, out.module_out};
  return out;
}

AdapterRecord fuse_records(const AdapterFile& file, Group group) {
  const AdapterRecord& first = file.records[group.begin];
  std::vector<std::byte> bytes;
  for (std::size_t i = group.begin; i < group.end; ++i) {
    const auto& part = file.records[i].b.bytes;
    bytes.insert(bytes.end(), part.begin(), part.end());
  }
  std::vector<std::int64_t> shape = {file.plan.sites[group.begin].module_out,
                                     first.b.shape[1]};
  return {
      first.a,
      HostTensor::make_owned(first.b.dtype, std::move(shape), std::move(bytes)),
      std::nullopt};
}

// `places[i]` is where site i went.
void renumber(std::vector<EntryReport>& entries,
              const std::vector<std::size_t>& places) {
  for (EntryReport& entry : entries) {
    for (std::size_t& site : entry.sites) site = places.at(site);
    const auto repeated = std::unique(entry.sites.begin(), entry.sites.end());
    entry.sites.erase(repeated, entry.sites.end());
  }
}

}  // namespace

AdapterFile fuse_equal_inputs(AdapterFile file) {
  std::vector<Site> sites;
  std::vector<AdapterRecord> records;
  std::vector<std::size_t> places;
  for (const Group& group : group_by_module(file.plan.sites)) {
    const bool fusible = is_fusible(file, group);
    for (std::size_t i = group.begin; i < group.end; ++i) {
      const bool starts = !fusible || i == group.begin;
      if (starts) {
        sites.push_back(fusible ? fuse_sites(file, group) : file.plan.sites[i]);
        records.push_back(fusible ? fuse_records(file, group)
                                  : file.records[i]);
      }
      places.push_back(sites.size() - 1);
    }
  }
  file.plan.sites = std::move(sites);
  file.records = std::move(records);
  renumber(file.plan.entries, places);
  return file;
}

}  // namespace graft
