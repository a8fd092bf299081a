// SPDX-License-Identifier: Apache-2.0
//
// Views stay inside their bytes; integers are stored in the order that their name says.

#include "util/bytes.h"

#include <gtest/gtest.h>

#include "util/endian.h"
#include "util/hex_testing.h"

namespace svr2::util {
namespace {

TEST(ByteViewTest, ViewsOfEveryKind) {
  const Bytes bytes = {1, 2, 3};
  const std::array<uint8_t, 3> array = {1, 2, 3};
  const std::string text = "\1\2\3";
  for (const ByteView view : {ByteView(bytes), ByteView(array), ByteView(text)}) {
    EXPECT_EQ(view.size(), 3u);
    EXPECT_EQ(view, ByteView(bytes));
    EXPECT_EQ(view[2], 3);
    EXPECT_EQ(view.ToBytes(), bytes);
    EXPECT_EQ(view.ToString(), text);
    EXPECT_EQ(ToArray<3>(view), array);
  }
  EXPECT_TRUE(ByteView().empty());
  EXPECT_EQ(ByteView(), ByteView(Bytes()));
}

TEST(ByteViewTest, Parts) {
  const Bytes bytes = {1, 2, 3, 4};
  const ByteView view(bytes);
  EXPECT_EQ(view.Sub(1, 2).ToBytes(), (Bytes{2, 3}));
  EXPECT_EQ(view.Sub(4, 0).size(), 0u);
  EXPECT_EQ(view.Sub(0, 4), view);
  EXPECT_EQ(view.From(3).ToBytes(), (Bytes{4}));
  EXPECT_TRUE(view.From(4).empty());
}

TEST(ByteViewTest, NothingOutsideIsReached) {
  const Bytes bytes = {1, 2, 3, 4};
  const ByteView view(bytes);
  EXPECT_DEATH((void)view[4], "");
  EXPECT_DEATH((void)view.Sub(0, 5), "");
  EXPECT_DEATH((void)view.Sub(5, 0), "");
  EXPECT_DEATH((void)view.Sub(3, 2), "");
  // Offset and count that overflow when added.
  EXPECT_DEATH((void)view.Sub(2, ~size_t{0} - 1), "");
  EXPECT_DEATH((void)view.From(5), "");
  EXPECT_DEATH((void)ToArray<3>(view), "");
}

TEST(ByteViewTest, EqualityComparesSizeAndBytes) {
  EXPECT_TRUE(ByteView(Bytes{1, 2}) == ByteView(Bytes{1, 2}));
  EXPECT_TRUE(ByteView(Bytes{1, 2}) != ByteView(Bytes{1, 3}));
  EXPECT_TRUE(ByteView(Bytes{1, 2}) != ByteView(Bytes{1, 2, 0}));
}

TEST(ByteViewTest, AppendAddsAtTheEnd) {
  Bytes out = {1};
  Append(&out, Bytes{2, 3});
  Append(&out, ByteView());
  EXPECT_EQ(out, (Bytes{1, 2, 3}));
}

TEST(EndianTest, StoresAndLoadsUnaligned) {
  uint8_t buffer[9] = {};
  uint8_t* const odd = buffer + 1;
  StoreBigEndian16(odd, 0x0102);
  EXPECT_EQ(ToHex(ByteView(odd, 2)), "0102");
  EXPECT_EQ(LoadBigEndian16(odd), 0x0102);
  StoreBigEndian32(odd, 0x01020304);
  EXPECT_EQ(ToHex(ByteView(odd, 4)), "01020304");
  EXPECT_EQ(LoadBigEndian32(odd), 0x01020304u);
  EXPECT_EQ(LoadLittleEndian32(odd), 0x04030201u);
  StoreBigEndian64(odd, 0x0102030405060708);
  EXPECT_EQ(ToHex(ByteView(odd, 8)), "0102030405060708");
  EXPECT_EQ(LoadBigEndian64(odd), 0x0102030405060708u);
  EXPECT_EQ(LoadLittleEndian64(odd), 0x0807060504030201u);
  StoreLittleEndian32(odd, 0x01020304);
  EXPECT_EQ(ToHex(ByteView(odd, 4)), "04030201");
  StoreLittleEndian64(odd, 0x0102030405060708);
  EXPECT_EQ(ToHex(ByteView(odd, 8)), "0807060504030201");
  EXPECT_EQ(buffer[0], 0);
}

// The support code of other tests.
TEST(HexTest, BothWaysAndNothingElse) {
  EXPECT_EQ(ToHex(FromHex("00ff7Fa0")), "00ff7fa0");
  EXPECT_THROW(FromHex("0"), std::invalid_argument);
  EXPECT_THROW(FromHex("0g"), std::invalid_argument);
}

}  // namespace
}  // namespace svr2::util
