// SPDX-License-Identifier: Apache-2.0
//
// The memory of one simulated enclave: everything that its core allocates comes from one range of
// addresses. So a host can do with it what an operator can do with an enclave: put all of it aside
// and back again, look how much of it is used, take it away at once.
//
// operator new of this program takes from the memory that is entered at the moment, and from the
// heap where none is. One thread.

#ifndef SVR2_SIMULATOR_ENCLAVE_MEMORY_H_
#define SVR2_SIMULATOR_ENCLAVE_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace svr2::simulator {

class EnclaveMemory {
 public:
  // Most that one enclave may use.
  static constexpr size_t kMaxBytes = size_t{64} << 20;
  static constexpr size_t kMaxEnclaves = 64;

  EnclaveMemory();
  // Whatever still lies in it is gone.
  ~EnclaveMemory();
  EnclaveMemory(const EnclaveMemory&) = delete;
  EnclaveMemory& operator=(const EnclaveMemory&) = delete;

  // All of it, as it is now.
  std::vector<uint8_t> Copy() const;
  // Puts a copy back. What came to be since is gone.
  void Restore(const std::vector<uint8_t>& copy);

  // Bytes that were ever used, and those in blocks in use.
  size_t touched_bytes() const;
  size_t used_bytes() const;
  // Whether these bytes stand anywhere in it, freed blocks included.
  bool Holds(const uint8_t* bytes, size_t size) const;

 private:
  friend class InEnclave;
  friend class OutsideOfEnclave;

  uint8_t* base_;
};

// While it lives, operator new takes from that memory.
class InEnclave {
 public:
  explicit InEnclave(EnclaveMemory* memory);
  ~InEnclave();
  InEnclave(const InEnclave&) = delete;
  InEnclave& operator=(const InEnclave&) = delete;

 private:
  uint8_t* const before_;
};

// While it lives, operator new takes from the heap: for what an enclave calls outside.
class OutsideOfEnclave {
 public:
  OutsideOfEnclave();
  ~OutsideOfEnclave();
  OutsideOfEnclave(const OutsideOfEnclave&) = delete;
  OutsideOfEnclave& operator=(const OutsideOfEnclave&) = delete;

 private:
  uint8_t* const before_;
};

}  // namespace svr2::simulator

#endif  // SVR2_SIMULATOR_ENCLAVE_MEMORY_H_
