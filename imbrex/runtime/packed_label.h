/* What a file of packed weights begins with, so that a file for something else is refused by name: for another target, version,
 * layout, tensor or kernel. Plain C, internal linkage, no allocation. */
#ifndef IMBREX_RUNTIME_PACKED_LABEL_H
#define IMBREX_RUNTIME_PACKED_LABEL_H

#include <string.h>

#include "imbrex/runtime/check_call.h"

/* C casts, which C++ code that includes this may have warnings for. */
#ifdef __cplusplus
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#endif

/* A multiple of 64, so that packed memory may follow it in a file that is mapped. */
#define IMBREX_PACKED_LABEL_BYTES 512

/* FNV-1a over the text and its final zero: long texts are cut in a label, and those that differ behind the cut differ in this. */
static inline uint64_t imbrex_digest_text(const char* text, uint64_t digest) {
  do {
    digest = (digest ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
  } while (*text++ != 0);
  return digest;
}

/* Writes the label of tensor `index` as packed by `kernel`, lines of text and zeros, into IMBREX_PACKED_LABEL_BYTES bytes. */
static inline imbrex_status imbrex_label_packed(const imbrex_kernel* kernel, int32_t index, char* label) {
  const imbrex_tensor_info* info;
  uint64_t digest = UINT64_C(0xcbf29ce484222325);
  if (kernel == NULL || kernel->abi_version != IMBREX_ABI_VERSION) return IMBREX_NO_KERNEL;
  if (index < 0 || index >= kernel->tensor_count || kernel->tensors[index].packed_bytes == 0) return IMBREX_NOT_PACKABLE;
  if (label == NULL) return IMBREX_NULL_POINTER;
  info = &kernel->tensors[index];
  digest = imbrex_digest_text(kernel->isa, imbrex_digest_text(kernel->version, digest));
  digest = imbrex_digest_text(kernel->name, imbrex_digest_text(info->name, imbrex_digest_text(info->layout, digest)));
  memset(label, 0, IMBREX_PACKED_LABEL_BYTES);
  snprintf(label, IMBREX_PACKED_LABEL_BYTES,
           "a packed weight of Imbrex\nversion %.32s\nsemantics %u\ntarget %.32s\nlayout %.96s\nsize %llu bytes\ntensor %.90s\n"
           "kernel %.90s\nnames with digest %016llx\n",
           kernel->version, (unsigned)kernel->semantics, kernel->isa, info->layout, (unsigned long long)info->packed_bytes,
           info->name, kernel->name, (unsigned long long)digest);
  return IMBREX_OK;
}

/* Whether memory with this label is what `kernel` takes as tensor `index`; `text` (at most `size` bytes, may be null) gets one
 * line that says what differs. */
static inline imbrex_status imbrex_check_packed(const imbrex_kernel* kernel, int32_t index, const char* label, char* text,
                                                size_t size) {
  char expected[IMBREX_PACKED_LABEL_BYTES], given[IMBREX_PACKED_LABEL_BYTES + 1];
  const char *ours = expected, *theirs = given;
  size_t our_length, their_length;
  const imbrex_message message = {text, size};
  const imbrex_status status = imbrex_label_packed(kernel, index, expected);
  if (status == IMBREX_NO_KERNEL) return imbrex_check_kernel(kernel, message);
  if (status != IMBREX_OK) return imbrex_say(message, status, "%s has no packed tensor of number %d", kernel->name, (int)index);
  if (label == NULL)
    return imbrex_say(message, IMBREX_NULL_POINTER, "the label of tensor %s is null", kernel->tensors[index].name);
  if (memcmp(label, expected, IMBREX_PACKED_LABEL_BYTES) == 0) return IMBREX_OK;
  memcpy(given, label, IMBREX_PACKED_LABEL_BYTES);
  given[IMBREX_PACKED_LABEL_BYTES] = 0;
  if (strncmp(given, expected, strcspn(expected, "\n") + 1) != 0)
    return imbrex_say(message, IMBREX_OTHER_PACKING, "tensor %s: this is not a packed weight of Imbrex",
                      kernel->tensors[index].name);
  for (;;) { /* the first line that differs */
    our_length = strcspn(ours, "\n");
    their_length = strcspn(theirs, "\n");
    if (our_length != their_length || strncmp(ours, theirs, our_length) != 0) break;
    if (ours[our_length] == 0 || theirs[their_length] == 0)
      return imbrex_say(message, IMBREX_OTHER_PACKING, "the label of packed tensor %s is damaged", kernel->tensors[index].name);
    ours += our_length + 1;
    theirs += their_length + 1;
  }
  return imbrex_say(message, IMBREX_OTHER_PACKING, "tensor %s was packed for %.*s, not for %.*s", kernel->tensors[index].name,
                    (int)their_length, theirs, (int)our_length, ours);
}

#ifdef __cplusplus
#pragma GCC diagnostic pop
#endif

#endif
