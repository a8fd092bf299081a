// SPDX-License-Identifier: Apache-2.0
//
// Random numbers of the simulator: equal on every machine and with every library, so that a seed
// means the same run everywhere (std:: distributions differ between libraries).

#ifndef SVR2_SIMULATOR_RANDOM_H_
#define SVR2_SIMULATOR_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace svr2::simulator {

// SplitMix64 (Steele, Lea, Flood 2014). Value type, thread-compatible.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t x = state_ += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }

  // In [0, bound). The bias is below bound / 2^64. Needs bound > 0.
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  // In [low, high].
  uint64_t Between(uint64_t low, uint64_t high) { return low + Below(high - low + 1); }
  bool PerMille(uint64_t chance) { return Below(1000) < chance; }

  // A stream of its own, so that drawing more of one thing does not change another.
  Random Fork(uint64_t label) const {
    Random parent(state_ ^ (label * 0xd1342543de82ef95u));
    return Random(parent.Next());
  }

  template <typename T>
  const T& Pick(const std::vector<T>& from) {
    return from[static_cast<size_t>(Below(from.size()))];
  }

  void Fill(uint8_t* out, size_t size) {
    while (size > 0) {
      uint64_t word = Next();
      for (size_t i = 0; i < sizeof(word) && size > 0; ++i, --size) {
        *out++ = static_cast<uint8_t>(word);
        word >>= 8;
      }
    }
  }

 private:
  uint64_t state_;
};

}  // namespace svr2::simulator

#endif  // SVR2_SIMULATOR_RANDOM_H_
