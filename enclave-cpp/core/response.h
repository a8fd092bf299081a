// SPDX-License-Identifier: Apache-2.0
//
// From what a command did to the encrypted response (protocol.md §2).

#ifndef SVR2_CORE_RESPONSE_H_
#define SVR2_CORE_RESPONSE_H_

#include <string>

#include "client/session.h"
#include "db/database.h"
#include "integrity/tree.h"
#include "util/status.h"

namespace svr2::core {

// Whether the protocol has a response for this effect. An effect that reads ERROR has one for
// restore and expose only; the other sessions are closed as unknown.
bool HasResponse(const db::Effect& effect);

// Writes the encrypted response to the session's request of that number; the plaintext is wiped.
// Needs HasResponse(effect) and an open session. Fails as client::Session::Encrypt does.
Status EncryptResponse(const db::Effect& effect, uint64_t request, client::Session* session,
                       integrity::Tree* tree, std::string* ciphertext)
    SVR2_REQUIRES(session->mutex());

}  // namespace svr2::core

#endif  // SVR2_CORE_RESPONSE_H_
