#include <new>

#include "imbrex/base/error.h"
#include "imbrex/operator/front.h"
#include "imbrex/runtime/executor.h"

struct imbrex_v4_pool {
  explicit imbrex_v4_pool(int threads) : executor(threads) {}
  imbrex::runtime::Executor executor;
};

using namespace imbrex::v4;

extern "C" {

imbrex_v4_status imbrex_v4_pool_create(int threads, imbrex_v4_pool** pool, char* text, size_t text_bytes) {
  const Message message = {text, text_bytes};
  if (pool == nullptr) return say(message, IMBREX_V4_NULL, "there is no place for the pool: `pool` is null");
  *pool = nullptr;
  if (threads < 0 || threads > 1 << 16)
    return say(message, IMBREX_V4_BAD_VALUE, "a pool of %d threads; expected 0 to 2^16", threads);
  try {
    *pool = new imbrex_v4_pool(threads == 0 ? imbrex::runtime::Executor::available_processors() : threads);
    return IMBREX_V4_OK;
  } catch (const imbrex::UserError& error) {
    return say(message, IMBREX_V4_NO_MEMORY, "%s", error.diagnostics().front().message.c_str());
  } catch (...) {
    return say(message, IMBREX_V4_NO_MEMORY, "no memory for a pool of %d threads", threads);
  }
}

void imbrex_v4_pool_destroy(imbrex_v4_pool* pool) { delete pool; }

imbrex_v4_status imbrex_v4_run_on(imbrex_v4_pool* pool, const imbrex_v4_front* front, const imbrex_v4_call* call, char* text,
                                  size_t text_bytes) {
  const Message message = {text, text_bytes};
  if (pool == nullptr || call == nullptr) return say(message, IMBREX_V4_NULL, "the pool or the call is null");
  const int nth = call->nth == 0 ? pool->executor.threads() : call->nth;
  if (nth < 1 || nth > pool->executor.threads())
    return say(message, IMBREX_V4_BAD_THREAD, "a call on %d threads of a pool that has %d", nth, pool->executor.threads());
  imbrex_v4_status of_all = IMBREX_V4_OK;
  pool->executor.run(nth, [&](int ith, int threads, imbrex::runtime::Barrier& barrier) {
    imbrex_v4_call own = *call;
    own.ith = ith;
    own.nth = threads;
    own.barrier = imbrex::runtime::Barrier::wait_on;
    own.barrier_user = &barrier;
    const imbrex_v4_status status = imbrex_v4_run(front, &own, ith == 0 ? text : nullptr, text_bytes);  // the same of each thread
    if (ith == 0) of_all = status;
  });
  return of_all;
}

}  // extern "C"
