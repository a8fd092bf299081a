/* SPDX-License-Identifier: Apache-2.0
 *
 * The native bridge: C functions over every enclave platform (design.md §3). Not API for applications;
 * dev.svr2.enclave.Enclave is. Two calls down (init, input), one up (output), bytes only.
 *
 * Thread-safety: all functions may be called from any thread. svr2_bridge_destroy waits for calls that
 * are inside; calls made after it began return SVR2_BRIDGE_CLOSED. No function throws.
 *
 * Errors: 0, or a number of svr2.proto.Error (proto/.../error.proto); numbers from 1300 to 1399 are this
 * library's own, the others are the enclave's answer.
 */
#ifndef SVR2_BRIDGE_H_
#define SVR2_BRIDGE_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Platforms (design.md §3). */
#define SVR2_PLATFORM_LOCAL 1
#define SVR2_PLATFORM_OE_SIMULATION 2
#define SVR2_PLATFORM_SGX 3

/* Flags of svr2_bridge_create. */
#define SVR2_CREATE_DEBUG 1 /* Set the DEBUG attribute; the image's Debug property must allow it. */

#define SVR2_MEASUREMENT_BYTES 32
#define SVR2_PEER_ID_BYTES 32

typedef struct svr2_enclave svr2_enclave;

/* Receives one EnclaveToHostMessage. `message` is valid during the call only. Called on a thread that is
 * inside svr2_bridge_init or svr2_bridge_input, possibly on several at once. Returns 0 when it
 * has taken the message. Calls from here into the same enclave return SVR2_BRIDGE_REENTERED (1308). */
typedef uint32_t (*svr2_output_callback)(void* context, const uint8_t* message, size_t message_size);

/* Loads, checks and starts a signed image; reads the file once and starts the bytes that it checked.
 * On success *enclave is owned by the caller, who gives it to svr2_bridge_destroy. */
uint32_t svr2_bridge_create(uint32_t platform, const char* image_path, uint32_t flags,
                            svr2_output_callback output, void* context, svr2_enclave** enclave);

/* Once per enclave: a serialized EnclaveConfig in, 32 bytes of peer id out. */
uint32_t svr2_bridge_init(svr2_enclave* enclave, const uint8_t* config, size_t config_size,
                          uint8_t* peer_id);

/* One HostToEnclaveMessage. More calls at once than NumTCS return 1307; callers pool. */
uint32_t svr2_bridge_input(svr2_enclave* enclave, const uint8_t* message, size_t message_size);

/* Facts about a running enclave: its measurement (32 bytes) and its NumTCS. */
uint32_t svr2_bridge_measurement(const svr2_enclave* enclave, uint8_t* measurement);
uint32_t svr2_bridge_num_tcs(const svr2_enclave* enclave);

/* Waits for calls inside, wipes and unloads. NULL is allowed. */
void svr2_bridge_destroy(svr2_enclave* enclave);

/* Checks a signed image without starting it, and describes it as lines `key=value` of ASCII text (platform,
 * measurement, signer, properties). On failure the text says in one line what is wrong. Writes at most
 * `text_size` bytes with a trailing NUL. */
uint32_t svr2_bridge_inspect(const char* image_path, char* text, size_t text_size);

/* The last failure on this thread in words (which file, which property, what the system's loader said), or
 * an empty string. Valid until the next call on this thread. */
const char* svr2_bridge_last_error(void);

/* Bit mask of the platforms that this library was built with: 1 << SVR2_PLATFORM_... */
uint32_t svr2_bridge_platforms(void);

#ifdef __cplusplus
}
#endif

#endif /* SVR2_BRIDGE_H_ */
