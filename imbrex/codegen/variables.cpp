#include "imbrex/codegen/variables.h"

#include <utility>

#include "imbrex/base/error.h"

namespace imbrex::codegen {

void Variables::declare(std::string type, const std::string& name) {
  const bool is_new = numbers_.try_emplace(name, declared_.size()).second;
  require(is_new, "a variable of the generated code is declared twice");
  declared_.push_back({std::move(type), name});
}

std::string Variables::use(const std::string& name) const {
  if (const auto found = numbers_.find(name); found != numbers_.end()) used_.insert(found->second);
  return name;
}

bool Variables::is_used(const std::string& name) const {
  const auto found = numbers_.find(name);
  return found != numbers_.end() && used_.contains(found->second);
}

void Variables::begin_function() {
  require(callers_ == 0, "a function of the generated code begins inside another");
  callers_ = declared_.size();
  std::swap(used_, used_by_caller_);
}

std::vector<Variable> Variables::end_function() {
  std::vector<Variable> parameters;
  for (const size_t number : used_)
    if (number < callers_) parameters.push_back(declared_[number]);
  for (; declared_.size() > callers_; declared_.pop_back()) numbers_.erase(declared_.back().name);
  used_ = std::exchange(used_by_caller_, {});
  callers_ = 0;
  for (const Variable& each : parameters) use(each.name);
  return parameters;
}

}  // namespace imbrex::codegen
