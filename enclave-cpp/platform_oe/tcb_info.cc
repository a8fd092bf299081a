// SPDX-License-Identifier: Apache-2.0

#include "platform_oe/tcb_info.h"

#include <algorithm>
#include <cstring>

namespace svr2::platform_oe {

namespace {

// A walk over JSON (RFC 8259) that builds nothing: whoever asks for a member reads it, the rest is
// skipped. Strings with escapes are skipped rightly but never equal anything. After the first
// mistake every call fails.
class Walk {
 public:
  explicit Walk(util::ByteView text)
      : at_(reinterpret_cast<const char*>(text.data())), end_(at_ + text.size()) {}

  bool ok() const { return ok_; }
  bool Fail() {
    ok_ = false;
    return false;
  }

  // The next character that is no blank, without taking it; 0 at the end.
  char Peek() {
    while (at_ != end_ && std::strchr(" \t\r\n", *at_) != nullptr && *at_ != '\0') ++at_;
    return at_ == end_ ? '\0' : *at_;
  }
  bool Take(char wanted) {
    if (!ok_ || Peek() != wanted) return Fail();
    ++at_;
    return true;
  }

  bool String(std::string* value) {
    value->clear();
    if (!Take('"')) return false;
    while (at_ != end_ && *at_ != '"') {
      if (*at_ == '\\') value->push_back(*at_++);
      if (at_ == end_) return Fail();
      value->push_back(*at_++);
    }
    if (at_ == end_) return Fail();
    ++at_;
    return true;
  }
  bool Number(uint64_t* value) {
    *value = 0;
    if (!ok_ || Peek() < '0' || *at_ > '9') return Fail();
    for (; at_ != end_ && *at_ >= '0' && *at_ <= '9'; ++at_) {
      if (*value > (UINT64_MAX - 9) / 10) return Fail();
      *value = *value * 10 + static_cast<uint64_t>(*at_ - '0');
    }
    return true;
  }
  // Any value.
  bool Skip(int depth = 0) {
    if (!ok_ || depth > kMaxDepth) return Fail();
    std::string ignored;
    switch (Peek()) {
      case '{':
        return Object([&](const std::string&) { return Skip(depth + 1); });
      case '[':
        return Array([&] { return Skip(depth + 1); });
      case '"':
        return String(&ignored);
      case '\0':
        return Fail();
      default:
        // A number, true, false, null.
        while (at_ != end_ && std::strchr(",]} \t\r\n", *at_) == nullptr) ++at_;
        return true;
    }
  }
  // Calls `member` with each name; it must take the value.
  template <typename Member>
  bool Object(Member member) {
    return Sequence('{', '}', [&] {
      std::string name;
      return String(&name) && Take(':') && member(name);
    });
  }
  template <typename Element>
  bool Array(Element element) {
    return Sequence('[', ']', element);
  }

 private:
  static constexpr int kMaxDepth = 16;

  template <typename Part>
  bool Sequence(char open, char close, Part part) {
    if (!Take(open)) return false;
    if (Peek() == close) return Take(close);
    do {
      if (!part() || !ok_) return Fail();
    } while (Peek() == ',' && Take(','));
    return Take(close);
  }

  const char* at_;
  const char* const end_;
  bool ok_ = true;
};

struct Level {
  std::string date;
  std::string status;
  std::vector<std::string> advisories;
};

bool ReadLevel(Walk* walk, Level* level) {
  return walk->Object([&](const std::string& name) {
    if (name == "tcbDate") return walk->String(&level->date);
    if (name == "tcbStatus") return walk->String(&level->status);
    if (name != "advisoryIDs") return walk->Skip();
    return walk->Array([&] {
      level->advisories.emplace_back();
      return walk->String(&level->advisories.back());
    });
  });
}

class Reader {
 public:
  Reader(const std::string& date, const std::string& status) : date_(date), status_(status) {}

  // `inner`: the object with the levels itself, which holds no further one.
  bool Read(Walk* walk, bool inner = false) {
    return walk->Object([&](const std::string& name) {
      if (name == "tcbInfo" && !inner) return Read(walk, true);
      if (name == "tcbEvaluationDataNumber") {
        has_number_ = true;
        return walk->Number(&info_.evaluation_data_number);
      }
      if (name != "tcbLevels") return walk->Skip();
      return walk->Array([&] {
        Level level;
        if (!ReadLevel(walk, &level)) return false;
        if (level.date == date_ && level.status == status_) Add(level);
        return true;
      });
    });
  }
  bool complete() const { return has_number_ && has_level_; }
  TcbInfo TakeInfo() { return std::move(info_); }

 private:
  void Add(const Level& level) {
    has_level_ = true;
    for (const std::string& advisory : level.advisories) {
      std::vector<std::string>& all = info_.advisories;
      if (std::find(all.begin(), all.end(), advisory) == all.end()) all.push_back(advisory);
    }
  }

  const std::string& date_;
  const std::string& status_;
  TcbInfo info_;
  bool has_number_ = false;
  bool has_level_ = false;
};

}  // namespace

Result<TcbInfo> ReadTcbInfo(util::ByteView json, const std::string& date,
                            const std::string& status) {
  // Texts end in NUL among the endorsements.
  size_t size = json.size();
  while (size > 0 && json[size - 1] == 0) --size;
  Walk walk(json.Sub(0, size));
  Reader reader(date, status);
  const bool read = reader.Read(&walk) && walk.ok() && walk.Peek() == '\0';
  if (!read || !reader.complete()) return proto::ERROR_ATTESTATION_COLLATERAL;
  return reader.TakeInfo();
}

}  // namespace svr2::platform_oe
