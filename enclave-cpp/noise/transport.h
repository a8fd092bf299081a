// SPDX-License-Identifier: Apache-2.0
//
// How client traffic is framed after the handshake (protocol.md §1): a plaintext is cut into pieces
// of at most 65,519 bytes, each encrypted as one Noise transport message with empty associated data
// (+16 bytes), and these are concatenated. All pieces but the last are full; an empty plaintext is
// one empty piece. The format, fixed by deployed clients, marks no end: whoever carries a
// message of several pieces can leave the last ones out unseen until the next message, which then
// fails. No request or response of protocol.md §2 comes near the size of a piece.

#ifndef SVR2_NOISE_TRANSPORT_H_
#define SVR2_NOISE_TRANSPORT_H_

#include <cstddef>
#include <cstdint>

#include "noise/cipher_state.h"
#include "util/bytes.h"
#include "util/status.h"

namespace svr2::noise {

// Most plaintext in one piece.
inline constexpr size_t kMaxPieceBytes = kMaxMessageBytes - kTagBytes;

// Size of what TransportEncrypt makes of a plaintext.
constexpr size_t TransportCiphertextBytes(size_t plaintext_bytes) {
  const size_t pieces =
      plaintext_bytes == 0 ? 1 : (plaintext_bytes + kMaxPieceBytes - 1) / kMaxPieceBytes;
  return plaintext_bytes + pieces * kTagBytes;
}

// Size of what TransportDecrypt makes of a ciphertext. Fails with ERROR_NOISE_MALFORMED_MESSAGE
// when no plaintext has that ciphertext size.
Result<size_t> TransportPlaintextBytes(size_t ciphertext_bytes);

// Writes TransportCiphertextBytes(plaintext.size()) bytes to `ciphertext`, which must not overlap
// the plaintext. After any failure (those of CipherState::EncryptWithAd) the session is over:
// `sender` has lost its key and what stands in `ciphertext` must not be sent.
Status TransportEncrypt(CipherState* sender, util::ByteView plaintext, uint8_t* ciphertext);

// Writes TransportPlaintextBytes(ciphertext.size()) bytes to `plaintext`, which must not overlap
// the ciphertext. Fails with ERROR_NOISE_MALFORMED_MESSAGE and as CipherState::DecryptWithAd does.
// After any failure the session is over: `receiver` has lost its key and `plaintext` holds zeros.
Status TransportDecrypt(CipherState* receiver, util::ByteView ciphertext, uint8_t* plaintext);

}  // namespace svr2::noise

#endif  // SVR2_NOISE_TRANSPORT_H_
