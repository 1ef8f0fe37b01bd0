// Times first-hit matching of many patterns, graft and peers in one run, and
// compares every answer with one-by-one matching. Prints JSON lines. With
// --dump FOLDER it leaves names, patterns and answers for the Python reference.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "graft/formats/name_list.h"
#include "graft/match/selector.h"
#include "matcher.h"

namespace {

using graft::bench::Matcher;
using graft::bench::SelectionCase;
using Clock = std::chrono::steady_clock;

constexpr double kWarmSeconds = 0.3;
// One pass is enough for what takes this long.
constexpr double kSlowSeconds = 2.0;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Result {
  double compile_s = 0;
  double first_s = 0;  // the first pass over the names
  double warm_s = 0;   // the best of the next ones
  std::vector<int> answers;
};

double pass(Matcher& matcher, const std::vector<std::string>& names,
            std::vector<int>& answers) {
  answers.clear();
  const auto start = Clock::now();
  for (const std::string& name : names) {
    answers.push_back(matcher.first_hit(name));
  }
  return seconds_since(start);
}

// False when the engine cannot take the patterns.
bool measure(const std::string& engine, const SelectionCase& question,
             const std::vector<std::string>& names, bool once, Result& out) {
  out.answers.reserve(names.size());
  const auto start = Clock::now();
  const auto matcher = graft::bench::make_matcher(engine, question);
  out.compile_s = seconds_since(start);
  if (!matcher) return false;
  out.first_s = pass(*matcher, names, out.answers);
  out.warm_s = out.first_s;
  if (once || out.first_s > kSlowSeconds) return true;
  const auto warm = Clock::now();
  do {
    std::vector<int> again;
    again.reserve(names.size());
    out.warm_s = std::min(out.warm_s, pass(*matcher, names, again));
  } while (seconds_since(warm) < kWarmSeconds);
  return true;
}

// Compile and first pass again, graft's being a matter of milliseconds.
void repeat(const std::string& engine, const SelectionCase& question,
            const std::vector<std::string>& names, int times, Result& best) {
  for (int i = 0; i < times; ++i) {
    Result next;
    measure(engine, question, names, true, next);
    if (next.compile_s + next.first_s < best.compile_s + best.first_s) {
      best.compile_s = next.compile_s;
      best.first_s = next.first_s;
    }
  }
}

double per_name(double seconds, std::size_t names) {
  return std::round(seconds * 1e10 / static_cast<double>(names)) / 10;
}

void print(const std::string& engine, const SelectionCase& question,
           const Result& result, bool agrees, const char* order) {
  const std::size_t names = result.answers.size();
  const auto hits = std::count_if(result.answers.begin(), result.answers.end(),
                                  [](int answer) { return answer >= 0; });
  std::cout
      << nlohmann::ordered_json{{"engine", engine},
                                {"mix", question.mix},
                                {"order", order},
                                {"P", question.patterns.size()},
                                {"compile_ms", result.compile_s * 1e3},
                                {"warm_ns", per_name(result.warm_s, names)},
                                {"with_compile_ns",
                                 per_name(result.compile_s + result.first_s,
                                          names)},
                                {"hits", hits},
                                {"agrees", agrees}}
      << std::endl;
}

void dump(const std::string& folder, const SelectionCase& question,
          const std::vector<std::string>& names,
          const std::vector<int>& answers) {
  const std::string count = std::to_string(question.patterns.size());
  std::ofstream(folder + "/" + question.mix + "." + count + ".json")
      << nlohmann::json{{"names", names},
                        {"patterns", question.patterns},
                        {"answers", answers}};
}

bool run_case(const SelectionCase& question, const std::string& folder) {
  const std::vector<std::string> names = graft::bench::make_names();
  Result naive;
  if (!measure("PCRE2-JIT", question, names, true, naive)) return false;
  print("PCRE2-JIT", question, naive, true, "model");
  bool all_agree = true;
  const auto add = [&](const std::string& engine, const Result& result,
                       const std::vector<int>& expected, const char* order) {
    const bool agrees = result.answers == expected;
    all_agree = all_agree && agrees;
    print(engine, question, result, agrees, order);
  };
  for (const std::string& engine : graft::bench::engine_names()) {
    if (engine == "PCRE2-JIT") continue;
    Result result;
    if (!measure(engine, question, names, false, result)) continue;
    if (engine == "graft") repeat(engine, question, names, 7, result);
    add(engine, result, naive.answers, "model");
  }
  // No name shares its beginning with the one before.
  std::vector<std::size_t> order(names.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  std::vector<std::string> shuffled;
  std::vector<int> expected;
  for (const std::size_t i : order) {
    shuffled.push_back(names[i]);
    expected.push_back(naive.answers[i]);
  }
  Result result;
  measure("graft", question, shuffled, false, result);
  add("graft", result, expected, "shuffled");
  if (!folder.empty()) dump(folder, question, names, naive.answers);
  return all_agree;
}

graft::Inventory make_names_inventory() {
  std::stringstream names;
  for (const std::string& name : graft::bench::make_names()) {
    names << name << '\n';
  }
  graft::Inventory inventory = graft::read_name_list(names, "names");
  for (graft::ModuleInfo& info : inventory.modules) info.in = info.out = 64;
  return inventory;
}

// What `graft plan` does once it knows the modules.
void time_plan(const char* label, std::vector<std::string> targets) {
  const graft::Inventory inventory = make_names_inventory();
  graft::Rule rule;
  rule.targets = std::move(targets);
  for (int round = 0; round < 3; ++round) {
    const auto start = Clock::now();
    const graft::Plan plan = graft::Selector::compile({rule}).select(inventory);
    const double select_s = seconds_since(start);
    const auto writing = Clock::now();
    const std::string table = graft::plan_to_text(plan);
    const double text_s = seconds_since(writing);
    const auto listing = Clock::now();
    const std::string json = graft::plan_to_json(plan);
    std::cout
        << nlohmann::ordered_json{{"plan_of", label},
                                  {"modules", inventory.modules.size()},
                                  {"sites", plan.sites.size()},
                                  {"select_ms", select_s * 1e3},
                                  {"table_ms", text_s * 1e3},
                                  {"json_ms", seconds_since(listing) * 1e3},
                                  {"json_bytes", json.size()}}
        << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder;
  std::vector<std::string> mixes;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--dump" && i + 1 < argc) {
      folder = argv[++i];
    } else {
      mixes.push_back(argument);
    }
  }
  if (mixes.empty()) mixes = {"wildcards", "globs", "regexes"};
  bool agree = true;
  for (const std::string& mix : mixes) {
    for (const int count : {4, 32, 256, 1024}) {
      const SelectionCase question = graft::bench::make_case(mix, count);
      agree = run_case(question, folder) && agree;
    }
  }
  time_plan("three expert names", {"gate_proj", "up_proj", "down_proj"});
  time_plan("globs", {"*.layers.{0..30}.*.experts.*.up_proj", "*.self_attn.*"});
  return agree ? 0 : 1;
}
