// SPDX-License-Identifier: Apache-2.0
//
// Handshake patterns as data (Noise specification, revision 34, §7): which keys are known before,
// and which tokens each message carries. noise/handshake.h interprets them; another pattern is
// another table here, and another kind of token is one more case there.

#ifndef SVR2_NOISE_PATTERN_H_
#define SVR2_NOISE_PATTERN_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "util/check.h"

namespace svr2::noise {

// In "es", "se", … the first letter is the initiator's key, the second the responder's. "e1" and
// "ekem1" are of hybrid forward secrecy (hfs; the Noise HFS extension, with a KEM in the place of a
// second DH): the initiator's KEM public key, and the responder's ciphertext for it.
enum class Token : uint8_t { kE, kS, kEe, kEs, kSe, kSs, kE1, kEkem1 };

// A short list of tokens, made at compile time.
class TokenList {
 public:
  static constexpr size_t kMaxTokens = 8;

  constexpr TokenList() = default;
  constexpr TokenList(std::initializer_list<Token> tokens) {  // NOLINT(runtime/explicit)
    SVR2_CHECK(tokens.size() <= kMaxTokens);
    for (Token token : tokens) tokens_[size_++] = token;
  }

  constexpr const Token* begin() const { return tokens_.data(); }
  constexpr const Token* end() const { return tokens_.data() + size_; }
  constexpr bool empty() const { return size_ == 0; }

 private:
  std::array<Token, kMaxTokens> tokens_{};
  uint8_t size_ = 0;
};

// One pattern. Lives as long as the handshakes that use it; the ones below live for ever.
struct HandshakePattern {
  static constexpr size_t kMaxMessages = 4;

  // As it stands in the protocol name, "NK". A pattern with "e1" has "hfs" behind it.
  const char* name;
  // Static keys that the other side knows before. Pre-messages with "e" (fallback patterns, §10.2)
  // are not supported.
  bool initiator_static_known;
  bool responder_static_known;
  // Alternating, the initiator's first.
  uint8_t message_count;
  std::array<TokenList, kMaxMessages> messages;
};

// Clients: the server's key comes from its evidence, the client is anonymous (protocol.md §1).
//   <- s
//   ...
//   -> e, es
//   <- e, ee
inline constexpr HandshakePattern kPatternNk = {
    "NK", false, true, 2, {{{Token::kE, Token::kEs}, {Token::kE, Token::kEe}}}};

// The same, which a quantum computer cannot open later either:
//   -> e, es, e1
//   <- e, ee, ekem1
inline constexpr HandshakePattern kPatternNkHfs = {
    "NKhfs",
    false,
    true,
    2,
    {{{Token::kE, Token::kEs, Token::kE1}, {Token::kE, Token::kEe, Token::kEkem1}}}};

// Peers, without hfs: each knows the other's key, which is its id.
//   -> s
//   <- s
//   ...
//   -> e, es, ss
//   <- e, ee, se
inline constexpr HandshakePattern kPatternKk = {
    "KK",
    true,
    true,
    2,
    {{{Token::kE, Token::kEs, Token::kSs}, {Token::kE, Token::kEe, Token::kSe}}}};

// Peers (protocol.md §5):
//   -> e, es, e1, ss
//   <- e, ee, ekem1, se
inline constexpr HandshakePattern kPatternKkHfs = {
    "KKhfs",
    true,
    true,
    2,
    {{{Token::kE, Token::kEs, Token::kE1, Token::kSs},
      {Token::kE, Token::kEe, Token::kEkem1, Token::kSe}}}};

}  // namespace svr2::noise

#endif  // SVR2_NOISE_PATTERN_H_
