// graft through its public Selector; peers as their manuals say.
#include "matcher.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <stdexcept>
#include <string_view>

#ifdef GRAFT_WITH_RE2
#include <re2/set.h>
#endif
#ifdef GRAFT_WITH_HYPERSCAN
#include <hs/hs.h>
#endif

#include "graft/match/selector.h"

namespace graft::bench {
namespace {

class GraftMatcher : public Matcher {
 public:
  explicit GraftMatcher(const SelectionCase& question)
      : selector_(Selector::compile({rule_of(question)})) {}

  int first_hit(const std::string& name) override {
    const std::string_view full(name);
    const auto hit =
        selector_.match_one(0, full.substr(full.rfind('.') + 1), full);
    return hit ? static_cast<int>(*hit) : -1;
  }

 private:
  static Rule rule_of(const SelectionCase& question) {
    Rule rule;
    rule.targets = question.patterns;
    rule.syntax =
        question.megatron ? PatternSyntax::kMegatron : PatternSyntax::kGlob;
    return rule;
  }

  Selector selector_;
};

class Pcre2Matcher : public Matcher {
 public:
  explicit Pcre2Matcher(const SelectionCase& question) {
    for (const std::string& regex : question.regexes) {
      const std::string text = "^(?:" + regex + ")$";
      int error = 0;
      PCRE2_SIZE offset = 0;
      pcre2_code* code =
          pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                        0, &error, &offset, nullptr);
      if (!code) throw std::runtime_error("PCRE2 refuses " + text);
      pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
      codes_.push_back(code);
    }
  }
  ~Pcre2Matcher() override {
    for (pcre2_code* code : codes_) pcre2_code_free(code);
    pcre2_match_data_free(data_);
  }

  int first_hit(const std::string& name) override {
    const auto subject = reinterpret_cast<PCRE2_SPTR>(name.data());
    for (std::size_t i = 0; i < codes_.size(); ++i) {
      const int result = pcre2_jit_match(codes_[i], subject, name.size(), 0, 0,
                                         data_, nullptr);
      if (result >= 0) return static_cast<int>(i);
    }
    return -1;
  }

 private:
  std::vector<pcre2_code*> codes_;
  pcre2_match_data* data_ = pcre2_match_data_create(16, nullptr);
};

#ifdef GRAFT_WITH_RE2
class Re2Matcher : public Matcher {
 public:
  explicit Re2Matcher(const SelectionCase& question)
      : set_(options(), RE2::ANCHOR_BOTH) {
    for (const std::string& regex : question.regexes) {
      if (set_.Add(regex, nullptr) < 0) {
        throw std::runtime_error("RE2 refuses " + regex);
      }
    }
    if (!set_.Compile()) throw std::runtime_error("RE2::Set: no memory");
  }

  int first_hit(const std::string& name) override {
    hits_.clear();
    if (!set_.Match(name, &hits_)) return -1;
    return *std::min_element(hits_.begin(), hits_.end());
  }

 private:
  // As much memory as helps it.
  static RE2::Options options() {
    RE2::Options out;
    out.set_log_errors(false);
    out.set_max_mem(std::int64_t{2} << 30);
    return out;
  }

  RE2::Set set_;
  std::vector<int> hits_;
};
#endif

#ifdef GRAFT_WITH_HYPERSCAN
class HyperscanMatcher : public Matcher {
 public:
  explicit HyperscanMatcher(const SelectionCase& question) {
    std::vector<std::string> texts;
    std::vector<const char*> pointers;
    std::vector<unsigned> flags, numbers;
    for (const std::string& regex : question.regexes) {
      texts.push_back("^(?:" + regex + ")$");
    }
    for (const std::string& text : texts) {
      numbers.push_back(static_cast<unsigned>(pointers.size()));
      pointers.push_back(text.c_str());
      flags.push_back(HS_FLAG_SINGLEMATCH | HS_FLAG_DOTALL);
    }
    hs_compile_error_t* error = nullptr;
    if (hs_compile_multi(pointers.data(), flags.data(), numbers.data(),
                         static_cast<unsigned>(pointers.size()), HS_MODE_BLOCK,
                         nullptr, &database_, &error) != HS_SUCCESS) {
      const std::string why = error ? error->message : "unknown";
      hs_free_compile_error(error);
      throw std::runtime_error("Hyperscan: " + why);
    }
    hs_alloc_scratch(database_, &scratch_);
  }
  ~HyperscanMatcher() override {
    hs_free_scratch(scratch_);
    hs_free_database(database_);
  }

  int first_hit(const std::string& name) override {
    int best = INT_MAX;
    hs_scan(database_, name.data(), static_cast<unsigned>(name.size()), 0,
            scratch_, &keep_lowest, &best);
    return best == INT_MAX ? -1 : best;
  }

 private:
  static int keep_lowest(unsigned number, unsigned long long,
                         unsigned long long, unsigned, void* best) {
    int& lowest = *static_cast<int*>(best);
    lowest = std::min(lowest, static_cast<int>(number));
    return 0;
  }

  hs_database_t* database_ = nullptr;
  hs_scratch_t* scratch_ = nullptr;
};
#endif

}  // namespace

std::vector<std::string> engine_names() {
  std::vector<std::string> names{"graft", "PCRE2-JIT"};
#ifdef GRAFT_WITH_RE2
  names.push_back("RE2::Set");
#endif
#ifdef GRAFT_WITH_HYPERSCAN
  names.push_back("Hyperscan");
#endif
  return names;
}

std::unique_ptr<Matcher> make_matcher(const std::string& engine,
                                      const SelectionCase& question) {
  try {
    if (engine == "graft") return std::make_unique<GraftMatcher>(question);
    if (engine == "PCRE2-JIT") return std::make_unique<Pcre2Matcher>(question);
#ifdef GRAFT_WITH_RE2
    if (engine == "RE2::Set") return std::make_unique<Re2Matcher>(question);
#endif
#ifdef GRAFT_WITH_HYPERSCAN
    if (engine == "Hyperscan") {
      return std::make_unique<HyperscanMatcher>(question);
    }
#endif
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", engine.c_str(), error.what());
  }
  return nullptr;
}

}  // namespace graft::bench
