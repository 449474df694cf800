// imbrex/deepseek_v4.h for C++20: objects that end with their scope, and statuses that are not OK as exceptions. A run throws
// nothing and returns its status.
#pragma once

#include <memory>
#include <span>
#include <stdexcept>
#include <string>

#include "imbrex/deepseek_v4.h"

namespace imbrex::deepseek_v4 {

class Error : public std::runtime_error {
 public:
  Error(imbrex_v4_status status, const std::string& message) : std::runtime_error(message), status_(status) {}
  imbrex_v4_status status() const { return status_; }

 private:
  imbrex_v4_status status_;
};

// Calls function(message, message_bytes), and throws what it says unless it returns OK.
template <class F>
void throw_unless_ok(F&& function) {
  char message[4096] = "";
  if (const imbrex_v4_status status = function(message, sizeof message); status != IMBREX_V4_OK) throw Error(status, message);
}

class Front {
 public:
  explicit Front(const imbrex_v4_form& form) {
    imbrex_v4_front* made = nullptr;
    throw_unless_ok([&](char* text, size_t bytes) { return imbrex_v4_create(&form, &made, text, bytes); });
    front_.reset(made);
  }
  const imbrex_v4_front* get() const { return front_.get(); }
  const char* isa() const { return imbrex_v4_isa(get()); }

  size_t packed_bytes() const { return imbrex_v4_packed_bytes(get()); }
  void pack(const imbrex_v4_weights& weights, std::span<std::byte> packed, int ith = 0, int nth = 1) const {
    throw_unless_ok([&](char* text, size_t bytes) {
      return imbrex_v4_pack(get(), &weights, packed.data(), packed.size(), ith, nth, text, bytes);
    });
  }
  size_t workspace_bytes(int64_t tokens, int nth) const { return imbrex_v4_workspace_bytes(get(), tokens, nth); }
  imbrex_v4_status run(const imbrex_v4_call& call) const noexcept { return imbrex_v4_run(get(), &call, nullptr, 0); }
  // What is wrong with a call that did not return OK.
  std::string explain(const imbrex_v4_call& call) const {
    char message[4096] = "";
    imbrex_v4_run(get(), &call, message, sizeof message);
    return message;
  }

 private:
  struct Destroy {
    void operator()(imbrex_v4_front* front) const { imbrex_v4_destroy(front); }
  };
  std::unique_ptr<imbrex_v4_front, Destroy> front_;
};

class Pool {
 public:
  explicit Pool(int threads = 0) {  // 0: one for each processor
    imbrex_v4_pool* made = nullptr;
    throw_unless_ok([&](char* text, size_t bytes) { return imbrex_v4_pool_create(threads, &made, text, bytes); });
    pool_.reset(made);
  }
  imbrex_v4_status run(const Front& front, const imbrex_v4_call& call) const noexcept {
    return imbrex_v4_run_on(pool_.get(), front.get(), &call, nullptr, 0);
  }

 private:
  struct Destroy {
    void operator()(imbrex_v4_pool* pool) const { imbrex_v4_pool_destroy(pool); }
  };
  std::unique_ptr<imbrex_v4_pool, Destroy> pool_;
};

// A layer of a checkpoint; its weights end with it.
class Layer {
 public:
  Layer(const std::string& folder, int64_t layer) {
    imbrex_v4_layer* opened = nullptr;
    throw_unless_ok([&](char* text, size_t bytes) { return imbrex_v4_layer_open(folder.c_str(), layer, &opened, text, bytes); });
    layer_.reset(opened);
  }
  // The model's sizes and all its heads, in an engine's types.
  imbrex_v4_form form(imbrex_v4_form types) const {
    imbrex_v4_layer_sizes(layer_.get(), &types);
    return types;
  }
  const imbrex_v4_weights& weights() const { return *imbrex_v4_layer_weights(layer_.get()); }
  // [positions, 64], HALVES.
  void rotations(int64_t first, std::span<float> table) const {
    throw_unless_ok([&](char* text, size_t bytes) {
      return imbrex_v4_layer_rotations(layer_.get(), first, static_cast<int64_t>(table.size() / 64), table.data(), text, bytes);
    });
  }

 private:
  struct Close {
    void operator()(imbrex_v4_layer* layer) const { imbrex_v4_layer_close(layer); }
  };
  std::unique_ptr<imbrex_v4_layer, Close> layer_;
};

}  // namespace imbrex::deepseek_v4
