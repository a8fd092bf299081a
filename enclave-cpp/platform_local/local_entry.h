/* SPDX-License-Identifier: Apache-2.0
 *
 * What the loader of platform `local` (jni/src/main/native/local_backend.cc) and the enclave object
 * hand each other: one exported function, called once, right after the object was loaded. Plain C,
 * since the two sides have C++ libraries of their own. A change of layout is a new version. */
#ifndef SVR2_PLATFORM_LOCAL_LOCAL_ENTRY_H_
#define SVR2_PLATFORM_LOCAL_LOCAL_ENTRY_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SVR2_LOCAL_VERSION 1
#define SVR2_LOCAL_ENTRY_NAME "svr2_local_entry"

/* What init and input_message return, once the enclave aborted (ERROR_BRIDGE_ABORTED). */
#define SVR2_LOCAL_ABORTED 1309

/* What the loader tells the enclave. Copied by the entry function. */
typedef struct svr2_local_host {
  uint32_t version; /* SVR2_LOCAL_VERSION */
  uint32_t debug;   /* 1 when the DEBUG attribute is set. */
  uint8_t measurement[32];
  uint64_t heap_pages; /* NumHeapPages: the limit, in pages of 4 KiB. */
  /* The EDL's only ocall. `message` lies in enclave memory; the host's side copies it out. */
  uint32_t (*output)(void* context, const uint8_t* message, size_t message_size);
  void* context;
} svr2_local_host;

/* What the enclave gives back. All functions may be called from any thread. */
typedef struct svr2_local_enclave {
  uint32_t version; /* SVR2_LOCAL_VERSION */
  /* The EDL's ecalls. Both copy what comes in to the enclave's heap first. A failed assertion
   * inside (abort, std::terminate) makes the call return SVR2_LOCAL_ABORTED, and all later ones
   * too. */
  uint32_t (*init)(const uint8_t* config, size_t config_size, uint8_t* peer_id);
  uint32_t (*input_message)(const uint8_t* message, size_t message_size);
  uint64_t (*heap_bytes_used)(void);
  uint64_t (*heap_bytes_limit)(void);
  /* The enclave's memory: the loader unmaps it after the object's destructors have run. */
  void* memory;
  size_t memory_bytes;
} svr2_local_enclave;

/* Starts this copy of the object; the second call in one copy fails with ERROR_INTERNAL. Fails with
 * ERROR_INVALID_ARGUMENT for another version, ERROR_OUT_OF_MEMORY when the heap cannot be had in
 * this process, ERROR_RANDOM_FAILED without a working RDRAND. */
typedef uint32_t (*svr2_local_entry_function)(const svr2_local_host* host,
                                              svr2_local_enclave* enclave);

#ifdef __cplusplus
}
#endif

#endif /* SVR2_PLATFORM_LOCAL_LOCAL_ENTRY_H_ */
