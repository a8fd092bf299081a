// SPDX-License-Identifier: Apache-2.0
//
// Test code's way to the memory of the integrity trees, to put old regions back as an operator may.
// Never linked into an enclave.

#ifndef SVR2_INTEGRITY_TREE_TESTING_H_
#define SVR2_INTEGRITY_TREE_TESTING_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "integrity/tag_tree.h"
#include "integrity/tree.h"

namespace svr2::integrity {

// A piece of memory and what it held when the object was made; Restore puts that back.
struct OldMemory {
  OldMemory(std::string region_name, void* region, size_t region_bytes)
      : name(std::move(region_name)),
        data(static_cast<uint8_t*>(region)),
        bytes(data, data + region_bytes) {}
  bool Changed() const { return std::memcmp(data, bytes.data(), bytes.size()) != 0; }
  void Restore() const { std::memcpy(data, bytes.data(), bytes.size()); }

  std::string name;
  uint8_t* data;
  util::Bytes bytes;
};

// Friend of TagTree and Tree.
class TreePeer {
 public:
  // Every stored node in use, and the top node.
  static std::vector<OldMemory> Nodes(TagTree* tree) {
    std::vector<OldMemory> nodes;
    for (uint32_t level = 0; level < tree->height_; ++level) {
      const uint32_t last = TagTree::NodeIndex(tree->size_ - 1, level);
      for (uint32_t i = 0; i <= last; ++i) {
        nodes.emplace_back("level " + std::to_string(level) + " node " + std::to_string(i),
                           tree->levels_[level].node(i), sizeof(TagTree::Node));
      }
    }
    nodes.emplace_back("top", &tree->top_, sizeof(tree->top_));
    return nodes;
  }
  // The object's own counters, one by one.
  static std::vector<OldMemory> Fields(TagTree* tree) {
    std::vector<OldMemory> fields;
    fields.emplace_back("size", &tree->size_, sizeof(tree->size_));
    fields.emplace_back("free head", &tree->free_head_, sizeof(tree->free_head_));
    fields.emplace_back("free count", &tree->free_count_, sizeof(tree->free_count_));
    fields.emplace_back("height", &tree->height_, sizeof(tree->height_));
    return fields;
  }
  static TagTree* tags(Tree* tree) SVR2_NO_THREAD_SAFETY_ANALYSIS { return &tree->tags_; }
};

}  // namespace svr2::integrity

#endif  // SVR2_INTEGRITY_TREE_TESTING_H_
