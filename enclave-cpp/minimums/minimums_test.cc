// SPDX-License-Identifier: Apache-2.0
//
// protocol.md §6 on MinimumLimits, a test a sentence, and the canonical form.

#include "minimums/minimums.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "util/hex_testing.h"

namespace svr2::minimums {
namespace {

using Map = std::map<std::string, std::string>;

proto::MinimumLimits Proto(const Map& limits) {
  proto::MinimumLimits message;
  for (const auto& [key, value] : limits) (*message.mutable_lim())[key] = value;
  return message;
}

Minimums Of(const Map& limits) { return *Minimums::FromProto(Proto(limits)); }

Error ErrorOf(const Map& limits) { return Minimums::FromProto(Proto(limits)).error(); }

const std::string kKey = kSgxTcbEvaluationDataNumber;

// "values never fall"
TEST(MinimumsTest, ValuesNeverFall) {
  const Minimums now = Of({{kKey, Minimums::Value(17)}});
  EXPECT_EQ(now.CheckChange(Of({{kKey, Minimums::Value(16)}})),
            Status(proto::ERROR_MINIMUMS_VALUE_LOWERED));
  EXPECT_TRUE(now.CheckChange(Of({{kKey, Minimums::Value(17)}})).ok());
  EXPECT_TRUE(now.CheckChange(Of({{kKey, Minimums::Value(18)}})).ok());
}

// Compared as big-endian numbers: the first byte weighs most, and bytes are unsigned.
TEST(MinimumsTest, ValuesAreBigEndianNumbers) {
  const auto allowed = [](uint64_t from, uint64_t to) {
    return Of({{"a", Minimums::Value(from)}}).CheckChange(Of({{"a", Minimums::Value(to)}})).ok();
  };
  std::mt19937_64 random(7);
  for (int i = 0; i < 10000; ++i) {
    const uint64_t a = random() >> (random() % 64);
    const uint64_t b = random() >> (random() % 64);
    ASSERT_EQ(allowed(a, b), a <= b) << a << " to " << b;
  }
  EXPECT_TRUE(allowed(0x7f, 0x80));
  EXPECT_FALSE(allowed(0x80, 0x7f));
  EXPECT_TRUE(allowed(0, UINT64_MAX));
  EXPECT_EQ(util::ToHex(util::ByteView(Minimums::Value(0x0102030405060708))), "0102030405060708");
}

// "Keys are never removed"
TEST(MinimumsTest, KeysAreNeverRemoved) {
  const Minimums now = Of({{"a", "1"}, {"b", "1"}});
  EXPECT_EQ(now.CheckChange(Of({{"a", "2"}})), Status(proto::ERROR_MINIMUMS_KEY_REMOVED));
  EXPECT_EQ(now.CheckChange(Minimums()), Status(proto::ERROR_MINIMUMS_KEY_REMOVED));
  EXPECT_TRUE(now.CheckChange(Of({{"a", "1"}, {"b", "1"}, {"c", "0"}})).ok()) << "keys may come";
}

// "lengths are fixed"
TEST(MinimumsTest, LengthsAreFixed) {
  const Minimums now = Of({{"a", "12"}});
  EXPECT_EQ(now.CheckChange(Of({{"a", "9"}})), Status(proto::ERROR_MINIMUMS_LENGTH_CHANGED));
  EXPECT_EQ(now.CheckChange(Of({{"a", "912"}})), Status(proto::ERROR_MINIMUMS_LENGTH_CHANGED));
}

TEST(MinimumsTest, RaisingMergesKeyByKey) {
  const Minimums now = Of({{"a", "5"}, {"b", "5"}});
  EXPECT_TRUE(*now.RaisedBy(Of({{"b", "7"}, {"c", "1"}})) ==
              Of({{"a", "5"}, {"b", "7"}, {"c", "1"}}));
  EXPECT_TRUE(*now.RaisedBy(Minimums()) == now);
  EXPECT_TRUE(*Minimums().RaisedBy(now) == now);
  EXPECT_EQ(now.RaisedBy(Of({{"a", "4"}})).error(), proto::ERROR_MINIMUMS_VALUE_LOWERED);
  EXPECT_EQ(now.RaisedBy(Of({{"a", "55"}})).error(), proto::ERROR_MINIMUMS_LENGTH_CHANGED);
}

// Whatever raises are made one after the other, each may follow the set before.
TEST(MinimumsTest, ARaiseMayAlwaysFollow) {
  std::mt19937_64 random(11);
  Minimums now;
  int raised = 0;
  for (int i = 0; i < 2000; ++i) {
    Map raise;
    for (uint64_t n = random() % 4; n > 0; --n) {
      raise[std::string(1, static_cast<char>('a' + random() % 8))] =
          Minimums::Value(random() >> 40);
    }
    const Result<Minimums> next = now.RaisedBy(Of(raise));
    if (!next.ok()) continue;
    ASSERT_TRUE(now.CheckChange(*next).ok());
    ++raised;
    now = *next;
  }
  EXPECT_GT(raised, 500);
}

TEST(MinimumsTest, CountIsBounded) {
  Map limits;
  for (size_t i = 0; i < Minimums::kMaxKeys; ++i) limits["k" + std::to_string(i)] = "1";
  const Minimums full = Of(limits);
  EXPECT_EQ(full.RaisedBy(Of({{"one.more", "1"}})).error(), proto::ERROR_MINIMUMS_TOO_MANY);
  EXPECT_TRUE(full.RaisedBy(Of({{"k0", "2"}})).ok());
  limits["one.more"] = "1";
  EXPECT_EQ(ErrorOf(limits), proto::ERROR_MINIMUMS_TOO_MANY);
}

TEST(MinimumsTest, KeysAndValuesAreBounded) {
  const auto malformed = [](const std::string& key, const std::string& value) {
    return Minimums::FromProto(Proto({{key, value}})).status() == proto::ERROR_MINIMUMS_MALFORMED;
  };
  EXPECT_FALSE(malformed(std::string(64, 'k'), std::string(32, '\xff')));
  EXPECT_FALSE(malformed("az09_.-", "v"));
  EXPECT_TRUE(malformed("", "v"));
  EXPECT_TRUE(malformed(std::string(65, 'k'), "v"));
  EXPECT_TRUE(malformed("Key", "v"));
  EXPECT_TRUE(malformed("k\n", "v"));
  EXPECT_TRUE(malformed(std::string("k\0", 2), "v"));
  EXPECT_TRUE(malformed("k", ""));
  EXPECT_TRUE(malformed("k", std::string(33, 'v')));
}

// ---- What peers show ----

TEST(MinimumsPeerTest, EvidenceMustMeetEachMinimum) {
  const Minimums now = Of({{kKey, Minimums::Value(17)}, {"other", "5"}});
  EXPECT_TRUE(now.CheckValues({{kKey, Minimums::Value(17)}, {"other", "5"}}).ok());
  EXPECT_TRUE(now.CheckValues({{kKey, Minimums::Value(99)}, {"other", "6"}, {"more", ""}}).ok());
  EXPECT_EQ(now.CheckValues({{kKey, Minimums::Value(16)}, {"other", "9"}}),
            Status(proto::ERROR_MINIMUMS_NOT_MET));
  EXPECT_EQ(now.CheckValues({{kKey, Minimums::Value(17)}}),
            Status(proto::ERROR_MINIMUMS_KEY_MISSING));
  EXPECT_EQ(now.CheckValues({}), Status(proto::ERROR_MINIMUMS_KEY_MISSING));
  EXPECT_EQ(now.CheckValues({{kKey, "\xff"}, {"other", "5"}}),
            Status(proto::ERROR_MINIMUMS_LENGTH_CHANGED));
}

TEST(MinimumsPeerTest, NoMinimumsAreAlwaysMet) { EXPECT_TRUE(Minimums().CheckValues({}).ok()); }

// ---- The canonical form ----

TEST(MinimumsFormTest, IsSortedProtobuf) {
  // lim { key: "a" value: "1" } lim { key: "b" value: "22" } lim { key: "ba" value: "\0" }
  EXPECT_EQ(util::ToHex(util::ByteView(
                Of({{"ba", std::string(1, '\0')}, {"b", "22"}, {"a", "1"}}).serialized())),
            "0a060a0161120131"
            "0a070a016212023232"
            "0a070a026261120100");
  EXPECT_EQ(Minimums().serialized(), "");
  EXPECT_TRUE(Minimums().empty());
}

TEST(MinimumsFormTest, ReadsWhatItWrites) {
  Map limits;
  for (size_t i = 0; i < Minimums::kMaxKeys; ++i) {
    limits[std::string(Minimums::kMaxKeyBytes - 2, 'k') + std::to_string(10 + i)] =
        std::string(Minimums::kMaxValueBytes, static_cast<char>(i));
    const Minimums minimums = Of(limits);
    EXPECT_LE(minimums.serialized().size(), Minimums::kMaxSerializedBytes);
    const Result<Minimums> again = Minimums::Parse(minimums.serialized());
    ASSERT_TRUE(again.ok());
    EXPECT_TRUE(*again == minimums);
    const proto::MinimumLimits message = again->ToProto();
    EXPECT_EQ(Map(message.lim().begin(), message.lim().end()), limits);
  }
}

// One set has one form: anything else is refused, so that no two replicas hold different bytes.
TEST(MinimumsFormTest, RefusesOtherForms) {
  const auto malformed = [](const std::string& hex) {
    return Minimums::Parse(util::FromHex(hex)).status() == proto::ERROR_MINIMUMS_MALFORMED;
  };
  EXPECT_FALSE(malformed("0a060a01611201310a070a016212023232"));
  EXPECT_TRUE(malformed("0a070a0162120232320a060a0161120131")) << "not sorted";
  EXPECT_TRUE(malformed("0a060a01611201310a060a0161120131")) << "a key twice";
  EXPECT_TRUE(malformed("0a060a01611201311001")) << "an unknown field";
  EXPECT_TRUE(
      malformed("0a06120131"
                "0a0161"))
      << "value before key";
  EXPECT_TRUE(malformed("0a060a01611201")) << "cut";
  EXPECT_TRUE(malformed("0a030a0161")) << "no value";
  EXPECT_TRUE(malformed("ff"));
  EXPECT_EQ(Minimums::Parse(util::Bytes(Minimums::kMaxSerializedBytes + 1, 0)).error(),
            proto::ERROR_MINIMUMS_MALFORMED);
}

// Mutated bytes never read as another form of anything.
TEST(MinimumsFormTest, MutatedBytesAreRefusedOrCanonical) {
  std::mt19937_64 random(13);
  const std::string good = Of({{"a", "1"}, {"bc", "22"}, {kKey, Minimums::Value(3)}}).serialized();
  int accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = good;
    for (uint64_t n = 1 + random() % 3; n > 0; --n) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    const Result<Minimums> minimums = Minimums::Parse(bytes);
    if (!minimums.ok()) continue;
    ASSERT_EQ(minimums->serialized(), bytes);
    ++accepted;
  }
  EXPECT_GT(accepted, 0) << "a changed value is still a set";
}

}  // namespace
}  // namespace svr2::minimums
