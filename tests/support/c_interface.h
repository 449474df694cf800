// Handles of imbrex/imbrex.h that free themselves, for tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "imbrex/imbrex.h"

namespace imbrex::tests {

struct FreeProgram {
  void operator()(imbrex_program* program) const { imbrex_program_free(program); }
};
using CProgram = std::unique_ptr<imbrex_program, FreeProgram>;

// The error of one call at a time.
class CError {
 public:
  CError() = default;
  CError(const CError&) = delete;
  ~CError() { imbrex_error_free(error_); }
  operator imbrex_error**() {
    imbrex_error_free(error_);
    error_ = nullptr;
    return &error_;
  }
  const imbrex_error* get() const { return error_; }
  std::string id() const { return imbrex_error_at(error_, 0).id; }
  std::string text() const { return imbrex_error_text(error_); }

 private:
  imbrex_error* error_ = nullptr;
};

// A builder whose calls are expected to succeed; the lambdas get the rest of the arguments.
class CBuilder {
 public:
  explicit CBuilder(const char* name) {
    state([&](auto error) { return imbrex_builder_create(name, IMBREX_PYTHON, &builder_, error); });
  }
  CBuilder(const CBuilder&) = delete;
  ~CBuilder() { imbrex_builder_free(builder_); }
  operator imbrex_builder*() const { return builder_; }

  template <class Call>
  void state(const Call& call) const {
    CError error;
    imbrex_error** place = error;
    if (call(place) != IMBREX_DONE) throw std::runtime_error(error.text());
  }
  template <class Call>
  const imbrex_index_node* index(const Call& call) const {
    const imbrex_index_node* node = nullptr;
    state([&](auto error) { return call(&node, error); });
    return node;
  }
  template <class Call>
  const imbrex_value_node* value(const Call& call) const {
    const imbrex_value_node* node = nullptr;
    state([&](auto error) { return call(&node, error); });
    return node;
  }

  const imbrex_index_node* constant(int64_t n) const {
    return index([&](auto... out) { return imbrex_build_constant(builder_, n, out...); });
  }
  const imbrex_tensor_node* tensor(const char* kind, const char* name, imbrex_dtype dtype,
                                   const std::vector<const imbrex_index_node*>& shape) const {
    const imbrex_tensor_node* node = nullptr;
    state([&](auto error) { return imbrex_build_tensor(builder_, kind, name, dtype, shape.data(), shape.size(), &node, error); });
    return node;
  }
  const imbrex_value_node* number(double n, bool is_whole) const {
    return value([&](auto... out) { return imbrex_build_number(builder_, n, is_whole, out...); });
  }
  const imbrex_value_node* unary(const char* operation, const imbrex_value_node* x) const {
    return value([&](auto... out) { return imbrex_build_unary(builder_, operation, x, out...); });
  }
  const imbrex_value_node* binary(const char* operation, const imbrex_value_node* a, const imbrex_value_node* b) const {
    return value([&](auto... out) { return imbrex_build_binary(builder_, operation, a, b, out...); });
  }
  const imbrex_value_node* use(const imbrex_tile_node* tile) const {
    return value([&](auto... out) { return imbrex_build_use(builder_, tile, out...); });
  }
  const imbrex_tile_node* let(const char* name, const imbrex_value_node* value) const {
    const imbrex_tile_node* node = nullptr;
    state([&](auto error) { return imbrex_build_let(builder_, name, value, &node, error); });
    return node;
  }
  imbrex_span_nodes open_tiles(const char* kind, const char* name, const imbrex_index_node* begin, const imbrex_index_node* size,
                               int64_t tile) const {
    imbrex_span_nodes span{};
    const imbrex_loop loop = {kind, 1, name, nullptr, 0};
    state([&](auto error) { return imbrex_build_open_tiles(builder_, &loop, begin, size, tile, &span, error); });
    return span;
  }
  void close() const {
    state([&](auto error) { return imbrex_build_close(builder_, error); });
  }
  CProgram finish() const {
    imbrex_program* program = nullptr;
    state([&](auto error) { return imbrex_builder_finish(builder_, &program, error); });
    return CProgram(program);
  }

 private:
  imbrex_builder* builder_ = nullptr;
};

}  // namespace imbrex::tests
