// Which statements of a program the parts of its plan are made of, by where these were written.
#pragma once

#include <map>

#include "imbrex/codegen/writer.h"
#include "imbrex/plan/plan.h"

namespace imbrex::codegen {

class OriginsOfNodes {
 public:
  explicit OriginsOfNodes(const ir::Program& program);

  // Of a part of the plan: a loop or scope is what it is written as, not what it holds.
  Origins of(const plan::Node& node) const;
  Origins of(const plan::Phase& phase) const;
  static Origins of(const ir::Statement& statement);
  static Origins of(const ir::Dim& dim);
  // Of a tensor's declaration.
  Origins of_tensor(const std::string& tensor) const;

 private:
  Origins of(const std::vector<plan::Node>& nodes) const;
  Origins of(const plan::Step& step) const;
  // Of the loop, branch, store and so on that a statement is.
  Origins of_part(const void* part) const;

  std::map<const void*, int> parts_;
  std::map<std::string, int> tensors_;
};

}  // namespace imbrex::codegen
