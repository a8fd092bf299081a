// SPDX-License-Identifier: Apache-2.0
//
// Members of a oneof in messages that lie on the heap.
//
// A protobuf message (3.21) notes which member it holds before it allocates that member. When
// memory runs out there, its destructor frees what the union held before: an address that never was
// one. Members made here exist before the message is told. Messages that are parsed, and so filled
// by protobuf itself, lie on arenas, where members are not freed one by one.

#ifndef SVR2_CORE_ONEOF_H_
#define SVR2_CORE_ONEOF_H_

#include <memory>

namespace svr2::core {

// SetMember(&ask, &proto::PeerRequest::set_allocated_ping): makes `message` hold an empty ping and
// returns it. The message owns it. Throws std::bad_alloc, having changed nothing.
template <typename Message, typename Member>
Member* SetMember(Message* message, void (Message::*set_allocated)(Member*)) {
  auto made = std::make_unique<Member>();
  Member* const member = made.get();
  (message->*set_allocated)(made.release());
  return member;
}

}  // namespace svr2::core

#endif  // SVR2_CORE_ONEOF_H_
