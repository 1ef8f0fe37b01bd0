// Lists of patterns that are all different, from their number alone.
#include "selection_case.h"

namespace graft::bench {
namespace {

constexpr int kLayers = 61;
constexpr int kExperts = 256;

std::string text(int number) { return std::to_string(number); }

// Every dot and every other special character stands for itself.
std::string escaped(const std::string& literal) {
  std::string out;
  for (const char c : literal) {
    if (c == '.') out += '\\';
    out += c;
  }
  return out;
}

// "(?:24|25|26)": what a peer can be told of a range.
std::string alternatives(int low, int high) {
  std::string out = "(?:";
  for (int i = low; i <= high; ++i) {
    if (i > low) out += '|';
    out += text(i);
  }
  return out + ")";
}

std::string wildcard(int number) {
  const int i = number / 4;
  switch (number % 4) {
    case 0:
      return "*.layers." + text(i * 7 % kLayers) + ".*.experts." +
             text(i * 11 % kExperts) + ".gate_proj";
    case 1:
      return "*.experts." + text(i * 13 % kExperts) +
             (i / kExperts % 2 == 0 ? ".down_proj" : ".up_proj");
    case 2:
      return "model.layers." + text(i * 5 % kLayers) + ".mlp.experts." +
             text(i * 3 % kExperts) + ".*";
    default:
      return "*.layers." + text(i % kLayers) + ".self_attn." +
             std::string(1, "qkvo"[i / kLayers % 4]) + "_*";
  }
}

// Stars to `.*`, all else as it is: dots are any character.
std::string loose_regex(const std::string& pattern) {
  std::string out;
  for (const char c : pattern) {
    if (c == '*') out += '.';
    out += c;
  }
  return out;
}

// A glob and its expression, built side by side.
struct Spelling {
  std::string glob;
  std::string regex;

  Spelling& literal(const std::string& part) {
    glob += part;
    regex += escaped(part);
    return *this;
  }
  Spelling& star() {
    glob += '*';
    regex += ".*";
    return *this;
  }
  Spelling& range(int low, int high) {
    glob += "{" + text(low) + ".." + text(high) + "}";
    regex += alternatives(low, high);
    return *this;
  }
  Spelling& either(const std::string& a, const std::string& b) {
    glob += "{" + a + "," + b + "}";
    regex += "(?:" + a + "|" + b + ")";
    return *this;
  }
};

Spelling glob(int number) {
  const int i = number / 8;
  const std::string layer = text(i * 5 % kLayers);
  const std::string expert = text(i * 11 % kExperts);
  Spelling out;
  switch (number % 8) {
    case 0:
      return out.star()
          .literal(".layers." + layer + ".")
          .star()
          .literal(".experts." + expert + ".gate_proj");
    case 1:
      return out.star()
          .literal(".experts." + expert + ".")
          .either("up_proj", "down_proj");
    case 2:
      return out
          .literal("model.layers." + layer + ".mlp.experts." + expert + ".")
          .star();
    case 3:
      return out.star()
          .literal(".layers." + layer + ".self_attn.")
          .either("q_proj", "v_proj");
    case 4:
      return out.star()
          .literal(".layers.")
          .range(i % 50, i % 50 + 9)
          .literal(".mlp.experts." + expert + ".up_proj");
    case 5:
      return out.star()
          .literal(".layers." + layer + ".mlp.experts.")
          .range(i % 200, i % 200 + 15)
          .literal(".down_")
          .star();
    case 6:
      return out.literal("model.layers." + layer + ".mlp.experts." + expert +
                         ".up_proj");
    default:
      // A last name; most are of other models.
      out.glob = i == 0 ? "o_proj" : "other_" + text(i);
      out.regex = "(?:.*\\.)?" + out.glob;
      return out;
  }
}

}  // namespace

std::vector<std::string> make_names() {
  std::vector<std::string> names;
  for (int layer = 0; layer < kLayers; ++layer) {
    const std::string base = "model.layers." + text(layer);
    for (const char* part : {"q_proj", "k_proj", "v_proj", "o_proj"}) {
      names.push_back(base + ".self_attn." + part);
    }
    for (int expert = 0; expert < kExperts; ++expert) {
      for (const char* part : {"gate_proj", "up_proj", "down_proj"}) {
        names.push_back(base + ".mlp.experts." + text(expert) + "." + part);
      }
    }
  }
  return names;
}

SelectionCase make_case(const std::string& mix, int count) {
  SelectionCase out;
  out.mix = mix;
  out.megatron = mix != "globs";
  for (int i = 0; i < count; ++i) {
    if (!out.megatron) {
      Spelling spelling = glob(i);
      out.patterns.push_back(std::move(spelling.glob));
      out.regexes.push_back(std::move(spelling.regex));
      continue;
    }
    std::string pattern = wildcard(i);
    const bool regex = mix == "regexes" && i % 64 == 3;
    if (regex) {
      pattern = "*.layers.[0-9]{2}.mlp.experts." + text(i / 64 * 5 % kExperts) +
                ".up_proj";
    }
    out.regexes.push_back(loose_regex(pattern));
    out.patterns.push_back(std::move(pattern));
  }
  return out;
}

}  // namespace graft::bench
