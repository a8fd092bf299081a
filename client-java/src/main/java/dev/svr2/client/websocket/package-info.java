// SPDX-License-Identifier: Apache-2.0

/**
 * The client plane over WebSocket (protocol.md §3), with the JDK's own client ({@code
 * java.net.http}, Java 11). Android has no such client: an application there uses package {@code
 * grpc} with grpc-okhttp, or implements {@link dev.svr2.client.transport.Transport} over the
 * WebSocket client that it has; nothing else in the library uses this package.
 */
package dev.svr2.client.websocket;
