// How deep an expression nests.
#include "text/jinja_ast_internal.h"

#include <algorithm>

namespace graft::text::jinja {
namespace {

int depth_of(const ExpressionPtr& part) { return part ? part->depth : 0; }
int depth_of(const Expressions& parts) {
  int out = 0;
  for (const auto& part : parts) out = std::max(out, part->depth);
  return out;
}
int depth_of(const CallArguments& arguments) {
  int out = std::max({depth_of(arguments.positional), depth_of(arguments.rest),
                      depth_of(arguments.rest_named)});
  for (const auto& [name, value] : arguments.named) {
    out = std::max(out, value->depth);
  }
  return out;
}
int depth_of(const ConstantNode&) { return 0; }
int depth_of(const NameNode&) { return 0; }
int depth_of(const NamespaceNode&) { return 0; }
int depth_of(const SequenceNode& node) { return depth_of(node.items); }
int depth_of(const DictNode& node) {
  int out = 0;
  for (const auto& [key, value] : node.entries) {
    out = std::max({out, key->depth, value->depth});
  }
  return out;
}
int depth_of(const UnaryNode& node) { return depth_of(node.operand); }
int depth_of(const BinaryNode& node) {
  return std::max(depth_of(node.left), depth_of(node.right));
}
int depth_of(const LogicNode& node) {
  return std::max(depth_of(node.left), depth_of(node.right));
}
int depth_of(const ConcatNode& node) { return depth_of(node.items); }
int depth_of(const CompareNode& node) {
  int out = node.first->depth;
  for (const auto& [op, value] : node.rest) out = std::max(out, value->depth);
  return out;
}
int depth_of(const ConditionNode& node) {
  return std::max({depth_of(node.test), depth_of(node.yes), depth_of(node.no)});
}
int depth_of(const AttributeNode& node) { return depth_of(node.object); }
int depth_of(const ItemNode& node) {
  return std::max(depth_of(node.object), depth_of(node.index));
}
int depth_of(const SliceNode& node) {
  return std::max({depth_of(node.object), depth_of(node.start),
                   depth_of(node.stop), depth_of(node.step)});
}
int depth_of(const CallNode& node) {
  return std::max(depth_of(node.callee), depth_of(node.arguments));
}
int depth_of(const FilterNode& node) {
  return std::max(depth_of(node.subject), depth_of(node.arguments));
}
int depth_of(const TestNode& node) {
  return std::max(depth_of(node.subject), depth_of(node.arguments));
}

}  // namespace

int depth_below(const ExpressionNode& node) {
  return std::visit([](const auto& one) { return depth_of(one); }, node);
}

}  // namespace graft::text::jinja
