// SPDX-License-Identifier: Apache-2.0
//
// What travels between two enclaves, as the hosts carry it (PeerOutput.data). Integers big-endian.
//
//   SYN      u8 1 ‖ tag ‖ first Noise message    payload: the initiator's evidence
//   SYN-ACK  u8 2 ‖ tag ‖ second Noise message   payload: the responder's evidence
//   DATA     u8 3 ‖ tag ‖ pieces                 peers/link.h
//   RST      u8 4 ‖ tag, tag, …                  which handshakes and sessions are over
//
// A *tag* is 8 random bytes that the initiator draws for each handshake; it names that handshake
// and the session that comes of it. It is the Noise prologue and is authenticated with all DATA, so
// that it binds, but it is no secret. Thanks to it what is left over from one session is never
// taken for damage to the next one: each side answers it by a RST that names it, and the other side
// ignores a RST that names nothing it holds. A RST is not authenticated: a host can end a session
// anyway, by not carrying it. Source: protocol.md §5 "Messages".

#ifndef SVR2_PEERS_WIRE_H_
#define SVR2_PEERS_WIRE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "env/env.h"
#include "util/bytes.h"
#include "util/status.h"

namespace svr2::peers {

enum class MessageKind : uint8_t { kSyn = 1, kSynAck = 2, kData = 3, kReset = 4 };

inline constexpr size_t kTagBytes = 8;
using Tag = std::array<uint8_t, kTagBytes>;

// Before the body of a SYN, SYN-ACK or DATA.
inline constexpr size_t kHeaderBytes = 1 + kTagBytes;

// Tags in one RST: as many things as a session can hold at once.
inline constexpr size_t kMaxResetTags = 3;

// Longest evidence and endorsements together; both stand in one Noise message of at most 65,535
// bytes. SGX evidence has about 5 kB, its endorsements 20 kB.
inline constexpr size_t kMaxEvidenceBytes = 60'000;

// A message taken apart. Views into what was parsed.
struct MessageView {
  MessageKind kind = MessageKind::kReset;
  Tag tag{};            // Zeros for a RST.
  util::ByteView body;  // For a RST: one to kMaxResetTags tags.
};

// Fails with ERROR_PEERS_MALFORMED_MESSAGE: too short, an unknown kind, a RST whose size is wrong.
Result<MessageView> ParseMessage(util::ByteView message);

// Kind and tag, then `body`.
std::string MakeMessage(MessageKind kind, const Tag& tag, util::ByteView body);

// Empty when there are no tags.
std::string MakeReset(const std::vector<Tag>& tags);

// True when `message` is a RST that names `tag`.
bool Resets(const MessageView& message, const Tag& tag);

// True when `message` begins as a SYN does: the only message for which a peer that is not known is
// worth a place in the table.
bool IsSyn(util::ByteView message);

// What a message from a peer that is not known is answered with: a RST for a SYN-ACK or DATA;
// nothing for a RST, for a SYN (not known, but welcome to try) and for malformed bytes.
std::string RefusalOf(util::ByteView message);

// Evidence as payload of a handshake: u32 size of the evidence, evidence, endorsements. Fails with
// ERROR_PEERS_MESSAGE_TOO_LARGE above kMaxEvidenceBytes.
Result<std::string> EncodeEvidence(const env::Evidence& evidence);

// Fails with ERROR_PEERS_MALFORMED_MESSAGE.
struct EvidenceView {
  util::ByteView evidence;
  util::ByteView endorsements;
};
Result<EvidenceView> DecodeEvidence(util::ByteView payload);

}  // namespace svr2::peers

#endif  // SVR2_PEERS_WIRE_H_
