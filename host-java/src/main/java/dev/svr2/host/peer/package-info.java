// SPDX-License-Identifier: Apache-2.0
/**
 * The peer plane: carries messages between enclaves on different hosts, in order and without loss,
 * or tells the enclaves (design.md §5, peer_service.proto). {@link dev.svr2.host.peer.PeerPlane} is
 * what a host has; all else is inside.
 */
package dev.svr2.host.peer;
