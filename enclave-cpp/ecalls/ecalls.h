// SPDX-License-Identifier: Apache-2.0
//
// The enclave's entry points, exactly as edl/svr2.edl declares them and oeedger8r would. Nothing
// else lives here: they hold the one Core of this enclave and turn exceptions into codes.

#ifndef SVR2_ECALLS_ECALLS_H_
#define SVR2_ECALLS_ECALLS_H_

#include <cstddef>
#include <cstdint>

#include "env/env.h"

extern "C" {

// Starts this enclave's Core: a serialized EnclaveConfig in, the replica's id out. Once only; a
// failed call may be repeated. Returns a number of svr2.proto.Error. Thread-safe.
uint32_t svr2_init(const uint8_t* config, size_t config_size, uint8_t peer_id[32]);

// Hands in one HostToEnclaveMessage. Returns a number of svr2.proto.Error. Thread-safe.
uint32_t svr2_input_message(const uint8_t* message, size_t message_size);

}  // extern "C"

namespace svr2::ecalls {

// Lets the platform take from a serialized EnclaveConfig what only its loader can tell it. Called
// by svr2_init before each attempt to make a Core, by one thread at a time and never while there is
// one. On failure svr2_init fails alike. Each platform_* module implements it.
Status PreparePlatform(util::ByteView config);

// The platform's environment, owned by the platform and valid for the life of the enclave. Each
// platform_* module implements it.
env::Env* PlatformEnv();

}  // namespace svr2::ecalls

#endif  // SVR2_ECALLS_ECALLS_H_
