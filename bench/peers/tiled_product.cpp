#include "bench/peers/tiled_product.h"

#include <omp.h>

#include <algorithm>
#include <cstring>

namespace imbrex::peers {

std::shared_ptr<const Panels> Weights::panels(int64_t columns, const dnnl::memory::desc& layout) {
  for (const auto& weak : packed_)
    if (const auto known = weak.lock(); known && known->columns == columns && known->layout == layout) return known;
  const auto made = std::make_shared<Panels>();
  made->columns = columns;
  made->layout = layout;
  made->panel_bytes = (layout.get_size() + runtime::kAlignment - 1) / runtime::kAlignment * runtime::kAlignment;
  made->bytes.grow_to(made->panel_bytes * static_cast<size_t>(columns_ / columns));
  // Panels are dense before they are packed: oneDNN has no reorder of others for int8 activations without AMX.
  const size_t element = dnnl::memory::data_type_size(type_), row = static_cast<size_t>(columns) * element;
  AlignedVector<std::byte> dense(static_cast<size_t>(k_) * row);
  for (int64_t i = 0; i < columns_ / columns; ++i) {
    const auto* from = static_cast<const std::byte*>(values_) + static_cast<size_t>(i) * row;
    for (int64_t k = 0; k < k_; ++k)
      std::memcpy(dense.data() + static_cast<size_t>(k) * row, from + static_cast<size_t>(k * columns_) * element, row);
    pack(engine_, dense.data(), layout, const_cast<void*>(made->panel(i)));
  }
  packed_.push_back(made);
  return made;
}

TiledProduct::TiledProduct(const dnnl::engine& engine, Weights& weights, int64_t rows, TileShape tile, Type source, Type result,
                           int threads)
    : rows_(rows),
      shape_{std::min(rows, tile.rows), tile.columns},
      panels_(weights.columns() / tile.columns),
      tiles_of_rows_((rows + shape_.rows - 1) / shape_.rows) {
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);  // a primitive shares its work among the threads that there are when it is made
  for (const int64_t rows_of_kind : {shape_.rows, rows % shape_.rows}) {
    if (rows_of_kind == 0) continue;
    Kind kind;
    kind.product = Product(engine, {rows_of_kind, weights.k(), tile.columns, source, weights.type(), result});
    kind.panels = weights.panels(tile.columns, kind.product.weights_layout());
    for (int thread = 0; thread < threads; ++thread) kind.callers.emplace_back(engine, kind.product);
    kinds_.push_back(std::move(kind));
  }
  for (int thread = 0; thread < threads; ++thread) streams_.emplace_back(engine);
  omp_set_num_threads(before);
}

TiledProduct::Tile TiledProduct::tile(int64_t i) const {
  const int64_t first = i % tiles_of_rows_ * shape_.rows;
  return {first, std::min(shape_.rows, rows_ - first), i / tiles_of_rows_ * shape_.columns};
}

void TiledProduct::run(const Tile& tile, int thread, const void* source, void* result) const {
  const Kind& kind = tile.rows == shape_.rows ? kinds_.front() : kinds_.back();
  const auto self = static_cast<size_t>(thread);
  kind.callers[self].run(streams_[self], source, kind.panels->panel(tile.first_column / shape_.columns), result);
}

}  // namespace imbrex::peers
