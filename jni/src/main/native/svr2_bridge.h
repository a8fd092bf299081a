/* SPDX-License-Identifier: Apache-2.0
 *
 * The native bridge: C functions over every enclave platform (design.md §3). Not API for
 * applications; dev.svr2.enclave.Enclave is. Two calls down (init, input), one up (output), bytes
 * only.
 *
 * Thread-safety: all functions may be called from any thread. A handle whose enclave was destroyed
 * is never mistaken for another: calls with it return SVR2_BRIDGE_CLOSED. No function throws.
 *
 * Errors: 0, or a number of svr2.proto.Error (proto/.../error.proto); numbers from 1300 to 1399 are
 * this library's own, the others are the enclave's answer.
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

/* Flags of svr2_bridge_create. DEBUG sets the attribute; the image's Debug property must allow it.
 */
#define SVR2_CREATE_DEBUG 1

/* Errors of this library: ERROR_BRIDGE_... of error.proto (a test compares them). */
#define SVR2_BRIDGE_BAD_ARGUMENT 1300
#define SVR2_BRIDGE_UNKNOWN_PLATFORM 1301
#define SVR2_BRIDGE_IMAGE_UNREADABLE 1302
#define SVR2_BRIDGE_IMAGE_MALFORMED 1303
#define SVR2_BRIDGE_IMAGE_SIGNATURE 1304
#define SVR2_BRIDGE_IMAGE_PROPERTIES 1305
#define SVR2_BRIDGE_IMAGE_LOAD 1306
#define SVR2_BRIDGE_OUT_OF_THREADS 1307
#define SVR2_BRIDGE_REENTERED 1308
#define SVR2_BRIDGE_ABORTED 1309
#define SVR2_BRIDGE_CLOSED 1310
#define SVR2_BRIDGE_OUT_OF_MEMORY 1311
#define SVR2_BRIDGE_DEBUG_NOT_ALLOWED 1312

/* At most so many enclaves at once in a process. */
#define SVR2_MAX_ENCLAVES 1024

#define SVR2_MEASUREMENT_BYTES 32
#define SVR2_PEER_ID_BYTES 32

typedef struct svr2_enclave svr2_enclave;

/* Receives one EnclaveToHostMessage. `message` is valid during the call only. Called on a thread
 * that is inside svr2_bridge_init or svr2_bridge_input, possibly on several at once. Returns 0 when
 * it has taken the message. Calls from here into the same enclave return SVR2_BRIDGE_REENTERED
 * (1308). */
typedef uint32_t (*svr2_output_callback)(void* context, const uint8_t* message,
                                         size_t message_size);

/* Loads, checks and starts a signed image; reads the file once and starts the bytes that it
 * checked. On success *enclave is owned by the caller, who gives it to svr2_bridge_destroy. */
uint32_t svr2_bridge_create(uint32_t platform, const char* image_path, uint32_t flags,
                            svr2_output_callback output, void* context, svr2_enclave** enclave);

/* Once per enclave: a serialized EnclaveConfig in, 32 bytes of peer id out. */
uint32_t svr2_bridge_init(svr2_enclave* enclave, const uint8_t* config, size_t config_size,
                          uint8_t* peer_id);

/* One HostToEnclaveMessage. More calls at once than NumTCS return 1307; callers pool. */
uint32_t svr2_bridge_input(svr2_enclave* enclave, const uint8_t* message, size_t message_size);

/* Facts about a running enclave: its measurement (32 bytes) and its NumTCS (0 for a destroyed one).
 */
uint32_t svr2_bridge_measurement(const svr2_enclave* enclave, uint8_t* measurement);
uint32_t svr2_bridge_num_tcs(const svr2_enclave* enclave);

/* Lets nobody in any more, waits for calls inside, then unloads and gives all memory back to the
 * system. Returns 0, SVR2_BRIDGE_CLOSED (after waiting, too) when another call destroyed it, or
 * SVR2_BRIDGE_REENTERED from inside its output callback, where it does nothing. An enclave that
 * aborted and whose other threads do not come out within a second stays loaded, for they still run
 * in it; then 1309. */
uint32_t svr2_bridge_destroy(svr2_enclave* enclave);

/* Enclaves in this process that were created and not destroyed; for leak checks. */
uint32_t svr2_bridge_live(void);

/* Checks a signed image without starting it, and describes it as lines `key=value` of ASCII text
 * (platform, measurement, signer, properties). An image of Open Enclave has platform `sgx`,
 * whichever of the two it will run on, and the measurement that was signed: whether its pages still
 * amount to that is found when it is loaded. On failure the text says in one line what is wrong.
 * Writes at most `text_size` bytes with a trailing NUL. */
uint32_t svr2_bridge_inspect(const char* image_path, char* text, size_t text_size);

/* The last failure on this thread in words (which file, which property, what the system's loader
 * said), or an empty string. Valid until the next call on this thread. */
const char* svr2_bridge_last_error(void);

/* Bit mask of the platforms that this library was built with: 1 << SVR2_PLATFORM_... */
uint32_t svr2_bridge_platforms(void);

#ifdef __cplusplus
}
#endif

#endif /* SVR2_BRIDGE_H_ */
