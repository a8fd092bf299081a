// SPDX-License-Identifier: Apache-2.0
//
// The byte form of consensus messages and of entries, as they travel inside peer sessions and state
// streams. Not protobuf: it is read without copying twice, and entries, which hold secrets, never
// lie in a string that nobody wipes. Integers big-endian. Functions are thread-safe.
// Source: protocol.md §4.

#ifndef SVR2_RAFT_MESSAGE_CODEC_H_
#define SVR2_RAFT_MESSAGE_CODEC_H_

#include <cstddef>
#include <vector>

#include "raft/message.h"
#include "raft/types.h"
#include "util/bytes.h"
#include "util/secret.h"
#include "util/status.h"

namespace svr2::raft {

// Appends the message to `out`.
void EncodeMessage(const Message& message, util::SecretBytes* out);

// Bytes that EncodeMessage appends.
size_t EncodedMessageBytes(const Message& message);

// Reads exactly one message. Fails with ERROR_RAFT_MALFORMED_MESSAGE for anything else: unknown
// kinds, sizes beyond the bytes, flags that are neither 0 nor 1, bytes left over, an entry payload
// above Log::kMaxPayloadBytes. What it reads is what EncodeMessage writes, byte for byte.
Result<Message> DecodeMessage(util::ByteView bytes);

// Bytes that EncodeEntry appends for a payload of that size.
size_t EncodedEntryBytes(size_t payload_bytes);

// Appends one entry to `out`: a sequence of these is the `entries` part of a state stream.
void EncodeEntry(const EntryView& entry, util::SecretBytes* out);

// Reads a sequence of entries to its end. Fails with ERROR_RAFT_MALFORMED_MESSAGE.
Result<std::vector<Entry>> DecodeEntries(util::ByteView bytes);

}  // namespace svr2::raft

#endif  // SVR2_RAFT_MESSAGE_CODEC_H_
