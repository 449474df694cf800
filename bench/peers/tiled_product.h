// A product of matrices in tiles, each made by one thread with oneDNN.
#pragma once

#include <memory>
#include <vector>

#include "bench/peers/onednn_product.h"
#include "imbrex/base/memory.h"

namespace imbrex::peers {

// Weights in panels of some columns each, in the layout that a product asks for.
struct Panels {
  int64_t columns;
  dnnl::memory::desc layout;
  runtime::Buffer bytes;
  size_t panel_bytes;

  const void* panel(int64_t i) const { return static_cast<const char*>(bytes.data()) + static_cast<size_t>(i) * panel_bytes; }
};

// Weights as they are, and packed for the products that were made of them; equal layouts are packed once.
class Weights {
 public:
  // [k, columns], dense; must outlive this.
  Weights(const dnnl::engine& engine, const void* values, Type type, int64_t k, int64_t columns)
      : engine_(engine), values_(values), type_(type), k_(k), columns_(columns) {}

  Type type() const { return type_; }
  int64_t k() const { return k_; }
  int64_t columns() const { return columns_; }
  std::shared_ptr<const Panels> panels(int64_t columns, const dnnl::memory::desc& layout);

 private:
  dnnl::engine engine_;
  const void* values_;
  Type type_;
  int64_t k_, columns_;
  std::vector<std::weak_ptr<const Panels>> packed_;
};

struct TileShape {
  int64_t rows, columns;
};

class TiledProduct {
 public:
  TiledProduct(const dnnl::engine& engine, Weights& weights, int64_t rows, TileShape tile, Type source, Type result, int threads);

  struct Tile {
    int64_t first_row, rows, first_column;
  };
  // All tiles of a panel follow each other: its weights stay in the cache while rows pass.
  int64_t tiles() const { return panels_ * tiles_of_rows_; }
  Tile tile(int64_t i) const;
  // `source` begins at the tile's first row; the result is dense.
  void run(const Tile& tile, int thread, const void* source, void* result) const;
  const TileShape& shape() const { return shape_; }

 private:
  struct Kind {  // of tiles with equally many rows: all but the last ones, and the last ones
    Product product;
    std::shared_ptr<const Panels> panels;
    std::vector<Product::Caller> callers;  // of each thread
  };
  int64_t rows_;
  TileShape shape_;
  int64_t panels_, tiles_of_rows_;
  std::vector<Kind> kinds_;
  std::vector<dnnl::stream> streams_;
};

}  // namespace imbrex::peers
