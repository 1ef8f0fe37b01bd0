// Python's rules for an empty part and for odd widths.
#include "text/jinja_replace_internal.h"

#include <algorithm>

#include "text/jinja_operator_internal.h"
#include "text/python_text_internal.h"

namespace graft::text::jinja {
namespace {

std::string replace_between(const Replacement& what, Budget& budget) {
  TextBuilder out(budget);
  std::int64_t left = what.limit < 0 ? INT64_MAX : what.limit;
  for (const std::string_view one : python::characters(what.text)) {
    if (left > 0) {
      out.append(what.to);
      --left;
    }
    out.append(one);
  }
  if (left > 0) out.append(what.to);
  return out.finish();
}

}  // namespace

std::string replace_all(const Replacement& what, Budget& budget) {
  if (what.from.empty()) return replace_between(what, budget);
  budget.step(1 + what.text.size() / 64 * (1 + what.from.size() / 64));
  TextBuilder out(budget);
  std::string_view rest = what.text;
  for (std::int64_t left = what.limit; left != 0; --left) {
    const std::size_t at = rest.find(what.from);
    if (at == rest.npos) break;
    out.append(rest.substr(0, at));
    out.append(what.to);
    rest.remove_prefix(at + what.from.size());
  }
  out.append(rest);
  return out.finish();
}

Value pad_text(const Value& text, const Padding& padding, Budget& budget) {
  const std::string& inside = *text.as_text();
  const auto size = static_cast<std::int64_t>(python::char_count(inside));
  if (padding.width <= size) return text;
  if (python::char_count(padding.fill) != 1) {
    throw Fault("the fill of a padding", "", "one character");
  }
  const std::int64_t total = padding.width - size;
  budget.take(static_cast<std::uint64_t>(
                  std::min<std::int64_t>(total, std::int64_t{1} << 40)) *
                  padding.fill.size() +
              inside.size());
  std::int64_t before = padding.side == '>' ? total : 0;
  if (padding.side == '^') before = total / 2 + (total & padding.width & 1);
  std::string out;
  for (std::int64_t i = 0; i < before; ++i) out += padding.fill;
  out += inside;
  for (std::int64_t i = before; i < total; ++i) out += padding.fill;
  return Value::text(std::move(out), text.is_markup());
}

std::int64_t find_text(std::string_view text, std::string_view part,
                       bool from_right) {
  const std::size_t at = from_right ? text.rfind(part) : text.find(part);
  if (at == text.npos) return -1;
  return static_cast<std::int64_t>(python::char_count(text.substr(0, at)));
}

}  // namespace graft::text::jinja
