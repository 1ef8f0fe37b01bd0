// Reads the bytes as a recipe, prints it, reads that again, and selects with
// its rules.
#include "graft/recipe/recipe.h"

#include "fuzz/small_model.h"
#include "fuzz/targets.h"
#include "graft/formats/hf/weight_table.h"
#include "graft/match/selector.h"

namespace graft::fuzz {

void recipe(std::string_view bytes) {
  static const Inventory kInventory = make_family_inventory(small_config());
  const Recipe read = parse_recipe(bytes, "recipe.yaml", "/");
  const std::string printed = recipe_to_yaml(read);
  expect(recipe_to_yaml(parse_recipe(printed, "printed", "/")) == printed,
         "a printed recipe reads back the same");
  const Selector selector = Selector::compile(make_rules(read.adapter));
  check_unmatched(selector.select(kInventory), selector.rules());
}

}  // namespace graft::fuzz
