// SPDX-License-Identifier: Apache-2.0

#include "noise/transport.h"

#include <algorithm>

#include "util/secret.h"

namespace svr2::noise {

Result<size_t> TransportPlaintextBytes(size_t ciphertext_bytes) {
  const size_t pieces = (ciphertext_bytes + kMaxMessageBytes - 1) / kMaxMessageBytes;
  if (ciphertext_bytes < pieces * kTagBytes) return proto::ERROR_NOISE_MALFORMED_MESSAGE;
  const size_t plaintext_bytes = ciphertext_bytes - pieces * kTagBytes;
  // Refuses no bytes at all, a last piece shorter than a tag, and an empty piece after a full one.
  if (TransportCiphertextBytes(plaintext_bytes) != ciphertext_bytes) {
    return proto::ERROR_NOISE_MALFORMED_MESSAGE;
  }
  return plaintext_bytes;
}

Status TransportEncrypt(CipherState* sender, util::ByteView plaintext, uint8_t* ciphertext) {
  do {
    const size_t n = std::min(plaintext.size(), kMaxPieceBytes);
    const Status status = sender->EncryptWithAd(util::ByteView(), plaintext.Sub(0, n), ciphertext);
    if (!status.ok()) {
      sender->Clear();
      return status;
    }
    ciphertext += n + kTagBytes;
    plaintext = plaintext.From(n);
  } while (!plaintext.empty());
  return Status::Ok();
}

Status TransportDecrypt(CipherState* receiver, util::ByteView ciphertext, uint8_t* plaintext) {
  const Result<size_t> plaintext_bytes = TransportPlaintextBytes(ciphertext.size());
  if (!plaintext_bytes.ok()) {
    receiver->Clear();
    return plaintext_bytes.status();
  }
  uint8_t* out = plaintext;
  while (!ciphertext.empty()) {
    const size_t n = std::min(ciphertext.size(), kMaxMessageBytes);
    const Status status = receiver->DecryptWithAd(util::ByteView(), ciphertext.Sub(0, n), out);
    if (!status.ok()) {
      receiver->Clear();
      util::Wipe(plaintext, *plaintext_bytes);
      return status;
    }
    out += n - kTagBytes;
    ciphertext = ciphertext.From(n);
  }
  return Status::Ok();
}

}  // namespace svr2::noise
